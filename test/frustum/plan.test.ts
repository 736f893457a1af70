import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { centredSpan, localStarts, referenceSpan } from '../../src/frustum/geometry.ts';
import {
  type FrustumPlanOptions,
  finishedRows,
  frustaOf,
  frustaOfRow,
  planFrusta,
} from '../../src/frustum/plan.ts';

const MODES = ['reference', 'centred'] as const;

/** Small scenes with settings that fit each other, some of them smaller than one window. */
const planOptions: fc.Arbitrary<FrustumPlanOptions> = fc
  .record({
    width: fc.integer({ min: 1, max: 260 }),
    height: fc.integer({ min: 1, max: 260 }),
    window: fc.integer({ min: 1, max: 24 }).map((n) => 4 * n),
    distances: fc.constantFrom([1, 3, 14], [1, 3, 6], [1, 2, 5], [1, 1, 4], [1, 2.5, 7]),
    padTo: fc.constantFrom(4, 32, 128, 512),
    stride: fc.integer({ min: 1, max: 24 }).map((n) => 4 * n),
    mode: fc.constantFrom(...MODES),
  })
  .map((options) => ({ ...options, stride: Math.min(options.stride, options.window) }));

describe('planFrusta', () => {
  it('leaves no scene pixel unseen and repeats no local window', () => {
    fc.assert(
      fc.property(planOptions, (options) => {
        const plan = planFrusta(options);
        const seen = new Uint8Array(options.width * options.height);
        const starts = new Set<string>();
        for (const { x, y, windows } of frustaOf(plan)) {
          starts.add(`${x},${y}`);
          const local = windows[0]!;
          const side = options.window;
          if (local.x !== x || local.y !== y || local.width !== side || local.height !== side) {
            expect(local).toEqual({ x, y, width: side, height: side });
          }
          for (let row = y; row < Math.min(y + options.window, options.height); row++) {
            seen.fill(
              1,
              row * options.width + x,
              row * options.width + Math.min(x + options.window, options.width),
            );
          }
        }
        expect(seen.includes(0)).toBe(false);
        expect(starts.size).toBe(plan.count);
      }),
    );
  });

  it('counts each start as often as the published loop does', () => {
    fc.assert(
      fc.property(planOptions, (options) => {
        const plan = planFrusta({ ...options, mode: 'reference' });
        const runs = new Map<string, number>();
        for (let h = 0; h < plan.frame.height; h += options.stride) {
          for (let w = 0; w < plan.frame.width; w += options.stride) {
            const y = Math.min(h, plan.frame.height - options.window);
            const x = Math.min(w, plan.frame.width - options.window);
            runs.set(`${x},${y}`, (runs.get(`${x},${y}`) ?? 0) + 1);
          }
        }
        expect(plan.published).toEqual({
          runs: [...runs.values()].reduce((sum, n) => sum + n, 0),
          distinct: runs.size,
        });
        // In the loop's order, without the starts from which no scene pixel is reached.
        const reaching = [...runs].filter(([key]) => {
          const [x, y] = key.split(',').map(Number) as [number, number];
          return x < options.width && y < options.height;
        });
        expect([...frustaOf(plan)].map(({ x, y, weight }) => [`${x},${y}`, weight])).toEqual(reaching);
        for (const { weight } of frustaOf(planFrusta({ ...options, mode: 'centred' })))
          expect(weight).toBe(1);
      }),
    );
  });

  it('keeps all windows in the frame and numbers frusta row by row', () => {
    fc.assert(
      fc.property(planOptions, (options) => {
        const plan = planFrusta(options);
        const frusta = [...frustaOf(plan)];
        expect(frusta.findIndex(({ index }, i) => index !== i)).toBe(-1);
        const outside = frusta
          .flatMap(({ windows }) => windows)
          .filter(
            ({ x, y, width, height }) =>
              !(x >= 0 && y >= 0 && width > 0 && height > 0) ||
              x + width > plan.frame.width ||
              y + height > plan.frame.height,
          );
        expect(outside).toEqual([]);
      }),
    );
  });

  it('finishes each scene row once, and only when no later window reaches it', () => {
    fc.assert(
      fc.property(planOptions, (options) => {
        const plan = planFrusta(options);
        let next = 0;
        plan.rows.forEach((_, row) => {
          const { y, rowCount } = finishedRows(plan, row);
          expect(y).toBe(next);
          expect(rowCount).toBeGreaterThan(0);
          next = y + rowCount;
          expect(plan.rows.slice(row + 1).every((later) => later.start >= next)).toBe(true);
        });
        expect(next).toBe(options.height);
      }),
    );
  });

  it('is cheap for a scene of 50 000 x 50 000 pixels', () => {
    const started = performance.now();
    const plan = planFrusta({
      width: 50_000,
      height: 50_000,
      window: 512,
      distances: [1, 3, 14],
      padTo: 512,
      stride: 32,
      mode: 'centred',
    });
    expect(plan.count).toBe(plan.rows.length * plan.columns.length);
    expect(plan.count).toBeGreaterThan(2_000_000);
    expect([...frustaOfRow(plan, plan.rows.length - 1)]).toHaveLength(plan.columns.length);
    expect(JSON.stringify(plan).length).toBeLessThan(1_000_000);
    expect(performance.now() - started).toBeLessThan(500);
  });

  const good: FrustumPlanOptions = {
    width: 1000,
    height: 900,
    window: 128,
    distances: [1, 3, 6],
    padTo: 512,
    stride: 64,
    mode: 'reference',
  };
  it.each([
    ['/stride', { stride: 0 }],
    ['/stride', { stride: -4 }],
    ['/stride', { stride: 132 }],
    ['/stride', { stride: 62 }],
    ['/stride', { stride: Number.NaN }],
    ['/window', { window: 130 }],
    ['/padTo', { padTo: 6 }],
    ['/width', { width: 0 }],
    ['/height', { height: 12.5 }],
    ['/mode', { mode: 'published' as 'reference' }],
    ['/distances', { distances: [1, 1, 1] }],
    ['/distances', { distances: [3, 6] }],
    ['/distances', { distances: [1, 6, 3] }],
    ['/distances', { distances: [1, Number.NaN, 14] }],
    ['/distances', { distances: [] }],
  ])('refuses a wrong %s: %j', (pointer, wrong) => {
    expect(() => planFrusta({ ...good, ...wrong })).toThrow(
      expect.objectContaining({ tag: 'ConfigError', pointer }),
    );
  });
});

