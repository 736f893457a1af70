import { createFrustumReader } from '../frustum/read-frustum.ts';
import { openModel } from '../model/open-model.ts';
import type { Scene } from '../scene/open-scene.ts';
import { chooseModel } from './choose-weights.ts';
import { guardMemory } from './guard-memory.ts';
import { createTally, inferRows } from './infer-rows.ts';
import { demandOf } from './memory-demand.ts';
import { openSegmentOutputs } from './open-segment-outputs.ts';
import { openSegmentScene } from './open-segment-scene.ts';
import {
  type AllowedMemory,
  allowMemory,
  LEAST_CACHE_BYTES,
  type MemoryPlan,
  planMemory,
} from './plan-memory.ts';
import { planSegment, type SegmentTask } from './plan-segment.ts';
import { preparePyramid } from './prepare-pyramid.ts';
import { reportNetwork } from './report-network.ts';
import { findFinishedRun } from './run-record.ts';
import type { SegmentHooks, SegmentOptions } from './segment-options.ts';
import type { SegmentReport } from './segment-report.ts';

/**
 * Maps one scene: reads it, runs SFR-Net over the plan's frusta, sums and decides, and writes `landcover.tif`,
 * `confidence.tif`, the polygons, `preview.png`, styles, `report.html`, `stac-item.json` and, last, `run.json` into the
 * output folder.
 *
 * With an area, only the windows that reach one of its pixels are run, and the outputs cover the smallest window of the
 * scene that holds it, nodata outside: pixel for pixel what a run over the whole scene gives.
 *
 * A rerun with the same inputs and settings finds its own `run.json`, checks the outputs against it and does nothing.
 * @throws any of the tagged errors; then no output of this run is left, whole or half. ResourceError if it does not fit into
 *   `memoryBytes`: before it begins where that can be foreseen
 */
export async function segment(given: SegmentOptions, hooks: SegmentHooks = {}): Promise<SegmentReport> {
  const chosen = await chooseModel(given);
  hooks.onModel?.(chosen);
  const { dir: model, manifest } = chosen;
  const options = { ...given, model };
  const allowed = await allowMemory(options.memoryBytes);
  const scene = await openSegmentScene(options, hooks.signal, allowed);
  try {
    const task = await planSegment(options, scene, manifest, hooks.signal);
    const finished = options.overwrite
      ? null
      : await findFinishedRun<SegmentReport>(options.outDir, task.identity);
    if (finished !== null) return { ...finished, alreadyDone: true };
    const memory = planMemory(demandOf('segment', scene, task, manifest), allowed, options.cacheBytes);
    scene.shrinkCache(memory.choices.cacheBytes);
    return await runTask(options, hooks, scene, { ...task, memory, allowed });
  } finally {
    await scene.close();
  }
}

async function runTask(
  options: SegmentOptions,
  hooks: SegmentHooks,
  scene: Scene,
  task: SegmentTask & { readonly memory: MemoryPlan; readonly allowed: AllowedMemory },
): Promise<SegmentReport> {
  const started = performance.now();
  const { outDir } = options;
  const { plan, area, config, memory, allowed } = task;
  const warnings = [...scene.warnings, ...task.warnings, ...memory.warnings];
  for (const warning of warnings) hooks.onWarning?.(warning);

  const model = await openModel(options.model, { ...config, ...(hooks.signal && { signal: hooks.signal }) });
  const shed = () => scene.shrinkCache(LEAST_CACHE_BYTES);
  const guard = guardMemory({ allowed, children: model.pids, shed });
  const signal = hooks.signal ? AbortSignal.any([hooks.signal, guard.signal]) : guard.signal;
  try {
    const { manifest, versions } = model;
    const { distances } = manifest;
    for (const warning of model.warnings) {
      warnings.push(warning);
      hooks.onWarning?.(warning);
    }
    const pyramid =
      config.sampling === 'pyramid'
        ? await preparePyramid({ scene, distances, dir: options.pyramid ?? null, outDir, signal })
        : null;
    try {
      const outputs = await openSegmentOutputs({ options, scene, task, manifest, memory, signal });
      try {
        hooks.onPlan?.(plan);
        const tally = createTally();
        const reader = createFrustumReader({ scene, plan, pyramid, keptViews: memory.choices.keptViews });
        const onWindow = (done: number) => hooks.onWindow?.(done, plan.count);
        for await (const rows of inferRows({
          plan,
          area,
          scene,
          reader,
          model,
          blend: config.blend,
          tta: config.tta,
          keptFeatureBytes: memory.choices.keptFeatureBytes,
          tally,
          onWindow,
          signal,
        })) {
          await outputs.writeRows(rows);
        }
        signal.throwIfAborted();
        const totalMs = () => performance.now() - started;
        return await outputs.commit({
          versions,
          tally,
          network: reportNetwork(model),
          warnings,
          missing: [],
          totalMs,
          peakBytes: guard.measurePeak,
        });
      } catch (error) {
        await outputs.abort();
        throw error;
      }
    } finally {
      await pyramid?.close();
    }
  } catch (error) {
    return guard.rethrow(error);
  } finally {
    await guard.stop();
    await model.close();
  }
}
