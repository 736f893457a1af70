import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Crs } from '../../src/core/crs.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { openGeoTiff } from '../../src/geotiff/open-geotiff.ts';
import { parseCrs } from '../../src/geotiff/parse-crs.ts';
import { createTiffWriter } from '../../src/geotiff/write-tiff.ts';
import { openByteSource } from '../../src/io/open-source.ts';
import { createProjector } from '../../src/vectorize/reproject.ts';
import { exportCrsWithGdal, type Point, placeWithGdal, reprojectWithGdal } from '../scene/place/with-gdal.ts';
import { needTool } from '../support/need-tool.ts';

/** A CRS and a place in the middle of where it is used. */
const SYSTEMS: readonly (readonly [crs: string, lon: number, lat: number])[] = [
  ['EPSG:4326', 110, 30],
  ['EPSG:4490', 110, 30],
  ['EPSG:32650', 117.3, 31.2],
  ['EPSG:32723', -45, -22],
  ['EPSG:4548', 117.4, 39.5],
  ['EPSG:3857', 12, 48],
  ['EPSG:2193', 172, -43],
  ['EPSG:3035', 10, 52],
  ['EPSG:5070', -96, 38],
  ['EPSG:2154', 3, 46],
  ['EPSG:3031', 50, -75],
  ['EPSG:3413', -40, 80],
  ['EPSG:6933', 20, 40],
  ['EPSG:2229', -118, 34],
  ['+proj=tmerc +lat_0=0 +lon_0=117 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80 +units=m +no_defs', 117.5, 36],
  ['+proj=utm +zone=50 +datum=WGS84 +units=m +no_defs', 116.5, 36],
  ['+proj=lcc +lat_1=30 +lat_2=62 +lat_0=0 +lon_0=105 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs', 108, 34],
  [
    '+proj=lcc +lat_1=46.5 +lat_0=46.5 +lon_0=3 +k_0=0.9999 +x_0=600000 +y_0=2200000 +ellps=GRS80 +units=m +no_defs',
    2,
    46,
  ],
  [
    '+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +x_0=0 +y_0=0 +ellps=krass +towgs84=15.8,-154.4,-82.3,0,0,0,0 +units=m +no_defs',
    104,
    33,
  ],
  ['+proj=laea +lat_0=45 +lon_0=100 +x_0=0 +y_0=0 +a=6370997 +b=6370997 +units=m +no_defs', 98, 44],
  ['+proj=stere +lat_0=90 +lat_ts=71 +lon_0=0 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs', 20, 76],
  [
    '+proj=stere +lat_0=-90 +lat_ts=-90 +lon_0=30 +k=0.994 +x_0=2000000 +y_0=2000000 +datum=WGS84 +units=m +no_defs',
    20,
    -80,
  ],
  [
    '+proj=sterea +lat_0=46 +lon_0=25 +k=0.99975 +x_0=500000 +y_0=500000 +ellps=GRS80 +units=m +no_defs',
    26,
    45,
  ],
  ['+proj=merc +lon_0=0 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs', 20, 30],
  ['+proj=merc +lat_ts=41 +lon_0=100 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs', 105, 30],
  ['+proj=eqc +lat_ts=30 +lat_0=0 +lon_0=90 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs', 95, 28],
  ['+proj=sinu +lon_0=110 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs', 112, 33],
  ['+proj=cea +lat_ts=30 +lon_0=0 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs', 10, 33],
  ['+proj=aeqd +lat_0=30 +lon_0=110 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs', 112, 33],
  [
    '+proj=tmerc +lat_0=30 +lon_0=-87.5 +k=0.999933333 +x_0=200000 +y_0=0 +ellps=GRS80 +to_meter=0.3048006096012192 +no_defs',
    -87,
    32,
  ],
  ['+proj=longlat +ellps=GRS80 +no_defs', 20, 30],
];

/** Distance in metres on the ground between longitudes and latitudes. */
const apart = (p: Point, q: Point) =>
  Math.hypot((p[0] - q[0]) * 111_320 * Math.cos((q[1] * Math.PI) / 180), (p[1] - q[1]) * 110_574);

