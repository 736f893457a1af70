import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  leastScalesFor,
  quantizeBias,
  quantizeWeight,
  type WeightBits,
} from '../../../src/convert/quantize/quantize-weight.ts';

const size = fc.integer({ min: 1, max: 6 });
const weights = fc
  .record({ outer: size, outputs: size, inner: size, bits: fc.constantFrom<WeightBits>(7, 8) })
  .chain(({ bits, ...shape }) => {
    const count = shape.outer * shape.outputs * shape.inner;
    const element = fc.float({ min: -100, max: 100, noNaN: true });
    return fc.record({
      shape: fc.constant(shape),
      bits: fc.constant(bits),
      weight: fc.array(element, { minLength: count, maxLength: count }).map((w) => Float32Array.from(w)),
    });
  });

describe('weights as integers', () => {
  test('have one scale an output, by its largest weight, and round to the nearest', () => {
    fc.assert(
      fc.property(weights, ({ shape, bits, weight }) => {
        const { outer, outputs, inner } = shape;
        const { values, scales } = quantizeWeight(weight, shape, bits);
        const largest = bits === 7 ? 63 : 127;
        expect(scales).toHaveLength(outputs);
        for (let o = 0; o < outputs; o++) {
          let most = 0;
          for (let a = 0; a < outer; a++)
            for (let i = 0; i < inner; i++) {
              const at = (a * outputs + o) * inner + i;
              most = Math.max(most, Math.abs(weight[at]!));
              const back = values[at]! * scales[o]!;
              expect(Math.abs(back - weight[at]!)).toBeLessThanOrEqual(scales[o]! * 0.50001);
              expect(Math.abs(values[at]!)).toBeLessThanOrEqual(largest);
            }
          expect(scales[o]).toBe(Math.fround(Math.max(most / largest, 1e-12)));
        }
      }),
    );
  });

  test('of 7 bits: no two products of theirs and activations pass 16 bits, as processors without VNNI add them', () => {
    const { values } = quantizeWeight(Float32Array.of(1, 1, -1, -1), { outer: 1, outputs: 1, inner: 4 }, 7);
    expect(2 * 255 * Math.max(...values)).toBeLessThanOrEqual(32767);
    expect(2 * 255 * Math.min(...values)).toBeGreaterThanOrEqual(-32768);
    const eight = quantizeWeight(Float32Array.of(1, 1), { outer: 1, outputs: 1, inner: 2 }, 8);
    expect(2 * 255 * Math.max(...eight.values)).toBeGreaterThan(32767);
  });

  test('give biases room in 32 bits, also where an output has next to no weights', () => {
    const bias = Float32Array.of(4000, -3, 0);
    const weight = Float32Array.of(1e-20, 0.5, 0);
    const least = leastScalesFor(bias, 0.001);
    const { scales } = quantizeWeight(weight, { outer: 1, outputs: 3, inner: 1 }, 8, least);
    const { values, scales: units } = quantizeBias(bias, 0.001, scales);
    for (const [o, b] of bias.entries()) {
      expect(Math.abs(values[o]!)).toBeLessThanOrEqual(2 ** 30 * 1.001);
      expect(Math.abs(values[o]! * units[o]! - b)).toBeLessThanOrEqual(
        units[o]! * 0.50001 + Math.abs(b) * 1e-6,
      );
    }
  });
});
