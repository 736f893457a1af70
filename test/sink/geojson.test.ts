import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type CoverageFeature, coverageSpace } from '../../src/core/coverage.ts';
import type { Grid } from '../../src/core/grid.ts';
import { openGeoJsonSink } from '../../src/sink/geojson.ts';
import { openGeoJsonSeqSink } from '../../src/sink/geojson-seq.ts';
import { putFixed } from '../../src/sink/json-bytes.ts';
import { needTool } from '../support/need-tool.ts';
import { mountSmallDisk } from '../support/small-disk.ts';

const folder = mkdtempSync(join(tmpdir(), 'frustum-geojson-'));
afterAll(() => rmSync(folder, { recursive: true }));

const lonLatGrid: Grid = {
  width: 4,
  height: 4,
  transform: { a: 1, b: 0, c: 0, d: 0, e: -1, f: 0 },
  crs: { kind: 'geographic', epsg: 4326, name: 'WGS 84', proj4: null, metresPerUnit: null, geoKeys: null },
};
const pixelGrid: Grid = { width: 4, height: 4, transform: null, crs: null };

function feature(
  id: number,
  polygons: [number, number][][][],
  more: Partial<CoverageFeature> = {},
): CoverageFeature {
  const ringEnds: number[] = [];
  const polygonEnds: number[] = [];
  const flat: number[] = [];
  for (const rings of polygons) {
    for (const ring of rings) {
      for (const point of ring) flat.push(...point);
      ringEnds.push(flat.length / 2);
    }
    polygonEnds.push(ringEnds.length);
  }
  return {
    id,
    classId: 2,
    className: 'caf\u00e9 "built-up"',
    color: '#cc6677',
    pixelCount: 7,
    areaM2: 1234.56789,
    perimeterM: 150.12345,
    meanConfidence: 200.25,
    minConfidence: 17,
    touchesEdge: false,
    belowMmu: false,
    geometry: { coordinates: Float64Array.from(flat), ringEnds, polygonEnds },
    ...more,
  };
}

const square = (x: number, y: number, size = 1): [number, number][] => [
  [x, y],
  [x + size, y],
  [x + size, y + size],
  [x, y + size],
  [x, y],
];
const hole = (x: number, y: number, size: number) => square(x, y, size).reverse() as [number, number][];

const simple = feature(3, [[square(10, 50)]]);
const withHole = feature(2_500_000_017, [[square(10, 50, 4), hole(11, 51, 1.5)]], {
  areaM2: null,
  perimeterM: null,
  meanConfidence: null,
  minConfidence: null,
});
const cut = feature(4, [[square(179, -1)], [square(-180, -1)]], { touchesEdge: true });

async function write(name: string, grid: Grid, features: CoverageFeature[]): Promise<string> {
  const path = join(folder, name);
  const open = name.endsWith('l') ? openGeoJsonSeqSink : openGeoJsonSink;
  const sink = await open({ path, space: coverageSpace(grid) });
  for (const f of features) await sink.write(f);
  await sink.close();
  expect(sink.path).toBe(path);
  return readFileSync(path, 'utf8');
}

const properties = {
  id: 3,
  class_id: 2,
  class_name: 'caf\u00e9 "built-up"',
  color: '#cc6677',
  pixel_count: 7,
  area_m2: 1234.568,
  perimeter_m: 150.123,
  mean_confidence: 200.3,
  min_confidence: 17,
  touches_edge: false,
};

describe('GeoJSON', () => {
  it('is one collection with a box', async () => {
    expect(JSON.parse(await write('a.geojson', lonLatGrid, [simple, withHole]))).toEqual({
      type: 'FeatureCollection',
      name: 'landcover',
      features: [
        { type: 'Feature', id: 3, properties, geometry: { type: 'Polygon', coordinates: [square(10, 50)] } },
        {
          type: 'Feature',
          id: 2_500_000_017,
          properties: {
            ...properties,
            id: 2_500_000_017,
            area_m2: null,
            perimeter_m: null,
            mean_confidence: null,
            min_confidence: null,
          },
          geometry: { type: 'Polygon', coordinates: [square(10, 50, 4), hole(11, 51, 1.5)] },
        },
      ],
      bbox: [10, 50, 14, 54],
    });
  });

  it('has a name and metadata if given', async () => {
    const path = join(folder, 'b.geojson');
    const sink = await openGeoJsonSink({
      path,
      space: { kind: 'wgs84' },
      name: 'S\u00e3o "Paulo"',
      metadata: { model: 'm-1' },
    });
    await sink.close();
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      type: 'FeatureCollection',
      name: 'S\u00e3o "Paulo"',
      metadata: { model: 'm-1' },
      features: [],
    });
  });

  it('keeps faces cut at the antimeridian in two, and its box goes the short way round', async () => {
    const { features, bbox } = JSON.parse(await write('c.geojson', lonLatGrid, [cut]));
    expect(features[0].geometry).toEqual({
      type: 'MultiPolygon',
      coordinates: [[square(179, -1)], [square(-180, -1)]],
    });
    expect(bbox).toEqual([179, -1, -179, 0]);
    const round = feature(5, [[square(-1, 60, 20)]]);
    expect(JSON.parse(await write('d.geojson', lonLatGrid, [cut, round])).bbox).toEqual([-180, -1, 180, 80]);
  });

  it('says so where coordinates are pixels', async () => {
    const whole = JSON.parse(await write('e.geojson', pixelGrid, [simple]));
    expect(whole.coordinateSpace).toBe('pixel');
    expect(whole.crs.properties.name).toContain('LOCAL_CS');
    expect(whole.features[0].coordinateSpace).toBe('pixel');
    expect(await write('f.geojson', lonLatGrid, [simple])).not.toMatch(/coordinateSpace|crs/);
  });

  it('as lines has one feature each', async () => {
    const text = await write('a.geojsonl', lonLatGrid, [simple, cut, withHole]);
    expect(text.endsWith('\n')).toBe(true);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map((f) => [f.type, f.id, f.geometry.type])).toEqual([
      ['Feature', 3, 'Polygon'],
      ['Feature', 4, 'MultiPolygon'],
      ['Feature', 2_500_000_017, 'Polygon'],
    ]);
    expect(JSON.parse((await write('b.geojsonl', pixelGrid, [simple])).trim()).coordinateSpace).toBe('pixel');
  });

  it('of many features larger than a chunk is whole', async () => {
    const ring: [number, number][] = [];
    for (let i = 0; i <= 90_000; i++) ring.push([Math.round(i * 1234.567) / 1e7, Math.round(i * 37.1) / 1e7]);
    const big = Array.from({ length: 3 }, (_, i) => feature(i, [[ring]]));
    const small = Array.from({ length: 30_000 }, (_, i) => feature(100 + i, [[square(i / 1000, 1)]]));
    const parsed = JSON.parse(await write('g.geojson', lonLatGrid, [...big, ...small]));
    expect(parsed.features.length).toBe(30_003);
    expect(parsed.features[2].geometry.coordinates[0]).toEqual(ring);
    expect(parsed.features[30_002].id).toBe(30_099);
  });
});

