import type { GeoTiffInfo } from '../geotiff/open-geotiff.ts';
import { sampleBytes } from '../geotiff/sample-array.ts';

/** What a scene's blocks take when they are decoded, in bytes. */
export interface DecodedSize {
  /** All of them. */
  readonly decodedBytes: number;
  /** The largest. */
  readonly blockBytes: number;
}

/** The size of files' blocks, from their headers. */
export function decodedSize(
  infos: readonly Pick<
    GeoTiffInfo,
    'width' | 'height' | 'bands' | 'sampleType' | 'blockWidth' | 'blockHeight' | 'interleave'
  >[],
): DecodedSize {
  let decodedBytes = 0;
  let blockBytes = 0;
  for (const { width, height, bands, sampleType, blockWidth, blockHeight, interleave } of infos) {
    const bytes = sampleBytes(sampleType);
    decodedBytes += width * height * bands * bytes;
    const inBlock = blockWidth * blockHeight * (interleave === 'pixel' ? bands : 1) * bytes;
    blockBytes = Math.max(blockBytes, inBlock);
  }
  return { decodedBytes, blockBytes };
}
