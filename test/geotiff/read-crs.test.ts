import proj4 from 'proj4';
import { describe, expect, test } from 'vitest';
import { applyAffine } from '../../src/core/affine.ts';
import type { GeoKeys } from '../../src/core/crs.ts';
import { readCrs } from '../../src/geotiff/read-crs.ts';
import { geoKeyValues } from '../../src/geotiff/read-geokeys.ts';
import { loadCorpus, withCorpusFile } from './corpus.ts';

type LonLat = readonly [number, number];
interface Placed {
  readonly corners_own_geographic?: Readonly<Record<string, LonLat | null>>;
}

/** The same ellipsoid and meridian, without projection and datum shift. */
const ownGeographic = (definition: string) =>
  `+proj=longlat ${(definition.match(/\+(ellps|a|b|pm)=\S+/g) ?? []).join(' ')} +no_defs`;

/** Their own geographic system counts in grads from Paris, which proj4 cannot give back. */
const KNOWN: readonly string[] = ['files/gdal/epsg_27563_allgeokeys.tif', 'files/gdal/test_gf.tif'];

describe('corners in the geographic system of the same datum, within a hundredth of a pixel', () => {
  const entries = loadCorpus().filter(
    (entry) =>
      entry.expect === 'decode' &&
      (entry.gdal as Placed).corners_own_geographic &&
      !entry.gdal_without_sidecars &&
      !KNOWN.includes(entry.file),
  );

  test('there are enough of them', () => {
    expect(entries.length).toBeGreaterThan(150);
  });

  test.each(entries.map((entry) => [entry.file, entry] as const))('%s', async (_, entry) => {
    await withCorpusFile(entry, async ({ info }) => {
      const { transform, crs } = info.grid;
      if (!transform || !crs) return;
      expect(crs.proj4).not.toBeNull();
      const own = crs.proj4!.replace(/\+towgs84=\S+/g, '');
      const convert = proj4(own, ownGeographic(own));
      const pixelArea = Math.abs(transform.a * transform.e - transform.b * transform.d);
      const unit = crs.kind === 'geographic' ? 111_320 : crs.metresPerUnit!;
      const corners = {
        ul: [0, 0],
        ur: [info.width, 0],
        lr: [info.width, info.height],
        ll: [0, info.height],
      };
      for (const [name, [column, row]] of Object.entries(corners)) {
        const expected = (entry.gdal as Placed).corners_own_geographic![name];
        if (!expected) continue;
        const [lon, lat] = convert.forward(applyAffine(transform, column!, row!)) as [number, number];
        const turn = Math.abs(lon - expected[0]) % 360;
        const east = Math.min(turn, 360 - turn) * Math.cos((expected[1] * Math.PI) / 180) * 111_320;
        const north = (lat - expected[1]) * 110_574;
        expect(Math.hypot(east, north) / (Math.sqrt(pixelArea) * unit)).toBeLessThan(0.01);
      }
    });
  });
});

describe('keys', () => {
  const read = (directory: number[], doubles: number[] = [], ascii = '') => {
    const keys: GeoKeys = { directory, doubles, ascii };
    return readCrs('x.tif', keys, geoKeyValues(keys));
  };

  test('a projected code wins over the base system beside it', async () => {
    const { crs } = await read([1, 1, 0, 3, 1024, 0, 1, 1, 2048, 0, 1, 4326, 3072, 0, 1, 32631]);
    expect(crs).toMatchObject({ kind: 'projected', epsg: 32631, name: 'EPSG:32631', metresPerUnit: 1 });
    expect(crs!.proj4).toMatch(/\+proj=tmerc .*\+lon_0=3 /);
  });

  test('degrees have no metres; axes stay x east, y north', async () => {
    const { crs, warnings } = await read([1, 1, 0, 2, 1024, 0, 1, 2, 2048, 0, 1, 4326]);
    expect(crs).toMatchObject({ kind: 'geographic', epsg: 4326, metresPerUnit: null });
    expect(crs!.proj4).not.toContain('axis');
    expect(warnings).toEqual([]);
  });

  test('feet are told to proj4 and to the reader', async () => {
    // NAD83 / California zone 5 (US survey feet).
    const { crs } = await read([1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 2229]);
    expect(crs!.metresPerUnit).toBeCloseTo(1200 / 3937, 9);
    const [lon, lat] = proj4(crs!.proj4!, 'WGS84').forward([6561666.667, 1640416.667]);
    expect(lon).toBeCloseTo(-118, 5);
    expect(lat).toBeCloseTo(33.5, 5);
  });

  test('a south polar system has its pole', async () => {
    const { crs } = await read([1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 3031]);
    const [, lat] = proj4(crs!.proj4!, 'WGS84').forward([0, 0]);
    expect(lat).toBeCloseTo(-90, 6);
  });

  test('an unknown code is kept by number, with a warning instead of a definition', async () => {
    const { crs, warnings } = await read([1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 30999]);
    expect(crs).toMatchObject({ epsg: 30999, proj4: null });
    expect(warnings[0]).toMatch(/no definition is known for its coordinate system \(EPSG:30999\)/);
  });

  test('a datum without a known shift is warned of', async () => {
    const { warnings } = await read([1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 26711]);
    expect(warnings[0]).toMatch(/datum shift .* is not known/);
  });

  test('keys that point outside their tags are left out', () => {
    const values = geoKeyValues({
      directory: [1, 1, 0, 99, 1024, 0, 1, 1, 2057, 34736, 1, 7, 2059, 34736, 2, 0, 1026, 34737, 900, 2],
      doubles: [1],
      ascii: 'abc|',
    });
    expect([...values]).toEqual([
      [1024, 1],
      [1026, 'c'],
    ]);
  });
});
