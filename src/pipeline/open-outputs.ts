import { basename, join } from 'node:path';
import { type LandCoverClass, NODATA_CLASS } from '../core/classes.ts';
import type { Grid } from '../core/grid.ts';
import type { ScenePixels, VectorSink } from '../core/ports.ts';
import type { ClassRows } from '../core/raster.ts';
import { createSeamMeter, type SeamCounts, type SeamMeterOptions } from '../evaluate/seams.ts';
import { refuseOverwrite } from '../io/refuse-overwrite.ts';
import { openConfidenceSink, openLandcoverSink, type RasterSink } from '../sink/cog.ts';
import { openPreviewSink } from '../sink/preview.ts';
import { STAC_ITEM_FILE } from '../sink/stac/item.ts';
import { qmlForClasses, qmlForConfidence } from '../sink/style/qml.ts';
import { sldForClasses } from '../sink/style/sld.ts';
import { openTextSink, type TextSink } from '../sink/text-file.ts';
import { openVectorSink } from '../sink/vector-formats.ts';
import { type CoverageWriter, createCoverageWriter } from '../vectorize/coverage-writer.ts';
import type { CoverageSummary } from '../vectorize/trace-coverage.ts';
import { commitTogether } from './commit-together.ts';
import { chooseSpaces, type PolygonOptions } from './polygon-options.ts';

/** The class raster after areas below the minimum mapping unit were merged; `landcover.tif` is as the network decided. */
const SIEVED_FILE = 'landcover-sieved.tif';

export interface OutputsOptions {
  readonly outDir: string;
  /** Files that were read, which no output may replace. */
  readonly inputUrls: readonly string[];
  /** The scene, or the part of it that is mapped; its grid is the outputs'. */
  readonly scene: ScenePixels & { readonly grid: Grid };
  readonly title: string;
  readonly modelName: string;
  /** When the scene was taken, if anything tells. */
  readonly taken: string | null;
  readonly classes: readonly LandCoverClass[];
  /** File names of the polygon layer, one a format. */
  readonly vector: readonly string[];
  /** How the polygons are made; with a minimum mapping unit, `landcover-sieved.tif` shows what was merged. */
  readonly polygons: PolygonOptions;
  readonly preview: boolean;
  /** Where windows begin and end. */
  readonly seams: Pick<SeamMeterOptions, 'columns' | 'rows' | 'scoreStride'>;
  readonly signal?: AbortSignal;
}

/** What the class rows held. */
export interface RowTotals {
  readonly validPixels: number;
  readonly nodataPixels: number;
  /** Pixels by class id. */
  readonly pixelCounts: Float64Array;
  /** Sums of confidences (0 to 255 a pixel) by class id. */
  readonly confidenceSums: Float64Array;
  /** Pixels with data by confidence, 0 to 255. */
  readonly confidenceCounts: Float64Array;
  readonly seams: SeamCounts;
}

/** Runs when outputs are in their places. */
export type DescribeOutputs<T> = (
  paths: readonly string[],
  coverage: CoverageSummary | null,
  wrote: (path: string) => void,
) => Promise<T>;

/** All outputs of a run: the rows go to each of them, and they appear together. */
export interface Outputs {
  writeRows(rows: ClassRows): Promise<void>;
  /**
   * Finishes every file, then puts them in their places one after the other. If one fails, those that are in place
   * already are taken away again.
   * @param beforeFirst runs when all are finished and none is in its place yet
   * @param describe runs when all are in their places, with their paths and what the coverage holds (`null` without
   *   polygons); it may write files that describe them, and tells the path of each
   * @returns what `describe` returned
   */
  commit<T>(beforeFirst: () => Promise<void>, describe: DescribeOutputs<T>): Promise<T>;
  /** Removes everything that was written. */
  abort(): Promise<void>;
  readonly totals: RowTotals;
}

/**
 * Opens the outputs of a run.
 * @throws ConfigError where an output would replace the scene; SourceError where the folder can't be written to; UnsupportedError for a CRS that an output can't hold
 */
