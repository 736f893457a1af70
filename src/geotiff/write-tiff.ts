import { rm } from 'node:fs/promises';
import { FormatError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { type AtomicFile, openAtomicFile } from '../io/atomic-file.ts';
import { describeTiff } from './write-directory.ts';
import { paletteSideFileXml } from './write-metadata.ts';
import {
  checkOptions,
  SAMPLE_ARRAYS,
  type SampleType,
  type TiffOptions,
  type TiffSamples,
} from './write-options.ts';
import { reduceAverage, reduceMode } from './write-overview.ts';
import { type EncodeFront, openDirectStore, openStagedStore, type TileStore } from './write-store.ts';
import { encodeTiffFront } from './write-tags.ts';
import { createTileQueue, flushTileRow, type TiffLevel, type TileFormat } from './write-tiles.ts';

export type { SampleType, TiffOptions, TiffSamples } from './write-options.ts';

/** A TIFF under way. A call that fails has removed what was written; `abort` may follow and does no harm. */
export interface TiffWriter {
  /** Absolute. */
  readonly path: string;
  /** Files that {@link TiffWriter.close} puts beside the TIFF: the class names of a palette image. */
  readonly sideFiles: readonly string[];
  /**
   * Takes the next `rowCount` rows: row-major, pixel-interleaved, `rowCount * width * bands` samples of the writer's type.
   * `samples` may be used again once the promise settles; the promise waits while compression or disk are behind.
   * @throws FormatError if the samples do not fit; SourceError if they cannot be stored.
   */
  writeRows(samples: TiffSamples, rowCount: number): Promise<void>;
  /**
   * Does all that is left to do and can fail for want of space, short of putting the file in its place. For outputs of
   * several files, which should appear together: finish each, then close each.
   * @throws FormatError if rows are missing; SourceError.
   */
  finish(): Promise<void>;
  /** Finishes if that is still to be done, and puts the file in its place. */
  close(): Promise<void>;
  /** Removes what was written. May be called at any time and any number of times; does nothing after `close`. */
  abort(): Promise<void>;
}

const REDUCERS = { none: null, mode: reduceMode, average: reduceAverage } as const;

/**
 * Opens a streaming writer of tiled GeoTIFFs. Rows come in order, in blocks of any height; the bytes of the file do not
 * depend on how they are cut. Every file is a cloud-optimised GeoTIFF in GDAL's layout: directories first, then overview
 * tiles from the smallest level up, then the tiles of the full resolution. Memory is one row of tiles a level, whatever
 * the height; with overviews, compressed tiles wait in nameless files on the disk of `path`.
 * @throws ConfigError if options contradict each other; UnsupportedError for a CRS that cannot be written; SourceError.
 */
export async function createTiffWriter(options: TiffOptions): Promise<TiffWriter> {
  checkOptions(options);
  const { bands = 1, sampleType = 'uint8', tileSize = 512, nodata = null, overviews = 'none' } = options;
  const { compression = 'deflate', predictor = 1, palette, grid } = options;
  const format: TileFormat = { tileSize, bands, compression, predictor, padding: nodata ?? 0 };
  const reduce = REDUCERS[overviews];
  const levels = planLevels(grid, format, sampleType, reduce !== null);
  const base = levels[0]!;
  const { file, store } = await openOutput(options, levels);
  const queue = createTileQueue(format, store);
  let sideFile: AtomicFile | null = null;
  let finished = false;
  let closed = false;
  let committed = false;
  let cleaning: Promise<void> | null = null;
  let turn: Promise<void> = Promise.resolve();

  const removeAll = async () => {
    closed = true;
    await queue.drain().catch(() => undefined);
    await store.close();
    await Promise.all([file.abort(), sideFile?.abort()]);
  };
  const cleanUp = () => {
    cleaning ??= removeAll();
    return cleaning;
  };
  /** Runs steps one after the other, and removes everything when one fails. */
  const inTurn = (step: () => Promise<void>): Promise<void> => {
    turn = turn.then(async () => {
      if (closed)
        throw misfit(file.path, 'calls while the writer is open', 'one after it was closed or aborted');
      try {
        await step();
      } catch (error) {
        await cleanUp();
        throw error;
      }
    });
    return turn;
  };
  /** Writes out a full (or last) row of tiles, and passes its half-size copy on to the next level. */
  const flushLevel = async (level: TiffLevel): Promise<void> => {
    await flushTileRow(level, format, queue);
    const { width, bufferedRows: rows, buffer: samples } = level;
    level.flushedRows += rows;
    level.bufferedRows = 0;
    const next = levels[level.index + 1];
    if (next === undefined || reduce === null) return;
    reduce({ samples, width, rows, bands, nodata }, next.buffer, next.bufferedRows);
    next.bufferedRows += (rows + 1) >> 1;
    if (isDue(next, tileSize)) await flushLevel(next);
  };

  const finish = async (): Promise<void> => {
    if (finished) return;
    if (base.flushedRows < grid.height) {
      const rows = base.flushedRows + base.bufferedRows;
      throw misfit(file.path, `${grid.height} rows before the end`, `${rows}`);
    }
    await queue.drain();
    await store.finish(levels.map((level) => level.tileBytes));
    await store.close();
    if (palette !== undefined) {
      sideFile = await openAtomicFile(sidePathOf(file.path));
      await sideFile.write(Buffer.from(paletteSideFileXml(palette), 'utf8'));
    }
    await Promise.all([file.flush(), sideFile?.flush()]);
    finished = true;
  };

  return {
    path: file.path,
    sideFiles: palette === undefined ? [] : [sidePathOf(file.path)],
    writeRows: (samples, rowCount) =>
      inTurn(async () => {
        checkRows(file.path, samples, rowCount, base, options);
        const stride = grid.width * bands;
        for (let y = 0; y < rowCount; ) {
          const rows = Math.min(rowCount - y, tileSize - base.bufferedRows);
          base.buffer.set(samples.subarray(y * stride, (y + rows) * stride), base.bufferedRows * stride);
          base.bufferedRows += rows;
          y += rows;
          if (isDue(base, tileSize)) await flushLevel(base);
        }
      }),
    finish: () => inTurn(finish),
    close: () =>
      inTurn(async () => {
        await finish();
        await file.commit();
        closed = true;
        committed = true;
        await replaceSideFile(file.path, sideFile);
      }),
    async abort() {
      if (committed) return;
      closed = true;
      await turn.catch(() => undefined);
      await cleanUp();
    },
  };
}

async function openOutput(
  options: TiffOptions,
  levels: readonly TiffLevel[],
): Promise<{ file: AtomicFile; store: TileStore }> {
  const encodeFront: EncodeFront = (tileOffsets, tileBytes, bigTiff) => {
    const described = levels.map(({ width, height }, i) => {
      return { width, height, tileOffsets: tileOffsets[i]!, tileBytes: tileBytes[i]! };
    });
    return encodeTiffFront(describeTiff(options, described), bigTiff);
  };
  // What cannot be described must be found before a file is opened, let alone written.
  const blank = levels.map((level) => level.tileBytes);
  encodeFront(blank, blank, false);
  const file = await openAtomicFile(options.path);
  try {
    const forceBigTiff = options.bigTiff === 'always';
    if (levels.length > 1) {
      return { file, store: await openStagedStore(file, encodeFront, levels.length, forceBigTiff) };
    }
    const { tileBytes, buffer } = levels[0]!;
    const { tileSize = 512, bands = 1 } = options;
    const rawTile = tileSize * tileSize * bands * buffer.BYTES_PER_ELEMENT;
    // Deflate grows incompressible data by less than a thousandth and a hundred bytes.
    const largestTile = Math.ceil(rawTile * 1.001) + 108;
    const largestBytes = tileBytes.length * largestTile;
    return {
      file,
      store: await openDirectStore(file, encodeFront, tileBytes.length, largestBytes, forceBigTiff),
    };
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/** Full resolution first; with overviews, each level is half of the one before, rounded up, until one tile holds it. */
function planLevels(grid: Grid, format: TileFormat, sampleType: SampleType, reduced: boolean): TiffLevel[] {
  const { tileSize, bands } = format;
  const levels: TiffLevel[] = [];
  let { width, height } = grid;
  for (;;) {
    const tiles = Math.ceil(width / tileSize) * Math.ceil(height / tileSize);
    levels.push({
      index: levels.length,
      width,
      height,
      buffer: new SAMPLE_ARRAYS[sampleType](width * Math.min(tileSize, height) * bands),
      bufferedRows: 0,
      flushedRows: 0,
      tileBytes: new Uint32Array(tiles),
      queuedTiles: 0,
    });
    if (!reduced || (width <= tileSize && height <= tileSize)) return levels;
    width = (width + 1) >> 1;
    height = (height + 1) >> 1;
  }
}

function isDue(level: TiffLevel, tileSize: number): boolean {
  return level.bufferedRows === tileSize || level.flushedRows + level.bufferedRows === level.height;
}

function sidePathOf(path: string): string {
  return `${path}.aux.xml`;
}

/** A side file of an earlier image of the same name would give this one that image's names and statistics. */
async function replaceSideFile(path: string, sideFile: AtomicFile | null): Promise<void> {
  if (sideFile !== null) await sideFile.commit();
  else await rm(sidePathOf(path), { force: true }).catch(() => undefined);
}

function checkRows(
  path: string,
  samples: TiffSamples,
  rowCount: number,
  base: TiffLevel,
  { grid, bands = 1, sampleType = 'uint8' }: TiffOptions,
): void {
  if (!(samples instanceof SAMPLE_ARRAYS[sampleType]))
    throw misfit(path, `${sampleType} samples`, samples.constructor.name);
  const expected = rowCount * grid.width * bands;
  if (samples.length !== expected)
    throw misfit(path, `${expected} samples for ${rowCount} row(s)`, `${samples.length}`);
  const rows = base.flushedRows + base.bufferedRows + rowCount;
  if (rows > grid.height) throw misfit(path, `${grid.height} rows in all`, `${rows}`);
}

function misfit(path: string, expected: string, got: string): FormatError {
  return new FormatError(
    `Cannot write ${path}: expected ${expected}, got ${got}. Nothing was written; this is a defect of the caller.`,
    { url: path, what: 'rows' },
  );
}
