import { LABEL } from './classes.ts';
import { DISTRICT } from './districts.ts';
import type { Geography } from './geography.ts';
import { LATTICE, type Lattice, makeLattice, sampleLattice } from './lattice.ts';
import { type Canvas, MATERIAL, put } from './materials.ts';
import { createNeighbourhood } from './neighbourhood.ts';
import {
  findParcel,
  type Parcel,
  paintCrops,
  paintPaddies,
  paintPasture,
  paintUpland,
  sampleTile,
} from './paint-land.ts';
import { paintPatch } from './paint-patch.ts';
import { paintCity, paintVillage } from './paint-urban.ts';
import type { Textures } from './textures.ts';
import { LOOK } from './zones.ts';

/** Rows painted together, and a multiple of {@link BLOCK}. */
export const STRIP_ROWS = 64;

/** Things are looked for once a block of this side. */
const BLOCK = 16;

/** Paints strips of a scene, in order from the top. */
export interface StripPainter {
  /** Paints `rowCount` (at most {@link STRIP_ROWS}) rows from row `y`, a multiple of STRIP_ROWS, from canvas row `at`. */
  paint(y: number, rowCount: number, canvas: Canvas, at: number): Lattice;
}

/** Makes the painter of a land. All shapes live in a gently warped plane, so that nothing is quite straight. */
export function createStripPainter(
  land: Geography,
  textures: Textures,
  width: number,
  height: number,
  seed: number,
): StripPainter {
  const near = createNeighbourhood(land, textures, width, height, seed);
  const parcel: Parcel = { hash: 0, edge: 0, across: 0, along: 0 };

  function paintLand(
    c: Canvas,
    at: number,
    px: number,
    py: number,
    x: number,
    y: number,
    relief: number,
  ): void {
    const site = near.siteAt(px, py, x, y);
    switch (site.district) {
      case DISTRICT.urban: {
        const city = site.city!;
        const dx = x - city.x;
        const dy = y - city.y;
        const centrality = 1 - Math.sqrt(dx * dx + dy * dy) / city.radius;
        paintCity(c, at, px, py, x, y, site.frame, centrality, textures);
        break;
      }
      case DISTRICT.paddies:
        findParcel(site.frame, x, y, parcel);
        paintPaddies(c, at, px, py, parcel, textures);
        break;
      case DISTRICT.upland:
        paintUpland(c, at, px, py, site, relief, textures);
        break;
      case DISTRICT.crops:
        findParcel(site.frame, x, y, parcel);
        paintCrops(c, at, px, py, parcel, textures);
        break;
      default:
        findParcel(site.frame, x, y, parcel);
        paintPasture(c, at, px, py, parcel, site, relief, textures);
    }
  }

  function paintPixel(
    c: Canvas,
    at: number,
    px: number,
    py: number,
    x: number,
    y: number,
    rank: number,
    relief: number,
    fringe: number,
  ): void {
    const road = near.roadAt(x, y);
    if (road?.isHighway) {
      put(c, at, LABEL.builtUp, MATERIAL.asphalt, 12 + (sampleTile(textures.fine, px, py, 5) >> 4), 0);
      return;
    }
    const soft = sampleTile(textures.soft, px, py, 4321);
    const below = land.relief.seaRank - rank;
    if (below > 0) {
      const shallow = Math.max(0, 40 - below * 1600);
      put(c, at, LABEL.water, MATERIAL.sea, shallow + (soft >> 3), 0);
      return;
    }
    const river = near.riverDepth(x, y);
    const surface = near.surfaceAt(px, py, x, y, soft, fringe);
    if (river > 0 && !(surface?.look === LOOK.dark && surface.label === LABEL.water)) {
      put(c, at, LABEL.water, MATERIAL.river, (soft >> 3) + Math.max(0, 14 - river * 2), 0);
      return;
    }
    if (surface !== null) {
      paintPatch(c, at, px, py, surface.look, surface.label, surface.hash, textures);
      return;
    }
    const village = near.villageAt(x, y, soft);
    if (village !== null) {
      if (road) put(c, at, LABEL.builtUp, MATERIAL.concrete, 0, 0);
      else paintVillage(c, at, px, py, x, y, village, textures);
      return;
    }
    paintLand(c, at, px, py, x, y, relief);
    if (road) {
      // A lane is too narrow to be land cover of its own: it keeps the class of the land that it crosses.
      c.material[at] = MATERIAL.track;
      c.tone[at] = 10;
      c.vigour[at] = 0;
    } else if (river > -1.7 && c.label[at] !== LABEL.builtUp && soft > -10) {
      c.material[at] = MATERIAL.hedge;
      c.tone[at] = sampleTile(textures.fine, px, py, 31) >> 2;
      c.vigour[at] = 0;
    }
  }

  return {
    paint(y0, rowCount, canvas, canvasRow) {
      const lattice = makeLattice(land, width, y0, STRIP_ROWS / LATTICE + 1, seed);
      near.forgetAbove(y0);
      for (let by = 0; by < rowCount; by += BLOCK) {
        for (let bx = 0; bx < width; bx += BLOCK) {
          const middle = (by / LATTICE + 1) * lattice.columns + bx / LATTICE + 1;
          near.gather(lattice.x[middle]!, lattice.y[middle]!, blockRadius(lattice, middle));
          const endY = Math.min(by + BLOCK, rowCount);
          const endX = Math.min(bx + BLOCK, width);
          for (let r = by; r < endY; r++) {
            for (let px = bx; px < endX; px++) {
              paintPixel(
                canvas,
                (canvasRow + r) * width + px,
                px,
                y0 + r,
                sampleLattice(lattice, lattice.x, px, r),
                sampleLattice(lattice, lattice.y, px, r),
                sampleLattice(lattice, lattice.rank, px, r),
                sampleLattice(lattice, lattice.relief, px, r) | 0,
                sampleLattice(lattice, lattice.fringe, px, r),
              );
            }
          }
        }
      }
      return lattice;
    },
  };
}

/** Greatest distance in the warped plane from a block's middle to the lattice points of its outline. */
function blockRadius(lattice: Lattice, middle: number): number {
  let radius = 0;
  for (let j = -1; j <= 1; j++) {
    for (let i = -1; i <= 1; i++) {
      const k = middle + j * lattice.columns + i;
      const dx = lattice.x[k]! - lattice.x[middle]!;
      const dy = lattice.y[k]! - lattice.y[middle]!;
      radius = Math.max(radius, Math.sqrt(dx * dx + dy * dy));
    }
  }
  return radius + 1;
}