describe('a file of features', () => {
  it('is not there before it is closed, and never after an abort', async () => {
    const own = mkdtempSync(join(folder, 'abort-'));
    const sink = await openGeoJsonSink({ path: join(own, 'x.geojson'), space: { kind: 'wgs84' } });
    await sink.write(simple);
    expect(readdirSync(own)).not.toContain('x.geojson');
    await sink.abort();
    expect(readdirSync(own)).toEqual([]);
    await sink.abort();
  });

  it('is whole but not yet there when finished, and closing it then changes no byte', async () => {
    const own = mkdtempSync(join(folder, 'finish-'));
    const sink = await openGeoJsonSink({ path: join(own, 'x.geojson'), space: { kind: 'wgs84' } });
    await sink.write(simple);
    await sink.finish?.();
    expect(readdirSync(own)).not.toContain('x.geojson');
    await sink.close();
    expect(JSON.parse(readFileSync(join(own, 'x.geojson'), 'utf8')).features.length).toBe(1);
  });

  it('names its path where it cannot be made', async () => {
    writeFileSync(join(folder, 'file'), '');
    const path = join(folder, 'file', 'x.geojsonl');
    await expect(openGeoJsonSeqSink({ path, space: { kind: 'wgs84' } })).rejects.toMatchObject({
      tag: 'SourceError',
      url: path,
    });
  });

  describe('on a full disk', () => {
    const disk = mountSmallDisk(4 << 20);
    it.skipIf(disk === null)('fails by name and leaves nothing', async () => {
      const path = join(disk!, 'x.geojson');
      const sink = await openGeoJsonSink({ path, space: { kind: 'wgs84' } });
      const fill = async () => {
        for (let i = 0; i < 100_000; i++) await sink.write({ ...simple, id: i });
        await sink.close();
      };
      await expect(fill()).rejects.toMatchObject({ tag: 'SourceError', status: 'ENOSPC', url: path });
      expect(readdirSync(disk!)).toEqual([]);
    });
  });
});

describe('numbers', () => {
  const print = (value: number) => {
    const bytes = new Uint8Array(32);
    return new TextDecoder().decode(bytes.subarray(0, putFixed(bytes, 0, value)));
  };

  it('are those of toFixed without trailing zeros', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }), (n) => {
        const text = print(n / 1e7);
        expect(Number(text)).toBe(n / 1e7);
        expect(text).toBe(String((n / 1e7).toFixed(7)).replace(/\.?0+$/, '') || '0');
      }),
      { numRuns: 20_000 },
    );
  });

  it('are read back exactly at nine decimals', () => {
    fc.assert(
      fc.property(fc.integer({ min: -180e9, max: 180e9 }), (n) => {
        expect(Number(print(n / 1e9))).toBe(n / 1e9);
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    [0, '0'],
    [-0, '0'],
    [1e-7, '0.0000001'],
    [-1e-7, '-0.0000001'],
    [-1e-12, '0'],
    [0.9999999999, '1'],
    [-179.9999999, '-179.9999999'],
    [-50_000, '-50000'],
    [2 ** 40, '1099511627776'],
  ])('%d', (value, text) => {
    expect(print(value)).toBe(text);
  });
});

describe.skipIf(!needTool('ogrinfo'))('GDAL', () => {
  const summary = (name: string) =>
    execFileSync('ogrinfo', ['-so', '-al', join(folder, name)], { encoding: 'utf8' });

  it('reads features, fields and extent', async () => {
    await write('gdal.geojson', lonLatGrid, [simple, withHole]);
    await write('gdal.geojsonl', lonLatGrid, [simple, withHole]);
    for (const name of ['gdal.geojson', 'gdal.geojsonl']) {
      const text = summary(name);
      expect(text).toContain('Feature Count: 2');
      expect(text).toContain('Extent: (10.000000, 50.000000) - (14.000000, 54.000000)');
      expect(text).toMatch(/area_m2: Real/);
      expect(text).toMatch(/class_name: String/);
      expect(text).toContain('WGS 84');
    }
  });

  it('does not take pixels for degrees', async () => {
    await write('pixel.geojson', pixelGrid, [simple]);
    expect(summary('pixel.geojson')).toMatch(/ENGCRS|LOCAL_CS/);
    expect(summary('pixel.geojson')).not.toContain('WGS 84');
  });
});
