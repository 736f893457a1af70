import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Window } from '../../src/core/window.ts';
import { countPlaces, frustaOf, planFrusta, windowKey } from '../../src/frustum/plan.ts';
import { featureBytes, planContextSlots, planEncoding } from '../../src/pipeline/context-slots.ts';
import { createRouter, windowsAhead } from '../../src/pipeline/route-windows.ts';

const network = { window: 128, architecture: { neck: { attention: 32 } } };
const geometry = { window: 128, distances: [1, 3, 10], padTo: 128 } as const;

const plans = fc.record({
  width: fc.integer({ min: 130, max: 2500 }),
  height: fc.integer({ min: 130, max: 900 }),
  stride: fc.integer({ min: 8, max: 32 }).map((n) => n * 4),
  mode: fc.constantFrom('reference' as const, 'centred' as const),
  shareContext: fc.integer({ min: 1, max: 4 }),
});

/** For features: none beyond what is needed, some of a row's, or all. */
const budgets = fc.constantFrom(0, 2 ** 20, 2 ** 30);
const contextOf = (window: Window) => ({ key: windowKey(window), row: window.y });

describe('the ways of windows to workers', () => {
  it('lead to where their short-range features are, in places that no others took meanwhile', () => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 1, max: 5 }), budgets, (choices, workers, budget) => {
        const most = 1 + Math.floor((3 * 128 - 128) / choices.stride);
        const shareContext = Math.min(choices.shareContext, most);
        const plan = planFrusta({ ...geometry, ...choices, shareContext });
        const capacity = planContextSlots(plan, network, 1, workers, budget);
        const whole = planContextSlots(plan, network, 1, workers);
        const pids = Array.from({ length: workers }, (_, i) => i);
        const done = pids.map(() => 0);
        const route = createRouter({ pids, waiting: () => done }, capacity);
        const kept = pids.map(() => ({ short: new Map<number, string>(), long: new Map<number, string>() }));
        let encoded = 0;
        for (const frustum of frustaOf(plan)) {
          const [short, long] = [contextOf(frustum.windows[1]!), contextOf(frustum.windows[2]!)];
          const keys = { short: short.key, long: long.key };
          const { worker, ...places } = route(short, long);
          done[worker]!++;
          for (const branch of ['short', 'long'] as const) {
            const { slot, held } = places[branch];
            expect(slot).toBeLessThan(capacity[branch]);
            const there = kept[worker]![branch];
            if (held) expect(there.get(slot)).toBe(keys[branch]);
            there.set(slot, keys[branch]);
          }
          if (!places.short.held) encoded++;
        }
        // As often as one worker would that keeps a whole row: each short window once.
        const distinct = new Set([...frustaOf(plan)].map(({ windows }) => windowKey(windows[1]!))).size;
        if (whole.keepsRows && capacity.short === whole.short) expect(encoded).toBe(distinct);
        expect(encoded).toBeGreaterThanOrEqual(distinct);
      }),
      { numRuns: 60 },
    );
  });

  it('lead to an encoder fewer times the more of a row is kept', () => {
    const plan = planFrusta({
      ...geometry,
      ...{ width: 3000, height: 900, stride: 64, mode: 'centred', shareContext: 3 },
    });
    const each = featureBytes(network);
    const runsWith = (places: number) => {
      const capacity = planContextSlots(plan, network, 1, 1, (places + 2) * each);
      const route = createRouter({ pids: [1], waiting: () => [0] }, capacity);
      const runs = { short: 0, long: 0 };
      for (const { windows } of frustaOf(plan)) {
        const { short, long } = route(contextOf(windows[1]!), contextOf(windows[2]!));
        if (!short.held) runs.short++;
        if (!long.held) runs.long++;
      }
      return runs;
    };
    // What is not kept is made once more in each further row that sees it.
    const runsOf = (index: number, kept: number) => {
      const { columns, rows } = countPlaces(plan, index);
      return columns * rows + (plan.rows.length - rows) * (columns - kept);
    };
    const [near, far] = [countPlaces(plan, 1).columns, countPlaces(plan, 2).columns];
    expect(far).toBeGreaterThan(5);
    expect(runsWith(0)).toEqual({ short: runsOf(1, 0), long: runsOf(2, 0) });
    expect(runsWith(5)).toEqual({ short: runsOf(1, 0), long: runsOf(2, 5) });
    expect(runsWith(far + 3)).toEqual({ short: runsOf(1, 4), long: runsOf(2, far) });
    expect(runsWith(near + far)).toEqual({ short: runsOf(1, near), long: runsOf(2, far) });
  });

  it('share work out evenly where nothing is kept', () => {
    const plan = planFrusta({ ...geometry, width: 2000, height: 700, stride: 64, mode: 'reference' });
    const waiting = [0, 0, 0];
    const near = (key: string) => ({ key, row: 0 });
    const route = createRouter(
      { pids: [1, 2, 3], waiting: () => waiting },
      planContextSlots(plan, network, 1, 3),
    );
    for (let i = 0; i < 30; i++) waiting[route(near(`short ${i}`), near('far')).worker]!++;
    expect(waiting).toEqual([10, 10, 10]);
    // The third has less to do than the others.
    waiting[2] = 4;
    const next = Array.from({ length: 5 }, (_, i) => route(near(`more ${i}`), near('far')).worker);
    expect(next).toEqual([2, 2, 2, 2, 2]);
  });
});

describe('how far the network is ahead', () => {
  const plain = planFrusta({ ...geometry, width: 2000, height: 700, stride: 64, mode: 'reference' });
  const shared = planFrusta({
    ...geometry,
    width: 2000,
    height: 700,
    stride: 64,
    mode: 'centred',
    shareContext: 4,
  });

  it('grows with workers, batches, and runs of windows that go to one worker', () => {
    const ahead = (workers: number, batch: number, plan = plain, orientations = 1) =>
      windowsAhead(plan, { workers, batch }, orientations) + 1;
    expect(ahead(1, 1)).toBe(3);
    expect(ahead(2, 1)).toBe(6);
    expect(ahead(2, 8)).toBe(48);
    expect(ahead(1, 1, shared)).toBe(3);
    expect(ahead(2, 1, shared)).toBe(24);
    expect(ahead(2, 8, plain, 8)).toBe(6);
    expect(ahead(1, 1, plain, 8)).toBe(2);
  });
});

describe('how context windows are encoded', () => {
  it('follows from the whole grid: what comes again by itself, one far window for all once', () => {
    const of = (more: Partial<Parameters<typeof planFrusta>[0]>, orientations = 1) =>
      planEncoding(
        planFrusta({ ...geometry, width: 3000, height: 2600, stride: 64, mode: 'reference', ...more }),
        orientations,
      );
    expect(of({})).toEqual({ short: 'together', long: 'one' });
    expect(of({}, 8)).toEqual({ short: 'together', long: 'each' });
    expect(of({ shareContext: 2 })).toEqual({ short: 'each', long: 'one' });
    expect(of({ mode: 'centred', shareContext: 2 })).toEqual({ short: 'each', long: 'each' });
  });
});
