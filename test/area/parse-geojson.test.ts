import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseGeoJson } from '../../src/area/parse-geojson.ts';
import { readArea } from '../../src/area/read-area.ts';

const RING = [
  [0, 0],
  [2, 0],
  [2, 2],
  [0, 2],
  [0, 0],
];
const HOLE = [
  [0.5, 0.5],
  [1, 0.5],
  [1, 1],
  [0.5, 0.5],
];
const polygon = { type: 'Polygon', coordinates: [RING, HOLE] };
const multi = { type: 'MultiPolygon', coordinates: [[RING], [HOLE]] };
const feature = (geometry: unknown) => ({ type: 'Feature', properties: { a: 1 }, geometry });
const collection = (...features: unknown[]) => ({ type: 'FeatureCollection', features });

const ringsOf = (json: unknown) =>
  parseGeoJson(JSON.stringify(json), 'a.geojson').polygons.map(({ rings }) => rings.length);

describe('parseGeoJson', () => {
  it.each([
    ['Polygon', polygon, [2]],
    ['MultiPolygon', multi, [1, 1]],
    ['Feature', feature(polygon), [2]],
    ['FeatureCollection', collection(feature(polygon), feature(null), feature(multi)), [2, 1, 1]],
    ['GeometryCollection', { type: 'GeometryCollection', geometries: [multi, polygon] }, [1, 1, 2]],
    ['heights', { type: 'Polygon', coordinates: [RING.map(([x, y]) => [x, y, 7])] }, [1]],
    [
      'a CRS that says what RFC 7946 says',
      { ...polygon, crs: { type: 'name', properties: { name: 'urn:ogc:def:crs:OGC:1.3:CRS84' } } },
      [2],
    ],
  ])('takes %s', (_, json, expected) => {
    expect(ringsOf(json)).toEqual(expected);
  });

  it('keeps the positions as they are', () => {
    const [first] = parseGeoJson(`\ufeff${JSON.stringify(polygon)}`, 'a.geojson').polygons;
    expect([...first!.rings[1]!]).toEqual(HOLE.flat());
  });

  it.each([
    ['{"type":', '', /not JSON/],
    ['[]', '', /expected a GeoJSON object, got a list/],
    [JSON.stringify({ type: 'Point', coordinates: [0, 0] }), '', /Polygon and MultiPolygon, got "Point"/],
    [
      JSON.stringify(collection(feature(polygon), feature({ type: 'LineString', coordinates: RING }))),
      '/features/1/geometry',
      /got "LineString"/,
    ],
    [JSON.stringify(collection(polygon)), '/features/0', /expected a Feature, got "Polygon"/],
    [JSON.stringify(collection()), '', /no polygon/],
    [JSON.stringify(feature(null)), '', /no polygon/],
    [
      JSON.stringify({ type: 'Polygon', coordinates: [RING.slice(0, 4)] }),
      '/coordinates/0',
      /not closed: it begins at \[0, 0\] and ends at \[0, 2\]/,
    ],
    [
      JSON.stringify({ type: 'Polygon', coordinates: [RING.slice(0, 3)] }),
      '/coordinates/0',
      /at least 4 positions.*got 3/,
    ],
    [JSON.stringify({ type: 'Polygon', coordinates: RING }), '/coordinates/0', /at least 4 positions.*got 2/],
    [
      JSON.stringify({
        type: 'Polygon',
        coordinates: [
          [
            [0, 0],
            [1, 'x'],
            [1, 1],
            [0, 0],
          ],
        ],
      }),
      '/coordinates/0/1',
      /expected \[longitude, latitude\], got \[1,"x"\]/,
    ],
    [
      JSON.stringify({
        type: 'Polygon',
        coordinates: [
          [
            [431000, 4580000],
            [1, 1],
            [2, 1],
            [431000, 4580000],
          ],
        ],
      }),
      '/coordinates/0/0',
      /no longitude and latitude.*ogr2ogr/,
    ],
    [
      JSON.stringify({
        type: 'Polygon',
        coordinates: [
          [
            [0, 91],
            [1, 1],
            [2, 1],
            [0, 91],
          ],
        ],
      }),
      '/coordinates/0/0',
      /no longitude and latitude/,
    ],
    [
      JSON.stringify({
        ...polygon,
        crs: { type: 'name', properties: { name: 'urn:ogc:def:crs:EPSG::32633' } },
      }),
      '/crs',
      /are in urn:ogc:def:crs:EPSG::32633.*ogr2ogr/,
    ],
  ])('refuses %s', (text, pointer, message) => {
    const parse = () => parseGeoJson(text, 'a.geojson');
    expect(parse).toThrow(message);
    expect(parse).toThrow(
      expect.objectContaining({ tag: 'FormatError', what: pointer || 'GeoJSON', url: 'a.geojson' }),
    );
  });

  it('ends collections that go on in each other', () => {
    let nested: unknown = polygon;
    for (let i = 0; i < 50; i++) nested = { type: 'GeometryCollection', geometries: [nested] };
    expect(() => ringsOf(nested)).toThrow(/more than 16 collections/);
  });

  it('bounds the positions that it keeps', () => {
    const ring = `[${'[0,0],'.repeat(2_000_001)}[0,0]]`;
    expect(() => parseGeoJson(`{"type":"Polygon","coordinates":[${ring}]}`, 'a.geojson')).toThrow(
      /more than 2000000 positions/,
    );
  });
});

describe('readArea', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'frustum-area-'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('reads a file and tells its content by a hash', async () => {
    const path = join(dir, 'a.geojson');
    await writeFile(path, JSON.stringify(polygon));
    const { area, sha256 } = await readArea(path);
    expect(area.polygons).toHaveLength(1);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    await writeFile(path, JSON.stringify(multi));
    expect((await readArea(path)).sha256).not.toBe(sha256);
  });

  it('names a file that is not there', async () => {
    await expect(readArea(join(dir, 'none.geojson'))).rejects.toMatchObject({ tag: 'SourceError' });
  });
});
