import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, describe, expect, it } from 'vitest';
import type { CoverageFeature, CoverageSpace } from '../../src/core/coverage.ts';
import type { Grid } from '../../src/core/grid.ts';
import type { VectorSink } from '../../src/core/ports.ts';
import { commitTogether } from '../../src/pipeline/commit-together.ts';
import {
  openVectorSink,
  takesAnyCrs,
  VECTOR_FORMATS,
  type VectorFormat,
  vectorFileOf,
  vectorFormatOf,
} from '../../src/sink/vector-formats.ts';
import { createCoverageWriter } from '../../src/vectorize/coverage-writer.ts';
import { CLASSES, coverageFeature, polygonsOf, square } from '../support/coverage-features.ts';
import { needTool } from '../support/need-tool.ts';
import { readWithOgr } from '../support/ogr.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { LONLAT } from '../vectorize/grids.ts';

const folder = mkdtempSync(join(tmpdir(), 'frustum-formats-'));
afterAll(() => rmSync(folder, { recursive: true }));

const WGS84: CoverageSpace = { kind: 'wgs84' };
const UTM = {
  kind: 'projected',
  epsg: 32633,
  name: 'WGS 84 / UTM zone 33N',
  proj4: '+proj=utm +zone=33 +datum=WGS84 +units=m',
  metresPerUnit: 1,
  geoKeys: null,
} as const;

/** So coarse that features are in few tiles. */
const WORLD: Grid = {
  width: 360,
  height: 160,
  transform: { a: 1, b: 0, c: -180, d: 0, e: -1, f: 80 },
  crs: LONLAT,
};

/** Formats that hold features whole; tiles hold pieces of them. */
const LAYERS = VECTOR_FORMATS.filter((format) => format !== 'pmtiles');

/** What tiles are cut by. */
const GRID: Grid = {
  width: 100,
  height: 100,
  transform: { a: 30, b: 0, c: 500_000, d: 0, e: -30, f: 5_000_000 },
  crs: UTM,
};

interface Row {
  readonly properties: Readonly<Record<string, unknown>>;
  /** Polygons, rings, positions. */
  readonly polygons: unknown;
}

const single = (geometry: { type: string; coordinates: unknown }) =>
  geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates;

/** All features of a file, by an independent reader, in order of their ids. */
async function read(path: string, format: VectorFormat): Promise<Row[]> {
  let rows: Row[];
  if (format === 'parquet') {
    const file = new Uint8Array(readFileSync(path)).buffer;
    rows = (await parquetReadObjects({ file })).map(({ geometry, bbox: _, ...properties }) => ({
      properties: Object.fromEntries(
        Object.entries(properties).map(([key, value]) => [
          key,
          typeof value === 'bigint' ? Number(value) : value,
        ]),
      ),
      polygons: single(geometry),
    }));
  } else {
    const layer = format === 'fgb' || format === 'gpkg' || format === 'geojson' ? 'landcover' : 'all';
    rows = readWithOgr(path, layer).features.map(({ properties, geometry }) => ({
      properties: {
        ...properties,
        // GDAL's Python gives booleans as numbers.
        touches_edge: Boolean(properties.touches_edge),
      },
      polygons: single(geometry),
    }));
  }
  return rows.sort((p, q) => (p.properties.id as number) - (q.properties.id as number));
}

/** A coverage with holes, islands and single pixels, traced into all formats in one pass. */
async function traceInto(name: string, space: CoverageSpace, formats: readonly VectorFormat[]) {
  const [width, height] = [60, 40];
  const georeferenced = space.kind !== 'pixel';
  const grid: Grid = {
    width,
    height,
    transform: georeferenced ? { a: 30, b: 0, c: 500_000, d: 0, e: -30, f: 5_000_000 } : null,
    crs: georeferenced ? UTM : null,
  };
  const classes = Uint8Array.from({ length: width * height }, (_, i) => {
    const value =
      Math.sin((i % width) / 4) * Math.cos(Math.floor(i / width) / 3) + ((i * 7919) % 11 === 0 ? 0.7 : 0);
    return value > 0.9 ? 255 : value > 0.1 ? 2 : 0;
  });
  const confidence = classes.map((value, i) => (value === 255 ? 0 : 1 + ((i * 31) % 255)));
  const sinks: VectorSink[] = [];
  const expected: CoverageFeature[] = [];
  sinks.push({
    path: '',
    space,
    write: (feature) => void expected.push(feature),
    close: async () => undefined,
    abort: async () => undefined,
  });
  for (const format of formats) {
    sinks.push(await openVectorSink({ path: join(folder, name, `all.${format}`), space, classes: CLASSES }));
  }
  const writer = createCoverageWriter({ grid, classes: CLASSES, sinks });
  await writer.writeRows({ y: 0, rowCount: height, classes, confidence });
  await writer.finish();
  await commitTogether(sinks.slice(1));
  expect(readdirSync(join(folder, name)).sort()).toEqual(formats.map((f) => `all.${f}`).sort());
  return expected.sort((p, q) => p.id - q.id);
}

