/**
 * 8-bit bilinear resampling, bit for bit as the training pipeline did it: OpenCV's `INTER_LINEAR` on uint8 images.
 *
 * There is no antialiasing: each target pixel is made of at most 2 x 2 source pixels, with 11-bit weights. A reduction
 * by an odd whole factor is therefore a pick of the centre pixel, by an even one the rounded mean of the centre 2 x 2.
 */

/** For each target position of one axis: two source positions and their weights, which sum to 2048 (or 2047, 2049 by rounding). */
export interface AxisTaps {
  readonly lower: Int32Array;
  readonly upper: Int32Array;
  readonly lowerWeight: Int32Array;
  readonly upperWeight: Int32Array;
}

/** How one target row is made of two source rows; `blend` is always right, the others are its exact short forms. */
export type RowKernel = 'pick' | 'mean' | 'blend';

/** Everything that resampling one raster size into another needs, made once. */
export interface Resampler {
  readonly rows: AxisTaps;
  readonly columns: AxisTaps;
  readonly kernel: RowKernel;
  /** Interleaved channels a pixel. */
  readonly bands: number;
}

const FULL_WEIGHT = 2048;

/** To the nearest integer, halves to even: what `cvRound` does with the weights. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/**
 * The taps of one axis. The two axes treat the border differently, as OpenCV does: beyond the first and last column
 * the edge pixel takes the whole weight; rows keep their weights and only have their positions clamped.
 */
export function axisTaps(axis: 'rows' | 'columns', sourceSize: number, targetSize: number): AxisTaps {
  const lower = new Int32Array(targetSize);
  const upper = new Int32Array(targetSize);
  const lowerWeight = new Int32Array(targetSize);
  const upperWeight = new Int32Array(targetSize);
  const last = sourceSize - 1;
  // Dividing twice, as OpenCV does: the double differs from sourceSize / targetSize in its last bit at times.
  const scale = 1 / (targetSize / sourceSize);
  for (let i = 0; i < targetSize; i++) {
    const position = Math.fround((i + 0.5) * scale - 0.5);
    let near = Math.floor(position);
    let fraction = Math.fround(position - near);
    if (axis === 'columns' && (near < 0 || near >= last)) {
      near = near < 0 ? 0 : last;
      fraction = 0;
    }
    lower[i] = Math.min(Math.max(near, 0), last);
    upper[i] = Math.min(Math.max(near + 1, 0), last);
    lowerWeight[i] = roundHalfEven(Math.fround(1 - fraction) * FULL_WEIGHT);
    upperWeight[i] = roundHalfEven(fraction * FULL_WEIGHT);
  }
  return { lower, upper, lowerWeight, upperWeight };
}

/** The shortest kernel that equals `blend` for these sizes. */
function chooseKernel(columnFactor: number, rowFactor: number): RowKernel {
  if (!Number.isInteger(columnFactor) || !Number.isInteger(rowFactor)) return 'blend';
  if (columnFactor % 2 === 1 && rowFactor % 2 === 1) return 'pick';
  if (columnFactor % 2 === 0 && rowFactor % 2 === 0) return 'mean';
  return 'blend';
}

/** Prepares resampling of `source` size rasters into `target` size ones. All sizes are positive integers. */
export function createResampler(
  source: { readonly width: number; readonly height: number },
  target: { readonly width: number; readonly height: number },
  bands = 3,
): Resampler {
  return {
    rows: axisTaps('rows', source.height, target.height),
    columns: axisTaps('columns', source.width, target.width),
    kernel: chooseKernel(source.width / target.width, source.height / target.height),
    bands,
  };
}

/** One source row inside a larger buffer: its first byte is `data[offset]`. */
export interface RowRef {
  readonly data: Uint8Array;
  readonly offset: number;
}

/**
 * Makes target row `row` of the two source rows `rows.lower[row]` and `rows.upper[row]`, into `out` from `outOffset`
 * on. A source row whose weight is 0 is not looked at: any row may stand in for it.
 */
export function resampleRow(
  resampler: Resampler,
  row: number,
  lower: RowRef,
  upper: RowRef,
  out: Uint8Array,
  outOffset: number,
): void {
  if (resampler.kernel === 'pick') pickRow(resampler, lower, out, outOffset);
  else if (resampler.kernel === 'mean') meanRow(resampler, lower, upper, out, outOffset);
  else blendRow(resampler, row, lower, upper, out, outOffset);
}

function pickRow({ columns, bands }: Resampler, source: RowRef, out: Uint8Array, outOffset: number): void {
  const { data, offset } = source;
  const near = columns.lower;
  for (let x = 0, o = outOffset; x < near.length; x++) {
    const at = offset + near[x]! * bands;
    for (let band = 0; band < bands; band++) out[o++] = data[at + band]!;
  }
}

function meanRow(
  { columns, bands }: Resampler,
  lower: RowRef,
  upper: RowRef,
  out: Uint8Array,
  outOffset: number,
): void {
  const a = lower.data;
  const b = upper.data;
  const near = columns.lower;
  for (let x = 0, o = outOffset; x < near.length; x++) {
    const p = lower.offset + near[x]! * bands;
    const q = upper.offset + near[x]! * bands;
    for (let band = 0; band < bands; band++) {
      const sum = a[p + band]! + a[p + bands + band]! + b[q + band]! + b[q + bands + band]!;
      out[o++] = (sum + 2) >> 2;
    }
  }
}

function blendRow(
  { rows, columns, bands }: Resampler,
  row: number,
  lower: RowRef,
  upper: RowRef,
  out: Uint8Array,
  outOffset: number,
): void {
  const a = lower.data;
  const b = upper.data;
  const rowWeight0 = rows.lowerWeight[row]!;
  const rowWeight1 = rows.upperWeight[row]!;
  for (let x = 0, o = outOffset; x < columns.lower.length; x++) {
    const left = columns.lower[x]! * bands;
    const right = columns.upper[x]! * bands;
    const weight0 = columns.lowerWeight[x]!;
    const weight1 = columns.upperWeight[x]!;
    for (let band = 0; band < bands; band++) {
      const l = left + band;
      const r = right + band;
      const top = (a[lower.offset + l]! * weight0 + a[lower.offset + r]! * weight1) >> 4;
      const bottom = (b[upper.offset + l]! * weight0 + b[upper.offset + r]! * weight1) >> 4;
      // The vertical pass drops 16 bits of each product before adding, as the original does.
      out[o++] = (((rowWeight0 * top) >> 16) + ((rowWeight1 * bottom) >> 16) + 2) >> 2;
    }
  }
}
