import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import type { TiffSamples } from './write-options.ts';
import { frameTile, type TileStore } from './write-store.ts';

const deflateAsync = promisify(deflate);

/** How pixels become stored tiles. */
export interface TileFormat {
  readonly tileSize: number;
  readonly bands: number;
  readonly compression: 'deflate' | 'none';
  readonly predictor: 1 | 2;
  /** Value of the pixels that a tile has beyond the image. */
  readonly padding: number;
}

/** One resolution of the image while it is written. */
export interface TiffLevel {
  readonly index: number;
  readonly width: number;
  readonly height: number;
  /** Row-major, pixel-interleaved; room for one row of tiles. */
  readonly buffer: TiffSamples;
  /** Rows that are in `buffer`. */
  bufferedRows: number;
  /** Rows that have left `buffer`. */
  flushedRows: number;
  /** Compressed bytes a tile, row-major. */
  readonly tileBytes: Uint32Array;
  /** Tiles that were handed to the queue. */
  queuedTiles: number;
}

/** Compresses tiles on the thread pool, a bounded number at a time, and stores them in the order of the calls. */
export interface TileQueue {
  /** Takes a tile over; resolves when there is room for another one. */
  push(tile: TiffSamples, level: TiffLevel): Promise<void>;
  /** Resolves when all tiles are stored. */
  drain(): Promise<void>;
}

/** Tiles under way: enough to keep libuv's four threads busy while others wait for the disk. */
const TILES_UNDER_WAY = 6;

export function createTileQueue(format: TileFormat, store: TileStore): TileQueue {
  const underWay: Promise<void>[] = [];
  let last: Promise<void> = Promise.resolve();
  return {
    async push(tile, level) {
      const index = level.queuedTiles++;
      last = Promise.all([compressTile(tile, format), last]).then(([bytes]) => {
        level.tileBytes[index] = bytes.length;
        return store.store(level.index, frameTile(bytes));
      });
      // Whoever awaits the queue next sees the failure; until then it must not count as unhandled.
      last.catch(() => undefined);
      underWay.push(last);
      if (underWay.length >= TILES_UNDER_WAY) await underWay.shift();
    },
    async drain() {
      underWay.length = 0;
      await last;
    },
  };
}

/** Cuts the buffered rows of a level into tiles and hands them on. */
export async function flushTileRow(level: TiffLevel, format: TileFormat, queue: TileQueue): Promise<void> {
  const { tileSize, bands, padding } = format;
  const { buffer, width, bufferedRows } = level;
  for (let x = 0; x < width; x += tileSize) {
    const columns = Math.min(tileSize, width - x);
    const tile = newSamples(buffer, tileSize * tileSize * bands);
    if (padding !== 0 && (columns < tileSize || bufferedRows < tileSize)) tile.fill(padding);
    for (let y = 0; y < bufferedRows; y++) {
      const from = (y * width + x) * bands;
      tile.set(buffer.subarray(from, from + columns * bands), y * tileSize * bands);
    }
    await queue.push(tile, level);
  }
}

/** A zeroed array of the same sample type. */
function newSamples(like: TiffSamples, length: number): TiffSamples {
  return new (like.constructor as new (length: number) => TiffSamples)(length);
}

async function compressTile(tile: TiffSamples, format: TileFormat): Promise<Uint8Array> {
  if (format.predictor === 2) differentiate(tile, format.tileSize * format.bands, format.bands);
  const bytes = new Uint8Array(tile.buffer, tile.byteOffset, tile.byteLength);
  return format.compression === 'none' ? bytes : await deflateAsync(bytes, { level: 6 });
}

/** TIFF's predictor 2: each sample becomes its difference to the same band's sample to the left, modulo its width. */
function differentiate(tile: TiffSamples, stride: number, bands: number): void {
  for (let row = 0; row < tile.length; row += stride) {
    for (let i = row + stride - 1; i >= row + bands; i--) tile[i] = tile[i]! - tile[i - bands]!;
  }
}
