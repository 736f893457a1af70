import type { SampleArray } from './sample-array.ts';

/**
 * Undoes horizontal differencing (TIFF 6.0, section 14; predictor 2) in place: each sample is the sum of itself and the
 * same sample of the pixel to the left, modulo the sample's size.
 *
 * @param rowSamples samples of a row; `step` samples make a pixel
 */
export function undoHorizontal(samples: SampleArray, rowSamples: number, step: number): void {
  for (let row = 0; row + rowSamples <= samples.length; row += rowSamples) {
    const end = row + rowSamples;
    for (let i = row + step; i < end; i++) samples[i] = samples[i]! + samples[i - step]!;
  }
}

/**
 * Undoes the floating-point predictor (Adobe Photoshop TIFF Technical Note 3; predictor 3): in each row the bytes of a
 * plane (all most significant bytes first) were stored one plane after the other and then differenced.
 *
 * @param bytes rows of `rowSamples` samples of `size` bytes; differencing is undone in place
 * @returns samples with their bytes in this machine's order
 */
export function undoFloatingPoint(
  bytes: Uint8Array,
  rowSamples: number,
  size: number,
  step: number,
  littleEndianHost: boolean,
): Uint8Array<ArrayBuffer> {
  const rowBytes = rowSamples * size;
  const out = new Uint8Array(bytes.length);
  for (let row = 0; row + rowBytes <= bytes.length; row += rowBytes) {
    for (let i = row + step; i < row + rowBytes; i++) bytes[i] = bytes[i]! + bytes[i - step]!;
    for (let plane = 0; plane < size; plane++) {
      const from = row + plane * rowSamples;
      const to = row + (littleEndianHost ? size - 1 - plane : plane);
      for (let i = 0; i < rowSamples; i++) out[to + i * size] = bytes[from + i]!;
    }
  }
  return out;
}
