import type { PixelArea } from '../core/area.ts';
import { NODATA_CLASS } from '../core/classes.ts';
import type { ScenePixels } from '../core/ports.ts';
import type { ClassRows } from '../core/raster.ts';
import { intersectWindows, type Window } from '../core/window.ts';
import { type Frustum, type FrustumPlan, frustaOf } from '../frustum/plan.ts';
import type { FrustumReader } from '../frustum/read-frustum.ts';
import type { Model } from '../model/open-model.ts';
import { createDecider } from '../stitch/decide.ts';
import type { Blend } from '../stitch/ramp.ts';
import { Strip } from '../stitch/strip.ts';
import { type AskTally, type Augmentation, createAsker, passesOf } from './ask-network.ts';
import { mapAhead } from './map-ahead.ts';
import { windowsAhead } from './route-windows.ts';

export interface InferRowsOptions {
  readonly plan: FrustumPlan;
  /** The pixels that are asked for; `plan` keeps every window that reaches one of them. */
  readonly area: PixelArea;
  readonly scene: ScenePixels;
  readonly reader: FrustumReader;
  readonly model: Model;
  readonly blend: Blend;
  readonly tta: Augmentation;
  /** What kept context features may take; as much as `planContextSlots` takes unless told. */
  readonly keptFeatureBytes?: number;
  readonly signal?: AbortSignal;
  /** Called after each window with the number of windows done so far, which one it was, and whether it had data. */
  readonly onWindow?: (done: number, frustum: Frustum, hadData: boolean) => void;
  /** Where times and counts are added up. */
  readonly tally: InferTally;
}

/** What inference cost, for the run's metadata. Milliseconds are wall time. */
export interface InferTally extends AskTally {
  windows: number;
  /** Windows without a single valid pixel: not run, their pixels are nodata whatever the network would say. */
  emptyWindows: number;
  readMs: number;
  stitchMs: number;
}

export function createTally(): InferTally {
  return {
    windows: 0,
    emptyWindows: 0,
    longEncoderRuns: 0,
    shortEncoderRuns: 0,
    readMs: 0,
    longMs: 0,
    shortMs: 0,
    localMs: 0,
    stitchMs: 0,
  };
}

/** Reading is at most this many windows ahead of what the network has been asked. */
const READ_AHEAD = 3;

/**
 * Runs the network over a plan and yields the finished class rows of the area's bounds, top to bottom and counted from
 * their top; pixels outside the area or without data in the scene are nodata.
 */
export async function* inferRows(options: InferRowsOptions): AsyncGenerator<ClassRows> {
  const { plan, area, scene, reader, model, blend, tta, signal, tally } = options;
  const { manifest } = model;
  const strip = new Strip({
    window: plan.window,
    stride: plan.stride,
    scoreStride: manifest.scores.stride,
    channels: manifest.classes.length,
    frameWidth: plan.frame.width,
    frameHeight: plan.frame.height,
    blend,
  });
  const decider = createDecider(
    strip,
    area.bounds,
    manifest.classes.map((c) => c.id),
  );
  const mask = createMask(scene, area);

  async function* release(untilY: number): AsyncGenerator<ClassRows> {
    for (const tileRow of strip.release(untilY)) {
      const started = performance.now();
      const rows = decider.decide(tileRow);
      tally.stitchMs += performance.now() - started;
      if (rows !== null) yield await mask(rows, signal);
    }
  }

  const ahead = windowsAhead(plan, { workers: model.pids.length, batch: model.batch }, passesOf(tta));
  const views = mapAhead(frustaOf(plan), Math.min(ahead, READ_AHEAD), async (frustum) => {
    signal?.throwIfAborted();
    const started = performance.now();
    const empty = await isEmpty(scene, frustum.windows[0]!, signal);
    const pixels = empty ? null : await reader.readFrustum(frustum, signal);
    tally.readMs += performance.now() - started;
    return { frustum, pixels };
  });
  const ask = createAsker(plan, model, tta, tally, options.keptFeatureBytes);
  const patches = mapAhead(views, ahead, async ({ frustum, pixels }) => ({
    frustum,
    scores: pixels === null ? null : await ask(frustum, pixels),
  }));

  let done = 0;
  for await (const { frustum, scores } of patches) {
    yield* release(frustum.y);
    addPatch(strip, frustum, scores, tally);
    options.onWindow?.(++done, frustum, scores !== null);
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

/** Sets pixels outside the area, or without data in the scene, to nodata; rows must come in order. */
function createMask(
  scene: ScenePixels,
  { bounds, walkRows }: PixelArea,
): (rows: ClassRows, signal: AbortSignal | undefined) => Promise<ClassRows> {
  const { width } = bounds;
  const walk = walkRows();
  const clear = (rows: ClassRows, from: number, to: number) => {
    rows.classes.fill(NODATA_CLASS, from, to);
    rows.confidence.fill(0, from, to);
  };
  return async (rows, signal) => {
    for (let row = 0; row < rows.rowCount; row++) {
      const spans = walk.spansOf(bounds.y + rows.y + row);
      let from = 0;
      for (let i = 0; i < spans.length; i += 2) {
        clear(rows, row * width + from, row * width + spans[i]! - bounds.x);
        from = spans[i + 1]! - bounds.x;
      }
      clear(rows, row * width + from, (row + 1) * width);
    }
    const part = { x: bounds.x, y: bounds.y + rows.y, width, height: rows.rowCount };
    const valid = await scene.readValidity(part, signal);
    if (valid === null) return rows;
    for (let i = 0; i < valid.length; i++) {
      if (valid[i] === 0) {
        rows.classes[i] = NODATA_CLASS;
        rows.confidence[i] = 0;
      }
    }
    return rows;
  };
}