describe.skipIf(!needTool('gdal-python'))('a coordinate system in words', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'frustum-crs-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Places round the middle, in a system and in degrees, by PROJ. */
  const probe = (crs: string, lon: number, lat: number) => {
    const degrees: Point[] = [
      [lon, lat],
      [lon + 0.7, lat - 0.4],
      [lon - 1.1, lat + 0.9],
    ];
    return { degrees, map: reprojectWithGdal('EPSG:4326', crs, degrees) };
  };
  const expectPlaces = (crs: Crs, { degrees, map }: ReturnType<typeof probe>, what: string) => {
    const project = createProjector(crs);
    map.forEach((point, i) => {
      const got = project(...(point as [number, number]));
      expect(apart(got, degrees[i]!), `${what}: ${crs.proj4} puts ${point} at ${got}`).toBeLessThan(0.002);
    });
  };

  it.each(SYSTEMS)(
    '%s is understood as code or string, as WKT of 1 and of 2, with and without codes',
    async (text, lon, lat) => {
      const places = probe(text, lon, lat);
      expectPlaces(await parseCrs(text, '--crs'), places, 'as given');
      for (const anonymous of [false, true]) {
        const { wkt1, wkt2 } = exportCrsWithGdal(text, anonymous);
        for (const [language, wkt] of Object.entries({ wkt1, wkt2 })) {
          const crs = await parseCrs(wkt, '--crs').catch((error: unknown) => error as ConfigError);
          if (crs instanceof ConfigError) {
            // Better no answer than another: only these may be refused, and only without their code.
            expect(anonymous || !text.startsWith('EPSG')).toBe(true);
            expect(text, crs.message).toMatch(/6933|=(eqc|cea|aeqd|merc \+lat_ts)|\+a=6370997/);
            continue;
          }
          expectPlaces(crs, places, `${language}${anonymous ? ' without codes' : ''}`);
          expect(crs.kind).toBe(
            text.includes('longlat') || /:4326|:4490/.test(text) ? 'geographic' : 'projected',
          );
        }
      }
    },
  );

  it.each(SYSTEMS)(
    '%s is written to GeoTIFFs such that GDAL and Frustum read the same places',
    async (text, lon, lat) => {
      const crs = await parseCrs(text, '--crs');
      const path = join(folder, 'keys.tif');
      const grid = { width: 3, height: 2, crs, transform: { a: 2, b: 0, c: 10, d: 0, e: -2, f: 20 } };
      const writer = await createTiffWriter({ path, grid });
      await writer.writeRows(new Uint8Array(6), 2);
      await writer.close();
      const places = probe(text, lon, lat);
      const read = placeWithGdal(path);
      expect(read.epsg).toBe(crs.epsg === null ? null : String(crs.epsg));
      const seen = reprojectWithGdal(read.wkt!, 'EPSG:4326', places.map);
      seen.forEach((point, i) => {
        expect(apart(point, places.degrees[i]!), read.wkt!).toBeLessThan(0.002);
      });
      const source = await openByteSource(path);
      const own = (await openGeoTiff(source)).info.grid.crs!;
      await source.close();
      expectPlaces(own, places, 'read back');
      expect(own.metresPerUnit ?? 0).toBeCloseTo(crs.metresPerUnit ?? 0, 12);
    },
  );

  it('says what it is not', async () => {
    for (const text of [
      'EPSG:99999',
      'EPSG:4978',
      'nonsense',
      '+proj=nosuch',
      'PROJCS["x"',
      '',
      '+proj=geocent +datum=WGS84',
    ]) {
      await expect(parseCrs(text, '--crs')).rejects.toMatchObject({ tag: 'ConfigError', pointer: '--crs' });
    }
  });

  it('refuses to write what GeoTIFF has no keys for, before anything is written', async () => {
    const crs = await parseCrs('+proj=robin +datum=WGS84', '--crs');
    const grid = { width: 3, height: 2, crs, transform: { a: 2, b: 0, c: 10, d: 0, e: -2, f: 20 } };
    await expect(createTiffWriter({ path: join(folder, 'robin.tif'), grid })).rejects.toMatchObject({
      tag: 'UnsupportedError',
      message: expect.stringMatching(/no EPSG code, and GeoTIFF has no keys for its projection/),
    });
  });
});

describe('names of coordinate systems', () => {
  it('may be spelt in several ways', async () => {
    for (const text of [
      'EPSG:32650',
      'epsg:32650',
      ' EPSG:32650 ',
      'urn:ogc:def:crs:EPSG::32650',
      '+init=epsg:32650',
    ]) {
      expect(await parseCrs(text, '--crs')).toMatchObject({ epsg: 32650, kind: 'projected', geoKeys: null });
    }
    expect(await parseCrs('OGC:CRS84', '--crs')).toMatchObject({ epsg: 4326, kind: 'geographic' });
  });
});
