import { LABEL } from './classes.ts';
import { DISTRICT, type District, type Geography } from './geography.ts';
import { between, direction, rehash, unit } from './hash.ts';
import { createSiteGrid, type SiteGrid } from './site-grid.ts';

/** What an ambiguous patch looks like. Looks are drawn alike in each district; only the label differs. */
export const LOOK = { trees: 0, grass: 1, dark: 2, bare: 3 } as const;
export type Look = (typeof LOOK)[keyof typeof LOOK];

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
const RING = [
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
 * Class of each look (in the order of {@link LOOK}) in each district, and the percentage of places there that carry a
 * patch of it: `[label, percent]`. The shares even out the districts' areas, so that no look is labelled well by its
 * commonest class.
 */
const MEANING: Readonly<Record<District, readonly (readonly [label: number, percent: number])[]>> = {
  [DISTRICT.sea]: [],
  [DISTRICT.urban]: [
    [LABEL.builtUp, 0],
    [LABEL.builtUp, 36],
    [LABEL.water, 6],
    [LABEL.builtUp, 30],
  ],
  [DISTRICT.crops]: [
    [LABEL.farmland, 32],
    [LABEL.farmland, 24],
    [LABEL.water, 6],
    [LABEL.farmland, 16],
  ],
  [DISTRICT.paddies]: [
    [LABEL.farmland, 24],
    [LABEL.farmland, 16],
    [LABEL.farmland, 40],
    [LABEL.farmland, 6],
  ],
  [DISTRICT.upland]: [
    [LABEL.forest, 26],
    [LABEL.meadow, 15],
    [LABEL.water, 9],
    [LABEL.forest, 0],
  ],
  [DISTRICT.pasture]: [
    [LABEL.forest, 26],
    [LABEL.meadow, 18],
    [LABEL.water, 10],
    [LABEL.meadow, 0],
  ],
};

/** The ambiguous patches of a land. */
export function strewPatches(land: Geography, seed: number): SiteGrid<Patch> {
  return createSiteGrid(SPACING, seed + 607, (_i, _j, hash, x, y) => {
    if (land.districtAt(x, y) === DISTRICT.sea) return null;
    const size = between(hash, 4, 62, 172);
    const district = surroundings(land, x, y, size);
    const choices = MEANING[district];
    let draw = unit(rehash(hash, 2)) * 100;
    const look = choices.findIndex(([, percent]) => {
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
      label: choices[look]![0],
      hash,
    };
  });
}

/** The commonest district on a ring just outside a patch: what surrounds the patch decides what it is. */
function surroundings(land: Geography, x: number, y: number, size: number): District {
  const votes = new Uint8Array(Object.keys(DISTRICT).length);
  let winner: District = DISTRICT.sea;
  for (const [dx, dy] of RING) {
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
