import type { LercPixelType } from 'lerc';
import type { Decompress } from './decompress.ts';
import { type SampleType, sampleBytes } from './sample-array.ts';

/** A LERC block and what must come out of it. */
export interface LercBlock {
  readonly stored: Uint8Array;
  readonly width: number;
  readonly rows: number;
  readonly fullRows: number;
  readonly samples: number;
  readonly type: SampleType;
  /** LercParameters (tag 50674): version, and what the blob is wrapped in (0 nothing, 1 deflate, 2 zstd). */
  readonly parameters: readonly number[] | null;
}

const PIXEL_TYPES: Readonly<Record<LercPixelType, SampleType>> = {
  S8: 'int8',
  U8: 'uint8',
  S16: 'int16',
  U16: 'uint16',
  S32: 'int32',
  U32: 'uint32',
  F32: 'float32',
  F64: 'float64',
};

/** A blob may be larger than its pixels by its own header and mask. */
const BLOB_SLACK_BYTES = 64 * 1024;

/**
 * Decodes one LERC block with Esri's decoder. Pixels that the blob masks out become NaN in float blocks and 0 in others.
 * @param wrappings the decompressors of deflate and zstd
 * @returns samples interleaved by pixel, as bytes in this machine's order
 */
export async function decodeLerc(
  block: LercBlock,
  wrappings: { readonly deflate: Decompress; readonly zstd: Decompress },
): Promise<Uint8Array<ArrayBuffer>> {
  const { width, rows, fullRows, samples, type } = block;
  const wrapped = block.parameters?.[1] ?? 0;
  const fullBytes = width * fullRows * samples * sampleBytes(type) + BLOB_SLACK_BYTES;
  const unwrap = wrapped === 1 ? wrappings.deflate : wrapped === 2 ? wrappings.zstd : null;
  const blob = unwrap ? await unwrap({ stored: block.stored, neededBytes: 0, fullBytes }) : block.stored;

  const lerc = await import('lerc');
  await lerc.load();
  const info = lerc.getBlobInfo(blob);
  const depth = info.depthCount * info.bandCount;
  if (info.width !== width || info.height < rows || info.height > fullRows || depth !== samples) {
    throw new Error(
      `a blob of ${info.width} x ${info.height} x ${depth} where ${width} x ${rows} x ${samples} is expected`,
    );
  }
  if (info.bandCount > 1) throw new Error(`a blob of ${info.bandCount} bands`);
  const { pixels, pixelType, mask } = lerc.decode(blob, { returnInterleaved: true });
  const values = pixels[0];
  if (PIXEL_TYPES[pixelType] !== type || !values) {
    throw new Error(`a blob of ${pixelType} samples where ${type} is expected`);
  }
  if (mask) {
    const none = type.startsWith('float') ? Number.NaN : 0;
    for (let i = 0; i < values.length; i++) if (mask[Math.floor(i / samples)] === 0) values[i] = none;
  }
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
