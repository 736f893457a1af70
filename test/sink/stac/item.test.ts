import { describe, expect, it } from 'vitest';
import type { Crs } from '../../../src/core/crs.ts';
import type { Grid } from '../../../src/core/grid.ts';
import { describeItem, type StacItemOptions } from '../../../src/sink/stac/item.ts';
import { parseSceneTime, timeOfScene } from '../../../src/sink/stac/time.ts';
import { stacErrors } from './validate.ts';

const UTM: Crs = {
  kind: 'projected',
  epsg: 32633,
  name: 'WGS 84 / UTM zone 33N',
  proj4: '+proj=utm +zone=33 +datum=WGS84 +units=m +no_defs',
  metresPerUnit: 1,
  geoKeys: null,
};
const LONLAT: Crs = {
  kind: 'geographic',
  epsg: 4326,
  name: 'WGS 84',
  proj4: '+proj=longlat +datum=WGS84 +no_defs',
  metresPerUnit: null,
  geoKeys: null,
};

function gridOf(crs: Crs | null, x: number, y: number, pixel: number, width = 300, height = 200): Grid {
  return { width, height, crs, transform: crs && { a: pixel, b: 0, c: x, d: 0, e: -pixel, f: y } };
}

const SHA = 'ab'.repeat(32);
const FILES = [
  'landcover.tif',
  'landcover.tif.aux.xml',
  'confidence.tif',
  'preview.png',
  'landcover.geojson',
  'landcover.fgb',
  'landcover.gpkg',
  'landcover.parquet',
  'landcover.pmtiles',
  'landcover.qml',
  'landcover.sld',
  'report.html',
].map((file, i) => ({ file, sizeBytes: 100 + i, sha256: SHA }));

function optionsFor(grid: Grid, changes: Partial<StacItemOptions> = {}): StacItemOptions {
  const confidenceCounts = new Float64Array(256);
  confidenceCounts[128] = 30_000;
  confidenceCounts[255] = 10_000;
  return {
    id: 'scene-0123abcd',
    title: 'scene',
    grid,
    time: { datetime: '2024-05-01T10:30:00Z' },
    classes: [
      { id: 0, name: 'unlabeled', color: '#000000', pixels: 0 },
      { id: 1, name: 'bâti (dense) & routes', color: '#ff8000', pixels: 10_000 },
      { id: 2, name: '水', color: '#0000ff', pixels: 30_000 },
    ],
    confidenceCounts,
    files: FILES,
    spaces: {
      'landcover.geojson': { kind: 'wgs84' },
      'landcover.fgb': { kind: 'crs', crs: { ...UTM, epsg: null } },
    },
    lineage: 'Mapped by a test',
    software: { Frustum: '0.1.0' },
    model: { name: 'sfrnet-mini', href: '../models/sfrnet-mini/stac-item.json' },
    ...changes,
  };
}