const near = (value: number | null, digits: number) =>
  value === null ? null : expect.closeTo(value, digits);

describe.skipIf(!needTool('gdal-python'))('the same features in every format', () => {
  it.each([
    ['longitude and latitude', WGS84, LAYERS],
    ['pixel corners', { kind: 'pixel' }, LAYERS],
    ['a projected system', { kind: 'crs', crs: UTM }, LAYERS.filter((f) => takesAnyCrs(`x.${f}`))],
  ] as const)('%s', async (_, space, formats) => {
    expect(formats.length).toBeGreaterThanOrEqual(3);
    const expected = await traceInto(space.kind, space, formats);
    expect(expected.length).toBeGreaterThan(50);
    expect(expected.some(({ geometry }) => geometry.ringEnds.length > 1)).toBe(true);
    let first: Row[] | null = null;
    for (const format of formats) {
      const rows = await read(join(folder, space.kind, `all.${format}`), format);
      expect(rows.length, format).toBe(expected.length);
      rows.forEach(({ properties, polygons }, i) => {
        const feature = expected[i]!;
        expect(properties, format).toEqual({
          id: feature.id,
          class_id: feature.classId,
          class_name: feature.className,
          color: feature.color,
          pixel_count: feature.pixelCount,
          area_m2: near(feature.areaM2, 2),
          perimeter_m: near(feature.perimeterM, 2),
          mean_confidence: near(feature.meanConfidence, 0),
          min_confidence: feature.minConfidence,
          touches_edge: feature.touchesEdge,
        });
        first ??= rows;
        expect(properties, format).toEqual(first[i]!.properties);
        const flat = (polygons as number[][][][]).flat(3);
        const wanted = polygonsOf(feature.geometry);
        expect((polygons as number[][][][]).map((p) => p.map((r) => r.length))).toEqual(
          wanted.map((p) => p.map((r) => r.length)),
        );
        const apart = wanted.flat(3).map((value, k) => Math.abs(flat[k]! - value));
        expect(apart.reduce((p, q) => Math.max(p, q))).toBeLessThan(1e-7);
      });
    }
  });
});

