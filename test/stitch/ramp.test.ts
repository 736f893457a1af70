import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { intersectWindows, type Window } from '../../src/core/window.ts';
import { createDecider } from '../../src/stitch/decide.ts';
import { checkBlend, rampOf } from '../../src/stitch/ramp.ts';
import { Strip, type StripOptions, stripBytes } from '../../src/stitch/strip.ts';

interface Patch {
  readonly x: number;
  readonly y: number;
  readonly weight: number;
  readonly scores: Float32Array;
}

/** A line of cells upsampled at float64, from the formula alone. */
function upsampleLine(line: readonly number[], factor: number): number[] {
  return Array.from({ length: line.length * factor }, (_, d) => {
    const s = Math.max((d + 0.5) / factor - 0.5, 0);
    const i = Math.min(Math.floor(s), line.length - 1);
    return line[i]! * (1 - (s - i)) + line[Math.min(i + 1, line.length - 1)]! * (s - i);
  });
}

function upsample(plane: readonly number[], n: number, factor: number): number[][] {
  const rows = Array.from({ length: n }, (_, y) => upsampleLine(plane.slice(y * n, (y + 1) * n), factor));
  const columns = rows[0]!.map((_, x) =>
    upsampleLine(
      rows.map((row) => row[x]!),
      factor,
    ),
  );
  return rows.length === 0 ? [] : columns[0]!.map((_, y) => columns.map((column) => column[y]!));
}

const forms = fc
  .record({
    window: fc.constantFrom(16, 24, 32),
    stride: fc.constantFrom(4, 8, 12, 16, 20, 24, 32),
    scoreStride: fc.constantFrom(1, 4),
    channels: fc.integer({ min: 2, max: 3 }),
    width: fc.integer({ min: 1, max: 70 }),
    height: fc.integer({ min: 1, max: 70 }),
    seed: fc.nat(),
  })
  .filter(({ stride, window }) => stride <= window);

type Form = typeof forms extends fc.Arbitrary<infer T> ? T : never;

function optionsOf(form: Form): StripOptions {
  const { window } = form;
  return {
    ...form,
    frameWidth: Math.ceil(form.width / window) * window,
    frameHeight: Math.ceil(form.height / window) * window,
    blend: 'tapered',
  };
}

/** Patches in the plan's order: repeated borders as weights, some windows left out. */
function patchesOf(form: Form): Patch[] {
  const { window, stride, scoreStride, channels } = form;
  const { frameWidth, frameHeight } = optionsOf(form);
  let state = form.seed >>> 0;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const starts = (size: number) => [
    ...new Set(
      Array.from({ length: Math.ceil(size / stride) }, (_, i) => Math.min(i * stride, size - window)),
    ),
  ];
  return starts(frameHeight).flatMap((y) =>
    starts(frameWidth).flatMap((x) => {
      const weight = 1 + Math.floor(random() * 4);
      const length = channels * (window / scoreStride) ** 2;
      const scores = Float32Array.from({ length }, () => random() * 8 - 4);
      return random() < 0.1 ? [] : [{ x, y, weight, scores }];
    }),
  );
}

function decideAll(options: StripOptions, window: Window, patches: readonly Patch[]) {
  const strip = new Strip(options);
  const ids = Array.from({ length: options.channels }, (_, i) => i);
  const decider = createDecider(strip, window, ids);
  const classes: number[] = [];
  const confidence: number[] = [];
  const take = (untilY: number) => {
    for (const tileRow of strip.release(untilY)) {
      const rows = decider.decide(tileRow);
      if (rows === null) continue;
      expect(rows.y * window.width).toBe(classes.length);
      classes.push(...rows.classes);
      confidence.push(...rows.confidence);
    }
  };
  for (const patch of patches) {
    take(patch.y);
    strip.add(patch.x, patch.y, patch.scores, patch.weight);
  }
  take(options.frameHeight);
  return { classes, confidence };
}

