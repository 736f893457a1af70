import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

interface Traced {
  readonly polygons: number;
  readonly pixels: number;
  readonly rssMB: number;
}

const trace = (width: number, height: number): Traced =>
  JSON.parse(
    execFileSync(
      process.execPath,
      ['--import', 'tsx', resolve('test/bench/polygonize-tall.ts'), `${width}`, `${height}`],
      { encoding: 'utf8' },
    ),
  );

it('a raster 50,000 pixels wide is traced in under 150 MB, unchanged when it is four times as high', () => {
  const low = trace(50_000, 2_000);
  const high = trace(50_000, 8_000);
  expect(high.pixels).toBe(4 * low.pixels);
  expect(high.polygons).toBeGreaterThan(3 * low.polygons);
  expect(high.rssMB).toBeLessThan(150);
  expect(high.rssMB).toBeLessThan(low.rssMB + 10);
});
