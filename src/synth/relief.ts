import { layeredNoise, valueNoise } from './hash.ts';

/** Land reaches this far beyond the scene, in pixels, so that rivers and districts enter from outside. */
export const MARGIN = 448;

/** No more cells than this along an axis: it bounds the memory of a scene of any size. */
const MAX_CELLS = 1024;

/**
 * A coarse map of the whole land. Cell (i, j) is centred on scene position `(i + 0.5)*cell - MARGIN`, likewise in y.
 * Row-major, `columns` cells a row.
 */
export interface Relief {
  readonly columns: number;
  readonly rows: number;
  /** Pixels a cell side. */
  readonly cell: number;
  /** Height in arbitrary units. */
  readonly height: Float32Array;
  /** Height as the share of the land that lies lower, 0 to 1: it makes shares of land independent of the noise. */
  readonly rank: Float32Array;
  /** A second, independent field, 0 to 1: how moist the climate is. */
  readonly moisture: Float32Array;
  /** Everything of lower rank than this is sea or lake. */
  readonly seaRank: number;
}

/** Makes the coarse land of a scene. */
export function makeRelief(width: number, height: number, seed: number): Relief {
  const cell = Math.max(8, Math.ceil((Math.max(width, height) + 2 * MARGIN) / MAX_CELLS));
  const columns = Math.ceil((width + 2 * MARGIN) / cell);
  const rows = Math.ceil((height + 2 * MARGIN) / cell);
  const heights = new Float32Array(columns * rows);
  const moisture = new Float32Array(columns * rows);
  for (let j = 0, k = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++, k++) {
      const x = (i + 0.5) * cell;
      const y = (j + 0.5) * cell;
      const hills = layeredNoise(seed + 101, x / 1250, y / 1250, 6, 0.52);
      // Folded noise has creases: valleys that rivers find and ridges between them.
      const fold = 1 - 2 * Math.abs(valueNoise(seed + 211, x / 520 + hills, y / 520 - hills));
      heights[k] = hills - 0.16 * fold;
      moisture[k] = layeredNoise(seed + 307, x / 1150, y / 1150, 3, 0.45);
    }
  }
  const seaRank = 0.05 + 0.05 * (valueNoise(seed + 401, 0.5, 0.5) + 1) * 0.5;
  return {
    columns,
    rows,
    cell,
    height: heights,
    rank: rankOf(heights),
    moisture: rankOf(moisture),
    seaRank,
  };
}

/** Each value's share of lower values, through a histogram of 4096 bins, linear within a bin. */
function rankOf(values: Float32Array): Float32Array {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  const bins = 4096;
  const scale = (bins - 1) / Math.max(high - low, 1e-9);
  const before = new Float64Array(bins + 1);
  for (const v of values) {
    const b = Math.floor((v - low) * scale) + 1;
    before[b] = before[b]! + 1;
  }
  for (let b = 1; b <= bins; b++) before[b] = before[b]! + before[b - 1]!;
  const out = new Float32Array(values.length);
  for (let k = 0; k < values.length; k++) {
    const p = (values[k]! - low) * scale;
    const b = Math.floor(p);
    out[k] = (before[b]! + (before[b + 1]! - before[b]!) * (p - b)) / values.length;
  }
  return out;
}

/** A coarse field at a scene position, bilinear between cell centres, held constant beyond the outermost ones. */
export function sampleCoarse(relief: Relief, field: Float32Array, x: number, y: number): number {
  const { columns, rows, cell } = relief;
  const gx = Math.min(Math.max((x + MARGIN) / cell - 0.5, 0), columns - 1.001);
  const gy = Math.min(Math.max((y + MARGIN) / cell - 0.5, 0), rows - 1.001);
  const i = Math.floor(gx);
  const j = Math.floor(gy);
  const u = gx - i;
  const k = j * columns + i;
  const top = field[k]! + (field[k + 1]! - field[k]!) * u;
  const bottom = field[k + columns]! + (field[k + columns + 1]! - field[k + columns]!) * u;
  return top + (bottom - top) * (gy - j);
}
