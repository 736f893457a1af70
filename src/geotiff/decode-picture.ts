import { createRequire } from 'node:module';
import type { Sharp } from 'sharp';
import { decodeSmallJpeg, isSmallJpeg } from './jpeg-codec.ts';

/** A JPEG or WebP block and what must come out of it. */
export interface PictureBlock {
  readonly stored: Uint8Array;
  readonly width: number;
  /** Rows needed; the block's own height for tiles, fewer for a last strip. */
  readonly rows: number;
  /** Rows a full block may have. */
  readonly fullRows: number;
  readonly samples: number;
}

/**
 * Decodes one JPEG block: small ones with libjpeg-turbo as WebAssembly, all else with libvips (through sharp).
 *
 * @param tables the JPEGTables tag (347), if the file shares quantisation and Huffman tables between blocks
 * @param ycbcr whether the samples are YCbCr in the file (photometric 6) and RGB is wanted; else they come out as stored.
 *   TIFF says so in its tags, libjpeg looks for markers: an Adobe marker is put in to tell it.
 * @returns rows of `width * samples` bytes
 */
export async function decodeJpeg(
  block: PictureBlock,
  tables: Uint8Array | null,
  ycbcr: boolean,
): Promise<Uint8Array> {
  // Four components have no transform to tell.
  const marker = block.samples === 4 ? [] : adobeMarker(ycbcr);
  const stream = joinJpeg(block.stored, tables, marker);
  const frame = findFrame(stream);
  if (frame === null) throw new Error('no JPEG frame header');
  if (frame.precision !== 8) throw new Error(`${frame.precision}-bit JPEG`);
  if (frame.components !== block.samples) {
    throw new Error(`JPEG with ${frame.components} components where ${block.samples} are expected`);
  }
  const { width, height } = frame;
  assertFits(block, width, height);
  if (isSmallJpeg(width, height, block.samples)) {
    const pixels = decodeSmallJpeg(stream, width, height, block.samples);
    if (pixels !== null) return pixels;
  }
  const pixels = await decodeWithSharp(stream, block, 'cmyk');
  // libvips takes four components for inks, and turns them over because Photoshop stores those inverted.
  if (block.samples === 4) for (let i = 0; i < pixels.length; i++) pixels[i] = 255 - pixels[i]!;
  return pixels;
}

/** Loaded where a file has pictures: decode threads that see none start the sooner. As CommonJS, which takes half the time. */
export function loadSharp(): typeof import('sharp').default {
  if (loaded === null) {
    loaded = createRequire(import.meta.url)('sharp') as typeof import('sharp').default;
    // No block comes twice: what libvips keeps for later is never asked for.
    loaded.cache(false);
  }
  return loaded;
}

let loaded: typeof import('sharp').default | null = null;

/** Decodes one WebP block; alpha is dropped or added to give the number of samples that the tags promise. */
export async function decodeWebp(block: PictureBlock): Promise<Uint8Array> {
  const sharp = loadSharp();
  const { width, height } = await sharp(block.stored).metadata();
  assertFits(block, width, height);
  return decodeWithSharp(block.stored, block, 'alpha');
}

function assertFits(block: PictureBlock, width: number, height: number): void {
  if (width !== block.width || height < block.rows || height > block.fullRows) {
    throw new Error(`a picture of ${width} x ${height} where ${block.width} x ${block.rows} is expected`);
  }
}

/** @param fourth what a fourth sample is to the codec */
async function decodeWithSharp(stream: Uint8Array, block: PictureBlock, fourth: 'alpha' | 'cmyk') {
  const sharp = loadSharp();
  const image = sharp(stream, { limitInputPixels: block.width * block.fullRows, failOn: 'truncated' });
  const shaped = shapeSamples(image, block.samples, fourth);
  const { data, info } = await shaped.raw().toBuffer({ resolveWithObject: true });
  if (info.channels !== block.samples) {
    throw new Error(`${info.channels} channels where ${block.samples} are expected`);
  }
  return data;
}

function shapeSamples(image: Sharp, samples: number, fourth: 'alpha' | 'cmyk'): Sharp {
  if (samples === 1) return image.toColourspace('b-w');
  if (samples === 3) return image.removeAlpha();
  // Inks in, inks out: no conversion touches the four samples.
  return fourth === 'cmyk' ? image.pipelineColourspace('cmyk').toColourspace('cmyk') : image.ensureAlpha();
}

const SOI = [0xff, 0xd8] as const;

/** The segment that tells libjpeg whether the three components are YCbCr or go through as they are. */
function adobeMarker(ycbcr: boolean): readonly number[] {
  return [0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, ycbcr ? 1 : 0];
}

/** One JPEG stream out of shared tables and a block's own, with our marker in place of the block's. */
function joinJpeg(stored: Uint8Array, tables: Uint8Array | null, marker: readonly number[]): Uint8Array {
  const shared = tables && isJpeg(tables) ? stripEnd(tables.subarray(2)) : new Uint8Array(0);
  if (!isJpeg(stored)) throw new Error('the block does not start as a JPEG');
  return Buffer.concat([Uint8Array.from([...SOI, ...marker]), shared, dropMarkers(stored.subarray(2))]);
}

function isJpeg(bytes: Uint8Array): boolean {
  return bytes.length > 4 && bytes[0] === SOI[0] && bytes[1] === SOI[1];
}

/** Without the end-of-image marker. */
function stripEnd(bytes: Uint8Array): Uint8Array {
  const end = bytes.length;
  return bytes[end - 2] === 0xff && bytes[end - 1] === 0xd9 ? bytes.subarray(0, end - 2) : bytes;
}

/** Without leading JFIF (APP0) and Adobe (APP14) segments, which would outvote ours. */
function dropMarkers(body: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [];
  let at = 0;
  while (at + 4 <= body.length && body[at] === 0xff && body[at + 1] !== 0xda) {
    const end = at + 2 + (body[at + 2]! << 8) + body[at + 3]!;
    const marker = body[at + 1];
    if (marker !== 0xe0 && marker !== 0xee) kept.push(body.subarray(at, end));
    at = end;
  }
  kept.push(body.subarray(at));
  return Buffer.concat(kept);
}

/** The frame header (SOF) of a JPEG: what it will decode to; `sampling` is the first component's, across in the high four bits. */
export function findFrame(stream: Uint8Array) {
  let at = 2;
  while (at + 9 < stream.length && stream[at] === 0xff) {
    const marker = stream[at + 1]!;
    if (marker === 0xda) return null;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) {
      return {
        precision: stream[at + 4]!,
        height: (stream[at + 5]! << 8) | stream[at + 6]!,
        width: (stream[at + 7]! << 8) | stream[at + 8]!,
        components: stream[at + 9]!,
        sampling: stream[at + 11] ?? 0,
      };
    }
    at += 2 + (stream[at + 2]! << 8) + stream[at + 3]!;
  }
  return null;
}
