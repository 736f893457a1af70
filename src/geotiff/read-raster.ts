import { TiffTag } from '@cogeotiff/core';
import { AbortedError } from '../core/errors.ts';
import type { ByteSource } from '../core/ports.ts';
import type { Window } from '../core/window.ts';
import type { BlockCache } from '../io/block-cache.ts';
import { locateSpan, readBlockTable, type StoredBlock } from './block-table.ts';
import { copyBlock } from './copy-block.ts';
import { checkDecodable, isPicture } from './decode-block.ts';
import { decodedBlockBytes, type ImageLayout, samplesInBlock, unsupported } from './image-layout.ts';
import { isSmallJpeg } from './jpeg-codec.ts';
import { LIMITS } from './limits.ts';
import { type BlockSpan, planBlocks, spanBytes } from './plan-blocks.ts';
import type { Directory, TiffHeader } from './read-header.ts';
import { isPlain, readPlain } from './read-plain.ts';
import { allocateUnset, type SampleArray, sampleBytes } from './sample-array.ts';
import { createSpanDecoder, type SpanTurn } from './schedule-decoding.ts';

/** One image of a file (the scene itself, an overview, a mask) as pixels. */
export interface Raster {
  readonly layout: ImageLayout;
  /** What a user should know of it. */
  readonly warnings: readonly string[];
  /**
   * Samples of a window within the image.
   * @param bands 0-based, in the order wanted; repeats are allowed
   * @returns `window.width * window.height * bands.length` samples, interleaved by pixel: `[(y*width + x)*bands.length + i]`
   * @throws FormatError, SourceError, UnsupportedError, WorkerError, AbortedError
   */
  read(window: Window, bands: readonly number[], signal?: AbortSignal): Promise<SampleArray>;
}

/** Where a raster's blocks come from and where decoded ones are kept. */
export interface RasterSource {
  readonly header: TiffHeader;
  readonly source: ByteSource;
  readonly cache: BlockCache<SampleArray>;
  /** Tells this file's blocks from those of others in a shared cache. */
  readonly cacheKey: string;
  /** Threads that decode blocks; 0 for none but the calling one. */
  readonly decodeThreads: number;
}

const JPEG = 7;

/** Decoded bytes that one read may have under way beside the cache and its own result. */
const IN_FLIGHT_BYTES = 32 * 1024 * 1024;

/** Blocks are asked for in batches of this many decoded bytes, so that their ranges can be joined. */
const BATCH_BYTES = 8 * 1024 * 1024;

/** Low strips that follow each other in the file this closely are one read. */
const JOIN = { gapBytes: 4096, rangeBytes: 4 * 1024 * 1024 } as const;

/**
 * Opens one image for reading by window.
 * @param fill the value of blocks that the file leaves out
 * @throws FormatError, UnsupportedError
 */
export async function openRaster(
  from: RasterSource,
  directory: Directory,
  layout: ImageLayout,
  fill: number,
): Promise<Raster> {
  const { header, source, cache, cacheKey, decodeThreads } = from;
  checkDecodable(header.url, layout);
  if (decodedBlockBytes(layout) > LIMITS.blockBytes && layout.compression !== 1) {
    const size = `${layout.blockWidth} x ${layout.blockHeight}`;
    throw unsupported(
      header,
      `${layout.tiled ? 'tiles' : 'strips'} of ${size} pixels`,
      'convert the file with gdal_translate -co TILED=YES',
    );
  }
  const table = await readBlockTable(header, directory, layout);
  const jpeg = await directory.numbers(TiffTag.JpegTables);
  const tables = {
    jpeg: jpeg && Uint8Array.from(jpeg),
    lerc: await directory.numbers(TiffTag.LercParameters),
  };
  const image = { url: header.url, directory: directory.index, layout, tables, fill };
  const decoder = createSpanDecoder(image, decodeThreadsFor(layout, decodeThreads));

  const locate = (span: BlockSpan) => locateSpan(header, directory.index, layout, table, span);
  const { readInto } = source;
  const plain = isPlain(layout) ? readInto : undefined;
  const pixelBytes = sampleBytes(layout.type) * layout.samples;

  const load = (span: BlockSpan, turn: SpanTurn, signal?: AbortSignal): Promise<SampleArray> => {
    const read = async () => {
      const stored = locate(span);
      const bytes = await readStored(source, stored, signal);
      return { blocks: stored.map(({ block, rows }, i) => ({ block, rows, bytes: bytes[i]! })) };
    };
    return turn.decode(read, spanBytes(layout, span), signal);
  };

  return {
    layout,
    warnings: table.warnings,
    async read(window, bands, signal) {
      assertInside(layout, window, bands);
      // Spans cover the window: each sample is set, or the read fails.
      const out = allocateUnset(layout.type, window.width * window.height * bands.length);
      const spans = planBlocks(layout, window, bands);
      if (plain !== undefined) {
        await readPlain(plain, layout, spans, locate, fill, window, bands, out, signal);
        return out;
      }
      const kept = isKept(layout, window, pixelBytes, cache.stats.budgetBytes);
      const readBatch = async (batch: readonly BlockSpan[]): Promise<void> => {
        // Local bytes come at once; those from afar are not to wait for each other.
        const turn = decoder.startTurn(readInto !== undefined, kept);
        const wait = batch.map(async (span) => {
          const key = `${cacheKey}:${directory.index}:${span.block}:${span.skipRows}`;
          const samples = kept
            ? await cache.get(key, (stop) => load(span, turn, stop), signal)
            : await load(span, turn, signal);
          copyBlock(layout, span, samples, window, bands, out);
        });
        // All are awaited even if one fails, so that nothing of this read is left running behind its error.
        for (const settled of await Promise.allSettled(wait)) {
          if (settled.status === 'rejected') throw settled.reason;
        }
      };
      await eachBatch(batches(layout, spans), readBatch, () => {
        if (signal?.aborted) throw new AbortedError(`reading ${header.url} was stopped`);
      });
      return out;
    },
  };
}

