import { TiffTag } from '@cogeotiff/core';
import { AbortedError, FormatError } from '../core/errors.ts';
import type { ByteSource } from '../core/ports.ts';
import type { Window } from '../core/window.ts';
import type { BlockCache } from '../io/block-cache.ts';
import { checkDecodable, decodeBlock } from './decode-block.ts';
import { decodedBlockBytes, type ImageLayout, samplesInBlock, unsupported } from './image-layout.ts';
import { LIMITS } from './limits.ts';
import { type BlockSpan, bytesInRow, planBlocks } from './plan-blocks.ts';
import type { Directory, TiffHeader } from './read-header.ts';
import { allocateSamples, type SampleArray, viewSamples } from './sample-array.ts';

/** One image of a file (the scene itself, an overview, a mask) as pixels. */
export interface Raster {
  readonly layout: ImageLayout;
  /** What a user should know of it. */
  readonly warnings: readonly string[];
  /**
   * Samples of a window within the image.
   * @param bands 0-based, in the order wanted; repeats are allowed
   * @returns `window.width * window.height * bands.length` samples, interleaved by pixel: `[(y*width + x)*bands.length + i]`
   * @throws FormatError, SourceError, UnsupportedError, AbortedError
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
}

/** Decoded bytes that one read may have under way beside the cache and its own result. */
const IN_FLIGHT_BYTES = 32 * 1024 * 1024;

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
  const { header, source, cache, cacheKey } = from;
  checkDecodable(header.url, layout);
  if (decodedBlockBytes(layout) > LIMITS.blockBytes && layout.compression !== 1) {
    const size = `${layout.blockWidth} x ${layout.blockHeight}`;
    throw unsupported(
      header,
      `${layout.tiled ? 'tiles' : 'strips'} of ${size} pixels`,
      'convert the file with gdal_translate -co TILED=YES',
    );
  }
  const { offsets, byteCounts, warnings } = await readBlockTable(header, directory, layout);
  const jpeg = await directory.numbers(TiffTag.JpegTables);
  const tables = {
    jpeg: jpeg && Uint8Array.from(jpeg),
    lerc: await directory.numbers(TiffTag.LercParameters),
  };

  const load = async (span: BlockSpan, signal: AbortSignal): Promise<SampleArray> => {
    const what = `${layout.tiled ? 'tile' : 'strip'} ${span.block} of image ${directory.index}`;
    const offset = offsets[span.block] ?? 0;
    const count = byteCounts[span.block] ?? 0;
    if (offset === 0 || count === 0) {
      const samples = span.rows * layout.blockWidth * samplesInBlock(layout);
      return allocateSamples(layout.type, samples).fill(fill) as SampleArray;
    }
    const [from, length] = spanBytes(layout, span, offset, count);
    assertPlausible(header, layout, span, length, what);
    // Strips may state more bytes than they have pixels for; tiles are always whole.
    const end = layout.tiled ? offset + count : from + length;
    if (end > source.sizeBytes) {
      throw new FormatError(
        `${header.url}: ${what} lies at bytes ${offset} to ${end}, but the file ends at ${source.sizeBytes}; it is cut short, fetch it again`,
        { url: header.url, what },
      );
    }
    const stored = await source.read(from, length, signal);
    const samples = await decodeBlock(header.url, layout, stored, span.rows, tables, what);
    return ownMemory(samples, layout);
  };

  return {
    layout,
    warnings,
    async read(window, bands, signal) {
      assertInside(layout, window, bands);
      const out = allocateSamples(layout.type, window.width * window.height * bands.length);
      for (const batch of batches(layout, planBlocks(layout, window, bands))) {
        if (signal?.aborted) throw new AbortedError(`reading ${header.url} was stopped`);
        const wait = batch.map(async (span) => {
          const key = `${cacheKey}:${directory.index}:${span.block}:${span.skipRows}`;
          const samples = await cache.get(key, (stop) => load(span, stop), signal);
          copyBlock(layout, span, samples, window, bands, out);
        });
        // All are awaited even if one fails, so that nothing of this read is left running behind its error.
        for (const settled of await Promise.allSettled(wait)) {
          if (settled.status === 'rejected') throw settled.reason;
        }
      }
      return out;
    },
  };
}

/**
 * Offsets and stored sizes of all blocks, in the order of the TIFF specification. Tables that are a little short are
 * filled up with zeros, which mean blocks that were left out, as libtiff does; unlike it, this is said aloud.
 */
