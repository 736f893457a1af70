import type { Grid } from '../core/grid.ts';
import type { ScenePixels, SourceStats } from '../core/ports.ts';
import { type GeoTiff, type GeoTiffInfo, openGeoTiff } from '../geotiff/open-geotiff.ts';
import type { SampleArray } from '../geotiff/sample-array.ts';
import { BlockCache, type BlockCacheStats } from '../io/block-cache.ts';
import type { ReadStats } from '../io/coalesce-reads.ts';
import { openByteSource } from '../io/open-source.ts';
import type { SourceOptions } from '../io/source-options.ts';
import { type MeasuredRange, measureRange } from './measure-range.ts';
import { createPixelReader, type PixelReader } from './read-pixels.ts';
import { type SceneFile, sceneFileOf } from './scene-file.ts';
import { nodataForJson, sceneWarnings } from './scene-warnings.ts';
import { type BandChoice, type SelectedBands, selectBands } from './select-bands.ts';
import {
  createStretch,
  keepBytes,
  planStretch,
  type Stretch,
  type StretchPlan,
  type ValueRange,
} from './stretch.ts';

export interface OpenSceneOptions {
  /** Red, green and blue; by default bands 1, 2, 3. */
  readonly bands?: BandChoice;
  /** By default `auto`. */
  readonly stretch?: Stretch;
  /** Budget of the cache of decoded blocks; 256 MiB by default. */
  readonly cacheBytes?: number;
  /** How the bytes of remote scenes are read. */
  readonly source?: SourceOptions;
  readonly signal?: AbortSignal;
}

/** What was done to make pixels for the network; goes into `run.json`. */
export interface SceneMetadata {
  readonly url: string;
  readonly width: number;
  readonly height: number;
  /** Number from 1, and name where the file has one. */
  readonly bands: readonly [string, string, string];
  readonly stretch: StretchRecord;
  /** `NaN` and infinities by name. */
  readonly nodata: number | string | null;
  /** Band number from 1 of the alpha that marks pixels without data, or `null`. */
  readonly alphaBand: number | null;
  readonly mask: boolean;
  readonly crs: string | null;
  /** True if the scene has no georeferencing: results are in pixel coordinates. */
  readonly pixelCoordinates: boolean;
}

/** The stretch with its numbers. `formula` says what they mean. */
export type StretchRecord =
  | { readonly kind: 'none' }
  | {
      readonly kind: Exclude<StretchPlan['kind'], 'none'>;
      readonly formula: string;
      /** Per band. */
      readonly ranges: readonly [ValueRange, ValueRange, ValueRange];
      readonly percentiles?: readonly [number, number];
      /** What the numbers were measured on; absent for fixed ones. */
      readonly sampling?: string;
    };

/** A scene, open: uint8 RGB pixels and validity. */
export interface Scene extends ScenePixels {
  readonly grid: Grid;
  readonly info: GeoTiffInfo;
  /** Its files, in the order in which they were listed. */
  readonly files: readonly SceneFile[];
  readonly warnings: readonly string[];
  readonly metadata: SceneMetadata;
  /** Counters so far. */
  readonly stats: {
    readonly reads: ReadStats;
    readonly traffic: SourceStats;
    readonly cache: BlockCacheStats;
  };
  close(): Promise<void>;
}

const FORMULA = 'clamp(round((v - min) / (max - min) * 255), 0, 255)';

/**
 * Opens a scene for the network: chooses bands, settles the stretch (which reads the scene once where numbers are to be
 * measured) and finds out which pixels hold data. Pixels without data read as 0, like padding.
 *
 * @param url a path or a `file:`, `http(s):` or `s3:` URL of a GeoTIFF
 * @throws SourceError, FormatError, UnsupportedError; ConfigError if bands or stretch do not fit the file
 */
export async function openScene(url: string, options: OpenSceneOptions = {}): Promise<Scene> {
  const { signal } = options;
  const cache = new BlockCache<SampleArray>(options.cacheBytes ?? 256 * 1024 * 1024);
  const source = await openByteSource(url, { ...options.source, ...(signal && { signal }) });
  try {
    const tiff = await openGeoTiff(source, { cache, ...(signal && { signal }) });
    const bands = selectBands(tiff.info, options.bands);
    const plan = planStretch(tiff.info, options.stretch);
    const reader = createPixelReader(tiff, bands.indices);
    const measured =
      plan.kind === 'minmax' || plan.kind === 'percentile'
        ? await measureRange(tiff.info, reader, plan, signal)
        : null;
    return sceneOf(tiff, cache, reader, bands, plan, measured);
  } catch (error) {
    await source.close();
    throw error;
  }
}

function sceneOf(
  tiff: GeoTiff,
  cache: BlockCache<SampleArray>,
  reader: PixelReader,
  bands: SelectedBands,
  plan: StretchPlan,
  measured: MeasuredRange | null,
): Scene {
  const { info } = tiff;
  const ranges = measured?.ranges ?? (plan.kind === 'fixed' ? plan.ranges : null);
  const apply = ranges === null ? keepBytes : createStretch(ranges);
  return {
    grid: info.grid,
    info,
    files: [sceneFileOf(info)],
    warnings: [...tiff.warnings, ...warningsOf(info, bands)],
    metadata: {
      url: info.url,
      width: info.width,
      height: info.height,
      bands: bands.labels,
      stretch: recordOf(plan, ranges, measured),
      nodata: nodataForJson(info.nodata),
      alphaBand: reader.alphaBand === null ? null : reader.alphaBand + 1,
      mask: info.hasMask,
      crs: info.grid.crs?.name ?? null,
      pixelCoordinates: info.grid.transform === null,
    },
    get stats() {
      return { reads: tiff.reads, traffic: tiff.traffic, cache: cache.stats };
    },
    async readRgb(window, signal) {
      const { samples, valid } = await reader.read(window, signal);
      const data = apply(samples);
      if (valid) clearInvalid(data, valid);
      return { width: window.width, height: window.height, bands: 3, data };
    },
    readValidity: (window, signal) => reader.readValidity(window, signal),
    close: () => tiff.close(),
  };
}

function clearInvalid(data: Uint8Array, valid: Uint8Array): void {
  for (let p = 0, i = 0; p < valid.length; p++, i += 3) {
    if (valid[p] === 1) continue;
    data[i] = 0;
    data[i + 1] = 0;
    data[i + 2] = 0;
  }
}

function recordOf(
  plan: StretchPlan,
  ranges: readonly [ValueRange, ValueRange, ValueRange] | null,
  measured: MeasuredRange | null,
): StretchRecord {
  if (plan.kind === 'none' || ranges === null) return { kind: 'none' };
  return {
    kind: plan.kind,
    formula: FORMULA,
    ranges,
    ...(plan.kind === 'percentile' && { percentiles: plan.percentiles }),
    ...(measured && { sampling: measured.sampling }),
  };
}

function warningsOf(info: GeoTiffInfo, bands: SelectedBands): readonly string[] {
  if (info.alphaBand === null || !bands.indices.includes(info.alphaBand)) return sceneWarnings(info);
  const alpha = `${info.url}: band ${info.alphaBand + 1} is marked as alpha but was chosen as colour, and is read as data`;
  return [...sceneWarnings(info), alpha];
}
