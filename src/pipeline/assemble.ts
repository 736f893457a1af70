import type { PixelArea } from '../core/area.ts';
import { NODATA_CLASS } from '../core/classes.ts';
import type { ClassRows } from '../core/raster.ts';
import type { FrustumPlan } from '../frustum/plan.ts';
import { selectFrusta } from '../frustum/select-frusta.ts';
import type { ModelManifest } from '../model/manifest.ts';
import type { Model } from '../model/open-model.ts';
import type { Scene } from '../scene/open-scene.ts';
import { chooseModel } from './choose-weights.ts';
import { guardMemory, type MemoryGuard } from './guard-memory.ts';
import { createTally, type InferTally } from './infer-rows.ts';
import { changedSincePlan } from './map-band.ts';
import { demandOf } from './memory-demand.ts';
import { openSegmentOutputs } from './open-segment-outputs.ts';
import { openSegmentScene } from './open-segment-scene.ts';
import { allowMemory, LEAST_CACHE_BYTES, type MemoryPlan, planMemory } from './plan-memory.ts';
import { planSegment, type SegmentTask } from './plan-segment.ts';
import { findFinishedRun } from './run-record.ts';
import type { SegmentOptions } from './segment-options.ts';
import type { MissingRows, SegmentReport } from './segment-report.ts';

/** A run whose rows are there already, made by others. */
export interface AssembleOptions {
  /** The whole run's, with a settled stretch. */
  readonly options: SegmentOptions;
  /** Threads that the network had, for the record: this machine needs none of them. */
  readonly threads: number;
  readonly identity: string;
  /** Whether the outputs are put elsewhere once they are all there. */
  readonly moved?: boolean;
  /** Rows of the area's bounds that are missing; they become nodata, and the run partial. */
  readonly missing: readonly MissingRows[];
  /** Gives the rows that are there, in order and counted from row 0 of the scene, and then what making them cost. */
  readonly rows: (signal: AbortSignal | undefined) => AsyncGenerator<ClassRows, MadeBy>;
}

/** Who made the rows, and what that took. */
export interface MadeBy {
  readonly versions: Model['versions'];
  readonly tally: Omit<InferTally, 'windows' | 'emptyWindows'>;
  /** Windows without data, each once, however many bands reach it. */
  readonly emptyWindows: number;
}

export interface AssembleHooks {
  readonly signal?: AbortSignal;
  readonly onWarning?: (message: string) => void;
  /** After rows were written: how many of how many. */
  readonly onRows?: (done: number, total: number) => void;
}

/**
 * Makes all outputs of a run of rows that others made: the same bytes that `segment` writes, save for times, reads and
 * memory in `run.json`. Does nothing where the same run is finished already.
 * @throws ConfigError where scene, model, settings or version are no longer those of `identity`; what `segment` throws
 */
export async function assemble(parts: AssembleOptions, hooks: AssembleHooks = {}): Promise<SegmentReport> {
  const { identity, missing } = parts;
  const { signal } = hooks;
  const started = performance.now();
  const { dir: model, manifest } = await chooseModel(parts.options);
  const options = { ...parts.options, model };
  const allowed = await allowMemory(options.memoryBytes);
  const scene = await openSegmentScene(options, signal, allowed);
  try {
    const planned = await planSegment({ ...options, threads: 1, workers: 1 }, scene, manifest, signal);
    if (planned.identity !== identity) throw changedSincePlan(scene.url);
    const { workers: _, ...config } = planned.config;
    const { workers } = options;
    const task = {
      ...planned,
      config: { ...config, threads: parts.threads, ...(workers !== undefined && { workers }) },
    };
    const finished = await findFinishedRun<SegmentReport>(options.outDir, identity);
    if (finished !== null) return { ...finished, alreadyDone: true };
    const memory = planMemory(demandOf('merge', scene, task, manifest), allowed, options.cacheBytes);
    scene.shrinkCache(memory.choices.cacheBytes);
    const warnings = [
      ...scene.warnings,
      ...task.warnings,
      ...memory.warnings,
      ...missing.map(({ y0, y1, reason }) => `rows ${y0} to ${y1} are missing (${reason}): without data`),
    ];
    for (const warning of warnings) hooks.onWarning?.(warning);
    const guard = guardMemory({ allowed, children: [], shed: () => scene.shrinkCache(LEAST_CACHE_BYTES) });
    const stop = signal ? AbortSignal.any([signal, guard.signal]) : guard.signal;
    try {
      return await writeOutputs({ ...parts, options }, hooks, {
        scene,
        task,
        manifest,
        memory,
        warnings,
        guard,
        stop,
        started,
      });
    } catch (error) {
      return guard.rethrow(error);
    } finally {
      await guard.stop();
    }
  } finally {
    await scene.close();
  }
}

interface Assembly {
  readonly scene: Scene;
  readonly task: SegmentTask;
  readonly manifest: ModelManifest;
  readonly memory: MemoryPlan;
  readonly warnings: readonly string[];
  readonly guard: MemoryGuard;
  readonly stop: AbortSignal;
  readonly started: number;
}

async function writeOutputs(
  { options, missing, moved, rows: madeRows }: AssembleOptions,
  { onRows }: AssembleHooks,
  { scene, task, manifest, memory, warnings, guard, stop: signal, started }: Assembly,
): Promise<SegmentReport> {
  const outputs = await openSegmentOutputs({
    options,
    scene,
    task,
    manifest,
    memory,
    signal,
    ...(moved && { moved: true }),
  });
  try {
    const { y: top, width, height } = task.area.bounds;
    const end = top + height;
    let at = top;
    const write = async (rows: ClassRows) => {
      signal.throwIfAborted();
      await outputs.writeRows({ ...rows, y: at - top });
      at += rows.rowCount;
      onRows?.(at - top, height);
    };
    const made = madeRows(signal);
    let step = await made.next();
    for (; step.done !== true; step = await made.next()) {
      while (at < step.value.y) await write(emptyRows(at, step.value.y, width));
      await write(step.value);
    }
    while (at < end) await write(emptyRows(at, end, width));
    const { versions, tally, emptyWindows } = step.value;
    return await outputs.commit({
      versions,
      network: null,
      tally: {
        ...createTally(),
        ...tally,
        emptyWindows,
        windows: countWindows(task.plan, task.area, missing) - emptyWindows,
      },
      warnings,
      missing,
      totalMs: () => performance.now() - started,
      peakBytes: guard.measurePeak,
    });
  } catch (error) {
    await outputs.abort();
    throw error;
  }
}

/** Windows that reach a pixel of the area in rows that are not missing. */
function countWindows(plan: FrustumPlan, area: PixelArea, missing: readonly MissingRows[]): number {
  if (missing.length === 0) return plan.count;
  const walkRows = () => {
    const walk = area.walkRows();
    return {
      spansOf: (y: number) => (missing.some(({ y0, y1 }) => y >= y0 && y < y1) ? [] : walk.spansOf(y)),
    };
  };
  return selectFrusta(plan, { ...area, walkRows }).count;
}

/** Rows without data, at most as many as one block may well hold. */
function emptyRows(from: number, until: number, width: number): ClassRows {
  const rowCount = Math.min(until - from, Math.max(1, Math.floor(2 ** 20 / width)));
  const classes = new Uint8Array(rowCount * width).fill(NODATA_CLASS);
  return { y: from, rowCount, classes, confidence: new Uint8Array(rowCount * width) };
}