describe('reference geometry', () => {
  it('cuts starts down exactly, as whole-number division does', () => {
    for (const distances of [
      [1, 3, 14],
      [1, 3, 10],
      [1, 3, 6],
    ] as const) {
      const far = BigInt(distances[2]);
      const wrong: number[] = [];
      for (let start = 0; start < 20_000; start++) {
        const exact = Number((BigInt(start) * (far - BigInt(distances[1]))) / (far - 1n));
        if (referenceSpan(start, distances, 1, 512, 60_000).start !== exact) wrong.push(start);
      }
      expect(wrong).toEqual([]);
    }
  });

  it('clips the short window at the border and sees the whole frame from afar', () => {
    expect(referenceSpan(900, [1, 3, 6], 1, 512, 1024)).toEqual({ start: 540, size: 484 });
    expect(referenceSpan(900, [1, 3, 6], 2, 512, 1024)).toEqual({ start: 0, size: 1024 });
  });

  it('knows that on a 7680 px axis the short window misses the last local one by 79 px', () => {
    const local = localStarts(7680, 512, 512).at(-1)!.start;
    const short = referenceSpan(local, [1, 3, 14], 1, 512, 7680);
    expect(local + 512 - (short.start + short.size)).toBe(79);
  });
});

describe('centred geometry', () => {
  it('is concentric up to half a pixel where the frame allows, holds the local window, and never leaves the frame', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 128 }).map((n) => 4 * n),
        fc.constantFrom(1, 2, 3, 5, 6, 14, 2.25),
        fc.integer({ min: 1, max: 3000 }),
        fc.nat(),
        (window, distance, rest, place) => {
          const frame = window + rest;
          const start = place % (rest + 1);
          const span = centredSpan(start, distance, window, frame);
          expect(span.size).toBe(Math.min(frame, Math.round(distance * window)));
          expect(span.start).toBeGreaterThanOrEqual(0);
          expect(span.start + span.size).toBeLessThanOrEqual(frame);
          expect(span.start).toBeLessThanOrEqual(start);
          expect(span.start + span.size).toBeGreaterThanOrEqual(start + window);
          const clamped = span.start === 0 || span.start + span.size === frame;
          if (!clamped) {
            expect(Math.abs(span.start + span.size / 2 - (start + window / 2))).toBeLessThanOrEqual(0.5);
          }
        },
      ),
    );
  });

  it.each([
    [512, 3, 128, 2048, { start: 384, size: 384 }],
    [0, 3, 128, 2048, { start: 0, size: 384 }],
    [1920, 6, 128, 2048, { start: 1280, size: 768 }],
    [1000, 14, 128, 1152, { start: 0, size: 1152 }],
    [100, 2.25, 4, 2048, { start: 97, size: 9 }],
  ])(
    'worked out by hand: local window at %i, distance %f, window %i, frame %i',
    (start, d, window, frame, span) => {
      expect(centredSpan(start, d, window, frame)).toEqual(span);
    },
  );

  it('gives the local window itself at distance 1', () => {
    const plan = planFrusta({
      width: 300,
      height: 200,
      window: 64,
      distances: [1, 1, 1],
      padTo: 64,
      stride: 32,
      mode: 'centred',
    });
    for (const { windows } of frustaOf(plan)) expect(windows).toEqual([windows[0], windows[0], windows[0]]);
  });
});
