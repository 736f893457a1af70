import { RIVER_STRIDE } from './drainage.ts';
import type { Geography } from './geography.ts';
import { LAND_SPACING, type LandSite, settleLand } from './land-sites.ts';
import { CROSSING_REACH, type Crossing, layHighways, layLanes, type Road, type Village } from './network.ts';
import { sampleTile } from './paint-land.ts';
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

/** How far, at most, the border between two pieces of land strays from the straight line. */
const FRAY = 34;

/** An ambiguous surface as it shows at one position. */
export interface Surface {
  look: Look;
  label: number;
  hash: number;
}

/**
 * What lies near one block of pixels. Gathering it once a block leaves a handful of things to test at each pixel. All
 * positions (x, y) are in the warped plane; (px, py) are scene pixels, for textures.
 */
export interface Neighbourhood {
  /** Gathers what may touch a block with centre (x, y) and radius `r`; what follows is asked of positions within it. */
  gather(x: number, y: number, r: number): void;
  /** The road at a position, highways first. */
  roadAt(x: number, y: number): Road | null;
  /** How far a position lies inside the nearest river; negative outside, very negative where no river is near. */
  riverDepth(x: number, y: number): number;
  /** The ambiguous surface at a position, if any; the object is reused by the next call. `soft` is a texture value. */
  surfaceAt(px: number, py: number, x: number, y: number, soft: number, fringe: number): Surface | null;
  /** The village that covers a position, if any. */
  villageAt(x: number, y: number, soft: number): Village | null;
  /** The piece of land that a position belongs to. */
  siteAt(px: number, py: number, x: number, y: number): LandSite;
  /** Forgets what lies well above row `y`. */
  forgetAbove(y: number): void;
}

/** Sets up everything that a land is strewn with. */
export function createNeighbourhood(
  land: Geography,
  textures: Textures,
  width: number,
  height: number,
  seed: number,
): Neighbourhood {
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
  const blockSites: LandSite[] = [];
  const blockZones: Zone[] = [];
  const blockMosaic: MosaicSite[] = [];
  const surface: Surface = { look: LOOK.trees, label: 0, hash: 0 };
  let riverFrom = 0;
  let riverTo = 0;
  const blockPatches: Patch[] = [];
  const blockCrossings: Crossing[] = [];
  const blockRoads: Road[] = [];
  const blockVillages: Village[] = [];

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
    [riverFrom, riverTo] = riverIndex.range(x, y);
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

  function riverDepth(x: number, y: number): number {
    let best = -1e9;
    for (let n = riverFrom; n < riverTo; n++) {
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

  function surfaceAt(
    px: number,
    py: number,
    x: number,
    y: number,
    soft: number,
    fringe: number,
  ): Surface | null {
    const zone = blockZones.length > 0 ? nearestZone(blockZones, x, y) : null;
    if (zone !== null && zoneGap(zone, x, y) + fringe + (soft * FRAY) / 128 < 0) {
      const piece = nearestSite(blockMosaic, px, py, x, y);
      surface.look = piece.look;
      surface.label = MEANING[zone.district][piece.look];
      surface.hash = piece.hash;
      return surface;
    }
    for (const patch of blockPatches) {
      if (!isInPatch(patch, x, y, soft / 128)) continue;
      surface.look = patch.look;
      surface.label = patch.label;
      surface.hash = patch.hash;
      return surface;
    }
    return null;
  }

  function villageAt(x: number, y: number, soft: number): Village | null {
    for (const village of blockVillages) {
      const dx = x - village.x;
      const dy = y - village.y;
      const ragged = village.radius * (1 + soft / 250);
      if (dx * dx + dy * dy < ragged * ragged) return village;
    }
    return null;
  }

  return {
    gather,
    roadAt,
    riverDepth,
    surfaceAt,
    villageAt,
    siteAt: (px, py, x, y) => nearestSite(blockSites, px, py, x, y),
    forgetAbove(y) {
      sites.forgetAbove(y - 512);
      patches.forgetAbove(y - 768);
      mosaic.forgetAbove(y - 768);
      crossings.forgetAbove(y - 1024);
    },
  };
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
