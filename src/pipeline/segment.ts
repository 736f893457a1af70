import { readModelManifest } from '../model/read-manifest.ts';
import { openModel } from '../model/open-model.ts';
import { createFrustumReader } from '../frustum/read-frustum.ts';
import { openScene } from '../scene/open-scene.ts';
import { createTally, inferRows } from './infer-rows.ts';
import { openOutputs } from './open-outputs.ts';
import { preparePyramid } from './prepare-pyramid.ts';
import { dropRecord, findFinishedRun, writeRecord } from './run-record.ts';
import { planSegment, type SegmentHooks, type SegmentOptions } from './plan-segment.ts';
import { describeSegment, type SegmentReport } from './segment-report.ts';

/**
 * Maps one scene: reads it, runs SFR-Net over the plan's frusta, sums and decides, and writes `landcover.tif`,
 * `confidence.tif`, the polygons, `preview.png` and, last, `run.json` into the output folder.
 *
 * A rerun with the same inputs and settings finds its own `run.json`, checks the outputs against it and does nothing.
 * @throws any of the tagged errors; then no output of this run is left, whole or half
 */
export async function segment(options: SegmentOptions, hooks: SegmentHooks = {}): Promise<SegmentReport> {
  const started = performance.now();
  const { signal } = hooks;
  const manifest = await readModelManifest(options.model, true);
  const scene = await openScene(options.scene, planSceneOptions(options, signal));
  try {
    const task = planSegment(options, scene, manifest);
    const finished = options.overwrite ? null : await findFinishedRun<SegmentReport>(options.outDir, task.identity);
    if (finished !== null) return { ...finished, alreadyDone: true };
    await dropRecord(options.outDir);
    hooks.onPlan?.(task);
  } finally {
    await scene.close();
  }
}
