import { findFrame, loadSharp } from './decode-picture.ts';
import type { ImageLayout } from './image-layout.ts';

/** Blocks a call at most: past this, calls cost little beside the pixels. */
export const JPEG_GROUP = 32;

const YCBCR = 6;

/**
 * Decodes JPEG blocks of one image together: as a small TIFF of their own, one block below the other, which libvips hands to
 * libtiff. A call of libvips costs more than the 65,536 pixels of a common block, and this makes one of many.
 *
 * @param blocks full blocks as stored
 * @param tables the JPEGTables tag
 * @returns rows of `blockWidth * samples` bytes a block; `null` where blocks had better be decoded one by one: because they
 *   differ from what the tags say, or because one is corrupt and should be named
 */
export async function decodeJpegGroup(
  layout: ImageLayout,
  blocks: readonly Uint8Array[],
  tables: Uint8Array | null,
): Promise<Uint8Array<ArrayBuffer>[] | null> {
  const { blockWidth, blockHeight } = layout;
  const samples = layout.planar ? 1 : layout.samples;
  if (samples !== 1 && samples !== 3) return null;
  // libtiff ends what is cut short by itself and says nothing; alone, such a block is refused.
  if (!blocks.every(isEnded)) return null;
  const frames = blocks.map(findFrame);
  const first = frames[0]!;
  const alike = frames.every(
    (frame) =>
      frame !== null &&
      frame.precision === 8 &&
      frame.width === blockWidth &&
      frame.height === blockHeight &&
      frame.components === samples &&
      frame.sampling === first?.sampling,
  );
  if (!alike || first === null) return null;
  const ycbcr = samples === 3 && layout.photometric === YCBCR;
  const tiff = wrapBlocks(blocks, {
    width: blockWidth,
    height: blockHeight,
    samples,
    photometric: ycbcr ? YCBCR : samples === 3 ? 2 : 1,
    sampling: ycbcr ? [first.sampling >> 4, first.sampling & 15] : null,
    tables,
  });
  const pixels = blockWidth * blockHeight;
  const sharp = loadSharp();
  try {
    const image = sharp(tiff, { limitInputPixels: pixels * blocks.length, failOn: 'truncated' });
    const shaped = samples === 1 ? image.toColourspace('b-w') : image;
    const { data, info } = await shaped.raw().toBuffer({ resolveWithObject: true });
    if (info.channels !== samples || data.length !== pixels * samples * blocks.length) return null;
    const size = pixels * samples;
    return blocks.map((_, i) => data.subarray(i * size, (i + 1) * size) as Uint8Array<ArrayBuffer>);
  } catch {
    return null;
  }
}

function isEnded(block: Uint8Array): boolean {
  return block[block.length - 2] === 0xff && block[block.length - 1] === 0xd9;
}

interface Wrapping {
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly photometric: number;
  /** YCbCrSubSampling. */
  readonly sampling: readonly [number, number] | null;
  readonly tables: Uint8Array | null;
}

const SHORT = 3;
const LONG = 4;
const UNDEFINED = 7;
const VALUE_BYTES: Readonly<Record<number, number>> = { [SHORT]: 2, [LONG]: 4, [UNDEFINED]: 1 };

/** A little-endian TIFF of one column of tiles or, where blocks are no multiples of 16, of strips. */
function wrapBlocks(blocks: readonly Uint8Array[], wrapping: Wrapping): Buffer {
  const { width, height, samples, photometric, sampling, tables } = wrapping;
  const tiled = width % 16 === 0 && height % 16 === 0;
  const counts = blocks.map((block) => block.length);
  const entries: [tag: number, type: number, values: readonly number[] | Uint8Array][] = [
    [256, LONG, [width]],
    [257, LONG, [height * blocks.length]],
    [258, SHORT, new Array<number>(samples).fill(8)],
    [259, SHORT, [7]],
    [262, SHORT, [photometric]],
    ...(tiled ? [] : ([[273, LONG, counts]] as [number, number, number[]][])),
    [277, SHORT, [samples]],
    ...(tiled
      ? []
      : ([
          [278, LONG, [height]],
          [279, LONG, counts],
        ] as [number, number, number[]][])),
    [284, SHORT, [1]],
    ...(tiled
      ? ([
          [322, LONG, [width]],
          [323, LONG, [height]],
          [324, LONG, counts],
          [325, LONG, counts],
        ] as [number, number, number[]][])
      : []),
    ...(tables ? ([[347, UNDEFINED, tables]] as [number, number, Uint8Array][]) : []),
    ...(sampling ? ([[530, SHORT, sampling]] as [number, number, readonly number[]][]) : []),
  ];
  const outside = entries.map(([, type, values]) => {
    const bytes = values.length * VALUE_BYTES[type]!;
    return bytes > 4 ? bytes + (bytes & 1) : 0;
  });
  const directoryEnd = 8 + 2 + entries.length * 12 + 4;
  const blocksStart = directoryEnd + outside.reduce((sum, bytes) => sum + bytes, 0);
  const tiff = Buffer.alloc(blocksStart + counts.reduce((sum, bytes) => sum + bytes, 0));
  tiff.write('II*\0\x08\0\0\0', 'latin1');
  tiff.writeUInt16LE(entries.length, 8);
  const offsets: number[] = [];
  let at = blocksStart;
  for (const block of blocks) {
    offsets.push(at);
    tiff.set(block, at);
    at += block.length;
  }
  let free = directoryEnd;
  entries.forEach(([tag, type, values], i) => {
    const entry = 10 + i * 12;
    tiff.writeUInt16LE(tag, entry);
    tiff.writeUInt16LE(type, entry + 2);
    tiff.writeUInt32LE(values.length, entry + 4);
    let to = entry + 8;
    if (outside[i]! > 0) {
      tiff.writeUInt32LE(free, to);
      to = free;
      free += outside[i]!;
    }
    const size = VALUE_BYTES[type]!;
    for (const value of tag === 273 || tag === 324 ? offsets : values) {
      tiff.writeUIntLE(value, to, size);
      to += size;
    }
  });
  return tiff;
}
