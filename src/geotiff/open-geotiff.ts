import { TiffTag } from '@cogeotiff/core';
import type { Crs } from '../core/crs.ts';
import type { Grid } from '../core/grid.ts';
import type { ByteSource, SourceStats } from '../core/ports.ts';
import type { Window } from '../core/window.ts';
import { BlockCache } from '../io/block-cache.ts';
import { coalesceReads, type ReadStats } from '../io/coalesce-reads.ts';
import { findCogFaults } from './check-cog.ts';
import { PHOTOMETRIC_NAMES } from './decode-block.ts';
import { defaultDecodeThreads } from './decode-pool.ts';
import { COMPRESSION_NAMES } from './decompress.ts';
import type { ImageLayout } from './image-layout.ts';
import { readCrs } from './read-crs.ts';
import { readGeoKeys } from './read-geokeys.ts';
import { type Directory, readHeader, type TiffHeader } from './read-header.ts';
import { readLayout } from './read-layout.ts';
import { type GdalItem, itemsByBand, readColorTable, readGdalItems, readNodata } from './read-metadata.ts';
import { openRaster, type Raster } from './read-raster.ts';
import { type Placement, readTransform } from './read-transform.ts';
import type { SampleArray, SampleType } from './sample-array.ts';

/** What a GeoTIFF's header says. */
export interface GeoTiffInfo {
  readonly url: string;
  readonly sizeBytes: number;
  /** When the file was last changed, in milliseconds since 1970, as of opening; `null` if its source cannot tell. */
  readonly modifiedMs: number | null;
  /** A text that changes when the bytes change, as of opening; `null` if its source cannot tell. */
  readonly version: string | null;
  readonly bigTiff: boolean;
  readonly littleEndian: boolean;
  readonly width: number;
  readonly height: number;
  /** Samples a pixel, alpha included. */
  readonly bands: number;
  readonly sampleType: SampleType;
  readonly bitsPerSample: number;
  readonly compression: string;
  readonly predictor: number;
  readonly photometric: string;
  readonly interleave: 'pixel' | 'band';
  readonly tiled: boolean;
  readonly blockWidth: number;
  readonly blockHeight: number;
  /** What keeps it from being a cloud-optimised GeoTIFF, a few words each; empty if nothing does. */
  readonly cogFaults: readonly string[];
  /** 0-based band that holds alpha, or `null`. */
  readonly alphaBand: number | null;
  /** Whether a mask directory of the image's size says which pixels are valid. */
  readonly hasMask: boolean;
  /** GDAL_NODATA; may be NaN. `null` if there is none. */
  readonly nodata: number | null;
  readonly grid: Grid;
  /** Sizes of the reduced copies, largest first. */
  readonly overviews: readonly { readonly width: number; readonly height: number }[];
  /** Names of the bands (GDAL descriptions), `null` where a band has none. */
  readonly bandNames: readonly (string | null)[];
  /** What a sample stands for is `sample * scale + offset`; recorded, not applied. `null` if no band says so. */
  readonly scaleOffset: readonly { readonly scale: number; readonly offset: number }[] | null;
  /** GDAL's metadata of the whole file, by key, and the DateTime tag as `TIFFTAG_DATETIME`, as GDAL calls it. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Palette: class value -> 8-bit [r, g, b]. */
  readonly colorTable: readonly (readonly [number, number, number])[] | null;
}