async function readBlockTable(header: TiffHeader, directory: Directory, layout: ImageLayout) {
  const planes = layout.planar ? layout.samples : 1;
  const expected = layout.blocksAcross * layout.blocksDown * planes;
  const warnings: string[] = [];
  const read = async (tiles: TiffTag, strips: TiffTag, name: string) => {
    // Some writers put the tables of tiles under the names of strips.
    const own = layout.tiled ? await directory.numbers(tiles) : null;
    const table = own ?? (await directory.numbers(strips));
    if (table === null || table.length >= expected) return table;
    const what = `${layout.tiled ? 'Tile' : 'Strip'}${name}`;
    const said = `${header.url}: ${what} of image ${directory.index} lists ${table.length} of ${expected} blocks`;
    if (table.length * 2 < expected) {
      throw new FormatError(`${said}; the file is damaged`, { url: header.url, what });
    }
    warnings.push(`${said}; the others read as no data`);
    return [...table, ...new Array<number>(expected - table.length).fill(0)];
  };
  const offsets = await read(TiffTag.TileOffsets, TiffTag.StripOffsets, 'Offsets');
  let byteCounts = await read(TiffTag.TileByteCounts, TiffTag.StripByteCounts, 'ByteCounts');
  if (byteCounts === null && layout.compression === 1 && offsets !== null) {
    byteCounts = offsets.map((_, block) => bytesInRow(layout) * rowsOf(layout, block));
  }
  if (offsets === null || byteCounts === null) {
    const what = `${layout.tiled ? 'Tile' : 'Strip'}${offsets === null ? 'Offsets' : 'ByteCounts'}`;
    throw new FormatError(
      `${header.url}: ${what} of image ${directory.index} is missing; the file is damaged`,
      { url: header.url, what },
    );
  }
  return { offsets, byteCounts, warnings };
}

function rowsOf(layout: ImageLayout, block: number): number {
  if (layout.tiled) return layout.blockHeight;
  const down = block % layout.blocksDown;
  return Math.min(layout.blockHeight, layout.height - down * layout.blockHeight);
}

/** Where the stored bytes of a span lie: all of a block, or the wanted rows of an uncompressed one. */
function spanBytes(layout: ImageLayout, span: BlockSpan, offset: number, count: number): [number, number] {
  if (layout.compression !== 1) return [offset, count];
  const skip = span.skipRows * bytesInRow(layout);
  return [offset + skip, Math.max(0, Math.min(count - skip, span.rows * bytesInRow(layout)))];
}

/** The most that one stored byte can become. zstd has no such bound, pictures state their size. */
const EXPANSION: Readonly<Record<number, number>> = { 1: 1, 5: 4096, 8: 1040, 32773: 65, 32946: 1040 };

/** Refuses a block that cannot hold what it promises, before memory is set aside for it. */
function assertPlausible(
  header: TiffHeader,
  layout: ImageLayout,
  span: BlockSpan,
  length: number,
  what: string,
): void {
  const most = EXPANSION[layout.compression];
  const needed = bytesInRow(layout) * span.rows;
  if (most === undefined || needed <= length * most + 64) return;
  throw new FormatError(
    `${header.url}: ${what} has ${length} bytes in the file, too few for its ${needed} bytes of pixels; the file is damaged or cut short`,
    { url: header.url, what },
  );
}

/** Samples that keep no larger buffer alive: a block of a joined read would hold all its neighbours' bytes. */
function ownMemory(samples: SampleArray, layout: ImageLayout): SampleArray {
  if (samples.buffer.byteLength <= samples.byteLength + 4096) return samples;
  const bytes = new Uint8Array(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
  return viewSamples(layout.type, bytes, samples.length);
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

function* batches(layout: ImageLayout, spans: Iterable<BlockSpan>): Generator<BlockSpan[]> {
  let batch: BlockSpan[] = [];
  let bytes = 0;
  const rowBytes = decodedBlockBytes(layout) / layout.blockHeight;
  for (const span of spans) {
    const spanBytes = rowBytes * span.rows;
    if (batch.length > 0 && bytes + spanBytes > IN_FLIGHT_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(span);
    bytes += spanBytes;
  }
  if (batch.length > 0) yield batch;
}

/** Copies what a window needs of one block to where it belongs in the result. */
function copyBlock(
  layout: ImageLayout,
  span: BlockSpan,
  samples: SampleArray,
  window: Window,
  bands: readonly number[],
  out: SampleArray,
): void {
  const step = samplesInBlock(layout);
  const outStep = bands.length;
  const left = Math.max(span.x, window.x);
  const right = Math.min(span.x + layout.blockWidth, window.x + window.width);
  const top = Math.max(span.y, window.y);
  const bottom = Math.min(span.y + span.rows, window.y + window.height);
  const wholePixels = step === outStep && bands.every((band, i) => band === i) && !layout.planar;
  for (let y = top; y < bottom; y++) {
    const from = ((y - span.y) * layout.blockWidth + left - span.x) * step;
    const to = ((y - window.y) * window.width + left - window.x) * outStep;
    if (wholePixels) {
      out.set(samples.subarray(from, from + (right - left) * step), to);
      continue;
    }
    for (let i = 0; i < outStep; i++) {
      const band = bands[i]!;
      if (layout.planar && band !== span.plane) continue;
      let source = from + (layout.planar ? 0 : band);
      let target = to + i;
      for (let x = left; x < right; x++) {
        out[target] = samples[source]!;
        source += step;
        target += outStep;
      }
    }
  }
}
