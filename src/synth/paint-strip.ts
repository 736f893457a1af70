import { LABEL } from './classes.ts';
import { DISTRICT } from './districts.ts';
import { RIVER_STRIDE } from './drainage.ts';
import type { Geography } from './geography.ts';
import { LAND_SPACING, type LandSite, settleLand } from './land-sites.ts';
import { LATTICE, type Lattice, makeLattice, sampleLattice } from './lattice.ts';
import { type Canvas, MATERIAL, put } from './materials.ts';
import { CROSSING_REACH, type Crossing, layHighways, layLanes, type Road, type Village } from './network.ts';
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
import { isInPatch, PATCH_REACH, type Patch, strewPatches } from './patches.ts';
import { indexSegments, nearestOnSegment } from './segment-index.ts';
import type { SiteGrid } from './site-grid.ts';
import type { Textures } from './textures.ts';
import {
  FRINGE,
  LOOK,
  type Look,
  MEANING,
  MOSAIC_SPACING,
  type MosaicSite,
  nearestZone,
  strewMosaic,
  ZONE_REACH,
  type Zone,
  zoneGap,
} from './zones.ts';

/** Rows painted together, and a multiple of {@link BLOCK}. */
export const STRIP_ROWS = 64;

/** Things are looked for once a block of this side. */
const BLOCK = 16;

