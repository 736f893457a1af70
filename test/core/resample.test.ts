import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { axisTaps, createResampler, type Resampler, resampleRow } from '../../src/core/resample.ts';
import { noiseImage } from '../support/memory-scene.ts';
import { expectSameBytes } from '../support/same-bytes.ts';

/** Resamples by the given kernel, whatever the resampler would have chosen. */
function resample(resampler: Resampler, source: Uint8Array, sourceWidth: number): Uint8Array {
  const width = resampler.columns.lower.length;
  const height = resampler.rows.lower.length;
  const out = new Uint8Array(width * height * resampler.bands);
  for (let row = 0; row < height; row++) {
    const at = (y: number) => ({ data: source, offset: y * sourceWidth * resampler.bands });
    const lower = at(resampler.rows.lower[row]!);
    const upper = at(resampler.rows.upper[row]!);
    resampleRow(resampler, row, lower, upper, out, row * width * resampler.bands);
  }
  return out;
}

describe('exact short forms of bilinear resampling', () => {
  const factors: [number, 'pick' | 'mean'][] = [
    [3, 'pick'],
    [2, 'mean'],
    [6, 'mean'],
    [14, 'mean'],
    [49, 'pick'],
    [98, 'mean'],
  ];
  it.each(factors)('factor %i is a %s and equals the general form', (factor, kernel) => {
    const target = { width: 9, height: 7 };
    const source = { width: target.width * factor, height: target.height * factor };
    const image = noiseImage(source.width, source.height, factor);
    const chosen = createResampler(source, target);
    expect(chosen.kernel).toBe(kernel);
    expectSameBytes(
      resample(chosen, image, source.width),
      resample({ ...chosen, kernel: 'blend' }, image, source.width),
    );
  });

  it('holds for any whole factors, alike or not, and for one band', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(1, 3),
        fc.nat(),
        (fx, fy, width, height, bands, seed) => {
          const source = { width: width * fx, height: height * fy };
          const image = noiseImage(source.width, source.height, seed).subarray(
            0,
            source.width * source.height * bands,
          );
          const chosen = createResampler(source, { width, height }, bands);
          expectSameBytes(
            resample(chosen, image, source.width),
            resample({ ...chosen, kernel: 'blend' }, image, source.width),
          );
        },
      ),
    );
  });

  it('factor 3 is the centre pixel; factor 14 the rounded mean of pixels 6 and 7', () => {
    const picked = axisTaps('columns', 1536, 512);
    const meant = axisTaps('columns', 7168, 512);
    for (let i = 0; i < 512; i++) {
      expect([picked.lower[i], picked.lowerWeight[i], picked.upperWeight[i]]).toEqual([3 * i + 1, 2048, 0]);
      expect([meant.lower[i], meant.upper[i], meant.lowerWeight[i]]).toEqual([14 * i + 6, 14 * i + 7, 1024]);
    }
  });
});

describe('axisTaps', () => {
  it('clamps rows and columns in their own ways', () => {
    const columns = axisTaps('columns', 2, 8);
    const rows = axisTaps('rows', 2, 8);
    expect([columns.lower[0], columns.lowerWeight[0], columns.upperWeight[0]]).toEqual([0, 2048, 0]);
    expect([rows.lower[0], rows.upper[0], rows.lowerWeight[0], rows.upperWeight[0]]).toEqual([
      0, 0, 768, 1280,
    ]);
  });

  it('gives positions inside the source, ascending, with weights that sum to 2048 up to rounding', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('rows' as const, 'columns' as const),
        fc.integer({ min: 1, max: 60_000 }),
        fc.integer({ min: 1, max: 600 }),
        (axis, source, target) => {
          const taps = axisTaps(axis, source, target);
          const wrong = Array.from({ length: target }, (_, i) => i).filter((i) => {
            const [lower, upper] = [taps.lower[i]!, taps.upper[i]!];
            const total = taps.lowerWeight[i]! + taps.upperWeight[i]!;
            return (
              lower < (taps.lower[i - 1] ?? 0) ||
              upper < lower ||
              upper >= source ||
              Math.abs(total - 2048) > 1
            );
          });
          expect(wrong).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
