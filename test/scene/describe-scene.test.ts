import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeScene } from '../../src/scene/describe-scene.ts';
import { formatDescription } from '../../src/scene/format-description.ts';
import { writeTiff } from '../geotiff/make-tiff.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'frustum-info-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const scene = (name: string) => path.resolve('../shared/scenes', name);

test('a Landsat scene of eight Int16 bands', async () => {
  const d = await describeScene(scene('landsat7_chiapas_19991118.tif'));
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
  const d = await describeScene(scene('olinda_8x_rgbn_cog.tif'), { bands: ['nir', 'red', 'green'] });
  expect(d.overviews).toEqual([
    { width: 1396, height: 1408 },
    { width: 698, height: 704 },
    { width: 349, height: 352 },
  ]);
  expect(d.alphaBand).toBeNull();
  expect(d.plan).toEqual({ bands: ['4 nir', '1 red', '2 green'], stretch: 'none: bytes as they are' });
});

test('as text it fits on a screen and says what matters', async () => {
  const text = formatDescription(await describeScene(scene('landsat7_chiapas_19991118.tif')));
  expect(text.split('\n').length).toBeLessThanOrEqual(24);
  expect(text).toContain('250 x 250 pixels, 8 bands of int16');
  expect(text).toContain('(EPSG:32615)');
  expect(text).toContain('upper left   (0, 0)  462405, 1741815');
  expect(text).toContain('value -9999');
});

test('what a run would refuse, and that there is no place, are said', async () => {
  const file = writeTiff(path.join(dir, 'one.tif'), {
    width: 2,
    height: 1,
    bands: 1,
    samples: Uint8Array.from([1, 2]),
  });
  const d = await describeScene(file);
  expect(d.plan).toEqual({ refused: expect.stringContaining('--bands 1,1,1') });
  expect(d.bounds).toBeNull();
  expect(d.pixelCoordinates).toBe(true);
  expect(d.warnings).toEqual([expect.stringContaining('has no georeferencing: results are in pixel')]);
  const text = formatDescription(d);
  expect(text).toContain('would read   nothing: ');
  expect(text).toContain('lower right  (2, 1)');
});

test('float scenes hold no data at NaN, which is said once', async () => {
  const samples = Float32Array.from([1, 2, 3]);
  const text = async (nodata?: string) => {
    const image = { width: 1, height: 1, bands: 3, samples, ...(nodata && { nodata }) };
    return formatDescription(await describeScene(writeTiff(path.join(dir, 'float.tif'), image)));
  };
  expect(await text()).toContain('no data      value NaN\n');
  expect(await text('-1')).toContain('no data      value -1, value NaN\n');
  expect(await text('nan')).toContain('no data      value NaN\n');
});

test('slow layouts are named', async () => {
  const width = 20_000;
  const wide = { width, height: 1000, bands: 1, samples: new Uint8Array(width * 1000), deflate: true };
  const strip = await describeScene(writeTiff(path.join(dir, 'strip.tif'), wide), { bands: [1, 1, 1] });
  expect(strip.warnings[1]).toMatch(/will be slow: each strip of 20000 x 1000 pixels is unpacked whole/);
  const rows = await describeScene(writeTiff(path.join(dir, 'rows.tif'), { ...wide, rowsPerStrip: 1 }));
  expect(rows.warnings[1]).toMatch(/may be slow: it is in full-width strips/);
});
