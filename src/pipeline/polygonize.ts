import { basename, extname, resolve } from 'node:path';
import type { LandCoverClass } from '../core/classes.ts';
import { ConfigError } from '../core/errors.ts';
import type { VectorSink } from '../core/ports.ts';
import { refuseOverwrite } from '../io/refuse-overwrite.ts';
import type { SourceOptions } from '../io/source-options.ts';
import type { PlaceOptions } from '../scene/place/place-options.ts';
import { type ClassRaster, readClassRaster } from '../scene/read-class-raster.ts';
import { openLandcoverSink, type RasterSink } from '../sink/cog.ts';
import { qmlForClasses } from '../sink/style/qml.ts';
import { sldForClasses } from '../sink/style/sld.ts';
import { openTextSink, type TextSink } from '../sink/text-file.ts';
import { openVectorSink, vectorFormatOf } from '../sink/vector-formats.ts';
import { createCoverageWriter } from '../vectorize/coverage-writer.ts';
import type { CoverageSummary } from '../vectorize/trace-coverage.ts';
import { commitTogether } from './commit-together.ts';
import { guardMemory } from './guard-memory.ts';
import { titleOf } from './open-outputs.ts';
import { allowMemory, openingChoices } from './plan-memory.ts';
import { chooseSpaces, type PolygonOptions } from './polygon-options.ts';
import { type PolygonizeMemoryRecord, planPolygonize, polygonizeDemand } from './polygonize-memory.ts';
import { classesOfRaster } from './raster-classes.ts';

/** What to trace, and into which files. */
export interface PolygonizeOptions {
  /** A single-band uint8 raster. */
  readonly raster: string;
  /** Files to write, by their ending: see {@link VECTOR_FORMATS}. */
  readonly outputs: readonly string[];
  /** Names and colours; the raster's own unless given. */
  readonly classes?: readonly LandCoverClass[];
  /** Where the raster lies, instead of what its files say. */
  readonly place?: PlaceOptions;
  /** How the bytes of a remote raster are read. */
  readonly source?: SourceOptions;
  /** Minimum mapping unit, simplification and the like; the polygons of the pixels unless told. */
  readonly polygons?: PolygonOptions;
  /** Also writes the class raster that the polygons are before their borders are simplified, as a COG. */
  readonly sieved?: string;
  /** Also writes styles beside each output, called like it: `.qml`, which QGIS takes by itself, and `.sld`. */
  readonly styles?: boolean;
  /**
   * What the process may take, in bytes. What borders may take that are kept (see `polygons`) is then what is left of it,
   * unless that is told; a run that does not fit is refused before it begins, and one that takes more after all is ended.
   * Without it, what the control group allows counts.
   */
  readonly memoryBytes?: number;
  readonly signal?: AbortSignal;
  readonly onRows?: (done: number, total: number) => void;
  readonly onWarning?: (message: string) => void;
}

/** What was traced, and the files that hold it (absolute paths). */
export interface PolygonizeReport extends CoverageSummary {
  readonly outputs: readonly string[];
  /** What the process kept to, and what it took. */
  readonly memory: PolygonizeMemoryRecord;
}

/**
 * Traces any class raster into gap-free polygons; several files in one pass.
 * @throws ConfigError for an unknown file ending or a raster of another form; SourceError, FormatError, UnsupportedError;
 *   ResourceError if it does not fit into `memoryBytes`. Then no output is left.
 */
export async function polygonize(options: PolygonizeOptions): Promise<PolygonizeReport> {
  await checkOutputs(options);
  const { signal, outputs, polygons = {}, sieved } = options;
  const allowed = await allowMemory(options.memoryBytes);
  const { decodeThreads } = openingChoices(allowed);
  const reading = { ...options.source, ...(signal && { signal }), decodeThreads };
  const raster = await readClassRaster(options.raster, reading, options.place);
  try {
    const demand = polygonizeDemand(raster, outputs, polygons, sieved !== undefined);
    const memory = planPolygonize(demand, allowed);
    raster.shrinkCache(memory.cacheBytes);
    for (const warning of [...raster.warnings, ...memory.warnings]) options.onWarning?.(warning);
    const { promisedBytes, graphBytes, estimate } = memory;
    const advice =
      'Promise more, remove single-pixel noise from the raster first, or write fewer files at once';
    const guard = guardMemory({ allowed, children: [], shed: () => raster.shrinkCache(0), advice });
    try {
      const traced = await traceAll(raster, {
        ...options,
        polygons: { ...polygons, ...(graphBytes > 0 && { maxGraphBytes: graphBytes }) },
        signal: signal ? AbortSignal.any([signal, guard.signal]) : guard.signal,
        // Tracing may keep the process too busy for the guard to look.
        beforeCommit: async () => void (await guard.measurePeak()),
      });
      const { peakBytes } = guard;
      const estimatedBytes = estimate.totalBytes;
      return { ...traced, memory: { promisedBytes, estimatedBytes, peakBytes, graphBytes } };
    } catch (error) {
      return guard.rethrow(error);
    } finally {
      await guard.stop();
    }
  } finally {
    await raster.close();
  }
}