/** An open GeoTIFF. */
export interface GeoTiff {
  readonly info: GeoTiffInfo;
  /** All that the file itself says of its place; `info.grid` has its transform alone. */
  readonly georeference: Georeference;
  /** What a user should know, one sentence each. */
  readonly warnings: readonly string[];
  /** Counters of the reads so far. */
  readonly reads: ReadStats;
  /** What the source beneath has cost so far. */
  readonly traffic: SourceStats;
  /**
   * Samples of a window within the image, interleaved by pixel: `[(y*width + x)*bands.length + i]`, in the file's type.
   * @param bands 0-based, in the order wanted
   * @throws FormatError, SourceError, AbortedError
   */
  readBands(window: Window, bands: readonly number[], signal?: AbortSignal): Promise<SampleArray>;
  /** The internal mask of a window: 1 valid, 0 not; `null` if the file has none. */
  readMask(window: Window, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer> | null>;
  close(): Promise<void>;
}

/** What places a file's pixels, as the file has it; `crs` also where nothing else does. */
export interface Georeference extends Placement {
  readonly crs: Crs | null;
}

export interface OpenGeoTiffOptions {
  /** Shared between files; 256 MiB of its own if not given. */
  readonly cache?: BlockCache<SampleArray>;
  /**
   * Threads that decode blocks, shared with all other files of the process; one a processor (at most 8) if not given, 0 to
   * decode on the calling thread. They start with the first reads of many blocks, end when idle, and change no pixel.
   */
  readonly decodeThreads?: number;
  readonly signal?: AbortSignal;
}

/** Budget of a cache that nobody chose. */
export const DEFAULT_CACHE_BYTES = 256 * 1024 * 1024;

const REDUCED_IMAGE = 1;
const MASK = 4;
let opened = 0;

/**
 * Opens the first image of a GeoTIFF, with its mask and overviews. Closing it closes the source.
 * @throws FormatError, UnsupportedError, SourceError
 */
export async function openGeoTiff(source: ByteSource, options: OpenGeoTiffOptions = {}): Promise<GeoTiff> {
  const header = await readHeader(source, options.signal);
  const [first] = header.directories as [Directory, ...Directory[]];
  const layout = await readLayout(header, first);
  const keys = await readGeoKeys(first);
  const placement = await readTransform(header.url, first, keys?.values ?? new Map());
  const place = keys && (await readCrs(header.url, keys.raw, keys.values));
  const nodata = await readNodata(first);
  const warnings = [...(place?.warnings ?? [])];
  if (nodata === undefined) {
    warnings.push(`${header.url}: its GDAL_NODATA is not a number and is ignored`);
  }

  const reading = coalesceReads(source);
  const cache = options.cache ?? new BlockCache<SampleArray>(DEFAULT_CACHE_BYTES);
  const cacheKey = `tiff${++opened}`;
  const decodeThreads = options.decodeThreads ?? defaultDecodeThreads();
  const from = { header, source: reading, cache, cacheKey, decodeThreads };
  const raster = await openRaster(
    from,
    first,
    layout,
    Number.isNaN(nodata ?? 0) ? Number.NaN : (nodata ?? 0),
  );
  warnings.push(...raster.warnings);
  const { mask, overviews } = await readCompanions(from, layout);
  const grid: Grid = {
    width: layout.width,
    height: layout.height,
    transform: placement.transform,
    crs: placement.transform && (place?.crs ?? null),
  };

  return {
    info: {
      ...(await describe(header, first, layout)),
      modifiedMs: source.modifiedMs,
      version: source.version,
      hasMask: mask !== null,
      nodata: nodata ?? null,
      grid,
      overviews,
    },
    georeference: { ...placement, crs: place?.crs ?? null },
    warnings,
    get reads() {
      return reading.reads;
    },
    get traffic() {
      return source.stats;
    },
    readBands: (window, bands, signal) => raster.read(window, bands, signal),
    async readMask(window, signal) {
      if (mask === null) return null;
      const samples = await mask.read(window, [0], signal);
      const valid = new Uint8Array(samples.length);
      for (let i = 0; i < valid.length; i++) valid[i] = samples[i] === 0 ? 0 : 1;
      return valid;
    },
    async close() {
      cache.drop(`${cacheKey}:`);
      await source.close();
    },
  };
}

type Described = Omit<GeoTiffInfo, 'modifiedMs' | 'version' | 'hasMask' | 'nodata' | 'grid' | 'overviews'>;

async function describe(header: TiffHeader, directory: Directory, layout: ImageLayout): Promise<Described> {
  const items = await readGdalItems(directory);
  const scales = itemsByBand(items, 'scale', layout.samples);
  const offsets = itemsByBand(items, 'offset', layout.samples);
  const scaled = [...scales, ...offsets].some((value) => value !== null);
  const dateTime = (await directory.text(TiffTag.DateTime))?.trim();
  return {
    url: header.url,
    sizeBytes: header.sizeBytes,
    bigTiff: header.bigTiff,
    littleEndian: header.littleEndian,
    width: layout.width,
    height: layout.height,
    bands: layout.samples,
    sampleType: layout.type,
    bitsPerSample: layout.bits,
    compression: COMPRESSION_NAMES[layout.compression] ?? String(layout.compression),
    predictor: layout.predictor,
    photometric: PHOTOMETRIC_NAMES[layout.photometric] ?? String(layout.photometric),
    interleave: layout.planar ? 'band' : 'pixel',
    tiled: layout.tiled,
    blockWidth: layout.blockWidth,
    blockHeight: layout.blockHeight,
    cogFaults: await findCogFaults(header.directories),
    alphaBand: findAlpha(items, layout),
    bandNames: itemsByBand(items, 'description', layout.samples),
    metadata: {
      ...(dateTime && { TIFFTAG_DATETIME: dateTime }),
      ...Object.fromEntries(
        items
          .filter((item) => item.sample === null && item.domain === null)
          .map((item) => [item.name, item.value]),
      ),
    },
    scaleOffset: scaled
      ? scales.map((scale, band) => ({ scale: Number(scale ?? 1), offset: Number(offsets[band] ?? 0) }))
      : null,
    colorTable: layout.photometric === 3 ? await readColorTable(directory) : null,
  };
}

/**
 * The band that holds alpha: as GDAL's colour interpretation says where the file carries one, else by ExtraSamples. GDAL
 * marks the fourth of four bytes as alpha unless told otherwise, so its own word counts for more.
 */
function findAlpha(items: readonly GdalItem[], layout: ImageLayout): number | null {
  const interpretations = itemsByBand(items, 'colorinterp', layout.samples);
  const firstExtra = layout.samples - layout.extraSamples.length;
  for (let band = 1; band < layout.samples; band++) {
    const said = interpretations[band]?.toLowerCase() ?? null;
    const extra = layout.extraSamples[band - firstExtra] ?? 0;
    if (said === null ? extra === 1 || extra === 2 : said === 'alpha') return band;
  }
  return null;
}

/** The other directories that belong to the first image: its mask and its reduced copies. */
async function readCompanions(from: Parameters<typeof openRaster>[0], layout: ImageLayout) {
  let mask: Raster | null = null;
  const overviews: { width: number; height: number }[] = [];
  for (const directory of from.header.directories.slice(1)) {
    const kind = (await directory.number(TiffTag.SubFileType)) ?? 0;
    const width = (await directory.number(TiffTag.ImageWidth)) ?? 0;
    const height = (await directory.number(TiffTag.ImageHeight)) ?? 0;
    const fullSize = width === layout.width && height === layout.height;
    if ((kind & MASK) !== 0) {
      if (mask === null && fullSize) {
        mask = await openRaster(from, directory, await readLayout(from.header, directory), 0);
      }
    } else if ((kind & REDUCED_IMAGE) !== 0 && !fullSize) {
      overviews.push({ width, height });
    }
  }
  overviews.sort((p, q) => q.width - p.width);
  return { mask, overviews };
}
