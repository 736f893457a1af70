import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DescribeOptions, describeScene } from '../../src/scene/describe-scene.ts';
import { writeTiff } from '../geotiff/make-tiff.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'frustum-info-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const describeOne = async (url: string, options?: DescribeOptions) =>
  (await describeScene(url, options)).description;
const scene = (name: string) => path.resolve('../shared/scenes', name);

test('a Landsat scene of eight Int16 bands', async () => {
  const d = await describeOne(scene('landsat7_chiapas_19991118.tif'));
  expect(d).toMatchObject({
    width: 250,
    height: 250,
    bands: 8,
    sampleType: 'int16',
    compression: 'none',
    nodata: -9999,
    overviews: [],
    pixelSize: [30, 30],
    bounds: { minX: 462405, minY: 1734315, maxX: 469905, maxY: 1741815 },
    crs: { epsg: 32615, kind: 'projected' },
    pixelCoordinates: false,
    plan: {
      bands: ['1 band 1 reflectance', '2 band 2 reflectance', '3 band 3 reflectance'],
      stretch: 'percentiles 2 and 98 of each band, scene-wide',
    },
    warnings: [],
  });
  expect(d.corners[2]).toEqual({ name: 'lower right', pixel: [250, 250], map: [469905, 1734315] });
  expect(JSON.parse(JSON.stringify(d))).toEqual(d);
});

test('a COG: overviews, and a near-infrared band that only looks like alpha', async () => {
  const d = await describeOne(scene('olinda_8x_rgbn_cog.tif'), { bands: ['nir', 'red', 'green'] });
  expect(d.overviews).toEqual([
    { width: 1396, height: 1408 },
    { width: 698, height: 704 },
    { width: 349, height: 352 },
  ]);
  expect(d.alphaBand).toBeNull();
  expect(d.plan).toEqual({ bands: ['4 nir', '1 red', '2 green'], stretch: 'none: bytes as they are' });
});

test('what a run would refuse, and that there is no place, are said', async () => {
  const file = writeTiff(path.join(dir, 'one.tif'), {
    width: 2,
    height: 1,
    bands: 1,
    samples: Uint8Array.from([1, 2]),
  });
  const d = await describeOne(file);
  expect(d.plan).toEqual({ refused: expect.stringContaining('--bands 1,1,1') });
  expect(d.bounds).toBeNull();
  expect(d.pixelCoordinates).toBe(true);
  expect(d.warnings).toEqual([expect.stringContaining('has no georeferencing: results are in pixel')]);
});

test('slow layouts are named', async () => {
  const width = 20_000;
  const wide = { width, height: 1000, bands: 1, samples: new Uint8Array(width * 1000), deflate: true };
  const strip = await describeOne(writeTiff(path.join(dir, 'strip.tif'), wide), { bands: [1, 1, 1] });
  expect(strip.warnings[1]).toMatch(/will be slow: each strip of 20000 x 1000 pixels is unpacked whole/);
  const rows = await describeOne(writeTiff(path.join(dir, 'rows.tif'), { ...wide, rowsPerStrip: 1 }));
  expect(rows.warnings[1]).toMatch(/may be slow: it is in full-width strips/);
});
