import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PixelArea, windowArea } from '../../src/core/area.ts';
import { frustaOf, planFrusta } from '../../src/frustum/plan.ts';
import { selectFrusta } from '../../src/frustum/select-frusta.ts';

/** An area from a mask. */
function areaOf(mask: Uint8Array, width: number, height: number): PixelArea {
  const spansOf = (y: number) => {
    const spans: number[] = [];
    for (let x = 0; x <= width; x++) {
      const here = x < width && mask[y * width + x] === 1;
      const before = x > 0 && mask[y * width + x - 1] === 1;
      if (here !== before) spans.push(x);
    }
    return spans;
  };
  const rows = Array.from({ length: height }, (_, y) => y).filter((y) => spansOf(y).length > 0);
  const xs = rows.flatMap(spansOf);
  const [left, top] = [Math.min(...xs), rows[0]!];
  return {
    bounds: { x: left, y: top, width: Math.max(...xs) - left, height: rows.at(-1)! + 1 - top },
    pixelCount: mask.reduce((sum, v) => sum + v, 0),
    walkRows: () => ({ spansOf }),
  };
}

const share = fc.double({ min: 0, max: 0.999, noNaN: true });
const cases = fc
  .record({
    width: fc.integer({ min: 1, max: 200 }),
    height: fc.integer({ min: 1, max: 200 }),
    window: fc.constantFrom(16, 32, 64),
    stride: fc.constantFrom(4, 12, 16, 32),
    padTo: fc.constantFrom(4, 32, 64),
    mode: fc.constantFrom('reference' as const, 'centred' as const),
    // Rectangles in shares of the scene; the area is their union.
    parts: fc.array(fc.tuple(share, share, share, share), { minLength: 1, maxLength: 4 }),
  })
  .map(({ parts, ...options }) => {
    const { width, height } = options;
    const mask = new Uint8Array(width * height);
    for (const [u, v, w, h] of parts) {
      const [x0, y0] = [Math.floor(u * width), Math.floor(v * height)];
      const [x1, y1] = [
        x0 + 1 + Math.floor((w * (width - x0)) / 3),
        y0 + 1 + Math.floor((h * (height - y0)) / 3),
      ];
      for (let y = y0; y < Math.min(y1, height); y++)
        mask.fill(1, y * width + x0, y * width + Math.min(x1, width));
    }
    const whole = planFrusta({
      ...options,
      distances: [1, 3, 14],
      stride: Math.min(options.stride, options.window),
    });
    return { whole, mask, width, height, window: options.window };
  });

describe('selectFrusta', () => {
  it('keeps exactly the windows that hold a pixel of the area, as they were', () => {
    fc.assert(
      fc.property(cases, ({ whole, mask, width, height, window }) => {
        const plan = selectFrusta(whole, areaOf(mask, width, height));
        const needed = [...frustaOf(whole)].filter(({ x, y }) => {
          for (let row = y; row < Math.min(y + window, height); row++) {
            if (mask.subarray(row * width + x, row * width + Math.min(x + window, width)).includes(1))
              return true;
          }
          return false;
        });
        const kept = [...frustaOf(plan)];
        expect(kept).toEqual(needed);
        expect(plan.count).toBe(kept.length);
        expect({ ...plan, kept: null, count: whole.count }).toEqual(whole);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps all windows of an area that is the scene', () => {
    const whole = planFrusta({
      width: 150,
      height: 90,
      window: 32,
      stride: 16,
      padTo: 32,
      distances: [1, 3, 14],
      mode: 'centred',
    });
    const plan = selectFrusta(whole, windowArea({ x: 0, y: 0, width: 150, height: 90 }));
    expect(plan.count).toBe(whole.count);
    expect([...frustaOf(plan)]).toEqual([...frustaOf(whole)]);
  });

  it('refuses an area beyond the scene', () => {
    const whole = planFrusta({
      width: 64,
      height: 64,
      window: 32,
      stride: 16,
      padTo: 32,
      distances: [1, 2, 3],
      mode: 'centred',
    });
    expect(() => selectFrusta(whole, windowArea({ x: 60, y: 0, width: 5, height: 5 }))).toThrow(
      /beyond the scene/,
    );
  });
});