/** How far, at most, the border between two pieces of land strays from the straight line. */
const FRAY = 34;

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
  const sites = settleLand(land, seed);
  const patches = strewPatches(land, seed);
  const mosaic = strewMosaic(seed);
  const { zones } = land;
  const crossings = layLanes(land, seed);
  const highways = layHighways(land, seed);
  const { rivers } = land;
  // Half of a block's diagonal, stretched by the warp at its strongest.
  const reach = 24;
  const riverIndex = indexSegments(
    rivers.length / RIVER_STRIDE,
    (n) => {
      const k = n * RIVER_STRIDE;
      return [
        rivers[k]!,
        rivers[k + 1]!,
        rivers[k + 2]!,
        rivers[k + 3]!,
        Math.max(rivers[k + 4]!, rivers[k + 5]!),
      ];
    },
    reach,
    width,
    height,
  );
  const highwayIndex = indexSegments(
    highways.length,
    (n) => {
      const r = highways[n]!;
      return [r.x0, r.y0, r.x1, r.y1, r.halfWidth];
    },
    reach,
    width,
    height,
  );

  const near = new Float64Array(2);
  const parcel: Parcel = { hash: 0, edge: 0, across: 0, along: 0 };
  const blockSites: LandSite[] = [];
  const blockZones: Zone[] = [];
  const blockMosaic: MosaicSite[] = [];
  const surface = { look: LOOK.trees as Look, label: 0, hash: 0 };
  const blockPatches: Patch[] = [];
  const blockCrossings: Crossing[] = [];
  const blockRoads: Road[] = [];
  const blockVillages: Village[] = [];

  /** Gathers what may touch a block with warped centre (x, y) and radius `r`. */
  function gather(x: number, y: number, r: number): void {
    collectNearest(sites, LAND_SPACING, x, y, r, blockSites);
    blockZones.length = 0;
    zones.collect(x, y, ZONE_REACH, blockZones);
    keep(blockZones, (z) => zoneGap(z, x, y) < r + FRAY + FRINGE);
    blockMosaic.length = 0;
    if (blockZones.length > 0) collectNearest(mosaic, MOSAIC_SPACING, x, y, r, blockMosaic);
    blockPatches.length = 0;
    patches.collect(x, y, PATCH_REACH + r, blockPatches);
    keep(blockPatches, (p) => distance(p.x - x, p.y - y) < p.along * 1.39 + r);
    blockRoads.length = 0;
    blockVillages.length = 0;
    const [from, to] = highwayIndex.range(x, y);
    for (let n = from; n < to; n++) blockRoads.push(highways[highwayIndex.items[n]!]!);
    blockCrossings.length = 0;
    crossings.collect(x, y, CROSSING_REACH + r, blockCrossings);
    for (const { lanes, village } of blockCrossings) {
      for (const lane of lanes) {
        nearestOnSegment(x, y, lane.x0, lane.y0, lane.x1, lane.y1, near);
        if (near[0]! < (r + lane.halfWidth) * (r + lane.halfWidth)) blockRoads.push(lane);
      }
      if (village && distance(village.x - x, village.y - y) < village.radius * 1.51 + r)
        blockVillages.push(village);
    }
  }

  function roadAt(x: number, y: number): Road | null {
    let found: Road | null = null;
    for (const road of blockRoads) {
      nearestOnSegment(x, y, road.x0, road.y0, road.x1, road.y1, near);
      if (near[0]! >= road.halfWidth * road.halfWidth) continue;
      if (road.isHighway) return road;
      found = road;
    }
    return found;
  }

  /** How far (x, y) lies inside the nearest of the block's rivers; negative outside. */
  function riverDepth(x: number, y: number, from: number, to: number): number {
    let best = -1e9;
    for (let n = from; n < to; n++) {
      const k = riverIndex.items[n]! * RIVER_STRIDE;
      nearestOnSegment(x, y, rivers[k]!, rivers[k + 1]!, rivers[k + 2]!, rivers[k + 3]!, near);
      const halfWidth = rivers[k + 4]! + (rivers[k + 5]! - rivers[k + 4]!) * near[1]!;
      best = Math.max(best, halfWidth - Math.sqrt(near[0]!));
    }
    return best;
  }

  /** The one of `list` that is nearest to (x, y), whose borders fray with the soft texture at pixel (px, py). */
  function nearestSite<T extends { readonly x: number; readonly y: number }>(
    list: readonly T[],
    px: number,
    py: number,
    x: number,
    y: number,
  ): T {
    let found = list[0]!;
    if (list.length === 1) return found;
    const fx = x + (sampleTile(textures.soft, px, py, 0) * FRAY) / 180;
    const fy = y + (sampleTile(textures.soft, px, py, 0x2f0a0) * FRAY) / 180;
    let best = Number.POSITIVE_INFINITY;
    for (const s of list) {
      const d = (s.x - fx) * (s.x - fx) + (s.y - fy) * (s.y - fy);
      if (d >= best) continue;
      best = d;
      found = s;
    }
    return found;
  }

  /** Finds the ambiguous surface at a position, if there is one, and leaves it in `surface`. */
  function findSurface(px: number, py: number, x: number, y: number, soft: number, fringe: number): boolean {
    const zone = blockZones.length > 0 ? nearestZone(blockZones, x, y) : null;
    if (zone !== null && zoneGap(zone, x, y) + fringe + (soft * FRAY) / 128 < 0) {
      const piece = nearestSite(blockMosaic, px, py, x, y);
      surface.look = piece.look;
      surface.label = MEANING[zone.district][piece.look];
      surface.hash = piece.hash;
      return true;
    }
    for (const patch of blockPatches) {
      if (!isInPatch(patch, x, y, soft / 128)) continue;
      surface.look = patch.look;
      surface.label = patch.label;
      surface.hash = patch.hash;
      return true;
    }
    return false;
  }

  function paintLand(
    c: Canvas,
    at: number,
    px: number,
    py: number,
    x: number,
    y: number,
    relief: number,
  ): void {
    const site = nearestSite(blockSites, px, py, x, y);
    switch (site.district) {
      case DISTRICT.urban: {
        const city = site.city!;
        const centrality = 1 - distance(x - city.x, y - city.y) / city.radius;
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
    riverFrom: number,
    riverTo: number,
  ): void {
    const road = blockRoads.length > 0 ? roadAt(x, y) : null;
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
    const river = riverTo > riverFrom ? riverDepth(x, y, riverFrom, riverTo) : -1e9;
    const isAmbiguous = findSurface(px, py, x, y, soft, fringe);
    if (river > 0 && !(isAmbiguous && surface.look === LOOK.dark && surface.label === LABEL.water)) {
      put(c, at, LABEL.water, MATERIAL.river, (soft >> 3) + Math.max(0, 14 - river * 2), 0);
      return;
    }
    if (isAmbiguous) {
      paintPatch(c, at, px, py, surface.look, surface.label, surface.hash, textures);
      return;
    }
    for (const village of blockVillages) {
      const dx = x - village.x;
      const dy = y - village.y;
      const ragged = village.radius * (1 + soft / 250);
      if (dx * dx + dy * dy >= ragged * ragged) continue;
      if (road) put(c, at, LABEL.builtUp, MATERIAL.concrete, 0, 0);
      else {
        const u = dx * village.cosine + dy * village.sine;
        const v = dy * village.cosine - dx * village.sine;
        paintVillage(c, at, px, py, u, v, village.hash, textures);
      }
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
      sites.forgetAbove(y0 - 512);
      patches.forgetAbove(y0 - 768);
      mosaic.forgetAbove(y0 - 768);
      crossings.forgetAbove(y0 - 1024);
      for (let by = 0; by < rowCount; by += BLOCK) {
        for (let bx = 0; bx < width; bx += BLOCK) {
          const middle = (by / LATTICE + 1) * lattice.columns + bx / LATTICE + 1;
          const cx = lattice.x[middle]!;
          const cy = lattice.y[middle]!;
          gather(cx, cy, blockRadius(lattice, middle));
          const [riverFrom, riverTo] = riverIndex.range(cx, cy);
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
                riverFrom,
                riverTo,
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
      radius = Math.max(radius, distance(dx, dy));
    }
  }
  return radius + 1;
}

function distance(dx: number, dy: number): number {
  return Math.sqrt(dx * dx + dy * dy);
}

/** Collects the sites that may be nearest to some frayed position within `r` of (x, y). */
function collectNearest<T extends { readonly x: number; readonly y: number }>(
  grid: SiteGrid<T>,
  spacing: number,
  x: number,
  y: number,
  r: number,
  out: T[],
): void {
  out.length = 0;
  // The jitter leaves no position farther than 1.25 spacings from a site.
  grid.collect(x, y, spacing * 1.26 + r + FRAY, out);
  let nearest = Number.POSITIVE_INFINITY;
  for (const s of out) nearest = Math.min(nearest, distance(s.x - x, s.y - y));
  keep(out, (s) => distance(s.x - x, s.y - y) <= nearest + 2 * (r + FRAY));
}

/** Keeps, in place, the items that pass. */
function keep<T>(items: T[], passes: (item: T) => boolean): void {
  let n = 0;
  for (const item of items) if (passes(item)) items[n++] = item;
  items.length = n;
}
