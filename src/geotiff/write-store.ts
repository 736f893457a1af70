import { type AtomicFile, openScratchFile, type ScratchFile } from '../io/atomic-file.ts';

/** Where compressed tiles go until the file's front part, which names their places, can be written. */
export interface TileStore {
  /** Takes the next framed tile of a level; the call takes the place. */
  store(level: number, framed: Uint8Array): Promise<void>;
  /** Completes the file, short of committing it. `tileBytes`: compressed bytes a tile, for each level. */
  finish(tileBytes: readonly Uint32Array[]): Promise<void>;
  /** Gives temporary space back. */
  close(): Promise<void>;
}

/** Encodes the front part; its size must not depend on the values of the offsets. */
export type EncodeFront = (
  tileOffsets: readonly ArrayLike<number>[],
  tileBytes: readonly ArrayLike<number>[],
  bigTiff: boolean,
) => Uint8Array;

/** A tile's size before it and its last four bytes after it, as the note in the file's front part promises. */
export function frameTile(bytes: Uint8Array): Uint8Array {
  const framed = new Uint8Array(bytes.length + FRAME_BYTES);
  new DataView(framed.buffer).setUint32(0, bytes.length, true);
  framed.set(bytes, LEADER_BYTES);
  framed.set(bytes.subarray(bytes.length - 4), LEADER_BYTES + bytes.length);
  return framed;
}

const LEADER_BYTES = 4;
const FRAME_BYTES = 8;
const COPY_BYTES = 4 << 20;
/** A classic TIFF's offsets have 32 bits. */
const CLASSIC_TIFF_BYTES = 2 ** 32 - 1;

/**
 * For a single level: room for the front part is left at the beginning and the tiles go straight behind it. Whether the
 * file may outgrow a classic TIFF must be known before the first tile: `largestBytes` bounds the size of all tiles.
 */
export async function openDirectStore(
  file: AtomicFile,
  encodeFront: EncodeFront,
  tileCount: number,
  largestBytes: number,
  forceBigTiff: boolean,
): Promise<TileStore> {
  const blank = [new Uint32Array(tileCount)];
  const frontBytes = encodeFront(blank, blank, true).length;
  const bigTiff = forceBigTiff || frontBytes + largestBytes > CLASSIC_TIFF_BYTES;
  await file.write(encodeFront(blank, blank, bigTiff));
  const start = file.position;
  return {
    store: (_level, framed) => file.write(framed),
    async finish(tileBytes) {
      const tileOffsets = tileBytes.map((bytes) => locateTiles(start, bytes));
      await file.writeAt(0, encodeFront(tileOffsets, tileBytes, bigTiff));
    },
    close: async () => {},
  };
}

/**
 * For an image with overviews, whose tiles stand before those of the full resolution but are finished after them: each
 * level waits in a nameless file on the same disk, and all are joined once their sizes are known.
 */
export async function openStagedStore(
  file: AtomicFile,
  encodeFront: EncodeFront,
  levelCount: number,
  forceBigTiff: boolean,
): Promise<TileStore> {
  const stages: ScratchFile[] = [];
  const close = async () => {
    await Promise.all(stages.map((stage) => stage.close()));
  };
  try {
    for (let i = 0; i < levelCount; i++) stages.push(await openScratchFile(file.path));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    store: (level, framed) => stages[level]!.write(framed),
    async finish(tileBytes) {
      const dataBytes = stages.reduce((sum, stage) => sum + stage.position, 0);
      const encode = (bigTiff: boolean) => {
        const size = encodeFront(tileBytes, tileBytes, bigTiff).length;
        return {
          end: size + dataBytes,
          front: encodeFront(placeLevels(size, tileBytes), tileBytes, bigTiff),
        };
      };
      const bigTiff = forceBigTiff || encode(true).end > CLASSIC_TIFF_BYTES;
      await file.write(encode(bigTiff).front);
      for (const stage of stages.toReversed()) await appendStage(file, stage);
    },
    close,
  };
}

/** Tile offsets of each level when the smallest level comes first. */
function placeLevels(start: number, tileBytes: readonly Uint32Array[]): Float64Array[] {
  const places: Float64Array[] = [];
  let position = start;
  for (const bytes of tileBytes.toReversed()) {
    places.unshift(locateTiles(position, bytes));
    position = bytes.reduce((sum, size) => sum + size + FRAME_BYTES, position);
  }
  return places;
}

function locateTiles(start: number, tileBytes: Uint32Array): Float64Array {
  const offsets = new Float64Array(tileBytes.length);
  let position = start;
  tileBytes.forEach((size, i) => {
    offsets[i] = position + LEADER_BYTES;
    position += size + FRAME_BYTES;
  });
  return offsets;
}

async function appendStage(file: AtomicFile, stage: ScratchFile): Promise<void> {
  for (let at = 0; at < stage.position; at += COPY_BYTES) {
    await file.write(await stage.read(at, Math.min(COPY_BYTES, stage.position - at)));
  }
}