/** @throws ConfigError */
async function checkOutputs({ raster, outputs, sieved }: PolygonizeOptions): Promise<void> {
  for (const path of outputs) vectorFormatOf(path, '--out');
  if (sieved !== undefined && !/\.tiff?$/i.test(sieved)) {
    throw new ConfigError(`--sieved ${sieved}: expected a GeoTIFF, with the ending .tif`, {
      pointer: '--sieved',
      value: sieved,
    });
  }
  const paths = absolute(outputs);
  const twice = paths.findIndex((path, i) => paths.indexOf(path) !== i);
  if (twice !== -1) {
    throw new ConfigError(`--out names ${outputs[twice]} twice; name each file once`, {
      pointer: '--out',
      value: outputs[twice],
    });
  }
  await refuseOverwrite([...outputs, ...(sieved === undefined ? [] : [sieved])], [raster]);
}

const absolute = (paths: readonly string[]) => paths.map((path) => resolve(path));

interface TraceOptions extends PolygonizeOptions {
  readonly polygons: PolygonOptions;
  readonly signal: AbortSignal;
  /** Runs when everything is written and nothing is in its place. */
  readonly beforeCommit: () => Promise<void>;
}

async function traceAll(
  raster: ClassRaster,
  options: TraceOptions,
): Promise<Omit<PolygonizeReport, 'memory'>> {
  const { outputs, polygons, sieved, signal } = options;
  const paths = absolute(outputs);
  const sinks: VectorSink[] = [];
  const texts: TextSink[] = [];
  let sievedSink: RasterSink | null = null;
  try {
    const classes = options.classes ?? classesOfRaster(raster);
    const { grid } = raster;
    const layer = { name: titleOf(raster.info.url), classes, grid };
    const spaces = await chooseSpaces(outputs, grid, polygons.crs);
    for (const [i, path] of outputs.entries()) {
      sinks.push(await openVectorSink({ ...layer, path, space: spaces[i]! }));
    }
    if (sieved !== undefined) sievedSink = await openLandcoverSink({ path: sieved, grid, classes });
    const coverage = createCoverageWriter({
      grid,
      classes,
      sinks,
      withConfidence: false,
      generalisation: polygons,
      signal,
      ...(sievedSink && { onSievedRows: sievedSink.writeRows }),
    });
    for await (const rows of raster.rows(signal)) {
      await coverage.writeRows(rows);
      options.onRows?.(rows.y + rows.rowCount, grid.height);
    }
    signal.throwIfAborted();
    const summary = await coverage.finish();
    if (options.styles) {
      // With the names and colours of the features, also where the raster tells none.
      const drawn = summary.classes.map(({ classId: id, className: name, color }) => ({ id, name, color }));
      const baseOf = (path: string) => path.slice(0, -extname(path).length);
      const rasterBase = sieved === undefined ? null : baseOf(resolve(sieved));
      for (const base of new Set(paths.map(baseOf))) {
        // QGIS takes the one file for a raster of this name too.
        const geometry = base === rasterBase ? 'both' : 'polygon';
        const sld = sldForClasses(drawn, { geometry: 'polygon', name: basename(base) });
        texts.push(await openTextSink(`${base}.qml`, qmlForClasses(drawn, { geometry })));
        texts.push(await openTextSink(`${base}.sld`, sld));
      }
    }
    await options.beforeCommit();
    signal.throwIfAborted();
    const all = [...sinks, ...(sievedSink === null ? [] : [sievedSink]), ...texts];
    return { ...summary, outputs: await commitTogether(all) };
  } catch (error) {
    await Promise.all([...[...sinks, ...texts].map((sink) => sink.abort()), sievedSink?.abort()]);
    throw error;
  }
}
