import { DISTRICT } from './districts.ts';
import type { Geography } from './geography.ts';
import { between, direction, rehash, unit } from './hash.ts';
import { createSiteGrid, type SiteGrid } from './site-grid.ts';
import { type LandDistrict, type Look, MEANING } from './zones.ts';

/** A patch of one look, up to some 340 pixels across: close up, nothing in it tells its class. */
export interface Patch {
  readonly x: number;
  readonly y: number;
  /** Half axes along and across (cosine, sine). */
  readonly along: number;
  readonly across: number;
  readonly cosine: number;
  readonly sine: number;
  readonly look: Look;
  readonly label: number;
  readonly hash: number;
}

/** Farthest that a patch reaches from its site. */
export const PATCH_REACH = 240;

const SPACING = 285;

/** Eight directions, as exact fractions. */
const COMPASS = [
  [1, 0],
  [0.6, 0.8],
  [0, 1],
  [-0.6, 0.8],
  [-1, 0],
  [-0.6, -0.8],
  [0, -1],
  [0.6, -0.8],
] as const;

/**
 * Percentage of places that carry a patch of each look (in the order of LOOK), by district. The shares even out the
 * districts' areas, so that no look is labelled well by its commonest class.
 */
const PERCENT: Readonly<Record<LandDistrict, readonly number[]>> = {
  [DISTRICT.urban]: [0, 14, 2, 12],
  [DISTRICT.crops]: [14, 10, 3, 7],
  [DISTRICT.paddies]: [11, 7, 17, 3],
  [DISTRICT.upland]: [11, 7, 4, 0],
  [DISTRICT.pasture]: [11, 8, 4, 0],
};

/** The ambiguous patches of a land. */
export function strewPatches(land: Geography, seed: number): SiteGrid<Patch> {
  return createSiteGrid(SPACING, seed + 607, (_i, _j, hash, x, y) => {
    if (land.districtAt(x, y) === DISTRICT.sea) return null;
    const size = between(hash, 4, 62, 172);
    const district = surroundings(land, x, y, size);
    let draw = unit(rehash(hash, 2)) * 100;
    const look = PERCENT[district].findIndex((percent) => {
      draw -= percent;
      return draw < 0;
    });
    if (look < 0) return null;
    const [cosine, sine] = direction(rehash(hash, 3));
    return {
      x,
      y,
      along: size,
      across: size * between(hash, 5, 0.62, 0.98),
      cosine,
      sine,
      look: look as Look,
      label: MEANING[district][look as Look],
      hash,
    };
  });
}

/** The commonest district on a ring just outside a patch: what surrounds the patch decides what it is. */
function surroundings(land: Geography, x: number, y: number, size: number): LandDistrict {
  const votes = new Uint8Array(Object.keys(DISTRICT).length);
  let winner: LandDistrict = DISTRICT.urban;
  for (const [dx, dy] of COMPASS) {
    const district = land.landDistrictAt(x + dx * size * 1.2, y + dy * size * 1.2);
    votes[district] = votes[district]! + 1;
    if (votes[district]! > votes[winner]!) winner = district;
  }
  return winner;
}

/** Whether a position lies in a patch: a rounded rectangle (superellipse of degree 4); `ragged`, -1 to 1, frays it. */
export function isInPatch(patch: Patch, x: number, y: number, ragged: number): boolean {
  const dx = x - patch.x;
  const dy = y - patch.y;
  const u = (dx * patch.cosine + dy * patch.sine) / patch.along;
  const v = (dy * patch.cosine - dx * patch.sine) / patch.across;
  const u2 = u * u;
  const v2 = v * v;
  return u2 * u2 + v2 * v2 < 1 + 0.85 * ragged;
}