export async function openOutputs(options: OutputsOptions): Promise<Outputs> {
  const { outDir, scene, classes, title, modelName } = options;
  const { grid } = scene;
  const styles = stylesOf(classes, options.vector);
  const files = [
    'landcover.tif',
    SIEVED_FILE,
    'confidence.tif',
    'preview.png',
    ...options.vector,
    ...Object.keys(styles),
    'report.html',
    STAC_ITEM_FILE,
  ];
  await refuseOverwrite(
    files.map((file) => join(outDir, file)),
    options.inputUrls,
  );
  const { taken } = options;
  const metadata = {
    SOFTWARE: 'Frustum',
    MODEL: modelName,
    SCENE: title,
    ...(taken !== null && { TAKEN: taken }),
  };
  const rasters: RasterSink[] = [];
  const vectors: VectorSink[] = [];
  const texts: TextSink[] = [];
  let sieved: RasterSink | null = null;
  const abort = async () => {
    await Promise.all([...rasters, ...vectors, ...texts].map((sink) => sink.abort()));
    await sieved?.abort();
  };
  let coverage: CoverageWriter | null = null;
  try {
    rasters.push(await openLandcoverSink({ path: join(outDir, 'landcover.tif'), grid, classes, metadata }));
    rasters.push(await openConfidenceSink({ path: join(outDir, 'confidence.tif'), grid, metadata }));
    if (options.preview) {
      const path = join(outDir, 'preview.png');
      rasters.push(await openPreviewSink({ path, scene, classes, title, subtitle: modelName }));
    }
    const { vector, polygons } = options;
    const spaces = await chooseSpaces(vector, grid, polygons.crs);
    for (const [i, file] of vector.entries()) {
      vectors.push(
        await openVectorSink({ path: join(outDir, file), space: spaces[i]!, classes, metadata, grid }),
      );
    }
    for (const [file, text] of Object.entries(styles))
      texts.push(await openTextSink(join(outDir, file), text));
    if (vectors.length > 0) {
      if (polygons.mmu !== undefined) {
        sieved = await openLandcoverSink({ path: join(outDir, SIEVED_FILE), grid, classes, metadata });
      }
      coverage = createCoverageWriter({
        grid,
        classes,
        sinks: vectors,
        generalisation: polygons,
        ...(options.signal && { signal: options.signal }),
        ...(sieved && { onSievedRows: sieved.writeRows }),
      });
    }
  } catch (error) {
    await abort();
    throw error;
  }
  const meter = createSeamMeter({ ...options.seams, width: grid.width, height: grid.height });
  const totals = {
    validPixels: 0,
    nodataPixels: 0,
    pixelCounts: new Float64Array(NODATA_CLASS),
    confidenceSums: new Float64Array(NODATA_CLASS),
    confidenceCounts: new Float64Array(256),
    get seams() {
      return meter.counts;
    },
  };

  return {
    totals,
    abort,
    async writeRows(rows) {
      for (let i = 0; i < rows.classes.length; i++) {
        const value = rows.classes[i]!;
        if (value === NODATA_CLASS) {
          totals.nodataPixels++;
          continue;
        }
        const confidence = rows.confidence[i]!;
        totals.pixelCounts[value]!++;
        totals.confidenceSums[value]! += confidence;
        totals.confidenceCounts[confidence]!++;
      }
      totals.validPixels = totals.pixelCounts.reduce((sum, n) => sum + n, 0);
      meter.add(rows);
      await Promise.all(
        [...rasters, ...(coverage === null ? [] : [coverage])].map((sink) => sink.writeRows(rows)),
      );
    },
    async commit<T>(beforeFirst: () => Promise<void>, describe: DescribeOutputs<T>) {
      const summary = coverage === null ? null : await coverage.finish();
      let description!: T;
      const all = [...vectors, ...rasters, ...(sieved === null ? [] : [sieved]), ...texts];
      await commitTogether(all, beforeFirst, async (paths, wrote) => {
        description = await describe(paths, summary, wrote);
      });
      return description;
    },
  };
}

/**
 * Styles by file name. QGIS takes the one that is called like the layer, raster or polygons: where both are called the
 * same, both are in one file.
 */
function stylesOf(classes: readonly LandCoverClass[], vector: readonly string[]): Record<string, string> {
  const name = 'landcover';
  const polygons = qmlForClasses(classes, { geometry: 'polygon' });
  const bases = vector.map(titleOf);
  return {
    ...Object.fromEntries(bases.map((base) => [`${base}.qml`, polygons])),
    'landcover.qml': qmlForClasses(classes, { geometry: bases.includes(name) ? 'both' : 'raster' }),
    'confidence.qml': qmlForConfidence(),
    'landcover.sld': sldForClasses(classes, { geometry: 'raster', name }),
    ...(vector.length > 0 && {
      'landcover-polygons.sld': sldForClasses(classes, { geometry: 'polygon', name }),
    }),
  };
}

/** The name of a file without folders and ending, for headlines. */
export function titleOf(url: string): string {
  return basename(url).replace(/\.[^.]+$/, '');
}
