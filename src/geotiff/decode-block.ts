import { FormatError, isFrustumError } from '../core/errors.ts';
import { decodeLerc } from './decode-lerc.ts';
import { decodeJpeg, decodeWebp } from './decode-picture.ts';
import { COMPRESSION_NAMES, DECOMPRESSORS, loadZstd, WITH_PREDICTOR } from './decompress.ts';
import { type ImageLayout, isPacked, samplesInBlock, unsupported } from './image-layout.ts';
import { loadJpeg } from './jpeg-codec.ts';
import {
  allocateSamples,
  LITTLE_ENDIAN_HOST,
  type SampleArray,
  sampleBytes,
  swapBytes,
  viewSamples,
} from './sample-array.ts';
import { undoFloatingPoint, undoHorizontal } from './undo-predictor.ts';
import { reverseBits, unpackSamples, widenHalves } from './unpack-samples.ts';

const JPEG = 7;
const WEBP = 50001;
const LERC = 34887;
const DEFLATE = 8;
const ZSTD = 50000;

/** Codecs that give samples, not bytes: predictor, byte order and fill order do not concern them. */
const WHOLE = new Set([JPEG, WEBP, LERC]);

/** Whether blocks are pictures in a format of their own (JPEG, WebP), which sharp decodes. */
export function isPicture(compression: number): boolean {
  return compression === JPEG || compression === WEBP;
}

/** Loads what a compression needs beyond this module, so that the first block need not wait for it. */
export async function loadCodec(compression: number): Promise<void> {
  if (compression === ZSTD) await loadZstd();
  if (compression === JPEG) loadJpeg();
}

/** What blocks need that the file keeps once for all of them. */
export interface BlockTables {
  /** JPEGTables (tag 347). */
  readonly jpeg: Uint8Array | null;
  /** LercParameters (tag 50674). */
  readonly lerc: readonly number[] | null;
}

/**
 * Refuses, before any pixel is read, what {@link decodeBlock} could not decode.
 * @throws UnsupportedError naming the feature
 */
export function checkDecodable(url: string, layout: ImageLayout): void {
  const { compression, predictor, photometric, bits, type } = layout;
  const refuse = (feature: string) =>
    unsupported({ url }, feature, 'convert the file with gdal_translate -co COMPRESS=DEFLATE -co TILED=YES');
  const picture = isPicture(compression);
  const whole = WHOLE.has(compression);
  if (!whole && !DECOMPRESSORS[compression]) {
    throw refuse(`${COMPRESSION_NAMES[compression] ?? `compression ${compression}`} blocks`);
  }
  if (photometric > 4 && !(photometric === 6 && compression === JPEG)) {
    throw refuse(`${PHOTOMETRIC_NAMES[photometric] ?? `photometric ${photometric}`} pixels`);
  }
  if (picture && (bits !== 8 || type !== 'uint8')) {
    throw refuse(`${bits}-bit samples in ${COMPRESSION_NAMES[compression]} blocks`);
  }
  const inBlock = samplesInBlock(layout);
  if (compression === LERC && bits !== 8 * sampleBytes(type)) {
    throw refuse(`${bits}-bit samples in LERC blocks`);
  }
  if (compression === JPEG && ![1, 3, 4].includes(inBlock)) throw refuse(`JPEG blocks of ${inBlock} bands`);
  if (compression === WEBP && inBlock !== 3 && inBlock !== 4) throw refuse(`WebP blocks of ${inBlock} bands`);
  if (!WITH_PREDICTOR.has(compression)) return;
  if (predictor === 2 && isPacked(layout)) throw refuse(`predictor 2 over ${bits}-bit samples`);
  if (predictor === 2 && type === 'float64') throw refuse('predictor 2 over 64-bit samples');
  if (predictor === 3 && !type.startsWith('float')) throw refuse(`predictor 3 over ${type} samples`);
}

/** Names of colour interpretations. */
export const PHOTOMETRIC_NAMES: Readonly<Record<number, string>> = {
  0: 'white is zero',
  1: 'black is zero',
  2: 'RGB',
  3: 'palette',
  4: 'mask',
  5: 'CMYK',
  6: 'YCbCr',
  8: 'CIELab',
  9: 'ICCLab',
  10: 'ITULab',
  32803: 'colour filter array',
  32844: 'LogL',
  32845: 'LogLuv',
};

/**
 * Decodes one block into samples: decompress, byte order, predictor, unpack.
 *
 * @param stored the block's bytes in the file; not changed
 * @param rows rows that are needed (a last strip has fewer than a full one)
 * @param what names the block in errors
 * @returns `rows * blockWidth * samplesInBlock` samples, row-major, samples of a pixel side by side
 * @throws FormatError if the block is corrupt or too short
 */