describe('describeItem', () => {
  const item = describeItem(optionsFor(gridOf(UTM, 500000, 5000000, 10)));

  it.each([
    ['a scene in UTM', optionsFor(gridOf(UTM, 500000, 5000000, 10))],
    ['a scene in degrees', optionsFor(gridOf(LONLAT, 10, 50, 0.001))],
    ['a scene across the antimeridian', optionsFor(gridOf(LONLAT, 179.9, 10, 0.001))],
    ['a scene round a pole', optionsFor(polar())],
    ['a scene without georeferencing', optionsFor(gridOf(null, 0, 0, 1))],
    ['a CRS without a code', optionsFor(gridOf({ ...UTM, epsg: null }, 500000, 5000000, 10))],
    ['a CRS of which nothing is known', optionsFor(gridOf({ ...UTM, epsg: null, proj4: null }, 5, 5, 1))],
    ['an interval', optionsFor(gridOf(UTM, 500000, 5000000, 10), { time: timeOfScene({}, 1e12) })],
    ['a scene without data', optionsFor(gridOf(UTM, 500000, 5000000, 10), { confidenceCounts: [] })],
    ['a model without an item', optionsFor(gridOf(UTM, 5e5, 5e6, 10), { model: { name: 'm', href: null } })],
  ])('of %s is valid against the published schemas', (_, options) => {
    expect(stacErrors(describeItem(options))).toEqual([]);
  });

  it('is found invalid where it is wrong, so that the check means something', () => {
    const broken = [
      { ...item, id: '' },
      { ...item, properties: { ...item.properties, 'proj:shape': [1] } },
      { ...item, properties: { ...item.properties, 'processing:software': 'Frustum' } },
      { ...item, assets: { a: { ...item.assets.landcover!, 'file:checksum': 'XYZ' } } },
      { ...item, assets: { a: { ...item.assets.landcover!, 'classification:classes': [{ value: 1 }] } } },
      { ...item, assets: { a: { ...item.assets.confidence!, 'raster:bands': [{ data_type: 'byte' }] } } },
      { ...item, stac_extensions: ['https://stac-extensions.github.io/eo/v2.0.0/schema.json'] },
    ];
    for (const document of broken) expect(stacErrors(document)).not.toEqual([]);
  });

  it('places the rasters', () => {
    expect(item.properties).toMatchObject({
      datetime: '2024-05-01T10:30:00Z',
      gsd: 10,
      'proj:code': 'EPSG:32633',
      'proj:shape': [200, 300],
      'proj:transform': [10, 0, 500000, 0, -10, 5000000],
      'proj:bbox': [500000, 4998000, 503000, 5000000],
    });
    const [west, south, east, north] = item.bbox!;
    expect(west).toBeCloseTo(15, 3);
    expect(north).toBeCloseTo(45.15, 2);
    expect(east - west).toBeCloseTo(0.038, 3);
    expect(north - south).toBeCloseTo(0.018, 3);
    expect(item.geometry!.type).toBe('Polygon');
  });

  it('is cut in two at the antimeridian', () => {
    const { geometry, bbox } = describeItem(optionsFor(gridOf(LONLAT, 179.9, 10, 0.001)));
    expect(geometry!.type).toBe('MultiPolygon');
    expect(geometry!.coordinates).toHaveLength(2);
    expect(bbox).toEqual([179.9, 9.8, -179.8, 10]);
  });

  it('holds a pole', () => {
    const { geometry, bbox } = describeItem(optionsFor(polar()));
    expect(bbox![0]).toBe(-180);
    expect(bbox![2]).toBe(180);
    expect(bbox![3]).toBe(90);
    expect(geometry!.type).toBe('Polygon');
  });

  it('names the classes, their colours and pixels, and nodata', () => {
    expect(item.assets.landcover!['classification:classes']).toEqual([
      { value: 0, name: 'unlabeled', title: 'unlabeled', color_hint: '000000', count: 0, percentage: 0 },
      {
        value: 1,
        name: 'bati-dense-routes',
        title: 'bâti (dense) & routes',
        color_hint: 'FF8000',
        count: 10000,
        percentage: 25,
      },
      { value: 2, name: 'class-2', title: '水', color_hint: '0000FF', count: 30000, percentage: 75 },
      { value: 255, name: 'no-data', title: 'no data', nodata: true },
    ]);
  });

  it('says what the confidence band holds', () => {
    const [band] = item.assets.confidence!['raster:bands'] as Record<string, unknown>[];
    expect(band).toMatchObject({
      nodata: 0,
      unit: '%',
      scale: 100 / 255,
      spatial_resolution: 10,
      statistics: { minimum: 128, maximum: 255, mean: 159.75, valid_percent: 66.6667 },
    });
    const { buckets } = band!.histogram as { buckets: number[] };
    expect([buckets[127], buckets[254], buckets.length]).toEqual([30000, 10000, 255]);
  });

  it('lists every file with size and checksum, and run.json without', () => {
    const { run, ...others } = item.assets;
    expect(Object.values(others).map((a) => [a.href, a['file:size'], a['file:checksum']])).toEqual(
      FILES.map(({ file, sizeBytes }) => [`./${file}`, sizeBytes, `1220${SHA}`]),
    );
    expect(run).toMatchObject({ href: './run.json', roles: ['metadata'] });
    expect(item.assets['landcover-geojson']).toMatchObject({
      type: 'application/geo+json',
      'proj:code': 'EPSG:4326',
    });
    expect(item.assets['landcover-fgb']).toMatchObject({
      'proj:code': null,
      'proj:projjson': { type: 'ProjectedCRS' },
    });
    expect(item.assets.preview!.roles).toContain('thumbnail');
    expect(item.assets['landcover-tif-aux-xml']!.roles).toEqual(['metadata']);
  });

  it('links to the model', () => {
    expect(item.links).toEqual([
      {
        rel: 'derived_from',
        href: '../models/sfrnet-mini/stac-item.json',
        type: 'application/geo+json',
        title: 'The model sfrnet-mini',
        'mlm:name': 'sfrnet-mini',
      },
    ]);
  });
});

function polar(): Grid {
  const crs: Crs = {
    ...UTM,
    epsg: 3413,
    name: 'Polar',
    proj4: '+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +datum=WGS84 +units=m +no_defs',
  };
  return gridOf(crs, -300000, 200000, 2000);
}

describe('when a scene was taken', () => {
  it.each([
    ['2024-05-01T10:30:00Z', { datetime: '2024-05-01T10:30:00Z' }],
    ['2024-05-01T12:30:00.5+02:00', { datetime: '2024-05-01T10:30:00.500Z' }],
    ['2024-05-01', { datetime: '2024-05-01T00:00:00Z' }],
    [
      '2024-05-01/2024-05-31',
      { datetime: null, start_datetime: '2024-05-01T00:00:00Z', end_datetime: '2024-05-31T00:00:00Z' },
    ],
  ])('is told by --datetime %s', (text, time) => {
    expect(parseSceneTime(text)).toEqual(time);
  });

  it.each(['yesterday', '2024-13-01', '2024-02-31', '2024-05-31/2024-05-01', '2024-05-01/..', '', '1/2/3'])(
    'is refused as "%s", with what is expected',
    (text) => {
      expect(() => parseSceneTime(text)).toThrow(/--datetime .*expected.*2024-05-01/);
    },
  );

  it('is read from the metadata, where they say it', () => {
    expect(timeOfScene({ TIFFTAG_DATETIME: '2015:08:09 02:03:04' }, 5)).toEqual({
      datetime: '2015-08-09T02:03:04Z',
    });
    const both = { TIFFTAG_DATETIME: '2020:01:01 00:00:00', ACQUISITIONDATETIME: '2019-06-07 08:09:10' };
    expect(timeOfScene(both, 5)).toEqual({ datetime: '2019-06-07T08:09:10Z' });
  });

  it('is otherwise before the file was last changed', () => {
    const end = Date.UTC(2021, 1, 3);
    expect(timeOfScene({ TIFFTAG_DATETIME: '0000:00:00 00:00:00' }, end)).toEqual({
      datetime: null,
      start_datetime: '1957-10-04T00:00:00Z',
      end_datetime: '2021-02-03T00:00:00Z',
    });
    expect(timeOfScene({}, null)).toMatchObject({ end_datetime: '9999-12-31T23:59:59Z' });
  });
});
