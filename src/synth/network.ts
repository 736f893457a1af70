import { DISTRICT } from './districts.ts';
import type { Geography } from './geography.ts';
import { between, direction, hash2, rehash, unit } from './hash.ts';
import { createSiteGrid, type SiteGrid, sitePosition } from './site-grid.ts';

/** A straight piece of road; bends come from the warp of the plane. */
export interface Road {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  readonly halfWidth: number;
  /** Highways cross rivers and patches and count as built-up; lanes do not. */
  readonly isHighway: boolean;
}

/** A village at a crossing of lanes. */
export interface Village {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly cosine: number;
  readonly sine: number;
  readonly hash: number;
}

/** A crossing, with the lanes that leave it east and south. */
export interface Crossing {
  readonly lanes: readonly Road[];
  readonly village: Village | null;
}

const LANE_SPACING = 270;

/** A lane or village reaches no farther than this from the cell of its crossing. */
export const CROSSING_REACH = LANE_SPACING + 20;

const LANE_CHANCE = {
  [DISTRICT.sea]: 0,
  [DISTRICT.urban]: 0,
  [DISTRICT.crops]: 0.75,
  [DISTRICT.paddies]: 0.75,
  [DISTRICT.upland]: 0.22,
  [DISTRICT.pasture]: 0.45,
};

const VILLAGE_CHANCE = {
  [DISTRICT.sea]: 0,
  [DISTRICT.urban]: 0,
  [DISTRICT.crops]: 0.55,
  [DISTRICT.paddies]: 0.6,
  [DISTRICT.upland]: 0.06,
  [DISTRICT.pasture]: 0.22,
};

/** The lanes and villages of a land. */
export function layLanes(land: Geography, seed: number): SiteGrid<Crossing> {
  const own = seed + 701;
  return createSiteGrid(LANE_SPACING, own, (i, j, hash, x, y) => {
    const district = land.districtAt(x, y);
    const lanes: Road[] = [];
    for (const [di, dj] of [
      [1, 0],
      [0, 1],
    ] as const) {
      const [x1, y1] = sitePosition(LANE_SPACING, own, i + di, j + dj);
      const chance = Math.min(LANE_CHANCE[district], LANE_CHANCE[land.districtAt(x1, y1)]);
      if (unit(rehash(hash, 1 + di)) >= chance) continue;
      lanes.push({ x0: x, y0: y, x1, y1, halfWidth: between(hash, 3 + di, 0.8, 1.4), isHighway: false });
    }
    const [cosine, sine] = direction(rehash(hash, 7));
    const isSettled = unit(rehash(hash, 8)) < VILLAGE_CHANCE[district];
    const village = isSettled ? { x, y, radius: between(hash, 9, 18, 46), cosine, sine, hash } : null;
    return lanes.length > 0 || village !== null ? { lanes, village } : null;
  });
}

/** Highways between neighbouring cities. */
export function layHighways(land: Geography, seed: number): Road[] {
  const roads: Road[] = [];
  const { cities, cityColumns, cityRows } = land;
  for (let j = 0; j < cityRows; j++) {
    for (let i = 0; i < cityColumns; i++) {
      const from = cities[j * cityColumns + i]!;
      if (from === null) continue;
      const east = i + 1 < cityColumns ? cities[j * cityColumns + i + 1]! : null;
      const south = j + 1 < cityRows ? cities[(j + 1) * cityColumns + i]! : null;
      for (const to of [east, south]) {
        if (to === null || unit(hash2(seed + 809, from.hash, to.hash)) < 0.12) continue;
        roads.push({ x0: from.x, y0: from.y, x1: to.x, y1: to.y, halfWidth: 2.6, isHighway: true });
      }
    }
  }
  return roads;
}
