import { LABEL } from './classes.ts';
import { DISTRICT, type District } from './districts.ts';
import { between, rehash, unit, valueNoise } from './hash.ts';
import { createSiteGrid, type SiteGrid } from './site-grid.ts';

/** What an ambiguous surface looks like. Looks are drawn alike in each district; only the label differs. */
export const LOOK = { trees: 0, grass: 1, dark: 2, bare: 3 } as const;
export type Look = (typeof LOOK)[keyof typeof LOOK];

/** A district that has land: all but the sea. */
export type LandDistrict = Exclude<District, typeof DISTRICT.sea>;

/**
 * A wide mosaic of ambiguous surfaces, ringed by land of one district. Within it nothing tells the district, and the
 * district decides the class of every surface: an observer in its middle must look some 400 to 650 pixels away.
 */
export interface Zone {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  /** Width of the ring around it that surely belongs to its district. */
  readonly ring: number;
  readonly district: LandDistrict;
  readonly hash: number;
}

/** {@link Zone.ring} by district: a town must be wide enough to be one. */
const RING: Readonly<Record<LandDistrict, number>> = {
  [DISTRICT.urban]: 240,
  [DISTRICT.crops]: 170,
  [DISTRICT.paddies]: 170,
  [DISTRICT.upland]: 170,
  [DISTRICT.pasture]: 170,
};

/** Edges of zones stray this far from the circle. */
export const FRINGE = 75;

/** Farthest that a zone and its ring reach from its middle. */
export const ZONE_REACH = 520 + 240 + FRINGE;

const SPACING = 1600;

/** Class of each look (in the order of {@link LOOK}) by the district that surrounds it. */
export const MEANING: Readonly<Record<LandDistrict, readonly [number, number, number, number]>> = {
  [DISTRICT.urban]: [LABEL.builtUp, LABEL.builtUp, LABEL.water, LABEL.builtUp],
  [DISTRICT.crops]: [LABEL.farmland, LABEL.farmland, LABEL.water, LABEL.farmland],
  [DISTRICT.paddies]: [LABEL.farmland, LABEL.farmland, LABEL.farmland, LABEL.farmland],
  [DISTRICT.upland]: [LABEL.forest, LABEL.meadow, LABEL.water, LABEL.meadow],
  [DISTRICT.pasture]: [LABEL.forest, LABEL.meadow, LABEL.water, LABEL.meadow],
};

/** Share of zones of each district, and the height ranks where one may lie. */
const KINDS: readonly (readonly [district: LandDistrict, share: number, lowest: number, highest: number])[] =
  [
    [DISTRICT.urban, 0.17, 0, 0.8],
    [DISTRICT.crops, 0.2, 0, 0.8],
    [DISTRICT.paddies, 0.27, 0, 0.65],
    [DISTRICT.upland, 0.2, 0.45, 1],
    [DISTRICT.pasture, 0.16, 0.2, 0.9],
  ];

/** Places the zones of a land; `rankAt` gives height ranks, the sea lies below `seaRank`, and `scale` shrinks all sizes. */
export function placeZones(
  rankAt: (x: number, y: number) => number,
  seaRank: number,
  scale: number,
  seed: number,
): SiteGrid<Zone> {
  const spacing = SPACING * scale;
  return createSiteGrid(spacing, seed + 1201, (i, j, hash) => {
    const x = (i + between(hash, 1, 0.34, 0.66)) * spacing;
    const y = (j + between(hash, 2, 0.34, 0.66)) * spacing;
    const rank = rankAt(x, y);
    if (rank < seaRank + 0.03) return null;
    const district = drawDistrict(hash, rank);
    if (district === null) return null;
    const radius = between(hash, 3, 370, 520) * scale;
    return { x, y, radius, ring: RING[district] * scale, district, hash };
  });
}

function drawDistrict(hash: number, rank: number): LandDistrict | null {
  for (let t = 0; t < 8; t++) {
    let draw = unit(rehash(hash, 10 + t));
    for (const [district, share, lowest, highest] of KINDS) {
      draw -= share;
      if (draw >= 0) continue;
      if (rank >= lowest && rank <= highest) return district;
      break;
    }
  }
  return null;
}

/** The zone of `zones` whose edge is nearest to (x, y) or that (x, y) lies deepest in, or `null` if there are none. */
export function nearestZone(zones: readonly Zone[], x: number, y: number): Zone | null {
  let best: Zone | null = null;
  let bestGap = Number.POSITIVE_INFINITY;
  for (const zone of zones) {
    const gap = zoneGap(zone, x, y);
    if (gap >= bestGap) continue;
    bestGap = gap;
    best = zone;
  }
  return best;
}

/** Distance from (x, y) to the zone's circle; negative inside. The edge lies {@link fringeAt} nearer. */
export function zoneGap(zone: Zone, x: number, y: number): number {
  const dx = x - zone.x;
  const dy = y - zone.y;
  return Math.sqrt(dx * dx + dy * dy) - zone.radius;
}

/** How far the edge of a zone has moved inwards at a position, -{@link FRINGE} to FRINGE. */
export function fringeAt(x: number, y: number, seed: number): number {
  return FRINGE * valueNoise(seed + 1213, x / 250, y / 250);
}

/** Whether the ring (or inside) of a zone covers (x, y). */
export function isInRing(zone: Zone, x: number, y: number, seed: number): boolean {
  return zoneGap(zone, x, y) + fringeAt(x, y, seed) < zone.ring;
}

/** A piece of a zone's mosaic. */
export interface MosaicSite {
  readonly x: number;
  readonly y: number;
  readonly look: Look;
  readonly hash: number;
}

/** Distance between the pieces of a mosaic. */
export const MOSAIC_SPACING = 130;

/** The mosaic that shows wherever a zone is: the same mixture of looks in all zones. */
export function strewMosaic(seed: number): SiteGrid<MosaicSite> {
  return createSiteGrid(MOSAIC_SPACING, seed + 1301, (_i, _j, hash, x, y) => {
    const draw = unit(rehash(hash, 1));
    const look = draw < 0.3 ? LOOK.trees : draw < 0.6 ? LOOK.grass : draw < 0.8 ? LOOK.dark : LOOK.bare;
    return { x, y, look, hash };
  });
}
