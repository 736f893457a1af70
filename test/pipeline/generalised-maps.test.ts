import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fromFile } from 'geotiff';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { polygonize, segment, synthesize } from '../../src/index.ts';
import { needPython } from '../support/python.ts';
import { type GeoJsonGeometry, judgeCoverages } from '../vectorize/judge-coverage.ts';

let dir: string;
let synthetic: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-maps-'));
  synthetic = (await synthesize({ width: 512, height: 400, seed: 5, outDir: join(dir, 'land') })).scenePath;
});
afterAll(() => rm(dir, { recursive: true, force: true }));

interface Feature {
  readonly geometry: GeoJsonGeometry;
  readonly properties: Readonly<Record<string, number | string | boolean | null>>;
}

async function readFeatures(path: string): Promise<Feature[]> {
  const text = await readFile(path, 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Feature);
}

async function countClasses(path: string): Promise<Map<number, number>> {
  const file = await fromFile(path);
  const values = (await (await file.getImage()).readRasters({ interleave: true })) as unknown as Uint8Array;
  await file.close();
  const counts = new Map<number, number>();
  for (const v of values) if (v !== 255) counts.set(v, (counts.get(v) ?? 0) + 1);
  return counts;
}

it('a stop while polygons are handed out is heeded, and nothing stays', async () => {
  const out = join(dir, 'stopped');
  const stop = new AbortController();
  const run = polygonize({
    raster: join(dir, 'land/truth.tif'),
    outputs: [join(out, 'a.fgb'), join(out, 'a.geojson')],
    polygons: { simplify: { method: 'vw', toleranceM: 10 } },
    signal: stop.signal,
    // All rows are in: what is left is to generalise, and to write.
    onRows: (done, total) => {
      if (done === total) setImmediate(() => setImmediate(() => stop.abort()));
    },
  });
  await expect(run).rejects.toMatchObject({ name: 'AbortError' });
  expect(await readdir(out)).toEqual([]);
});

const EARTH = resolve('../shared/scenes/blue_marble_july2004_720x360.tif');

describe.skipIf(!needPython('shapely'))('maps of the shipped models', () => {
  it.each([
    ['sfrnet-mini-synth', () => synthetic, [2, 3, 4] as const, 3000, 12],
    ['sfrnet-mini-dubai', () => synthetic, [2, 3, 4] as const, 3000, 12],
    ['sfrnet-mini-earth', () => EARTH, [1, 2, 3] as const, 2e10, 60_000],
  ])(
    '%s: merged, simplified and smoothed, they are coverages to GEOS',
    async (model, scene, bands, mmu, metres) => {
      const outDir = join(dir, model);
      const report = await segment({
        scene: scene(),
        model: `models/${model}`,
        outDir,
        bands: [...bands],
        vector: ['geojsonl', 'gpkg'],
        preview: false,
        polygons: {
          mmu: { areaM2: mmu },
          simplify: { method: 'vw', toleranceM: metres },
          smooth: 2,
          crs: 'scene',
        },
      });
      const features = await readFeatures(join(outDir, 'landcover.geojsonl'));
      expect(features.length).toBe(report.counts.polygons);
      expect(report.generalisation!.pixelsMerged).toBeGreaterThan(0);
      const { complaints } = judgeCoverages([
        { name: model, geometries: features.map((f) => f.geometry), box: null },
      ]);
      expect(complaints).toEqual([]);
      // Pixels as in the sieved raster, class by class.
      const pixels = new Map<number, number>();
      for (const { properties: p } of features) {
        const k = p.class_id as number;
        pixels.set(k, (pixels.get(k) ?? 0) + (p.pixel_count as number));
        expect(p.min_confidence as number).toBeLessThanOrEqual(p.mean_confidence as number);
      }
      expect(pixels).toEqual(await countClasses(join(outDir, 'landcover-sieved.tif')));
      // Every class in the table has the area of its polygons.
      for (const c of report.classes.filter(({ polygons }) => polygons)) {
        const area = features.reduce(
          (n, f) => n + (f.properties.class_id === c.id ? (f.properties.area_m2 as number) : 0),
          0,
        );
        expect(Math.abs(c.areaM2! / area - 1)).toBeLessThan(1e-6);
      }

      // The same from the raster alone.
      const again = join(dir, `${model}.geojsonl`);
      await polygonize({
        raster: join(outDir, 'landcover.tif'),
        outputs: [again],
        polygons: { mmu: { areaM2: mmu }, simplify: { method: 'vw', toleranceM: metres }, smooth: 2 },
        sieved: join(dir, `${model}.tif`),
      });
      const geometries = (list: readonly Feature[]) => list.map((f) => JSON.stringify(f.geometry));
      expect(geometries(await readFeatures(again))).toEqual(geometries(features));
      expect(await countClasses(join(dir, `${model}.tif`))).toEqual(pixels);
    },
  );
});

describe('polygonize', () => {
  const truth = () => join(dir, 'land/truth.tif');

  it('refuses a reference system that no output can hold, or that is not understood, and leaves nothing', async () => {
    const out = join(dir, 'x.geojson');
    for (const crs of ['scene', 'EPSG:3857', 'somewhere', 'EPSG:1']) {
      await expect(polygonize({ raster: truth(), outputs: [out], polygons: { crs } })).rejects.toMatchObject({
        tag: 'ConfigError',
        message: expect.stringMatching(/--vector-crs|EPSG:1/),
      });
    }
    await expect(readFile(out)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
