import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { intersectWindows, type Window } from '../../src/core/window.ts';
import { createDecider } from '../../src/stitch/decide.ts';
import { Strip, stripBytes } from '../../src/stitch/strip.ts';

/** Bilinear upsampling of one plane at float64, written from the formula alone. */
function upsample(plane: Float32Array, n: number, factor: number): Float64Array {
  const size = n * factor;
  const out = new Float64Array(size * size);
  const at = (d: number) => {
    const s = Math.max((d + 0.5) / factor - 0.5, 0);
    const i0 = Math.min(Math.floor(s), n - 1);
    return [i0, Math.min(i0 + 1, n - 1), s - i0] as const;
  };
  for (let y = 0; y < size; y++) {
    const [y0, y1, fy] = at(y);
    for (let x = 0; x < size; x++) {
      const [x0, x1, fx] = at(x);
      const top = plane[y0 * n + x0]! * (1 - fx) + plane[y0 * n + x1]! * fx;
      const bottom = plane[y1 * n + x0]! * (1 - fx) + plane[y1 * n + x1]! * fx;
      out[y * size + x] = top * (1 - fy) + bottom * fy;
    }
  }
  return out;
}

interface Case {
  window: number;
  stride: number;
  scoreStride: number;
  channels: number;
  width: number;
  height: number;
  seed: number;
}

/** The whole scene at once, in full resolution and double precision: what the strip must equal. */
function bruteForce(c: Case, frameWidth: number, frameHeight: number) {
  const sums = new Float64Array(c.channels * frameWidth * frameHeight);
  const weights = new Float64Array(frameWidth * frameHeight);
  const patches: { x: number; y: number; weight: number; scores: Float32Array }[] = [];
  let state = c.seed >>> 0;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const n = c.window / c.scoreStride;
  const starts = (size: number) => {
    const out: number[] = [];
    for (let p = 0; p < size; p += c.stride) {
      const s = Math.min(p, size - c.window);
      if (out.at(-1) !== s) out.push(s);
    }
    return out;
  };
  for (const y of starts(frameHeight)) {
    for (const x of starts(frameWidth)) {
      const scores = Float32Array.from({ length: c.channels * n * n }, () => random() * 8);
      const weight = 1 + Math.floor((random() + 0.5) * 3);
      patches.push({ x, y, weight, scores });
      for (let k = 0; k < c.channels; k++) {
        const up = upsample(scores.subarray(k * n * n, (k + 1) * n * n), n, c.scoreStride);
        for (let v = 0; v < c.window; v++) {
          for (let u = 0; u < c.window; u++) {
            sums[(k * frameHeight + y + v) * frameWidth + x + u]! += weight * up[v * c.window + u]!;
          }
        }
      }
      for (let v = 0; v < c.window; v++) {
        for (let u = 0; u < c.window; u++) weights[(y + v) * frameWidth + x + u]! += weight;
      }
    }
  }
  return { patches, sums, weights };
}

const cases = fc.record({
  window: fc.constantFrom(16, 24, 32),
  stride: fc.constantFrom(4, 8, 12, 16),
  scoreStride: fc.constantFrom(1, 4),
  channels: fc.integer({ min: 2, max: 4 }),
  width: fc.integer({ min: 1, max: 90 }),
  height: fc.integer({ min: 1, max: 90 }),
  seed: fc.nat(),
});

