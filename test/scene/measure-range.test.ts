import { expect, test } from 'vitest';
import type { Window } from '../../src/core/window.ts';
import type { GeoTiffInfo } from '../../src/geotiff/open-geotiff.ts';
import type { SampleArray } from '../../src/geotiff/sample-array.ts';
import { measureRange } from '../../src/scene/measure-range.ts';
import type { PixelReader } from '../../src/scene/read-pixels.ts';

const infoOf = (part: Partial<GeoTiffInfo>) =>
  ({ url: 'big.tif', blockWidth: 256, blockHeight: 256, bitsPerSample: 16, ...part }) as GeoTiffInfo;

/** A scene whose samples are a function of row and column, read by window and never held. */
function painted(paint: (x: number, y: number) => number, make: (length: number) => SampleArray) {
  const windows: Window[] = [];
  const reader: PixelReader = {
    nodata: null,
    alphaBand: null,
    async read(window) {
      windows.push(window);
      const samples = make(window.width * window.height * 3);
      for (let y = 0, i = 0; y < window.height; y++) {
        for (let x = 0; x < window.width; x++, i += 3) {
          samples.fill(paint(window.x + x, window.y + y), i, i + 3);
        }
      }
      return { samples, valid: null };
    },
    readValidity: async () => null,
  };
  return { reader, windows };
}

test('a scene beyond the limit is measured on every n-th group of whole blocks, and says so', async () => {
  // 64 million pixels are the limit: 160 million make every third group of 256 rows.
  const info = infoOf({ width: 2000, height: 80_000, sampleType: 'uint16' });
  const { reader, windows } = painted(
    (_, y) => Math.floor(y / 256) % 1000,
    (length) => new Uint16Array(length),
  );
  const { ranges, sampling, counts } = await measureRange(info, reader, { kind: 'minmax' });
  expect(sampling).toBe('every 3rd group of 256 rows');
  const groups = new Set(windows.map(({ y }) => Math.floor(y / 256)));
  expect([...groups]).toEqual(Array.from({ length: 105 }, (_, i) => i * 3));
  expect(ranges[0]).toEqual([0, 312]);
  expect(counts[0]).toBe(windows.reduce((sum, w) => sum + w.width * w.height, 0));
  for (const { x, width, height } of windows) {
    expect([x, width]).toEqual([0, 2000]);
    expect(width * height * 4 * 2).toBeLessThanOrEqual(16 * 1024 * 1024);
  }
});

test('float percentiles come from an even sample, minimum and maximum from all', async () => {
  const info = infoOf({ width: 3000, height: 2000, sampleType: 'float32', bitsPerSample: 32 });
  const { reader } = painted(
    (x, y) => (x === 1234 && y === 777 ? 1e6 : y),
    (length) => new Float32Array(length),
  );
  const whole = await measureRange(info, reader, { kind: 'minmax' });
  expect(whole.ranges[2]).toEqual([0, 1e6]);
  const plan = { kind: 'percentile', percentiles: [10, 90] } as const;
  const { ranges } = await measureRange(info, reader, plan);
  expect(Math.abs(ranges[0][0] - 200)).toBeLessThan(3);
  expect(Math.abs(ranges[0][1] - 1800)).toBeLessThan(3);
  expect(await measureRange(info, reader, plan)).toEqual(await measureRange(info, reader, plan));
});
