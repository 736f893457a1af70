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
    nodata: [],
    alphaBand: null,
    isAlwaysValid: true,
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

test('a scene beyond the limit is measured on an even lattice of cells, whatever its blocks, and says so', async () => {
  // 64 million pixels are the limit: 160 million make every third cell of 512 x 512 pixels.
  const size = { width: 2000, height: 80_000, sampleType: 'uint16' } as const;
  const paint = (x: number, y: number) => Math.floor(y / 100) + (x >= 1000 ? 10_000 : 0);
  const make = (length: number) => new Uint16Array(length);
  const { reader, windows } = painted(paint, make);
  const measured = await measureRange(infoOf(size), reader, { kind: 'minmax' });
  const pixels = windows.reduce((sum, w) => sum + w.width * w.height, 0);
  expect(measured.sampling).toBe(
    '210 cells of 512 x 512 pixels, one in 3, on an even lattice: 33.5 % of all pixels',
  );
  expect(measured.counts).toEqual([pixels, pixels, pixels]);
  expect(pixels / (size.width * size.height)).toBeCloseTo(0.335, 3);
  const seen = new Set<string>();
  const perColumn = [0, 0, 0, 0];
  for (const { x, y, width, height } of windows) {
    expect([x % 512, y % 512]).toEqual([0, 0]);
    expect([width, height]).toEqual([Math.min(512, 2000 - x), Math.min(512, 80_000 - y)]);
    seen.add(`${x},${y}`);
    perColumn[x / 512]!++;
  }
  expect(seen.size).toBe(windows.length);
  // 157 rows of cells: each column of cells is looked at in about a third of them.
  for (const count of perColumn) expect(Math.abs(count - 157 / 3)).toBeLessThan(4);
  const strips = painted(paint, make);
  const other = await measureRange(infoOf({ ...size, blockHeight: 1 }), strips.reader, { kind: 'minmax' });
  expect(other).toEqual(measured);
});

test('float percentiles of many values are exact, and so are minimum and maximum', async () => {
  const info = infoOf({ width: 3000, height: 2000, sampleType: 'float32', bitsPerSample: 32 });
  const { reader } = painted(
    (x, y) => (x === 1234 && y === 777 ? 1e6 : y),
    (length) => new Float32Array(length),
  );
  const whole = await measureRange(info, reader, { kind: 'minmax' });
  expect(whole.ranges[2]).toEqual([0, 1e6]);
  const plan = { kind: 'percentile', percentiles: [10, 90] } as const;
  const { ranges } = await measureRange(info, reader, plan);
  // Six million values, 3000 of each row, but for one of row 777 that is the largest: rank 599999.9 lies between rows 199
  // and 200, ranks 5399999 and 5400000 are of row 1800.
  expect(ranges[0][0]).toBeCloseTo(199.9, 6);
  expect(ranges[0][1]).toBe(1800);
});
