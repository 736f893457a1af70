import type { PixelBlock } from '../core/raster.ts';
import { createResampler, type Resampler, resampleRow } from '../core/resample.ts';

/**
 * Resamples a whole raster that is in memory, bit for bit as the training pipeline did (8-bit bilinear, see
 * `core/resample.ts`). Equal sizes give a copy.
 */
export function resampleBlock(block: PixelBlock, width: number, height: number): PixelBlock {
  if (block.width === width && block.height === height) return { ...block, data: block.data.slice() };
  return resampleWith(createResampler(block, { width, height }, block.bands), block);
}

/** {@link resampleBlock} with a given resampler, which must be made for the size of `block`. */
export function resampleWith(resampler: Resampler, block: PixelBlock): PixelBlock {
  const { rows, columns, bands } = resampler;
  const width = columns.lower.length;
  const height = rows.lower.length;
  const out = new Uint8Array(width * height * bands);
  const stride = block.width * bands;
  for (let y = 0; y < height; y++) {
    const lower = { data: block.data, offset: rows.lower[y]! * stride };
    const upper = { data: block.data, offset: rows.upper[y]! * stride };
    resampleRow(resampler, y, lower, upper, out, y * width * bands);
  }
  return { width, height, bands, data: out };
}
