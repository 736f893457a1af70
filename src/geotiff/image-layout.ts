import { UnsupportedError } from '../core/errors.ts';
import { type SampleType, sampleBytes } from './sample-array.ts';

/** How the pixels of one image lie in the file. Blocks are tiles or strips. */
export interface ImageLayout {
  readonly width: number;
  readonly height: number;
  /** Samples a pixel, alpha and other extra samples included. */
  readonly samples: number;
  /** Bits of a sample in the file: 1 to 32 or 64. */
  readonly bits: number;
  readonly type: SampleType;
  /** TIFF number of the compression: 1 none, 5 LZW, 7 JPEG, 8 and 32946 deflate, 32773 PackBits, 50000 zstd ... */
  readonly compression: number;
  /** 1 none, 2 horizontal, 3 floating point. */
  readonly predictor: number;
  /** TIFF number: 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 4 mask, 6 YCbCr ... */
  readonly photometric: number;
  /** Each band in blocks of its own; else the samples of a pixel lie side by side. */
  readonly planar: boolean;
  readonly tiled: boolean;
  readonly blockWidth: number;
  readonly blockHeight: number;
  readonly blocksAcross: number;
  readonly blocksDown: number;
  /** Bits within a byte run from low to high (FillOrder 2). */
  readonly lowBitFirst: boolean;
  readonly littleEndian: boolean;
  /** ExtraSamples: 0 unspecified, 1 associated alpha, 2 unassociated alpha; the last of the samples. */
  readonly extraSamples: readonly number[];
}

/** Samples of a pixel that lie in one block. */
export function samplesInBlock(layout: ImageLayout): number {
  return layout.planar ? 1 : layout.samples;
}

/** Whether samples are packed into fewer bits than whole bytes of an array's element have. */
export function isPacked({ bits }: ImageLayout): boolean {
  return bits !== 8 && bits !== 16 && bits !== 32 && bits !== 64;
}

/** Bytes of a full block once decoded into arrays. */
export function decodedBlockBytes(layout: ImageLayout): number {
  return layout.blockWidth * layout.blockHeight * samplesInBlock(layout) * sampleBytes(layout.type);
}

/** Bytes of a whole image once decoded into arrays. */
export function imageBytes(layout: ImageLayout): number {
  return layout.width * layout.height * layout.samples * sampleBytes(layout.type);
}

/** What errors call a block. */
export function nameBlock(layout: ImageLayout, block: number, directory: number): string {
  return `${layout.tiled ? 'tile' : 'strip'} ${block} of image ${directory}`;
}

/** Refuses a feature by name. */
export function unsupported(
  header: { readonly url: string },
  feature: string,
  hint: string,
): UnsupportedError {
  return new UnsupportedError(`${header.url}: ${feature} are not supported; ${hint}`, { feature, hint });
}
