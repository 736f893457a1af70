/**
 * Bilinear upsampling by a whole factor with pixel centres at half positions (PyTorch `interpolate(..., mode='bilinear',
 * align_corners=False)`, ONNX `half_pixel` linear): `src = (dst + 0.5) / factor - 0.5`.
 */

/** For each of the `factor` phases of a cell: which pair of cells is blended (offset of the first), and the second's weight. */
export interface UpsamplePhases {
  /** Offset of the first cell of the pair from the pixel's own cell: -1 or 0. */
  readonly offset: Int32Array;
  /** Weight of the second cell; the first has the rest. */
  readonly weight: Float32Array;
}

/** Phases of {@link UpsamplePhases} for a factor; factor 1 is the identity. */
export function upsamplePhases(factor: number): UpsamplePhases {
  const offset = new Int32Array(factor);
  const weight = new Float32Array(factor);
  for (let p = 0; p < factor; p++) {
    const src = (p + 0.5) / factor - 0.5;
    offset[p] = Math.floor(src);
    weight[p] = src - Math.floor(src);
  }
  return { offset, weight };
}
