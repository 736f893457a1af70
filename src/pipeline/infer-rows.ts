import { NODATA_CLASS } from '../core/classes.ts';
import type { ScenePixels } from '../core/ports.ts';
import type { ClassRows } from '../core/raster.ts';
import { intersectWindows, type Window } from '../core/window.ts';
import { type Frustum, type FrustumPlan, frustaOf, windowKey } from '../frustum/plan.ts';
import type { FrustumReader } from '../frustum/read-frustum.ts';
import type { Model } from '../model/open-model.ts';
import { createDecider } from '../stitch/decide.ts';
import { Strip } from '../stitch/strip.ts';
import { mapAhead } from './map-ahead.ts';

export interface InferRowsOptions {
  readonly plan: FrustumPlan;
  readonly scene: ScenePixels;
  readonly reader: FrustumReader;
  readonly model: Model;
  readonly signal?: AbortSignal;
  /** Called after each window with the number of windows done so far. */
  readonly onWindow?: (done: number) => void;
  /** Where times and counts are added up. */
  readonly tally: InferTally;
}

/** What inference cost, for the run's metadata. Milliseconds are wall time. */
export interface InferTally {
  windows: number;
  /** Windows without a single valid pixel: not run, their pixels are nodata whatever the network would say. */
  emptyWindows: number;
  /** Times the long-range encoder ran. */
  longEncoderRuns: number;
  readMs: number;
  longMs: number;
  shortMs: number;
  localMs: number;
  stitchMs: number;
}

export function createTally(): InferTally {
  return {
    windows: 0,
    emptyWindows: 0,
    longEncoderRuns: 0,
    readMs: 0,
    longMs: 0,
    shortMs: 0,
    localMs: 0,
    stitchMs: 0,
  };
}

/** Reading is this many windows ahead of the network, and the network this many ahead of the strip. */
const AHEAD = 1;

/** Runs the network over a plan and yields finished class rows, top to bottom, masked by the scene's validity. */
export async function* inferRows(options: InferRowsOptions): AsyncGenerator<ClassRows> {
  const { plan, scene, reader, model, signal, tally } = options;
  const { manifest } = model;
  const strip = new Strip({
    window: plan.window,
    stride: plan.stride,
    scoreStride: manifest.scores.stride,
    channels: manifest.classes.length,
    frameWidth: plan.frame.width,
    frameHeight: plan.frame.height,
  });
  const { width, height } = plan.scene;
  const decider = createDecider(
    strip,
    width,
    height,
    manifest.classes.map((c) => c.id),
  );

  async function* release(untilY: number): AsyncGenerator<ClassRows> {
    for (const tileRow of strip.release(untilY)) {
      const started = performance.now();
      const rows = decider.decide(tileRow);
      tally.stitchMs += performance.now() - started;
      if (rows !== null) yield await maskRows(scene, rows, signal);
    }
  }

  const views = mapAhead(frustaOf(plan), AHEAD, async (frustum) => {
    signal?.throwIfAborted();
    const started = performance.now();
    const empty = await isEmpty(scene, frustum.windows[0]!, signal);
    const pixels = empty ? null : await reader.readFrustum(frustum, signal);
    tally.readMs += performance.now() - started;
    return { frustum, pixels };
  });
  let longKey: string | null = null;
  const patches = mapAhead(views, AHEAD, async ({ frustum, pixels }) => {
    if (pixels === null) return { frustum, scores: null };
    const key = windowKey(frustum.windows[2]!);
    const [local, short, long] = pixels;
    const request = { local: local!, short: short!, long: key === longKey ? null : long! };
    if (request.long !== null) tally.longEncoderRuns++;
    longKey = key;
    const { scores, milliseconds } = await model.infer(request);
    tally.longMs += milliseconds.long;
    tally.shortMs += milliseconds.short;
    tally.localMs += milliseconds.local;
    return { frustum, scores };
  });

  let rowY: number | null = null;
  let done = 0;
  for await (const { frustum, scores } of patches) {
    if (rowY !== null && frustum.y !== rowY) yield* release(frustum.y);
    rowY = frustum.y;
    addPatch(strip, frustum, scores, tally);
    options.onWindow?.(++done);
  }
  yield* release(plan.frame.height);
}

function addPatch(strip: Strip, frustum: Frustum, scores: Float32Array | null, tally: InferTally): void {
  if (scores === null) {
    tally.emptyWindows++;
    return;
  }
  const started = performance.now();
  strip.add(frustum.x, frustum.y, scores, frustum.weight);
  tally.windows++;
  tally.stitchMs += performance.now() - started;
}

/** True if no pixel of the window is both in the scene and valid. */
async function isEmpty(
  scene: ScenePixels,
  window: Window,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { width, height } = scene.grid;
  const inside = intersectWindows(window, { x: 0, y: 0, width, height });
  if (inside === null) return true;
  const valid = await scene.readValidity(inside, signal);
  return valid !== null && !valid.includes(1);
}

async function maskRows(
  scene: ScenePixels,
  rows: ClassRows,
  signal: AbortSignal | undefined,
): Promise<ClassRows> {
  const valid = await scene.readValidity(
    { x: 0, y: rows.y, width: scene.grid.width, height: rows.rowCount },
    signal,
  );
  if (valid === null) return rows;
  for (let i = 0; i < valid.length; i++) {
    if (valid[i] === 0) {
      rows.classes[i] = NODATA_CLASS;
      rows.confidence[i] = 0;
    }
  }
  return rows;
}
