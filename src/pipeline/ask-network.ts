import type { Window } from '../core/window.ts';
import { addTurnedBack, ORIENTATIONS, orientationTable, orientView } from '../frustum/orientations.ts';
import { type Frustum, type FrustumPlan, windowKey } from '../frustum/plan.ts';
import type { Model } from '../model/open-model.ts';
import { planContextSlots, planEncoding } from './context-slots.ts';
import { createRouter } from './route-windows.ts';

/** Test-time augmentation: none, or the mean of the scores over the eight symmetries of the square. */
export type Augmentation = 'none' | 'd4';

/** Names of {@link Augmentation}. */
export const AUGMENTATIONS = ['none', 'd4'] as const satisfies readonly Augmentation[];

/** How often each window goes through the network. */
export function passesOf(tta: Augmentation): number {
  return tta === 'd4' ? ORIENTATIONS : 1;
}

/** What asking has cost; counts of encoder runs, milliseconds inside the graphs. */
export interface AskTally {
  longEncoderRuns: number;
  shortEncoderRuns: number;
  longMs: number;
  shortMs: number;
  localMs: number;
}

/** Scores of a frustum's local window, float32 `[classes][cells][cells]`; `views` as the reader gives them, nearest first. */
export type AskNetwork = (frustum: Frustum, views: readonly Uint8Array[]) => Promise<Float32Array>;

/**
 * Asks a model for the scores of a plan's windows. Features of context windows that are to come again are kept where they
 * are made, in the network's processes. Ask in the plan's order, without waiting for answers if need be: which process
 * does a window changes no bit of its scores.
 *
 * With `d4` the whole frustum is shown in eight orientations, and the scores are the mean of the answers, turned back. It
 * is taken in a fixed order, so that a window's scores are the same in any run.
 * @param keptFeatureBytes what features that are kept may take in all processes together; see `planContextSlots`
 */
export function createAsker(
  plan: FrustumPlan,
  model: Model,
  tta: Augmentation,
  tally: AskTally,
  keptFeatureBytes?: number,
): AskNetwork {
  const { manifest } = model;
  const { window } = manifest;
  const passes = passesOf(tta);
  const slots = planContextSlots(plan, manifest, passes, model.pids.length, keptFeatureBytes);
  const route = createRouter(model, slots);
  const encode = planEncoding(plan, passes);
  const cells = window / manifest.scores.stride;
  const tables = Array.from({ length: passes }, (_, orientation) => ({
    view: orientationTable(orientation, window),
    scores: orientationTable(orientation, cells),
  }));

  const askOnce = async (frustum: Frustum, views: readonly Uint8Array[], orientation: number) => {
    const contextOf = (window: Window) => ({ key: `${orientation}:${windowKey(window)}`, row: window.y });
    const { worker, short, long } = route(contextOf(frustum.windows[1]!), contextOf(frustum.windows[2]!));
    const show = (view: Uint8Array) =>
      orientation === 0 ? view : orientView(view, tables[orientation]!.view);
    if (!short.held) tally.shortEncoderRuns++;
    if (!long.held) tally.longEncoderRuns++;
    const { scores, milliseconds } = await model.infer({
      worker,
      local: show(views[0]!),
      short: short.held ? null : show(views[1]!),
      long: long.held ? null : show(views[2]!),
      slots: { short: short.slot, long: long.slot },
      encode,
    });
    tally.longMs += milliseconds.long;
    tally.shortMs += milliseconds.short;
    tally.localMs += milliseconds.local;
    return scores;
  };

  return async (frustum, views) => {
    if (passes === 1) return askOnce(frustum, views, 0);
    const answers = await Promise.all(tables.map((_, orientation) => askOnce(frustum, views, orientation)));
    const mean = new Float32Array(answers[0]!.length);
    for (const [orientation, scores] of answers.entries())
      addTurnedBack(mean, scores, tables[orientation]!.scores);
    for (let i = 0; i < mean.length; i++) mean[i]! /= passes;
    return mean;
  };
}
