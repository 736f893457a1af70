import { constants, inflateSync } from 'node:zlib';
import type { ZSTDDecoder } from 'zstddec';
import { decodeLzw } from './decode-lzw.ts';
import { decodePackBits } from './decode-packbits.ts';
import { allocateUnset } from './sample-array.ts';

/** What a codec needs to know of a block. */
export interface BlockBytes {
  /** Bytes as they lie in the file. */
  readonly stored: Uint8Array;
  /** Bytes needed of the decoded block. */
  readonly neededBytes: number;
  /** Bytes of a full block; writers may pad the last strip to this. */
  readonly fullBytes: number;
}

/** Undoes a byte-wise compression. Returns fewer bytes than needed if the stream ends early; throws if it is corrupt. */
export type Decompress = (block: BlockBytes) => Uint8Array | Promise<Uint8Array>;

/** Names of the TIFF compressions, for messages and for `info`. */
export const COMPRESSION_NAMES: Readonly<Record<number, string>> = {
  1: 'none',
  2: 'CCITT RLE',
  3: 'CCITT fax 3',
  4: 'CCITT fax 4',
  5: 'lzw',
  6: 'old-style JPEG',
  7: 'jpeg',
  8: 'deflate',
  32766: 'NeXT',
  32773: 'packbits',
  32809: 'ThunderScan',
  32946: 'deflate',
  34661: 'JBIG',
  34676: 'SGI LogL',
  34677: 'SGI LogLuv',
  34712: 'JPEG 2000',
  34887: 'lerc',
  34925: 'LZMA',
  50000: 'zstd',
  50001: 'webp',
  50002: 'JPEG XL',
};

/** The byte-wise compressions; image codecs (JPEG, WebP) are decoded elsewhere. */
export const DECOMPRESSORS: Readonly<Record<number, Decompress>> = {
  1: ({ stored }) => stored,
  5: ({ stored, neededBytes }) => {
    const output = allocateUnset('uint8', neededBytes) as Uint8Array;
    const written = decodeLzw(stored, output);
    if (written < 0) throw new Error('a code points beyond the table');
    return written === neededBytes ? output : output.subarray(0, written);
  },
  8: inflateBlock,
  32773: ({ stored, neededBytes }) => decodePackBits(stored, neededBytes),
  32946: inflateBlock,
  50000: decodeZstd,
};

/** Compressions that predictors go with; elsewhere the tag says nothing (as libtiff reads it). */
export const WITH_PREDICTOR: ReadonlySet<number> = new Set([5, 8, 32946, 50000]);

/** Blocks run on worker threads where there are many: so each is inflated where it is asked for, in one go. */
function inflateBlock({ stored, fullBytes }: BlockBytes): Uint8Array {
  return inflateSync(stored, {
    maxOutputLength: fullBytes,
    // One output buffer for all but huge blocks, so that nothing is concatenated.
    chunkSize: Math.min(Math.max(fullBytes, 1024), 1 << 24),
    // A missing checksum at the very end is no reason to refuse pixels that are all there.
    finishFlush: constants.Z_SYNC_FLUSH,
  });
}

async function decodeZstd({ stored, fullBytes }: BlockBytes): Promise<Uint8Array> {
  return (zstd ?? (await loadZstd())).decode(stored, fullBytes);
}

let zstd: ZSTDDecoder | null = null;

/** Makes the zstd module ready: the first block would else wait for it. */
export async function loadZstd(): Promise<ZSTDDecoder> {
  const { ZSTDDecoder } = await import('zstddec');
  const decoder = new ZSTDDecoder();
  // It unpacks itself through `fetch` where there is one, which in Node takes longer to load than all of zstd. It looks for
  // it within the call, so that nobody else misses it.
  const found = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
  Reflect.deleteProperty(globalThis, 'fetch');
  let ready: Promise<void>;
  try {
    ready = decoder.init();
  } finally {
    if (found) Object.defineProperty(globalThis, 'fetch', found);
  }
  await ready;
  zstd = decoder;
  return decoder;
}
