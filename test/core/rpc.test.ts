import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRpcCamera, type Rpc, scaleRpc } from '../../src/core/rpc.ts';

/** A camera like Gaofen-2's, with coefficients of higher terms drawn at random around what real files have. */
const small = (size: number) => fc.double({ min: -size, max: size, noNaN: true });
const cubic = (constant: number, l: number, p: number) =>
  fc
    .tuple(small(0.05), small(0.05), fc.array(small(2e-3), { minLength: 13, maxLength: 13 }))
    .map(([h, c, rest]) => [constant + c * 0.1, l, p, h, ...rest.slice(0, 7), ...rest.slice(4, 13)]);
const unit = fc.array(small(2e-3), { minLength: 19, maxLength: 19 }).map((rest) => [1, ...rest]);

const cameras: fc.Arbitrary<Rpc> = fc
  .tuple(
    cubic(0, 0.06, -1.08),
    cubic(0, 1.02, 0.04),
    unit,
    unit,
    fc.double({ min: -60, max: 60, noNaN: true }),
    fc.double({ min: -180, max: 180, noNaN: true }),
    fc.boolean(),
  )
  .map(([line, sample, lineDen, sampleDen, latitude, longitude, mirrored]) => ({
    errBias: null,
    errRand: null,
    lineOffset: 3400.5,
    sampleOffset: 3600.25,
    latitudeOffset: latitude,
    longitudeOffset: longitude,
    heightOffset: 120,
    lineScale: 3450,
    sampleScale: 3650,
    latitudeScale: mirrored ? -0.12 : 0.12,
    longitudeScale: 0.15,
    heightScale: 500,
    lineNumerator: line,
    lineDenominator: lineDen,
    sampleNumerator: sample,
    sampleDenominator: sampleDen,
  }));

/** The definition, term by term, independent of the way it is folded at one height. */
function projectByDefinition(rpc: Rpc, longitude: number, latitude: number, height: number) {
  const L = (longitude - rpc.longitudeOffset) / rpc.longitudeScale;
  const P = (latitude - rpc.latitudeOffset) / rpc.latitudeScale;
  const H = (height - rpc.heightOffset) / rpc.heightScale;
  // biome-ignore format: one term a place
  const terms = [1, L, P, H, L*P, L*H, P*H, L*L, P*P, H*H, P*L*H, L**3, L*P*P, L*H*H, L*L*P, P**3, P*H*H, L*L*H, P*P*H, H**3];
  const sum = (c: readonly number[]) => c.reduce((total, value, i) => total + value * terms[i]!, 0);
  return [
    (sum(rpc.sampleNumerator) / sum(rpc.sampleDenominator)) * rpc.sampleScale + rpc.sampleOffset + 0.5,
    (sum(rpc.lineNumerator) / sum(rpc.lineDenominator)) * rpc.lineScale + rpc.lineOffset + 0.5,
  ];
}

describe('rational polynomials', () => {
  it('project as their definition says, at any height', () => {
    fc.assert(
      fc.property(cameras, small(1), small(1), small(1), (rpc, l, p, h) => {
        const longitude = rpc.longitudeOffset + l * rpc.longitudeScale;
        const latitude = rpc.latitudeOffset + p * rpc.latitudeScale;
        const heightM = rpc.heightOffset + h * rpc.heightScale;
        const [column, row] = createRpcCamera({ kind: 'rpc', rpc, heightM }).project(longitude, latitude);
        const [x, y] = projectByDefinition(rpc, longitude, latitude, heightM);
        expect(column).toBeCloseTo(x!, 6);
        expect(row).toBeCloseTo(y!, 6);
      }),
    );
  });

  it('see a place where they project it, to a ten-millionth of a pixel', () => {
    fc.assert(
      fc.property(cameras, small(3400), small(3400), small(0.8), (rpc, dx, dy, h) => {
        const camera = createRpcCamera({ kind: 'rpc', rpc, heightM: rpc.heightOffset + h * rpc.heightScale });
        const column = rpc.sampleOffset + dx;
        const row = rpc.lineOffset + dy;
        const place = camera.locate(column, row);
        expect(place).not.toBeNull();
        const [c, r] = camera.project(...place!);
        expect(Math.hypot(c - column, r - row)).toBeLessThan(1e-7);
        // Asked again after other questions, the answer is the same to the last bit.
        camera.locate(0, 0);
        expect(camera.locate(column, row)).toEqual(place);
      }),
    );
  });

  it('have no answer far outside the range that they were made for', () => {
    fc.assert(
      fc.property(cameras, (rpc) => {
        const camera = createRpcCamera({ kind: 'rpc', rpc, heightM: rpc.heightOffset });
        expect(camera.locate(rpc.sampleOffset + 20 * rpc.sampleScale, rpc.lineOffset)).toBeNull();
        expect(camera.locate(Number.NaN, 0)).toBeNull();
      }),
    );
  });

  it('have no answer where their slopes vanish, instead of going round for ever', () => {
    const [rpc] = fc.sample(cameras, { numRuns: 1, seed: 1 }) as [Rpc];
    const flat = { ...rpc, lineNumerator: new Array(20).fill(0) };
    expect(createRpcCamera({ kind: 'rpc', rpc: flat, heightM: 0 }).locate(10, 10)).toBeNull();
    const holes = { ...rpc, lineDenominator: new Array(20).fill(0) };
    expect(createRpcCamera({ kind: 'rpc', rpc: holes, heightM: 0 }).locate(10, 10)).toBeNull();
  });

  it('see the same ground through larger pixels', () => {
    fc.assert(
      fc.property(cameras, small(3000), small(3000), (rpc, dx, dy) => {
        const warp = { kind: 'rpc', rpc, heightM: 200 } as const;
        const [column, row] = [rpc.sampleOffset + dx, rpc.lineOffset + dy];
        const near = createRpcCamera(warp).locate(column, row)!;
        const far = createRpcCamera(scaleRpc(warp, 14, 3)).locate(column / 14, row / 3)!;
        expect(far[0]).toBeCloseTo(near[0], 10);
        expect(far[1]).toBeCloseTo(near[1], 10);
      }),
    );
  });
});
