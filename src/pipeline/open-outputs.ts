import { basename, join } from 'node:path';
import { type LandCoverClass, NODATA_CLASS } from '../core/classes.ts';
import { coverageSpace } from '../core/coverage.ts';
import type { Grid } from '../core/grid.ts';
import type { ScenePixels, VectorSink } from '../core/ports.ts';
import type { ClassRows } from '../core/raster.ts';
import { refuseOverwrite } from '../io/refuse-overwrite.ts';
import { openConfidenceSink, openLandcoverSink, type RasterSink } from '../sink/cog.ts';
import { openGeoJsonSink } from '../sink/geojson.ts';
import { openGeoJsonSeqSink } from '../sink/geojson-seq.ts';
import { openPreviewSink } from '../sink/preview.ts';
import { type CoverageWriter, createCoverageWriter } from '../vectorize/coverage-writer.ts';
import type { CoverageSummary } from '../vectorize/trace-coverage.ts';
import { commitTogether } from './commit-together.ts';
import type { VectorFormat } from './segment-options.ts';

export interface OutputsOptions {
  readonly outDir: string;
  /** The scene's file, which no output may replace. */
  readonly sceneUrl: string;
  /** The scene; its grid is the outputs'. */
  readonly scene: ScenePixels & { readonly grid: Grid };
  readonly title: string;
  readonly modelName: string;
  readonly classes: readonly LandCoverClass[];
  readonly vector: readonly VectorFormat[];
  readonly preview: boolean;
}

/** What the class rows held. */
export interface RowTotals {
  readonly validPixels: number;
  readonly nodataPixels: number;
  /** Pixels by class id. */
  readonly pixelCounts: Float64Array;
}

/** All outputs of a run: the rows go to each of them, and they appear together. */
export interface Outputs {
  writeRows(rows: ClassRows): Promise<void>;
  /**
   * Finishes every file, then puts them in their places one after the other. If one fails, those that are in place
   * already are taken away again.
   * @param beforeFirst runs when all are finished and none is in its place yet
   * @returns their paths, and what the coverage holds (`null` without polygons)
   */
  commit(
    beforeFirst: () => Promise<void>,
  ): Promise<{ readonly paths: readonly string[]; readonly coverage: CoverageSummary | null }>;
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
  const files = [
    'landcover.tif',
    'confidence.tif',
    'preview.png',
    ...options.vector.map((v) => `landcover.${v}`),
  ];
  await refuseOverwrite(
    files.map((file) => join(outDir, file)),
    [options.sceneUrl],
  );
  const metadata = { SOFTWARE: 'Frustum', MODEL: modelName };
  const rasters: RasterSink[] = [];
  const vectors: VectorSink[] = [];
  const abort = async () => {
    await Promise.all([...rasters, ...vectors].map((sink) => sink.abort()));
  };
  let coverage: CoverageWriter | null = null;
  try {
    rasters.push(await openLandcoverSink({ path: join(outDir, 'landcover.tif'), grid, classes, metadata }));
    rasters.push(await openConfidenceSink({ path: join(outDir, 'confidence.tif'), grid, metadata }));
    if (options.preview) {
      const path = join(outDir, 'preview.png');
      rasters.push(await openPreviewSink({ path, scene, classes, title, subtitle: modelName }));
    }
    for (const format of options.vector) vectors.push(await openVectorSink(format, outDir, grid));
    if (vectors.length > 0) coverage = createCoverageWriter({ grid, classes, sinks: vectors });
  } catch (error) {
    await abort();
    throw error;
  }
  const totals = { validPixels: 0, nodataPixels: 0, pixelCounts: new Float64Array(NODATA_CLASS) };

  return {
    totals,
    abort,
    async writeRows(rows) {
      for (const value of rows.classes) {
        if (value === NODATA_CLASS) totals.nodataPixels++;
        else totals.pixelCounts[value]!++;
      }
      totals.validPixels = totals.pixelCounts.reduce((sum, n) => sum + n, 0);
      await Promise.all(
        [...rasters, ...(coverage === null ? [] : [coverage])].map((sink) => sink.writeRows(rows)),
      );
    },
    async commit(beforeFirst) {
      const summary = coverage === null ? null : await coverage.finish();
      return { paths: await commitTogether([...vectors, ...rasters], beforeFirst), coverage: summary };
    },
  };
}

function openVectorSink(format: VectorFormat, outDir: string, grid: Grid): Promise<VectorSink> {
  const options = { path: join(outDir, `landcover.${format}`), space: coverageSpace(grid) };
  return format === 'geojson' ? openGeoJsonSink(options) : openGeoJsonSeqSink(options);
}

/** The name of a file without folders and ending, for headlines. */
export function titleOf(url: string): string {
  return basename(url).replace(/\.[^.]+$/, '');
}
