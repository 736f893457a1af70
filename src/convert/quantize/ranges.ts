/** How the range of a tensor is chosen from what calibration windows showed. */
export type RangeMethod = 'minmax' | 'percentile' | 'mse';

/** Names of {@link RangeMethod}. */
export const RANGE_METHODS = ['minmax', 'percentile', 'mse'] as const satisfies readonly RangeMethod[];

/** What was seen of one tensor. */
export interface Seen {
  readonly min: number;
  readonly max: number;
  /** Some of its values, of all windows. */
  readonly samples: Float32Array;
}

/** An 8-bit tensor stands for scale x (value - zeroPoint), value 0..255. */
export interface TensorScale {
  /** A float32. */
  readonly scale: number;
  readonly zeroPoint: number;
}

/** Share of the samples that `percentile` cuts off at either end. */
const CUT_OFF = 1e-4;
/** Shares of the seen range that `mse` tries. */
const SHRINKS = Array.from({ length: 32 }, (_, i) => 1 - i / 40);

/** The range that a method takes. It holds 0, so that padding and what a ReLU cut off are exact. */
export function chooseRange(method: RangeMethod, seen: Seen): { readonly min: number; readonly max: number } {
  const whole = { min: Math.min(seen.min, 0), max: Math.max(seen.max, 0) };
  if (method === 'minmax' || seen.samples.length === 0) return whole;
  if (method === 'percentile') {
    const sorted = seen.samples.slice().sort();
    const cut = Math.floor(CUT_OFF * sorted.length);
    return { min: Math.min(sorted[cut]!, 0), max: Math.max(sorted[sorted.length - 1 - cut]!, 0) };
  }
  let best = whole;
  let least = Number.POSITIVE_INFINITY;
  for (const shrink of SHRINKS) {
    const range = { min: whole.min * shrink, max: whole.max * shrink };
    const error = roundingError(seen.samples, scaleOf(range));
    if (error < least) [best, least] = [range, error];
  }
  return best;
}

/** The 8-bit scale of a range that holds 0; 0 is a whole value of it. */
export function scaleOf({ min, max }: { readonly min: number; readonly max: number }): TensorScale {
  // A tensor that is 0 everywhere needs some scale.
  const scale = Math.fround(Math.max((max - min) / 255, 1e-12));
  return { scale, zeroPoint: Math.min(Math.max(Math.round(-min / scale), 0), 255) };
}

/** Sum of the squares that rounding to 8 bits changes values by. */
function roundingError(values: Float32Array, { scale, zeroPoint }: TensorScale): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const rounded = Math.min(Math.max(Math.round(values[i]! / scale) + zeroPoint, 0), 255);
    const change = (rounded - zeroPoint) * scale - values[i]!;
    sum += change * change;
  }
  return sum;
}