describe('tapered blending', () => {
  it('is the weighted mean of upsampled patches, over the weights that reached each pixel', () => {
    fc.assert(
      fc.property(forms, (form) => {
        const options = optionsOf(form);
        const { window, scoreStride, channels, width, height } = form;
        const ramp = rampOf(options);
        const n = ramp.length;
        const planes = Array.from({ length: channels + 1 }, () =>
          Array.from({ length: height }, () => new Float64Array(width)),
        );
        const patches = patchesOf(form);
        for (const { x, y, weight, scores } of patches) {
          for (const [k, plane] of planes.entries()) {
            const cells = Array.from(
              { length: n * n },
              (_, i) =>
                weight *
                ramp[Math.floor(i / n)]! *
                ramp[i % n]! *
                (k === channels ? 1 : scores[k * n * n + i]!),
            );
            const whole = upsample(cells, n, scoreStride);
            for (let v = 0; v < window && y + v < height; v++) {
              for (let u = 0; u < window && x + u < width; u++) plane[y + v]![x + u]! += whole[v]![u]!;
            }
          }
        }
        const { classes, confidence } = decideAll(options, { x: 0, y: 0, width, height }, patches);
        for (let i = 0; i < classes.length; i++) {
          const [y, x] = [Math.floor(i / width), i % width];
          const weight = planes[channels]![y]![x]!;
          if (weight === 0) {
            expect([classes[i], confidence[i]]).toEqual([255, 0]);
            continue;
          }
          const means = planes.slice(0, channels).map((plane) => plane[y]![x]! / weight);
          const sorted = [...means].sort((a, b) => b - a);
          if (sorted[0]! - sorted[1]! > 1e-4) expect(classes[i]).toBe(means.indexOf(sorted[0]!));
          const softmax = 1 / means.reduce((total, s) => total + Math.exp(s - sorted[0]!), 0);
          expect(Math.abs(confidence[i]! - softmax * 255)).toBeLessThanOrEqual(0.52);
        }
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  it('gives a part of the scene the bytes of the whole, from the patches that reach it alone', () => {
    const shares = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(forms, shares, (form, [u = 0, v = 0, w = 0, h = 0]) => {
        const options = optionsOf(form);
        const { width, height } = form;
        const [x, y] = [Math.floor(u * width), Math.floor(v * height)];
        const part = {
          x,
          y,
          width: 1 + Math.floor(w * (width - x)),
          height: 1 + Math.floor(h * (height - y)),
        };
        const patches = patchesOf(form);
        const reaching = patches.filter((p) =>
          intersectWindows({ x: p.x, y: p.y, width: form.window, height: form.window }, part),
        );
        const whole = decideAll(options, { x: 0, y: 0, width, height }, patches);
        const cut = (values: readonly number[]) =>
          values.filter((_, i) => {
            const [column, row] = [i % width, Math.floor(i / width)];
            return column >= x && column < x + part.width && row >= y && row < y + part.height;
          });
        expect(decideAll(options, part, reaching)).toEqual({
          classes: cut(whole.classes),
          confidence: cut(whole.confidence),
        });
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  it('changes nothing where all windows say the same', () => {
    fc.assert(
      fc.property(forms, (form) => {
        const options = optionsOf(form);
        const answer = [1.5, -0.25, 0.5].slice(0, form.channels);
        const n = form.window / form.scoreStride;
        const scores = Float32Array.from(answer.flatMap((value) => Array<number>(n * n).fill(value)));
        const patches = patchesOf(form).map((patch) => ({ ...patch, scores }));
        const { classes, confidence } = decideAll(options, { x: 0, y: 0, ...sizeOf(form) }, patches);
        const total = answer.reduce((sum, value) => sum + Math.exp(value - answer[0]!), 0);
        const expected = new Set([255 / total].map(Math.round));
        expect(new Set(classes.filter((value) => value !== 255))).toEqual(
          patches.length === 0 ? new Set() : new Set([0]),
        );
        expect(new Set(confidence.filter((value) => value !== 0))).toEqual(
          patches.length === 0 ? new Set() : expected,
        );
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  it('moves the border of two windows that disagree to the middle of what they share', () => {
    const options = {
      window: 32,
      scoreStride: 4,
      channels: 2,
      stride: 16,
      frameWidth: 48,
      frameHeight: 32,
    } as const;
    const says = (winner: number) =>
      Float32Array.from({ length: 2 * 64 }, (_, i) => (Math.floor(i / 64) === winner ? 1 : 0));
    // The left window is surer by far; a sum without ramps lets it win up to its very edge.
    const patches = [
      { x: 0, y: 0, weight: 1, scores: says(0).map((s) => s * 1.01) },
      { x: 16, y: 0, weight: 1, scores: says(1) },
    ];
    const borderOf = (blend: 'uniform' | 'tapered') =>
      decideAll({ ...options, blend }, { x: 0, y: 0, width: 48, height: 1 }, patches).classes.indexOf(1);
    expect(borderOf('uniform')).toBe(32);
    expect(borderOf('tapered')).toBeGreaterThanOrEqual(23);
    expect(borderOf('tapered')).toBeLessThanOrEqual(25);
  });

  it('has ramps that add up to 1 with the neighbours, and are nowhere 0', () => {
    for (const stride of [32, 40, 48, 56, 64]) {
      const ramp = rampOf({ window: 64, scoreStride: 4, stride });
      expect(Math.min(...ramp)).toBeGreaterThan(0);
      for (let cell = stride / 4; cell < 16; cell++)
        expect(ramp[cell]! + ramp[cell - stride / 4]!).toBeCloseTo(1, 12);
    }
    expect([...rampOf({ window: 64, scoreStride: 4, stride: 64 })]).toEqual(Array(16).fill(1));
  });

  it('holds one plane more', () => {
    const options = { window: 32, scoreStride: 4, channels: 6, stride: 16, frameWidth: 320, frameHeight: 64 };
    const strip = new Strip({ ...options, blend: 'tapered' });
    const [row] = [...strip.release(strip.tile)];
    const held = (32 / strip.tile) * (row!.sums.byteLength + row!.weights.byteLength);
    expect(stripBytes({ ...options, blend: 'tapered' })).toBe(held);
    expect(held).toBeGreaterThan(stripBytes(options));
  });

  it('refuses other names', () => {
    expect(() => checkBlend('linear')).toThrow(/--blend linear: must be one of uniform, tapered/);
  });
});

function sizeOf({ width, height }: Form) {
  return { width, height };
}
