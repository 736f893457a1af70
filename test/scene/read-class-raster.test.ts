import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClassRows } from '../../src/core/raster.ts';
import { readClassRaster } from '../../src/scene/read-class-raster.ts';
import { type TestImage, writeTiff } from '../geotiff/make-tiff.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'frustum-classes-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

let count = 0;
const write = (...images: TestImage[]) => writeTiff(path.join(dir, `${count++}.tif`), ...images);

async function collect(url: string) {
  const raster = await readClassRaster(url);
  const rows: ClassRows[] = [];
  for await (const block of raster.rows()) rows.push(block);
  await raster.close();
  return { raster, rows };
}

test('rows come in order, without gaps, and join to the raster', async () => {
  const width = 3000;
  const height = 2000;
  const samples = Uint8Array.from({ length: width * height }, (_, i) => (i * 7) % 11);
  const { rows } = await collect(write({ width, height, bands: 1, samples, rowsPerStrip: 7, deflate: true }));
  let y = 0;
  for (const block of rows) {
    expect(block.y).toBe(y);
    expect(block.classes.length).toBe(block.rowCount * width);
    expect(Buffer.compare(block.classes, samples.subarray(y * width, (y + block.rowCount) * width))).toBe(0);
    expect(block.confidence.every((c) => c === 255)).toBe(true);
    y += block.rowCount;
  }
  expect(y).toBe(height);
  expect(rows.length).toBeGreaterThan(1);
});

test('nodata, mask and 255 become the nodata class, with confidence 0', async () => {
  const base: TestImage = { width: 4, height: 1, bands: 1, samples: Uint8Array.from([0, 1, 2, 255]) };
  const first = await collect(write({ ...base, nodata: '0' }));
  expect([...first.rows[0]!.classes]).toEqual([255, 1, 2, 255]);
  expect([...first.rows[0]!.confidence]).toEqual([0, 255, 255, 0]);
  const mask: TestImage = {
    ...base,
    samples: Uint8Array.from([255, 255, 0, 255]),
    photometric: 4,
    subfileType: 4,
  };
  expect([...(await collect(write(base, mask))).rows[0]!.classes]).toEqual([0, 1, 255, 255]);
});

test('a palette comes along', async () => {
  const colorMap = Array.from({ length: 768 }, (_, i) => (i % 256) * 257);
  const samples = Uint8Array.from([3, 4]);
  const { raster } = await collect(
    write({ width: 2, height: 1, bands: 1, samples, photometric: 3, colorMap, place: [10, 10, 5, 6] }),
  );
  expect(raster.colorTable).toHaveLength(256);
  expect(raster.colorTable![3]).toEqual([3, 3, 3]);
  expect(raster.grid.transform).toMatchObject({ a: 10, e: -10, c: 5, f: 6 });
});

test('the labels of a real scene', async () => {
  const { raster, rows } = await collect(path.resolve('../shared/scenes/chiapas_training_labels.tif'));
  expect(raster.grid.crs?.epsg).toBe(32615);
  const seen = new Set(rows.flatMap((block) => [...block.classes]));
  expect([...seen].sort((p, q) => p - q)).toEqual([1, 2, 3, 4, 5, 255]);
});

test('rasters of several bands or wider samples are refused', async () => {
  const wide = write({ width: 1, height: 1, bands: 1, samples: Uint16Array.from([1]) });
  await expect(readClassRaster(wide)).rejects.toMatchObject({ tag: 'ConfigError' });
  const three = write({ width: 1, height: 1, bands: 3, samples: Uint8Array.from([1, 2, 3]) });
  await expect(readClassRaster(three)).rejects.toThrow(/has 3 band\(s\) of uint8; a class raster has one/);
});
