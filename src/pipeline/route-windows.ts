import { countPlaces, type FrustumPlan } from '../frustum/plan.ts';
import type { Model } from '../model/open-model.ts';
import { type ContextSlots, createSlots } from './context-slots.ts';

/** Where a window goes, and where there the features of its context windows are, or are to be kept. */
export interface Route {
  readonly worker: number;
  readonly short: Place;
  readonly long: Place;
}

/** A context window, named; and the row of them that it is of. */
export interface ContextWindow {
  readonly key: string;
  readonly row: number;
}

interface Place {
  readonly slot: number;
  /** Whether they are there from before. */
  readonly held: boolean;
}

/**
 * Shares windows out among a model's workers, in the order in which it is asked. A window whose short-range features some
 * worker keeps goes there. Others go in turn where features are kept from row to row, so that each worker gets as many
 * context windows of a row as it has places for; else to the worker with the least to do.
 */
export function createRouter(
  model: Pick<Model, 'pids' | 'waiting'>,
  capacity: ContextSlots,
): (short: ContextWindow, long: ContextWindow) => Route {
  const workers = model.pids.map(() => ({
    short: createSlots(capacity.short, capacity.passing),
    long: createSlots(capacity.long, capacity.passing),
  }));
  let next = 0;
  const choose = (shortKey: string) => {
    const keeper = workers.findIndex(({ short }) => short.has(shortKey));
    if (keeper >= 0) return keeper;
    const waiting = model.waiting();
    let best = next;
    for (let i = 1; i < workers.length && !capacity.keepsRows; i++) {
      const other = (next + i) % workers.length;
      if (waiting[other]! < waiting[best]!) best = other;
    }
    next = (best + 1) % workers.length;
    return best;
  };
  return (near, far) => {
    const worker = choose(near.key);
    const { short, long } = workers[worker]!;
    return { worker, short: short.take(near.key, near.row), long: long.take(far.key, far.row) };
  };
}

/** Batches that each worker should have to hand: what it computes, what it puts ready, and what is on its way. */
const BATCHES_AHEAD = 3;

/**
 * How many windows the network should be ahead of the sums, so that no worker waits.
 * @param orientations how often each window is run
 */
export function windowsAhead(
  plan: FrustumPlan,
  { workers, batch }: { readonly workers: number; readonly batch: number },
  orientations: number,
): number {
  // Neighbours that share a context window go to one worker, one after the other.
  const run = workers === 1 ? 1 : Math.ceil(plan.columns.length / countPlaces(plan, 1).columns);
  return Math.max(1, Math.ceil((BATCHES_AHEAD * workers * batch * run) / orientations) - 1);
}
