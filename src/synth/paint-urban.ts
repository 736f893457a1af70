import { LABEL } from './classes.ts';
import { hash2 } from './hash.ts';
import type { Frame } from './land-sites.ts';
import { type Canvas, MATERIAL, put } from './materials.ts';
import type { Village } from './network.ts';
import { sampleTile } from './paint-land.ts';
import type { Textures } from './textures.ts';

const HOUSE_ROOFS = Uint8Array.of(
  MATERIAL.roofRed,
  MATERIAL.roofRed,
  MATERIAL.roofGrey,
  MATERIAL.roofDark,
  MATERIAL.roofRed,
  MATERIAL.roofGrey,
  MATERIAL.concrete,
  MATERIAL.roofWhite,
);
const HALL_ROOFS = Uint8Array.of(
  MATERIAL.roofWhite,
  MATERIAL.roofBlue,
  MATERIAL.roofGrey,
  MATERIAL.roofBlue,
  MATERIAL.concrete,
  MATERIAL.roofWhite,
  MATERIAL.roofGrey,
  MATERIAL.roofRed,
);

/**
 * Streets and blocks of a city; `centrality` is 1 at its middle and 0 at its edge. Blocks are rows of houses, slabs of
 * flats, halls with yards, or a dense old town.
 */
export function paintCity(
  c: Canvas,
  at: number,
  px: number,
  py: number,
  x: number,
  y: number,
  frame: Frame,
  centrality: number,
  t: Textures,
): void {
  const dx = x - frame.x;
  const dy = y - frame.y;
  const u = dx * frame.cosine + dy * frame.sine;
  const v = dy * frame.cosine - dx * frame.sine;
  const iu = Math.floor(u / frame.along);
  const iv = Math.floor(v / frame.across);
  const fu = u - iu * frame.along;
  const fv = v - iv * frame.across;
  const fine = sampleTile(t.fine, px, py, 99);
  const streetU = (iu & 3) === 0 ? 4.4 : 2.2;
  const streetV = (iv & 3) === 0 ? 4.4 : 2.2;
  if (fu < streetU || fv < streetV) {
    put(c, at, LABEL.builtUp, MATERIAL.asphalt, fine >> 3, 0);
    return;
  }
  const block = hash2(frame.hash, iu, iv);
  const bu = fu - streetU;
  const bv = fv - streetV;
  const kind = (block & 15) + (centrality > 0.55 ? 8 : 0);
  if (kind < 7) paintBuildings(c, at, px, py, bu, bv, block, 7, 6, 1.6, 1.6, HOUSE_ROOFS, t);
  else if (kind < 10)
    paintBuildings(c, at, px, py, bu, bv, block, frame.along - streetU, 13, 2.5, 3.5, HALL_ROOFS, t);
  else if (kind < 15) paintBuildings(c, at, px, py, bu, bv, block, 17, 9.5, 2, 5, HOUSE_ROOFS, t);
  else if (kind < 22) paintBuildings(c, at, px, py, bu, bv, block, 9, 8, 1, 1.2, HOUSE_ROOFS, t);
  else put(c, at, LABEL.builtUp, MATERIAL.concrete, fine >> 3, 0);
}

/** Houses and gardens of a village. */
export function paintVillage(
  c: Canvas,
  at: number,
  px: number,
  py: number,
  x: number,
  y: number,
  village: Village,
  t: Textures,
): void {
  const dx = x - village.x;
  const dy = y - village.y;
  const u = dx * village.cosine + dy * village.sine;
  const v = dy * village.cosine - dx * village.sine;
  paintBuildings(c, at, px, py, u + 512, v + 512, village.hash, 8, 7, 2.4, 2.4, HOUSE_ROOFS, t);
}

/** Lots of `lotU` x `lotV` pixels, each with a roof; yards of `gapU` and `gapV`, in part in the roof's shadow. */
function paintBuildings(
  c: Canvas,
  at: number,
  px: number,
  py: number,
  u: number,
  v: number,
  hash: number,
  lotU: number,
  lotV: number,
  gapU: number,
  gapV: number,
  roofs: Uint8Array,
  t: Textures,
): void {
  const iu = Math.floor(u / lotU);
  const iv = Math.floor(v / lotV);
  const fu = u - iu * lotU;
  const fv = v - iv * lotV;
  const lot = hash2(hash, iu, iv);
  const fine = sampleTile(t.fine, px, py, lot & 1023);
  if ((lot & 15) > 1 && fu > gapU && fv > gapV) {
    // The two sides of a pitched roof face the sun differently.
    const pitch = fv - gapV < (lotV - gapV) / 2 ? 14 : -14;
    put(c, at, LABEL.builtUp, roofs[(lot >>> 4) & 7]!, pitch + (((lot >>> 8) & 63) - 32), 0);
  } else if (fu > gapU && fv > gapV - 1.3 && (lot & 15) > 1) {
    put(c, at, LABEL.builtUp, MATERIAL.shadow, 0, 0);
  } else {
    const yard = (hash >>> 6) & 3;
    const material = yard === 0 ? MATERIAL.concrete : (lot >>> 14) & 1 ? MATERIAL.hedge : MATERIAL.grass;
    put(c, at, LABEL.builtUp, material, fine >> 2, 0);
  }
}
