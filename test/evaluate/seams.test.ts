import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NODATA_CLASS } from '../../src/core/classes.ts';
import { createSeamMeter, reportSeams, type SeamMeterOptions } from '../../src/evaluate/seams.ts';

/** The same counts, pair by pair, from the whole map. */
function countSlowly(
  classes: Uint8Array,
  { width, height, columns, rows, scoreStride = 1 }: SeamMeterOptions,
) {
  const counts = { seamPairs: 0, seamChanges: 0, otherPairs: 0, otherChanges: 0 };
  const see = (at: number, size: number, seams: number[], a: number, b: number) => {
    const inside = seams.filter((s) => s > 0 && s < size);
    const seam = inside.includes(at);
    if (!seam && !inside.some((s) => s % scoreStride === at % scoreStride)) return;
    if (a === NODATA_CLASS || b === NODATA_CLASS) return;
    counts[seam ? 'seamPairs' : 'otherPairs']++;
    if (a !== b) counts[seam ? 'seamChanges' : 'otherChanges']++;
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const here = classes[y * width + x]!;
      if (x > 0) see(x, width, [...columns], classes[y * width + x - 1]!, here);
      if (y > 0) see(y, height, [...rows], classes[(y - 1) * width + x]!, here);
    }
  }
  return counts;
}

function measure(classes: Uint8Array, options: SeamMeterOptions, cuts: readonly number[] = [options.height]) {
  const meter = createSeamMeter(options);
  let y = 0;
  for (const rowCount of cuts) {
    const part = classes.slice(y * options.width, (y + rowCount) * options.width);
    meter.add({ y, rowCount, classes: part, confidence: new Uint8Array(part.length) });
    y += rowCount;
  }
  expect(y).toBe(options.height);
  return meter.counts;
}

/** Blotches that know nothing of a window grid: the nearest of scattered sites decides. */
function paintLand(width: number, height: number, random: () => number): Uint8Array {
  const sites = Array.from({ length: 150 }, (_, i) => [random() * width, random() * height, i % 5]);
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    let best = Number.POSITIVE_INFINITY;
    let id = 0;
    for (const [sx, sy, site] of sites) {
      const distance = (sx! - x) ** 2 + (sy! - y) ** 2;
      if (distance < best) [best, id] = [distance, site!];
    }
    return id;
  });
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const WIDTH = 320;
const HEIGHT = 256;
const GRID = {
  width: WIDTH,
  height: HEIGHT,
  columns: [0, 64, 128, 192, 256, 320],
  rows: [0, 64, 128, 192, 256],
  scoreStride: 4,
};

describe('createSeamMeter', () => {
  it('counts what a count of all pairs finds, however the rows are cut', () => {
    const cases = fc.integer({ min: 1, max: 20 }).chain((width) =>
      fc.integer({ min: 1, max: 20 }).chain((height) =>
        fc.record({
          width: fc.constant(width),
          height: fc.constant(height),
          columns: fc.array(fc.integer({ min: -2, max: 22 })),
          rows: fc.array(fc.integer({ min: -2, max: 22 })),
          scoreStride: fc.constantFrom(1, 2, 4),
          classes: fc.uint8Array({ minLength: width * height, maxLength: width * height }),
          cut: fc.integer({ min: 0, max: height }),
        }),
      ),
    );
    fc.assert(
      fc.property(cases, ({ classes, cut, ...options }) => {
        const few = classes.map((v) => (v > 200 ? NODATA_CLASS : v % 3));
        const expected = countSlowly(few, options);
        const cuts = [cut, options.height - cut].filter((n) => n > 0);
        expect(measure(few, options, cuts)).toEqual(expected);
        expect(measure(few, options, new Array(options.height).fill(1))).toEqual(expected);
      }),
    );
  });

  it('finds no seams in land that knows nothing of windows', () => {
    const excesses = [1, 2, 3, 4, 5, 6].map(
      (seed) => reportSeams(measure(paintLand(WIDTH, HEIGHT, seeded(seed)), GRID)).excess!,
    );
    const mean = excesses.reduce((sum, e) => sum + e, 0) / excesses.length;
    expect(mean).toBeGreaterThan(0.85);
    expect(mean).toBeLessThan(1.15);
  });

  it('finds windows that disagree: the more of them, the larger the excess', () => {
    const random = seeded(9);
    const land = paintLand(WIDTH, HEIGHT, random);
    const excess = [0, 0.1, 0.3, 0.6].map((share) => {
      const chosen = seeded(4);
      const shifts = Array.from({ length: 20 }, () => (chosen() < share ? 1 : 0));
      const map = land.map((id, i) => {
        const tile = Math.floor(Math.floor(i / WIDTH) / 64) * 5 + Math.floor((i % WIDTH) / 64);
        return (id + shifts[tile]!) % 5;
      });
      return reportSeams(measure(map, GRID)).excess!;
    });
    expect(excess[0]).toBeLessThan(1.5);
    expect(excess[1]).toBeGreaterThan(excess[0]! * 2);
    expect(excess[2]).toBeGreaterThan(excess[1]!);
    expect(excess[3]).toBeGreaterThan(excess[0]! * 8);
  });

  it('is blind to cells of upsampled scores, whose edges lie where windows begin', () => {
    // Each 4 x 4 cell is one class: all changes lie on multiples of 4, as all window borders do.
    const random = seeded(3);
    const cells = Uint8Array.from({ length: (WIDTH / 4) * (HEIGHT / 4) }, () => Math.floor(random() * 4));
    const map = Uint8Array.from(
      { length: WIDTH * HEIGHT },
      (_, i) => cells[Math.floor(Math.floor(i / WIDTH) / 4) * (WIDTH / 4) + Math.floor((i % WIDTH) / 4)]!,
    );
    expect(reportSeams(measure(map, GRID)).excess).toBeCloseTo(1, 1);
    expect(reportSeams(measure(map, { ...GRID, scoreStride: 1 })).excess).toBeGreaterThan(3);
  });

  it('says null where there is nothing to compare', () => {
    const alone = reportSeams(
      measure(new Uint8Array(16), { width: 4, height: 4, columns: [0, 4], rows: [] }),
    );
    expect(alone).toMatchObject({ seamPairs: 0, seamRate: null, otherRate: null, excess: null });
    const flat = reportSeams(measure(new Uint8Array(16), { width: 4, height: 4, columns: [2], rows: [] }));
    expect(flat).toMatchObject({ seamRate: 0, otherRate: 0, excess: null });
  });
});
