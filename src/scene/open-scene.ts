import type { Grid } from '../core/grid.ts';
import type { ScenePixels, SourceStats } from '../core/ports.ts';
import type { GeoTiff } from '../geotiff/open-geotiff.ts';
import type { SampleArray } from '../geotiff/sample-array.ts';
import { BlockCache, type BlockCacheStats } from '../io/block-cache.ts';
import type { ReadStats } from '../io/coalesce-reads.ts';
import type { SourceOptions } from '../io/source-options.ts';
import { withoutSecrets } from '../io/urls.ts';
import { addCounters } from './add-counters.ts';
import { type DecodedSize, decodedSize } from './decoded-size.ts';
import { joinGrids } from './join-grids.ts';
import { listOf, listSceneFiles } from './list-scene-files.ts';
import { measureRange } from './measure-range.ts';
import { closeFiles, openFiles } from './open-files.ts';
import type { PlaceOptions } from './place/place-options.ts';
import { createMosaicReader } from './read-mosaic.ts';
import { createPixelReader, type PixelReader } from './read-pixels.ts';
import { type SceneFile, sceneFileOf } from './scene-file.ts';
import { describePixels, type SceneMetadata } from './scene-metadata.ts';
import { filesWarnings } from './scene-warnings.ts';
import { type BandChoice, selectBandsOf } from './select-bands.ts';
import { planStretch, type Stretch } from './stretch.ts';
import { recordStretch, stretchOf } from './stretch-record.ts';

export interface OpenSceneOptions {
  /** Red, green and blue; by default bands 1, 2, 3. */
  readonly bands?: BandChoice;
  /** By default `auto`. */
  readonly stretch?: Stretch;
  /** Where the scene lies, instead of what its files say. */
  readonly place?: PlaceOptions;
  /** Budget of the cache of decoded blocks; 256 MiB by default. */
  readonly cacheBytes?: number;
  /**
   * Threads that decode blocks, shared with all other files of the process: one a processor (at most 8) if not given, 0 to decode
   * on the calling thread. They start with the first reads of large images, end when idle, and change no pixel.
   */
  readonly decodeThreads?: number;
  /** How the bytes of remote scenes are read. */
  readonly source?: SourceOptions;
  readonly signal?: AbortSignal;
}

/** A scene, open: uint8 RGB pixels and validity. */
export interface Scene extends ScenePixels {
  /** The URL of the file, the name of the list of files, or the first of several files; for people. */
  readonly url: string;
  readonly grid: Grid;
  /** Its files, in the order in which they were listed. */
  readonly files: readonly SceneFile[];
  /** Metadata that the first file carries, by GDAL's names. */
  readonly fileMetadata: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly metadata: SceneMetadata;
  /** What its blocks take when they are decoded. */
  readonly decoded: DecodedSize;
  /** Counters so far, of all files together. */
  readonly stats: {
    readonly reads: ReadStats;
    readonly traffic: SourceStats;
    readonly cache: BlockCacheStats;
  };
  /** Keeps decoded blocks in so many bytes from now on, if that is less than before. */
  shrinkCache(bytes: number): void;
  close(): Promise<void>;
}

/**
 * Opens a scene for the network: chooses bands, settles the stretch (which reads the scene once where numbers are to be
 * measured) and finds out which pixels hold data. Pixels without data read as 0, like padding.
 *
 * Several files make one scene if they share CRS, pixel size, bands and sample type and lie on one pixel grid. It reaches
 * over all of them; what no file has is without data, and where they overlap the first in the list that has data counts.
 * Stretches are measured over the joined pixels.
 *
 * @param scene a path or a `file:`, `http(s):` or `s3:` URL of a GeoTIFF; or several, or a list of them (`@list.txt`, or a
 *   tile index that ends in `.geojson`)
 * @throws SourceError, FormatError, UnsupportedError; ConfigError if bands or stretch do not fit the files, or the files
 *   do not fit each other
 */
export async function openScene(
  scene: string | readonly string[],
  options: OpenSceneOptions = {},
): Promise<Scene> {
  const { signal } = options;
  const sourceOptions = { ...options.source, ...(signal && { signal }) };
  const urls = await listSceneFiles(scene, sourceOptions);
  const cache = new BlockCache<SampleArray>(options.cacheBytes ?? 256 * 1024 * 1024);
  const files = await openFiles(urls, cache, sourceOptions, options.place, options.decodeThreads);
  try {
    const infos = files.map((file) => file.info);
    const { sampleType, blockHeight } = infos[0]!;
    const bands = selectBandsOf(infos, options.bands);
    const plan = planStretch(infos[0]!, options.stretch);
    const { grid, offsets } = joinGrids(infos);
    const parts = files.map((file, i) => ({
      reader: createPixelReader(file, bands.indices),
      window: { ...offsets[i]!, width: file.info.width, height: file.info.height },
    }));
    const reader = parts.length === 1 ? parts[0]!.reader : createMosaicReader(parts, sampleType);
    const url = nameOf(scene, infos[0]!.url);
    const { width, height } = grid;
    const measured =
      'percentiles' in plan || plan.kind === 'minmax' || plan.kind === 'stddev'
        ? await measureRange({ url, width, height, sampleType, blockHeight }, reader, plan, signal)
        : null;
    const metadata = describePixels({
      url,
      infos,
      windows: parts.map(({ window }) => window),
      grid,
      bands,
      stretch: recordStretch(plan, measured),
      alphaBand: reader.alphaBand,
      place: files[0]!.place,
      maskFiles: files.flatMap((file) => file.maskFile ?? []),
    });
    return sceneOf(metadata, grid, files, filesWarnings(files, grid, bands.indices), reader, cache);
  } catch (error) {
    await closeFiles(files);
    throw error;
  }
}

function sceneOf(
  metadata: SceneMetadata,
  grid: Grid,
  files: readonly GeoTiff[],
  warnings: readonly string[],
  reader: PixelReader,
  cache: BlockCache<SampleArray>,
): Scene {
  const apply = stretchOf(metadata.stretch);
  return {
    url: metadata.url,
    grid,
    files: files.map((file) => sceneFileOf(file.info)),
    fileMetadata: files[0]!.info.metadata,
    warnings,
    metadata,
    decoded: decodedSize(files.map((file) => file.info)),
    get stats() {
      return {
        reads: files.map((file) => file.reads).reduce(addCounters),
        traffic: files.map((file) => file.traffic).reduce(addCounters),
        cache: cache.stats,
      };
    },
    async readRgb(window, signal) {
      const { samples, valid } = await reader.read(window, signal);
      const data = apply(samples);
      if (valid) clearInvalid(data, valid);
      return { width: window.width, height: window.height, bands: 3, data };
    },
    readValidity: (window, signal) => reader.readValidity(window, signal),
    shrinkCache: (bytes) => cache.shrink(bytes),
    close: () => closeFiles(files),
  };
}

/** What people call the scene: the list of its files if they gave one, else its first file. */
export function nameOf(scene: string | readonly string[], firstUrl: string): string {
  const only = typeof scene === 'string' ? scene : scene.length === 1 ? scene[0]! : null;
  const list = only === null ? null : listOf(only);
  return list === null ? firstUrl : withoutSecrets(list);
}

function clearInvalid(data: Uint8Array, valid: Uint8Array): void {
  for (let p = 0, i = 0; p < valid.length; p++, i += 3) {
    if (valid[p] === 1) continue;
    data[i] = 0;
    data[i + 1] = 0;
    data[i + 2] = 0;
  }
}
