import { NODATA_CLASS } from '../core/classes.ts';
import { ConfigError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import type { ClassRows } from '../core/raster.ts';
import {
  DEFAULT_CACHE_BYTES,
  type GeoTiff,
  type GeoTiffInfo,
  type OpenGeoTiffOptions,
  openGeoTiff,
} from '../geotiff/open-geotiff.ts';
import type { SampleArray } from '../geotiff/sample-array.ts';
import { BlockCache } from '../io/block-cache.ts';
import { type OpenSourceOptions, openByteSource } from '../io/open-source.ts';
import type { PlaceOptions } from './place/place-options.ts';
import { placeScene } from './place/place-scene.ts';

/** A raster of class values, read from top to bottom. */
export interface ClassRaster {
  readonly grid: Grid;
  readonly info: GeoTiffInfo;
  readonly warnings: readonly string[];
  /** The palette, class value -> 8-bit [r, g, b]; `null` if the file has none. */
  readonly colorTable: GeoTiffInfo['colorTable'];
  /**
   * All rows, in order. {@link NODATA_CLASS} where the file holds its nodata value or its mask is 0; confidence is 255
   * where there is a class, 0 where there is none. May be walked more than once.
   * @throws FormatError, SourceError, AbortedError
   */
  rows(signal?: AbortSignal): AsyncIterable<ClassRows>;
  /** Gives the cache of decoded blocks a smaller budget from now on, in bytes. */
  shrinkCache(bytes: number): void;
  close(): Promise<void>;
}

/** Pixels of one block of rows, about. */
const ROWS_PIXELS = 2 * 1024 * 1024;

/**
 * Opens a single-band 8-bit raster, with or without a palette, as class rows.
 * @param place where it lies, instead of what its files say
 * @throws ConfigError if the file has several bands or samples that are not 8-bit; SourceError, FormatError,
 *   UnsupportedError
 */
export async function readClassRaster(
  url: string,
  options: OpenSourceOptions & Pick<OpenGeoTiffOptions, 'decodeThreads'> = {},
  place: PlaceOptions = {},
): Promise<ClassRaster> {
  const source = await openByteSource(url, options);
  try {
    const cache = new BlockCache<SampleArray>(DEFAULT_CACHE_BYTES);
    const { decodeThreads } = options;
    const opened = await openGeoTiff(source, {
      cache,
      ...(decodeThreads !== undefined && { decodeThreads }),
    });
    const tiff = await placeScene(opened, url, place, options);
    const { info } = tiff;
    const dataBands = info.bands - (info.alphaBand === null ? 0 : 1);
    if (dataBands !== 1 || info.sampleType !== 'uint8') {
      throw new ConfigError(
        `${info.url} has ${info.bands} band(s) of ${info.sampleType}; a class raster has one band of uint8 (convert it with gdal_translate -b 1 -ot Byte)`,
        { pointer: '/raster', value: info.url },
      );
    }
    return {
      grid: info.grid,
      info,
      warnings: tiff.warnings,
      colorTable: info.colorTable,
      rows: (signal) => walkRows(tiff, signal),
      shrinkCache: (bytes) => cache.shrink(bytes),
      close: () => tiff.close(),
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function* walkRows(tiff: GeoTiff, signal?: AbortSignal): AsyncGenerator<ClassRows> {
  const { width, height, blockHeight } = tiff.info;
  // Whole blocks, so that none is decoded twice.
  const wanted = Math.max(1, Math.floor(ROWS_PIXELS / width));
  const step = wanted >= blockHeight ? wanted - (wanted % blockHeight) : wanted;
  for (let y = 0; y < height; y += step) {
    const rowCount = Math.min(step, height - y);
    const classes = await readClasses(tiff, y, rowCount, signal);
    const confidence = new Uint8Array(classes.length);
    for (let p = 0; p < classes.length; p++) confidence[p] = classes[p] === NODATA_CLASS ? 0 : 255;
    yield { y, rowCount, classes, confidence };
  }
}

async function readClasses(tiff: GeoTiff, y: number, height: number, signal?: AbortSignal) {
  const { width, nodata, alphaBand } = tiff.info;
  const window = { x: 0, y, width, height };
  const [samples, alpha, mask] = await Promise.all([
    tiff.readBands(window, [alphaBand === 0 ? 1 : 0], signal),
    alphaBand === null ? null : tiff.readBands(window, [alphaBand], signal),
    tiff.readMask(window, signal),
  ]);
  const classes = Uint8Array.from(samples);
  for (let p = 0; p < classes.length; p++) {
    if (classes[p] === nodata || mask?.[p] === 0 || alpha?.[p] === 0) classes[p] = NODATA_CLASS;
  }
  return classes;
}
