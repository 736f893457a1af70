import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { afterAll, describe, expect, it } from 'vitest';
import type { CoverageFeature, CoverageSpace } from '../../src/core/coverage.ts';
import { openGeoParquetSink } from '../../src/sink/geoparquet.ts';
import {
  bruteForce,
  CLASSES,
  coverageFeature,
  KINDS,
  polygonsOf,
  scatterFeatures,
  square,
} from '../support/coverage-features.ts';
import { needPython, testPython } from '../support/python.ts';
import { UTM, WGS84, writeLayer } from './layers.ts';

const folder = mkdtempSync(join(tmpdir(), 'frustum-parquet-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function write(
  name: string,
  features: readonly CoverageFeature[],
  space: CoverageSpace = WGS84,
): Promise<string> {
  const path = join(folder, name);
  const sink = await openGeoParquetSink({ path, space, classes: CLASSES, metadata: { model: 'm-1' } });
  expect(sink.path).toBe(path);
  return await writeLayer(sink, features);
}

const fileOf = (path: string): ArrayBuffer => new Uint8Array(readFileSync(path)).buffer;

async function geoOf(path: string) {
  const metadata = await parquetMetadataAsync(fileOf(path));
  const pairs = metadata.key_value_metadata!.map(({ key, value }) => [key, value] as const);
  const { geo, metadata: run } = Object.fromEntries(pairs);
  return { metadata, geo: JSON.parse(geo!), run: JSON.parse(run!) };
}

const BOXES = [
  [0, 0, 20, 20],
  [-170, -80, 160, 71],
  [170, 75, 180, 90],
] as const;

describe('GeoParquet', () => {
  it('has every value as it was, in a JavaScript reader', async () => {
    const rows = await parquetReadObjects({ file: fileOf(await write('kinds.parquet', KINDS)) });
    expect(rows).toHaveLength(KINDS.length);
    KINDS.forEach((kind, i) => {
      const { geometry, bbox, ...properties } = rows[i]!;
      const known = kind.areaM2 !== null;
      expect(properties).toEqual({
        id: BigInt(kind.id),
        class_id: kind.classId,
        class_name: kind.className,
        color: kind.color,
        pixel_count: BigInt(kind.pixelCount),
        area_m2: known ? 1234.568 : null,
        perimeter_m: known ? 321.988 : null,
        mean_confidence: known ? 200.3 : null,
        min_confidence: known ? 17 : null,
        touches_edge: kind.touchesEdge,
      });
      // The reader knows GeoParquet and decodes the geometry.
      const polygons = polygonsOf(kind.geometry);
      expect(geometry).toEqual(
        polygons.length > 1
          ? { type: 'MultiPolygon', coordinates: polygons }
          : { type: 'Polygon', coordinates: polygons[0] },
      );
      const points = polygons.flat(2);
      expect(bbox).toEqual({
        xmin: Math.min(...points.map(([x]) => x)),
        ymin: Math.min(...points.map(([, y]) => y)),
        xmax: Math.max(...points.map(([x]) => x)),
        ymax: Math.max(...points.map(([, y]) => y)),
      });
    });
  });

  it('says what it holds: encoding, types, orientation, box, covering; facts of the run', async () => {
    const { geo, run } = await geoOf(await write('said.parquet', KINDS));
    expect(geo).toEqual({
      version: '1.1.0',
      primary_column: 'geometry',
      columns: {
        geometry: {
          encoding: 'WKB',
          geometry_types: ['MultiPolygon', 'Polygon'],
          orientation: 'counterclockwise',
          edges: 'planar',
          bbox: [-180, -1, 180, 54],
          covering: {
            bbox: {
              xmin: ['bbox', 'xmin'],
              ymin: ['bbox', 'ymin'],
              xmax: ['bbox', 'xmax'],
              ymax: ['bbox', 'ymax'],
            },
          },
        },
      },
    });
    expect(run).toEqual({ model: 'm-1', classes: CLASSES });
    const single = await geoOf(await write('single.parquet', KINDS.slice(0, 1)));
    expect(single.geo.columns.geometry.geometry_types).toEqual(['Polygon']);
    const pixel = await geoOf(
      await write('pixel.parquet', [coverageFeature(1, [[square(0, -1)]])], { kind: 'pixel' }),
    );
    expect(pixel.geo.columns.geometry.crs).toBeNull();
  });

  it('has row groups of bounded size, whose statistics tell their boxes', async () => {
    const features = scatterFeatures(50_000);
    const { metadata } = await geoOf(await write('groups.parquet', features));
    expect(metadata.row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([20_000, 20_000, 10_000]);
    let first = 0;
    for (const group of metadata.row_groups) {
      const rows = features.slice(first, first + Number(group.num_rows));
      first += rows.length;
      const column = group.columns.find(({ meta_data: m }) => m?.path_in_schema.join('.') === 'bbox.xmin');
      const xs = rows.map(({ geometry }) => geometry.coordinates[0]!);
      expect(column?.meta_data?.statistics).toMatchObject({
        min_value: xs.reduce((p, q) => Math.min(p, q)),
        max_value: xs.reduce((p, q) => Math.max(p, q)),
      });
    }
    expect(metadata.row_groups[0]!.columns[0]!.meta_data?.codec).toBe('SNAPPY');
  });

  it('ends a row group by its bytes too', async () => {
    const ring = Array.from({ length: 400_000 }, (_, i): [number, number] => [i % 399_999, 0]);
    const features = [1, 2, 3, 4, 5, 6].map((id) => coverageFeature(id, [[ring]]));
    const { metadata } = await geoOf(await write('bytes.parquet', features));
    expect(metadata.row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([2, 2, 2]);
  });

  it('is the same, byte for byte, for the same features', async () => {
    const first = readFileSync(await write('again.parquet', KINDS));
    expect(readFileSync(await write('again.parquet', KINDS)).equals(first)).toBe(true);
  });

  it('refuses a CRS that it cannot spell out, before any file is made', async () => {
    const crs = { ...UTM.crs, epsg: null, name: 'some van der Grinten', proj4: '+proj=vandg +R=6371000' };
    const path = join(folder, 'refused', 'a.parquet');
    await expect(openGeoParquetSink({ path, space: { kind: 'crs', crs } })).rejects.toMatchObject({
      tag: 'UnsupportedError',
      message: expect.stringMatching(/some van der Grinten.*GeoParquet.*longitude and latitude/s),
    });
    expect(readdirSync(folder)).not.toContain('refused');
  });

  it('leaves nothing behind when it is aborted, at any point', async () => {
    const path = join(folder, 'aborted', 'a.parquet');
    for (const finish of [false, true]) {
      const sink = await openGeoParquetSink({ path, space: WGS84 });
      await sink.write(KINDS[0]!);
      if (finish) await sink.finish?.();
      await sink.abort();
      await sink.abort();
      expect(readdirSync(join(folder, 'aborted'))).toEqual([]);
    }
  });
});

describe.skipIf(!needPython('pyarrow', 'geoparquet_validator', 'shapely'))('GeoParquet in Python', () => {
  function python(script: string, ...args: string[]): unknown {
    return JSON.parse(
      execFileSync(testPython, ['-c', script, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 }),
    );
  }

  it.each([
    ['kinds', KINDS, WGS84],
    ['many', scatterFeatures(3000), WGS84],
    ['projected', [coverageFeature(1, [[square(500_000, 5_000_000, 30)]])], UTM],
    ['pixels', [coverageFeature(1, [[square(0, -1)]])], { kind: 'pixel' }],
    ['nothing', [], WGS84],
  ] as const)('passes all tests of a GeoParquet validator: %s', async (name, features, space) => {
    const path = await write(`valid-${name}.parquet`, features, space);
    const report = python(
      'import sys, json, geoparquet_validator as g; print(json.dumps(g.check(sys.argv[1])))',
      path,
    ) as { version: string; outcomes: { id: string; status: string; message: string }[] };
    expect(report.version).toBe('1.1.0');
    // Statistics of row groups: a layer without features has none to tell.
    const failed = report.outcomes.filter(
      ({ id, status }) =>
        status === 'fail' && !(features.length === 0 && id.startsWith('/conf/distribution/')),
    );
    expect(failed).toEqual([]);
    const passed = report.outcomes.filter(({ status }) => status === 'pass').map(({ id }) => id);
    expect(passed).toEqual(
      expect.arrayContaining(['/conf/core/wkb', '/conf/core/orientation-rings', '/conf/covering/bbox-paths']),
    );
  });

  it('is read by Arrow and GEOS; its boxes find what looking at every feature finds', async () => {
    const features = scatterFeatures(3000);
    const path = await write('arrow.parquet', features);
    const script = `
import sys, json, pyarrow.parquet as pq, pyarrow.compute as pc, shapely
t = pq.read_table(sys.argv[1])
b = t['bbox']
side = lambda s: pc.struct_field(b, s)
g = shapely.from_wkb(t['geometry'].to_numpy(zero_copy_only=False))
found = []
for x0, y0, x1, y1 in json.loads(sys.argv[2]):
    m = pc.and_(pc.and_(pc.greater_equal(side('xmax'), x0), pc.less_equal(side('xmin'), x1)),
                pc.and_(pc.greater_equal(side('ymax'), y0), pc.less_equal(side('ymin'), y1)))
    found.append(sorted(t.filter(m)['id'].to_pylist()))
print(json.dumps({'valid': bool(shapely.is_valid(g).all()), 'ccw': bool(shapely.is_ccw(shapely.get_exterior_ring(g)).all()),
  'found': found, 'types': {f.name: str(f.type) for f in t.schema}}))`;
    const read = python(script, path, JSON.stringify(BOXES)) as {
      valid: boolean;
      ccw: boolean;
      found: number[][];
      types: Record<string, string>;
    };
    expect(read.valid && read.ccw).toBe(true);
    BOXES.forEach((box, i) => {
      expect(read.found[i]).toEqual(bruteForce(features, box));
    });
    expect(read.types).toMatchObject({
      id: 'int64',
      class_id: 'int32',
      color: 'string',
      touches_edge: 'bool',
    });
  });
});