export async function decodeBlock(
  url: string,
  layout: ImageLayout,
  stored: Uint8Array,
  rows: number,
  tables: BlockTables,
  what: string,
): Promise<SampleArray> {
  const inBlock = samplesInBlock(layout);
  const rowSamples = layout.blockWidth * inBlock;
  const rowBytes = Math.ceil((rowSamples * layout.bits) / 8);
  const neededBytes = rowBytes * rows;
  let bytes: Uint8Array;
  try {
    bytes = await decompress(layout, stored, rows, rowBytes, tables);
  } catch (cause) {
    if (isFrustumError(cause)) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(
      `${url}: ${what} is corrupt (${COMPRESSION_NAMES[layout.compression]}: ${why}); fetch the file again`,
      { url, what, cause },
    );
  }
  if (bytes.length < neededBytes) {
    throw new FormatError(
      `${url}: ${what} holds ${bytes.length} bytes of pixels, expected ${neededBytes}; it is cut short or corrupt, fetch the file again`,
      { url, what },
    );
  }
  // What follows works in place: not in the file's own bytes, which neighbours may share.
  if (bytes.buffer === stored.buffer) bytes = new Uint8Array(bytes.subarray(0, neededBytes));
  return toSamples(layout, bytes.subarray(0, neededBytes), rowSamples, rows, inBlock);
}

async function decompress(
  layout: ImageLayout,
  stored: Uint8Array,
  rows: number,
  rowBytes: number,
  tables: BlockTables,
): Promise<Uint8Array> {
  const picture = {
    stored,
    width: layout.blockWidth,
    rows,
    fullRows: layout.blockHeight,
    samples: samplesInBlock(layout),
  };
  if (layout.compression === JPEG) return decodeJpeg(picture, tables.jpeg, layout.photometric === 6);
  if (layout.compression === WEBP) return decodeWebp(picture);
  if (layout.compression === LERC) {
    const wrappings = { deflate: DECOMPRESSORS[DEFLATE]!, zstd: DECOMPRESSORS[ZSTD]! };
    return decodeLerc({ ...picture, type: layout.type, parameters: tables.lerc }, wrappings);
  }
  let input = stored;
  if (layout.lowBitFirst && layout.compression !== 1) {
    input = new Uint8Array(stored);
    reverseBits(input);
  }
  const decode = DECOMPRESSORS[layout.compression]!;
  return decode({ stored: input, neededBytes: rowBytes * rows, fullBytes: rowBytes * layout.blockHeight });
}

function toSamples(
  layout: ImageLayout,
  bytes: Uint8Array,
  rowSamples: number,
  rows: number,
  step: number,
): SampleArray {
  const { bits, type, predictor } = layout;
  const count = rowSamples * rows;
  if (WHOLE.has(layout.compression)) return viewSamples(type, bytes, count);
  if (layout.lowBitFirst && layout.compression === 1) reverseBits(bytes);
  if (isPacked(layout)) {
    const out = allocateSamples(type, count);
    unpackSamples(bytes, bits, rowSamples, rows, out as Parameters<typeof unpackSamples>[4]);
    return out;
  }
  const size = bits / 8;
  const heeded = WITH_PREDICTOR.has(layout.compression) ? predictor : 1;
  if (heeded === 3) {
    const floats = undoFloatingPoint(bytes, rowSamples, size, step, LITTLE_ENDIAN_HOST);
    return viewStored(layout, floats, count);
  }
  if (layout.littleEndian !== LITTLE_ENDIAN_HOST) swapBytes(bytes, size);
  if (heeded === 2) {
    const words = viewSamples(size === 1 ? 'uint8' : size === 2 ? 'uint16' : 'uint32', bytes, count);
    undoHorizontal(words as Parameters<typeof undoHorizontal>[0], rowSamples, step);
    return viewStored(layout, new Uint8Array(words.buffer, words.byteOffset, words.byteLength), count);
  }
  return viewStored(layout, bytes, count);
}

/** Samples out of stored ones in this machine's byte order: over the same memory, but for 16-bit floats. */
function viewStored({ bits, type }: ImageLayout, bytes: Uint8Array, count: number): SampleArray {
  if (type !== 'float32' || bits !== 16) return viewSamples(type, bytes, count);
  const out = new Float32Array(count);
  widenHalves(viewSamples('uint16', bytes, count) as Uint16Array, out);
  return out;
}
