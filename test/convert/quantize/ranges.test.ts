import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseRange, scaleOf } from '../../../src/convert/quantize/ranges.ts';

const finite = fc.float({ min: -1e4, max: 1e4, noNaN: true });

/** How far a value is from itself in 8 bits. */
function change(value: number, { scale, zeroPoint }: ReturnType<typeof scaleOf>): number {
  const bits = Math.min(Math.max(Math.round(value / scale) + zeroPoint, 0), 255);
  return Math.abs((bits - zeroPoint) * scale - value);
}

describe('ranges', () => {
  test('by minmax hold all values and 0, which is exact', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 50 }), (values) => {
        const seen = {
          min: Math.min(...values),
          max: Math.max(...values),
          samples: Float32Array.from(values),
        };
        const found = scaleOf(chooseRange('minmax', seen));
        expect(Number.isInteger(found.zeroPoint)).toBe(true);
        expect(found.zeroPoint).toBeGreaterThanOrEqual(0);
        expect(found.zeroPoint).toBeLessThanOrEqual(255);
        expect(found.scale).toBe(Math.fround(found.scale));
        expect(change(0, found)).toBe(0);
        // Half a step, and as much again where rounding the zero point moved the ends.
        for (const value of values) expect(change(value, found)).toBeLessThanOrEqual(found.scale * 1.01);
      }),
    );
  });

  test('of what a ReLU made begin at 0, so that the runtime can leave it out', () => {
    expect(scaleOf(chooseRange('minmax', { min: 0, max: 5.1, samples: new Float32Array() }))).toEqual({
      scale: Math.fround(0.02),
      zeroPoint: 0,
    });
  });

  test('of nothing but zeros are some', () => {
    const { scale, zeroPoint } = scaleOf(
      chooseRange('minmax', { min: 0, max: 0, samples: new Float32Array(4) }),
    );
    expect(scale).toBeGreaterThan(0);
    expect(zeroPoint).toBe(0);
  });

  test('by percentile leave out a stray in ten thousand values, and by mse too', () => {
    const samples = Float32Array.from({ length: 30_000 }, (_, i) => Math.sin(i));
    samples[17] = 50;
    const seen = { min: -1, max: 50, samples };
    const { min, max } = chooseRange('percentile', seen);
    expect(min).toBeCloseTo(-1, 3);
    expect(max).toBeCloseTo(1, 3);
    expect(chooseRange('minmax', seen).max).toBe(50);
    expect(chooseRange('mse', seen).max).toBeLessThan(50);
  });

  test('by mse change the samples no more than by minmax', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 200 }), (values) => {
        const samples = Float32Array.from(values);
        const seen = { min: Math.min(...values), max: Math.max(...values), samples };
        const sum = (method: 'minmax' | 'mse') => {
          const found = scaleOf(chooseRange(method, seen));
          return samples.reduce((total, value) => total + change(value, found) ** 2, 0);
        };
        expect(sum('mse')).toBeLessThanOrEqual(sum('minmax') * 1.000001);
      }),
    );
  });
});