describe('vector outputs', () => {
  it('are known by their endings, in any case', () => {
    expect(vectorFormatOf('a/b.FGB', '--out')).toBe('fgb');
    expect(vectorFormatOf('a.b.geojsonl', '--out')).toBe('geojsonl');
    expect(vectorFormatOf('x.json', '--out')).toBe('geojson');
    expect(vectorFormatOf('x.ndjson', '--out')).toBe('geojsonl');
    expect(vectorFormatOf('x.geojsonseq', '--out')).toBe('geojsons');
    expect(() => vectorFormatOf('x.shp', '--out')).toThrow(/--out x\.shp.*\.geojson.*\.fgb.*or \./);
    expect(() => vectorFormatOf('fgb', '--out')).toThrow(/no vector format/);
  });

  it('are named by a format or a file name, within the output folder', () => {
    expect(vectorFileOf('gpkg', '--vector')).toBe('landcover.gpkg');
    expect(vectorFileOf('regions.parquet', '--vector')).toBe('regions.parquet');
    for (const name of ['../a.fgb', 'x/a.fgb', '/a.fgb', '.fgb', '']) {
      expect(() => vectorFileOf(name, '--vector'), name).toThrow(/--vector/);
    }
    expect(() => vectorFileOf('shp', '--vector')).toThrow(/no vector format/);
  });

  it('GeoJSON refuses a projected system, before any file is made', async () => {
    for (const format of ['geojson', 'geojsonl', 'geojsons']) {
      const path = join(folder, 'refused', `a.${format}`);
      await expect(openVectorSink({ path, space: { kind: 'crs', crs: UTM } })).rejects.toMatchObject({
        tag: 'UnsupportedError',
        message: expect.stringContaining('UTM zone 33N'),
      });
    }
    expect(readdirSync(folder)).not.toContain('refused');
  });

  it('a text sequence begins each record with a separator (RFC 8142)', async () => {
    const path = join(folder, 'sequence.geojsons');
    const sink = await openVectorSink({ path, space: WGS84 });
    for (const id of [1, 2, 3]) await sink.write(coverageFeature(id, [[square(id, id)]]));
    await sink.close();
    const records = readFileSync(path, 'utf8').split('\x1e');
    expect(records).toHaveLength(4);
    expect(records[0]).toBe('');
    records.slice(1).forEach((record, i) => {
      expect(record.endsWith('\n')).toBe(true);
      expect(JSON.parse(record)).toMatchObject({ type: 'Feature', id: i + 1 });
    });
  });

  it.skipIf(process.platform !== 'linux').each(VECTOR_FORMATS)(
    '%s holds no file when it is aborted',
    async (format) => {
      const path = join(folder, 'held', `a.${format}`);
      const sink = await openVectorSink({ path, space: WGS84, classes: CLASSES, grid: GRID });
      await sink.write(coverageFeature(1, [[square(1, 1)]]));
      await sink.abort();
      expect(openFilesIn(join(folder, 'held'))).toEqual([]);
      expect(readdirSync(join(folder, 'held'))).toEqual([]);
    },
  );

  it.each(LAYERS)('%s asks to be waited for as it fills, so that memory stays bounded', async (format) => {
    const sink = await openVectorSink({
      path: join(folder, `waits.${format}`),
      space: WGS84,
    });
    const ring = Array.from({ length: 20_001 }, (_, i): [number, number] => [(i % 20_000) / 1e3, 1 / 3]);
    const feature = coverageFeature(1, [[ring]]);
    let waits = 0;
    // About 0.3 MB a feature.
    for (let i = 0; i < 160; i++) {
      const busy = sink.write(feature);
      if (busy === undefined) continue;
      waits++;
      await busy;
    }
    await sink.abort();
    expect(waits).toBeGreaterThanOrEqual(format === 'parquet' ? 2 : 10);
  });
});

/** Files that this process holds open there, removed ones too: they would keep the disk full. */
function openFilesIn(dir: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(dir) ? [path] : [];
    } catch {
      return []; // closed meanwhile
    }
  });
}

describe('vector outputs on a full disk', () => {
  const disk = mountSmallDisk(4 << 20);

  it.skipIf(disk === null).each(VECTOR_FORMATS)('%s fails by name and leaves nothing', async (format) => {
    const path = join(disk!, `x.${format}`);
    const sink = await openVectorSink({ path, space: WGS84, classes: CLASSES, grid: GRID });
    const fill = async () => {
      for (let i = 0; i < 60_000; i++) {
        // Not compressible, and not the same twice.
        const [x, y] = [Math.sin(i) * 170, Math.cos(i * 1.7) * 80];
        const busy = sink.write(coverageFeature(i, [[square(x, y)]]));
        if (busy !== undefined) await busy;
      }
      await sink.close();
    };
    await expect(fill()).rejects.toMatchObject({ tag: 'SourceError', status: 'ENOSPC', url: path });
    expect(readdirSync(disk!)).toEqual([]);
    expect(openFilesIn(disk!)).toEqual([]);
  });

  it.skipIf(disk === null)('takes the others with it: all files or none', async () => {
    const sinks: VectorSink[] = [];
    for (const format of VECTOR_FORMATS) {
      sinks.push(await openVectorSink({ path: join(disk!, `y.${format}`), space: WGS84, grid: WORLD }));
    }
    // Everything fits but what is made at the end: FlatGeobuf's index and features, Parquet's only row group.
    for (let i = 0; i < 2500; i++) {
      for (const sink of sinks) await sink.write(coverageFeature(i, [[square(i / 100, 1)]]));
    }
    const filler = await openVectorSink({ path: join(disk!, 'filler.geojsonl'), space: WGS84 });
    await expect(
      (async () => {
        for (let i = 0; i < 60_000; i++) {
          const busy = filler.write(coverageFeature(i, [[square(1, 1)]]));
          if (busy !== undefined) await busy;
        }
        await commitTogether([...sinks, filler]);
      })().catch(async (error: unknown) => {
        await Promise.all([...sinks, filler].map((sink) => sink.abort()));
        throw error;
      }),
    ).rejects.toMatchObject({ tag: 'SourceError', status: 'ENOSPC' });
    expect(readdirSync(disk!)).toEqual([]);
  });
});
