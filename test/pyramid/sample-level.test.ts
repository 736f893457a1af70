import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resampleBlock } from '../../src/frustum/resample.ts';
import { createLevelSampler } from '../../src/pyramid/sample-level.ts';
import { noiseImage, padImage } from '../support/memory-scene.ts';
import { expectSameBytes } from '../support/same-bytes.ts';

/** Feeds an image to a sampler, cut into bands of the given heights, and puts the level together. */
function sampleLevel(
  width: number,
  height: number,
  data: Uint8Array,
  distance: number,
  cuts: readonly number[],
): Uint8Array {
  const sampler = createLevelSampler(width, height, distance);
  const padded = padImage({ width, height, bands: 3, data }, sampler.sourceWidth, sampler.sourceHeight);
  const strideBytes = sampler.sourceWidth * 3;
  const level: Uint8Array[] = [];
  for (let y = 0, i = 0; y < sampler.sourceHeight; i++) {
    const rowCount = Math.min(cuts[i % cuts.length]!, sampler.sourceHeight - y);
    const rows = padded.data.slice(y * strideBytes, (y + rowCount) * strideBytes);
    const made = sampler.push({ y, rowCount, strideBytes, data: rows });
    expect(made.data).toHaveLength(made.rowCount * sampler.width * 3);
    level.push(made.data.slice());
    rows.fill(99);
    y += rowCount;
  }
  return Buffer.concat(level);
}

describe('createLevelSampler', () => {
  it('equals resampling the padded scene at exactly the distance, however it is cut into bands', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        (width, height, distance, cuts, seed) => {
          const data = noiseImage(width, height, seed);
          const level = { width: Math.ceil(width / distance), height: Math.ceil(height / distance) };
          const padded = padImage(
            { width, height, bands: 3, data },
            level.width * distance,
            level.height * distance,
          );
          const expected = resampleBlock(padded, level.width, level.height);
          expectSameBytes(sampleLevel(width, height, data, distance, cuts), expected.data);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('keeps pixel 3i + 1 at distance 3, and zeros beyond the scene', () => {
    const width = 7;
    const data = Uint8Array.from({ length: width * 7 * 3 }, (_, i) => 1 + Math.floor(i / 3));
    const level = sampleLevel(width, 7, data, 3, [2]);
    const red = Array.from({ length: 9 }, (_, i) => level[3 * i]);
    const at = (x: number, y: number) => 1 + y * width + x;
    expect(red).toEqual([at(1, 1), at(4, 1), 0, at(1, 4), at(4, 4), 0, 0, 0, 0]);
  });
});