describe('strip', () => {
  it('equals summing whole upsampled patches over the whole scene, in classes and confidence', () => {
    fc.assert(
      fc.property(cases, (c) => {
        const frameWidth = Math.ceil(c.width / c.window) * c.window;
        const frameHeight = Math.ceil(c.height / c.window) * c.window;
        const { patches, sums, weights } = bruteForce(c, frameWidth, frameHeight);
        const strip = new Strip({ ...c, frameWidth, frameHeight });
        const ids = Array.from({ length: c.channels }, (_, i) => i);
        const decider = createDecider(strip, { x: 0, y: 0, width: c.width, height: c.height }, ids);
        let nextRow = 0;
        const check = (untilY: number) => {
          for (const tileRow of strip.release(untilY)) {
            const rows = decider.decide(tileRow);
            if (rows === null) continue;
            expect(rows.y).toBe(nextRow);
            nextRow += rows.rowCount;
            for (let i = 0; i < rows.classes.length; i++) {
              const at = (rows.y + Math.floor(i / c.width)) * frameWidth + (i % c.width);
              const scores = ids.map((k) => sums[k * frameWidth * frameHeight + at]!);
              const sorted = [...scores].sort((a, b) => b - a);
              const best = scores.indexOf(sorted[0]!);
              if (sorted[0]! - sorted[1]! > 1e-4) expect(rows.classes[i]).toBe(best);
              const softmax = 1 / scores.reduce((t, s) => t + Math.exp((s - sorted[0]!) / weights[at]!), 0);
              expect(Math.abs(rows.confidence[i]! - softmax * 255)).toBeLessThanOrEqual(0.51);
            }
          }
        };
        let rowY = 0;
        for (const patch of patches) {
          if (patch.y !== rowY) {
            check(patch.y);
            rowY = patch.y;
          }
          strip.add(patch.x, patch.y, patch.scores, patch.weight);
        }
        check(frameHeight);
        expect(nextRow).toBe(c.height);
      }),
      { numRuns: 60 },
    );
  });

  it('decides a part of the scene as the whole, with the patches that reach it alone', () => {
    const shares = fc.tuple(
      ...([0, 1, 2, 3] as const).map(() => fc.double({ min: 0, max: 0.999, noNaN: true })),
    );
    fc.assert(
      fc.property(cases, shares, (c, [u = 0, v = 0, w = 0, h = 0]) => {
        const frameWidth = Math.ceil(c.width / c.window) * c.window;
        const frameHeight = Math.ceil(c.height / c.window) * c.window;
        const { patches } = bruteForce(c, frameWidth, frameHeight);
        const ids = Array.from({ length: c.channels }, (_, i) => i);
        const [x, y] = [Math.floor(u * c.width), Math.floor(v * c.height)];
        const part = {
          x,
          y,
          width: 1 + Math.floor(w * (c.width - x)),
          height: 1 + Math.floor(h * (c.height - y)),
        };
        const decide = (window: Window, reaching: typeof patches) => {
          const strip = new Strip({ ...c, frameWidth, frameHeight });
          const decider = createDecider(strip, window, ids);
          const out = { classes: [] as number[], confidence: [] as number[] };
          const take = (untilY: number) => {
            for (const tileRow of strip.release(untilY)) {
              const rows = decider.decide(tileRow);
              if (rows === null) continue;
              expect(rows.y * window.width).toBe(out.classes.length);
              out.classes.push(...rows.classes);
              out.confidence.push(...rows.confidence);
            }
          };
          for (const patch of reaching) {
            take(patch.y);
            strip.add(patch.x, patch.y, patch.scores, patch.weight);
          }
          take(frameHeight);
          return out;
        };
        const whole = decide({ x: 0, y: 0, width: c.width, height: c.height }, patches);
        const reaching = patches.filter((p) =>
          intersectWindows({ x: p.x, y: p.y, width: c.window, height: c.window }, part),
        );
        const cut = (values: readonly number[]) =>
          values.filter((_, i) => {
            const [column, row] = [i % c.width, Math.floor(i / c.width)];
            return column >= x && column < x + part.width && row >= y && row < y + part.height;
          });
        expect(decide(part, reaching)).toEqual({
          classes: cut(whole.classes),
          confidence: cut(whole.confidence),
        });
        // Without any patch there is no answer.
        const none = decide(part, []);
        expect(new Set(none.classes)).toEqual(new Set([255]));
        expect(new Set(none.confidence)).toEqual(new Set([0]));
      }),
      { numRuns: 60 },
    );
  });

  it('holds the same bytes for a scene ten times as high', () => {
    const options = { window: 32, scoreStride: 4, channels: 6, stride: 16, frameWidth: 320 };
    expect(stripBytes({ ...options, frameHeight: 3200 })).toBe(stripBytes({ ...options, frameHeight: 320 }));
    const strip = new Strip({ ...options, frameHeight: 320 });
    const [row] = [...strip.release(320 / (320 / strip.tile))];
    const rows = 32 / strip.tile;
    const held = rows * (row!.sums.byteLength + row!.weights.byteLength);
    expect(stripBytes({ ...options, frameHeight: 320 })).toBe(held);
  });

  it('refuses a stride that falls between score cells', () => {
    const make = () =>
      new Strip({ window: 32, scoreStride: 4, channels: 2, stride: 6, frameWidth: 64, frameHeight: 64 });
    expect(make).toThrow(/multiple of 4/);
  });

  it('lets the first of equal maxima win', () => {
    const strip = new Strip({
      window: 8,
      scoreStride: 4,
      channels: 3,
      stride: 8,
      frameWidth: 8,
      frameHeight: 8,
    });
    strip.add(0, 0, Float32Array.from([1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2]), 1);
    const decider = createDecider(strip, { x: 0, y: 0, width: 8, height: 8 }, [0, 1, 2]);
    for (const tileRow of strip.release(8)) {
      expect(new Set(decider.decide(tileRow)?.classes)).toEqual(new Set([1]));
    }
  });
});
