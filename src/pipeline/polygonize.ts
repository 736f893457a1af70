import type { LandCoverClass } from '../core/classes.ts';
import { coverageSpace } from '../core/coverage.ts';
import { ConfigError } from '../core/errors.ts';
import type { VectorSink } from '../core/ports.ts';
import { refuseOverwrite } from '../io/refuse-overwrite.ts';
import { readClassRaster } from '../scene/read-class-raster.ts';
import { openVectorSink, vectorFormatOf } from '../sink/vector-formats.ts';
import { createCoverageWriter } from '../vectorize/coverage-writer.ts';
import type { CoverageSummary } from '../vectorize/trace-coverage.ts';
import { commitTogether } from './commit-together.ts';
import { titleOf } from './open-outputs.ts';
import { classesOfRaster } from './raster-classes.ts';

/** What to trace, and into which files. */
export interface PolygonizeOptions {
  /** A single-band uint8 raster. */
  readonly raster: string;
  /** Files to write, by their ending: see {@link VECTOR_FORMATS}. */
  readonly outputs: readonly string[];
  /** Names and colours; the raster's own unless given. */
  readonly classes?: readonly LandCoverClass[];
  readonly signal?: AbortSignal;
  readonly onRows?: (done: number, total: number) => void;
  readonly onWarning?: (message: string) => void;
}

/** What was traced, and the files that hold it (absolute paths). */
export interface PolygonizeReport extends CoverageSummary {
  readonly outputs: readonly string[];
}

/**
 * Traces any class raster into gap-free polygons; several files in one pass.
 * @throws ConfigError for an unknown file ending or a raster of another form; SourceError, FormatError, UnsupportedError.
 *   Then no output is left.
 */
export async function polygonize(options: PolygonizeOptions): Promise<PolygonizeReport> {
  const { signal } = options;
  const twice = options.outputs.find((path, i) => options.outputs.indexOf(path) !== i);
  if (twice !== undefined) {
    throw new ConfigError(`--out names ${twice} twice; name each file once`, {
      pointer: '--out',
      value: twice,
    });
  }
  for (const path of options.outputs) vectorFormatOf(path, '--out');
  await refuseOverwrite(options.outputs, [options.raster]);
  const raster = await readClassRaster(options.raster);
  const sinks: VectorSink[] = [];
  try {
    for (const warning of raster.warnings) options.onWarning?.(warning);
    const classes = options.classes ?? classesOfRaster(raster);
    const layer = { space: coverageSpace(raster.grid), name: titleOf(options.raster), classes };
    for (const path of options.outputs) sinks.push(await openVectorSink({ ...layer, path }));
    const coverage = createCoverageWriter({
      grid: raster.grid,
      classes,
      sinks,
      withConfidence: false,
    });
    for await (const rows of raster.rows(signal)) {
      await coverage.writeRows(rows);
      options.onRows?.(rows.y + rows.rowCount, raster.grid.height);
    }
    signal?.throwIfAborted();
    const summary = await coverage.finish();
    return { ...summary, outputs: await commitTogether(sinks) };
  } catch (error) {
    await Promise.all(sinks.map((sink) => sink.abort()));
    throw error;
  } finally {
    await raster.close();
  }
}
