/** Weights of one layer as 8-bit integers: element = scale of its output x value. */
export interface QuantizedWeight {
  readonly values: Int8Array;
  /** One a output, float32. */
  readonly scales: Float32Array;
}

/** Bits of a weight: 7 leave room that processors without VNNI need, whose sums of two products end at 16 bits. */
export type WeightBits = 7 | 8;

/** Biases are 32-bit integers; half of their range is left to the sums that they are added to. */
const LARGEST_BIAS = 2 ** 30;

/**
 * Rounds weights to integers, symmetrically about 0, with one scale an output.
 * @param weight `outer` blocks of `outputs` x `inner` elements, row-major
 * @param leastScales what each output's scale must not be below
 */
export function quantizeWeight(
  weight: Float32Array,
  shape: { readonly outer: number; readonly outputs: number; readonly inner: number },
  bits: WeightBits,
  leastScales: ArrayLike<number> | null = null,
): QuantizedWeight {
  const { outer, outputs, inner } = shape;
  const largest = 2 ** (bits - 1) - 1;
  const scales = new Float32Array(outputs);
  for (let a = 0, at = 0; a < outer; a++) {
    for (let o = 0; o < outputs; o++) {
      let most = scales[o]!;
      for (const end = at + inner; at < end; at++) most = Math.max(most, Math.abs(weight[at]!));
      scales[o] = most;
    }
  }
  for (let o = 0; o < outputs; o++) {
    // An output without weights needs some scale.
    scales[o] = Math.max(scales[o]! / largest, leastScales?.[o] ?? 0, 1e-12);
  }
  const values = new Int8Array(outer * outputs * inner);
  for (let a = 0, at = 0; a < outer; a++) {
    for (let o = 0; o < outputs; o++) {
      const scale = scales[o]!;
      for (const end = at + inner; at < end; at++) {
        const value = Math.round(weight[at]! / scale);
        values[at] = value > largest ? largest : value < -largest ? -largest : value;
      }
    }
  }
  return { values, scales };
}

/** The scales that weights need at least for a layer's biases to be 32-bit integers; see {@link quantizeBias}. */
export function leastScalesFor(bias: Float32Array, inputScale: number): Float64Array {
  return Float64Array.from(bias, (b) => Math.abs(b) / inputScale / LARGEST_BIAS);
}

/** Biases as 32-bit integers, in units of the input's scale times the weights'. */
export function quantizeBias(
  bias: Float32Array,
  inputScale: number,
  weightScales: Float32Array,
): { readonly values: Int32Array; readonly scales: Float32Array } {
  const scales = weightScales.map((scale) => scale * inputScale);
  return { values: Int32Array.from(bias, (b, o) => Math.round(b / scales[o]!)), scales };
}