/** Plain bytes are copied sooner than sent away; libvips has threads of its own. */
function decodeThreadsFor(layout: ImageLayout, threads: number): number {
  const { compression, blockWidth, blockHeight } = layout;
  if (compression === JPEG) return isSmallJpeg(blockWidth, blockHeight, samplesInBlock(layout)) ? threads : 0;
  return compression === 1 || isPicture(compression) ? 0 : threads;
}

/**
 * Whether the cache takes a window's blocks: not what it cannot hold at once, nor a whole image that fills more than half of
 * it. Either would only drive everything else out: nobody but who has it all wants those blocks again.
 */
function isKept(layout: ImageLayout, { width, height }: Window, pixelBytes: number, budget: number): boolean {
  const bytes = width * height * pixelBytes;
  const whole = width === layout.width && height === layout.height;
  return bytes <= (whole ? budget / 2 : budget);
}

/** The bytes of blocks, `null` for those that the file leaves out; blocks that lie close together come in one read. */
async function readStored(
  source: ByteSource,
  stored: readonly StoredBlock[],
  signal: AbortSignal | undefined,
): Promise<(Uint8Array | null)[]> {
  const there = stored.filter(({ length }) => length > 0);
  const start = there[0]?.offset ?? 0;
  let end = start;
  const close = there.every(({ offset, length }) => {
    const follows = offset >= end && offset - end <= JOIN.gapBytes;
    end = offset + length;
    return follows && end - start <= JOIN.rangeBytes;
  });
  if (there.length > 1 && close) {
    const range = await source.read(start, end - start, signal);
    return stored.map(({ offset, length }) =>
      length === 0 ? null : range.subarray(offset - start, offset - start + length),
    );
  }
  return Promise.all(
    stored.map(({ offset, length }) => (length === 0 ? null : source.read(offset, length, signal))),
  );
}

/** A window or band outside the image is a caller's defect; blocks that do not exist would read as no data. */
function assertInside(layout: ImageLayout, window: Window, bands: readonly number[]): void {
  const { x, y, width, height } = window;
  const whole = [x, y, width, height].every(Number.isInteger) && width > 0 && height > 0;
  const inside = x >= 0 && y >= 0 && x + width <= layout.width && y + height <= layout.height;
  if (whole && inside && bands.every((band) => band >= 0 && band < layout.samples)) return;
  throw new RangeError(
    `window ${x},${y} ${width} x ${height} of bands ${bands.join(',')} is not within ${layout.width} x ${layout.height} x ${layout.samples}`,
  );
}

interface Batch {
  readonly spans: readonly BlockSpan[];
  readonly bytes: number;
}

/**
 * Starts batches in order, as many at a time as {@link IN_FLIGHT_BYTES} allow (always one): the next are read and decoded while
 * the first are copied.
 * @param check called before each batch; what it throws ends the read
 */
async function eachBatch(
  all: Iterable<Batch>,
  readBatch: (spans: readonly BlockSpan[]) => Promise<void>,
  check: () => void,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let bytes = 0;
  try {
    for (const batch of all) {
      while (running.size > 0 && bytes + batch.bytes > IN_FLIGHT_BYTES) await Promise.race(running);
      if (failures.length > 0) break;
      check();
      bytes += batch.bytes;
      const done: Promise<void> = readBatch(batch.spans)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => {
          running.delete(done);
          bytes -= batch.bytes;
        });
      running.add(done);
    }
  } finally {
    await Promise.all(running);
  }
  if (failures.length > 0) throw failures[0];
}

function* batches(layout: ImageLayout, spans: Iterable<BlockSpan>): Generator<Batch> {
  let batch: BlockSpan[] = [];
  let bytes = 0;
  for (const span of spans) {
    const more = spanBytes(layout, span);
    if (batch.length > 0 && bytes + more > BATCH_BYTES) {
      yield { spans: batch, bytes };
      batch = [];
      bytes = 0;
    }
    batch.push(span);
    bytes += more;
  }
  if (batch.length > 0) yield { spans: batch, bytes };
}
