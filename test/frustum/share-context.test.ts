import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areaOfRows, windowArea } from '../../src/core/area.ts';
import { countPlaces, frustaOf, planFrusta, windowKey } from '../../src/frustum/plan.ts';
import { planKeptViews } from '../../src/frustum/read-frustum.ts';
import { selectFrusta } from '../../src/frustum/select-frusta.ts';

const plans = fc
  .record({
    width: fc.integer({ min: 1, max: 900 }),
    height: fc.integer({ min: 1, max: 500 }),
    window: fc.constant(64),
    distances: fc.constantFrom([1, 3, 6], [1, 3, 14], [1, 2, 4]),
    padTo: fc.constantFrom(64, 32),
    stride: fc.constantFrom(16, 32, 48, 56, 64),
    mode: fc.constantFrom('centred' as const, 'reference' as const),
    every: fc.integer({ min: 1, max: 6 }),
  })
  .filter(({ distances, stride, every }) => (every - 1) * stride <= (distances[1]! - 1) * 64);

const inside = (
  local: { x: number; y: number; width: number; height: number } | undefined,
  context: { x: number; y: number; width: number; height: number } | undefined,
) =>
  local!.x >= context!.x &&
  local!.y >= context!.y &&
  local!.x + local!.width <= context!.x + context!.width &&
  local!.y + local!.height <= context!.y + context!.height;

describe('shared context windows', () => {
  it('hold every local window that its own context held, lie in the frame, and are as large', () => {
    fc.assert(
      fc.property(plans, ({ every, ...options }) => {
        const own = [...frustaOf(planFrusta(options))];
        const plan = planFrusta({ ...options, shareContext: every });
        const shared = [...frustaOf(plan)];
        expect(shared.length).toBe(own.length);
        const frame = { x: 0, y: 0, ...plan.frame };
        const wrong = shared.filter(({ index, weight, windows }, i) => {
          const before = own[i]!;
          const same = (k: number) => windowKey(windows[k]!) === windowKey(before.windows[k]!);
          const kept = index === before.index && weight === before.weight && same(0);
          return !(
            kept &&
            windows.every((window, k) => {
              const holds = inside(windows[0], window) || !inside(before.windows[0], before.windows[k]);
              // Only the published geometry cuts windows at the frame's border.
              const asLarge = options.mode === 'reference' || window.width === before.windows[k]!.width;
              return holds && asLarge && inside(window, frame) && (every > 1 || same(k));
            })
          );
        });
        expect(wrong).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('are as many as groups of neighbours along each axis, at most', () => {
    fc.assert(
      fc.property(
        plans.filter(({ mode }) => mode === 'centred'),
        ({ every, ...options }) => {
          const plan = planFrusta({ ...options, shareContext: every });
          const places = countPlaces(plan, 1);
          expect(places.columns).toBeLessThanOrEqual(Math.ceil(plan.columns.length / every));
          expect(places.rows).toBeLessThanOrEqual(Math.ceil(plan.rows.length / every));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('are those of the whole scene in any band of it', () => {
    fc.assert(
      fc.property(plans, fc.double({ min: 0, max: 0.99, noNaN: true }), ({ every, ...options }, from) => {
        const plan = planFrusta({ ...options, shareContext: every });
        const y0 = Math.floor(from * options.height);
        const y1 = Math.min(options.height, y0 + 100);
        const whole = new Map([...frustaOf(plan)].map((frustum) => [frustum.index, frustum]));
        const band = selectFrusta(plan, areaOfRows(windowArea({ x: 0, y: 0, ...plan.scene }), y0, y1));
        for (const frustum of frustaOf(band)) expect(frustum).toEqual(whole.get(frustum.index));
      }),
      { numRuns: 50 },
    );
  });

  it('are a quarter of the windows of a GID scene, by twos', () => {
    const gid = {
      width: 7200,
      height: 6800,
      window: 512,
      distances: [1, 3, 14],
      padTo: 512,
      mode: 'reference',
    } as const;
    const distinct = (shareContext: number) => {
      const plan = planFrusta({ ...gid, stride: 128, shareContext });
      return new Set([...frustaOf(plan)].map(({ windows }) => windowKey(windows[1]!))).size;
    };
    const all = distinct(1);
    expect(distinct(2) / all).toBeLessThan(0.28);
    // Views of a row of groups are kept for the next row.
    expect(planKeptViews(planFrusta({ ...gid, stride: 128, shareContext: 2 }))).toBeGreaterThan(28);
    expect(planKeptViews(planFrusta({ ...gid, stride: 128 }))).toBe(8);
  });

  it('refuses more neighbours than one context window holds', () => {
    const make = (shareContext: number) =>
      planFrusta({
        width: 900,
        height: 900,
        window: 64,
        distances: [1, 3, 6],
        padTo: 64,
        stride: 64,
        mode: 'centred',
        shareContext,
      });
    expect(() => make(3)).not.toThrow();
    expect(() => make(4)).toThrow(/--share-context 4: must be a whole number of windows from 1 to 3/);
    expect(() => make(0)).toThrow(/--share-context 0/);
    expect(() => make(1.5)).toThrow(/--share-context 1.5/);
  });
});
