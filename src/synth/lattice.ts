import type { Geography } from './geography.ts';
import { layeredNoise, valueNoise } from './hash.ts';
import { sampleCoarse } from './relief.ts';
import { fringeAt } from './zones.ts';

/** Slow fields are worked out every so many pixels, and are bilinear in between. */
export const LATTICE = 8;

/** Slow fields of a strip, row-major, `columns` points a row; point (i, j) lies at pixel (i*LATTICE, y0 + j*LATTICE). */
export interface Lattice {
  readonly columns: number;
  /** Position in the warped plane in which all shapes are drawn. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Height rank with the fine detail of coasts. */
  readonly rank: Float64Array;
  /** How far the edges of zones have moved; see zones.ts. */
  readonly fringe: Float64Array;
  /** Light on the slope, about -60 to 60, in 1/256. */
  readonly relief: Float64Array;
  /** Light over the scene, about 1. */
  readonly light: Float64Array;
  /** Thickness of haze, 0 to about 14 in 8-bit units. */
  readonly haze: Float64Array;
}

/** Works out the slow fields for `rows` lattice rows from pixel row `y0`. */
export function makeLattice(land: Geography, width: number, y0: number, rows: number, seed: number): Lattice {
  // One block of points more than the width needs: the last block may reach past the border.
  const columns = Math.ceil(width / LATTICE) + 3;
  const size = columns * rows;
  const field = () => new Float64Array(size);
  const out = {
    columns,
    x: field(),
    y: field(),
    rank: field(),
    fringe: field(),
    relief: field(),
    light: field(),
    haze: field(),
  };
  const { relief, rankAt } = land;
  for (let j = 0, k = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++, k++) {
      const px = i * LATTICE;
      const py = y0 + j * LATTICE;
      const x =
        px + 30 * valueNoise(seed + 41, px / 260, py / 260) + 4 * valueNoise(seed + 43, px / 58, py / 58);
      const y =
        py + 30 * valueNoise(seed + 47, px / 260, py / 260) + 4 * valueNoise(seed + 53, px / 58, py / 58);
      const rank = rankAt(x, y);
      const slope =
        sampleCoarse(relief, relief.height, x - 6, y - 6) - sampleCoarse(relief, relief.height, x + 6, y + 6);
      out.x[k] = x;
      out.y[k] = y;
      out.fringe[k] = fringeAt(x, y, seed);
      out.rank[k] =
        rank + 0.012 * valueNoise(seed + 59, x / 60, y / 60) + 0.006 * valueNoise(seed + 61, x / 23, y / 23);
      // Hills are steep and plains are flat: relief fades on low ground.
      out.relief[k] = Math.min(Math.max(-slope * 2600 * (0.25 + rank), -48), 44);
      out.light[k] = 1 + 0.07 * valueNoise(seed + 67, px / 1700, py / 1700);
      out.haze[k] = 6 + 7 * layeredNoise(seed + 71, px / 1400, py / 1400, 2);
    }
  }
  return out;
}

/** A field of a lattice at pixel `px` and row `r` of the strip, bilinear. */
export function sampleLattice(lattice: Lattice, field: Float64Array, px: number, r: number): number {
  const i = px >> 3;
  const u = (px & 7) / LATTICE;
  const v = (r & 7) / LATTICE;
  const k = (r >> 3) * lattice.columns + i;
  const n = k + lattice.columns;
  const top = field[k]! + (field[k + 1]! - field[k]!) * u;
  const bottom = field[n]! + (field[n + 1]! - field[n]!) * u;
  return top + (bottom - top) * v;
}
