import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ControlPoint,
  createPolynomialPlacer,
  fitPolynomial,
  measureResiduals,
  orderForCount,
  type PolynomialOrder,
  scalePolynomial,
} from '../../src/core/polynomial-warp.ts';

const real = (size: number) => fc.double({ min: -size, max: size, noNaN: true });

/** Control points of a polynomial in pixels: a lattice of n x n places, moved at random so that none lie on lines. */
const lattices = (n: number) =>
  fc
    .array(fc.tuple(real(40), real(40)), { minLength: n * n, maxLength: n * n })
    .map((moves) =>
      moves.map(([dx, dy], i) => ({ column: (i % n) * 1000 + dx, row: Math.floor(i / n) * 900 + dy })),
    );

const truths = (order: PolynomialOrder) =>
  fc
    .record({
      x: real(1e6),
      y: real(5e6),
      bends: fc.array(real(1), { minLength: 14, maxLength: 14 }),
    })
    .map(({ x, y, bends }) => (column: number, row: number): [number, number] => {
      const [u, v] = [column / 4000, row / 4000];
      const bend = (k: number) => {
        const b = bends.slice(k, k + 7);
        const second = b[0]! * u * u + b[1]! * u * v + b[2]! * v * v;
        const third = b[3]! * u ** 3 + b[4]! * u * u * v + b[5]! * u * v * v + b[6]! * v ** 3;
        return 400 * (order > 1 ? second : 0) + 300 * (order > 2 ? third : 0);
      };
      return [x + 4 * column + 0.3 * row + bend(0), y + 0.2 * column - 4 * row + bend(7)];
    });

const pointsOf = (
  places: readonly { column: number; row: number }[],
  truth: (column: number, row: number) => [number, number],
): ControlPoint[] =>
  places.map(({ column, row }) => {
    const [x, y] = truth(column, row);
    return { column, row, x, y, z: 0 };
  });

describe('polynomials through control points', () => {
  for (const order of [1, 2, 3] as const) {
    it(`meet data of order ${order} everywhere, with residuals of nothing`, () => {
      fc.assert(
        fc.property(lattices(5), truths(order), real(4000), real(4000), (places, truth, column, row) => {
          const points = pointsOf(places, truth);
          const warp = fitPolynomial(points, order)!;
          const [x, y] = createPolynomialPlacer(warp)(column, row);
          const [wantedX, wantedY] = truth(column, row);
          expect(Math.hypot(x - wantedX, y - wantedY)).toBeLessThan(1e-5);
          expect(measureResiduals(warp).maxPixels).toBeLessThan(1e-6);
        }),
      );
    });
  }

  it('find the affine transform, and nothing more, in affine data at any order', () => {
    fc.assert(
      fc.property(lattices(4), truths(1), fc.constantFrom(1, 2, 3), (places, truth, order) => {
        const warp = fitPolynomial(pointsOf(places, truth), order as PolynomialOrder)!;
        for (const terms of [warp.xTerms, warp.yTerms]) {
          for (const term of terms.slice(3)) expect(Math.abs(term)).toBeLessThan(1e-8);
        }
        const { rmsMap, maxMap, rmsPixels, maxPixels } = measureResiduals(warp);
        for (const residual of [rmsMap, maxMap, rmsPixels, maxPixels]) expect(residual).toBeLessThan(1e-6);
      }),
    );
  });

  it('measure in pixels and in map units, and say which point lies off most', () => {
    const places = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((i) => ({
      column: (i % 3) * 500,
      row: Math.floor(i / 3) * 500,
    }));
    const points = pointsOf(places, (column, row) => [4 * column, -4 * row]);
    points[4] = { ...points[4]!, x: points[4]!.x + 36 };
    // At the centre of a 3 x 3 lattice the mean takes up a ninth of the slip, and slopes none of it.
    const residuals = measureResiduals(fitPolynomial(points, 1)!);
    expect(residuals.worst).toBe(4);
    expect(residuals.maxMap).toBeCloseTo(32, 9);
    expect(residuals.maxPixels).toBeCloseTo(8, 9);
    expect(residuals.rmsMap).toBeCloseTo(Math.sqrt((32 ** 2 + 8 * 4 ** 2) / 9), 9);
    expect(residuals.rmsPixels).toBeCloseTo(residuals.rmsMap / 4, 9);
  });

  it('do not come from points on a line, on one place, or too few', () => {
    const line = [0, 1, 2, 3, 4, 5, 6].map((i) => ({ column: i * 70, row: i * 30 + 5 }));
    const affine = (column: number, row: number): [number, number] => [column * 2, row * -2];
    expect(fitPolynomial(pointsOf(line, affine), 1)).toBeNull();
    const one = line.map(() => ({ column: 5, row: 5 }));
    expect(fitPolynomial(pointsOf(one, affine), 1)).toBeNull();
    const twoLines = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => ({ column: i * 10, row: (i % 2) * 99 }));
    expect(fitPolynomial(pointsOf(twoLines, affine), 2)).toBeNull();
    expect(fitPolynomial(pointsOf(twoLines, affine), 1)).not.toBeNull();
    expect(fitPolynomial(pointsOf(twoLines.slice(0, 2), affine), 1)).toBeNull();
    expect(
      fitPolynomial([{ column: Number.NaN, row: 0, x: 0, y: 0, z: 0 }, ...pointsOf(twoLines, affine)], 1),
    ).toBeNull();
  });

  it('are of the order that GDAL chooses', () => {
    expect([1, 3, 5, 6, 9, 10, 200].map(orderForCount)).toEqual([1, 1, 1, 2, 2, 2, 2]);
  });

  it('see the same ground through larger pixels', () => {
    fc.assert(
      fc.property(lattices(5), truths(3), real(4000), real(4000), (places, truth, column, row) => {
        const warp = fitPolynomial(pointsOf(places, truth), 2)!;
        const near = createPolynomialPlacer(warp)(column, row);
        const far = createPolynomialPlacer(scalePolynomial(warp, 3, 14))(column / 3, row / 14);
        expect(Math.hypot(far[0] - near[0], far[1] - near[1])).toBeLessThan(1e-7);
      }),
    );
  });
});
