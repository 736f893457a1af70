import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { CoverageFeature, CoverageSpace } from '../../src/core/coverage.ts';
import { ATTRIBUTES } from '../../src/sink/attributes.ts';
import { openGeoPackageSink } from '../../src/sink/geopackage.ts';
import { above, below } from '../../src/sink/geopackage-rtree.ts';
import { rtreeTriggers } from '../../src/sink/geopackage-schema.ts';
import { qmlForClasses } from '../../src/sink/style/qml.ts';
import { sldForClasses } from '../../src/sink/style/sld.ts';
import {
  bruteForce,
  CLASSES,
  coverageFeature,
  KINDS,
  polygonsOf,
  scatterFeatures,
  square,
} from '../support/coverage-features.ts';
import { needTool } from '../support/need-tool.ts';
import { readWithOgr } from '../support/ogr.ts';
import { UTM, WGS84, writeLayer } from './layers.ts';

const folder = mkdtempSync(join(tmpdir(), 'frustum-gpkg-'));
afterAll(() => rmSync(folder, { recursive: true }));

const CUSTOM: CoverageSpace = {
  kind: 'crs',
  crs: {
    ...UTM.crs,
    epsg: null,
    name: 'our own "grid"',
    proj4: '+proj=tmerc +lon_0=12.5 +k=1 +x_0=1000 +ellps=GRS80',
  },
};

async function write(
  name: string,
  features: readonly CoverageFeature[],
  {
    space = WGS84,
    layer = 'landcover',
    styled = true,
  }: { space?: CoverageSpace; layer?: string; styled?: boolean } = {},
): Promise<string> {
  const path = join(folder, name);
  const sink = await openGeoPackageSink({
    path,
    space,
    name: layer,
    metadata: { model: 'm-1' },
    ...(styled && { classes: CLASSES }),
  });
  expect(sink.path).toBe(path);
  return await writeLayer(sink, features);
}

/** Asks a file with the SQLite of the system's Python, which is another build than the one that wrote it. */
function ask(path: string, ...queries: string[]): Record<string, unknown>[][] {
  const script = `
import sys, json, sqlite3
d = sqlite3.connect(sys.argv[1])
d.row_factory = sqlite3.Row
plain = lambda v: v.hex() if isinstance(v, bytes) else v
print(json.dumps([[{k: plain(r[k]) for k in r.keys()} for r in d.execute(q)] for q in json.loads(sys.argv[2])]))`;
  const out = execFileSync('/usr/bin/python3', ['-c', script, path, JSON.stringify(queries)], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return JSON.parse(out) as Record<string, unknown>[][];
}

const BOXES = [
  [0, 0, 20, 20],
  [-170, -80, 160, 71],
  [30.5, 12.25, 30.6, 12.5],
  [170, 75, 180, 90],
] as const;

describe.skipIf(!needTool('gdal-python'))('GeoPackage', () => {
  it('has every value as it was, in GDAL', async () => {
    const layer = readWithOgr(await write('kinds.gpkg', KINDS), 'landcover');
    expect(layer.geometryType).toBe('Multi Polygon');
    expect(layer.epsg).toBe('4326');
    expect(Object.keys(layer.fields)).toEqual(ATTRIBUTES.map(({ name }) => name));
    KINDS.forEach((kind, i) => {
      const { properties, geometry } = layer.features[i]!;
      expect(geometry.coordinates).toEqual(polygonsOf(kind.geometry));
      const known = kind.areaM2 !== null;
      expect(properties).toEqual({
        id: kind.id,
        class_id: kind.classId,
        class_name: kind.className,
        color: kind.color,
        pixel_count: kind.pixelCount,
        area_m2: known ? 1234.568 : null,
        perimeter_m: known ? 321.988 : null,
        mean_confidence: known ? 200.3 : null,
        min_confidence: known ? 17 : null,
        touches_edge: kind.touchesEdge,
      });
    });
  });

  it('keeps the rules of the standard', async () => {
    const path = await write('rules.gpkg', KINDS);
    const [marks, systems, contents, geometry, extensions, columns, triggers, integrity, keys, types, blob] =
      ask(
        path,
        'SELECT a.application_id, u.user_version FROM pragma_application_id a, pragma_user_version u',
        'SELECT * FROM gpkg_spatial_ref_sys ORDER BY srs_id',
        'SELECT * FROM gpkg_contents ORDER BY table_name',
        'SELECT * FROM gpkg_geometry_columns',
        'SELECT * FROM gpkg_extensions',
        "SELECT name, type, pk FROM pragma_table_info('landcover')",
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'landcover' ORDER BY name",
        'PRAGMA integrity_check',
        'PRAGMA foreign_key_check',
        'SELECT typeof(id) AS id, typeof(pixel_count) AS pixels, typeof(touches_edge) AS edge, typeof(area_m2) AS area FROM landcover',
        'SELECT geom FROM landcover WHERE fid = 1',
      );
    // Requirement 2: GPKG, version 1.3.0
    expect(marks).toEqual([{ application_id: 0x47504b47, user_version: 10300 }]);
    // Requirement 11: the three systems
    expect(systems!.map((s) => [s.srs_id, s.organization, s.organization_coordsys_id])).toEqual([
      [-1, 'NONE', -1],
      [0, 'NONE', 0],
      [4326, 'EPSG', 4326],
    ]);
    expect(systems!.map((s) => s.definition)).toEqual([
      'undefined',
      'undefined',
      expect.stringMatching(/^GEOGCS\[/),
    ]);
    // Requirements 13 to 16
    expect(
      contents!.map((c) => [c.table_name, c.data_type, c.min_x, c.min_y, c.max_x, c.max_y, c.srs_id]),
    ).toEqual([
      ['landcover', 'features', -180, -1, 180, 54, 4326],
      ['layer_styles', 'attributes', null, null, null, null, null],
    ]);
    expect(contents![0]!.last_change).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(contents![0]!.description).toMatch(/model: m-1$/);
    expect(geometry).toEqual([
      {
        table_name: 'landcover',
        column_name: 'geom',
        geometry_type_name: 'MULTIPOLYGON',
        srs_id: 4326,
        z: 0,
        m: 0,
      },
    ]);
    // Requirement 58 and annex F.3
    expect(extensions).toEqual([
      {
        table_name: 'landcover',
        column_name: 'geom',
        extension_name: 'gpkg_rtree_index',
        definition: 'http://www.geopackage.org/spec120/#extension_rtree',
        scope: 'write-only',
      },
    ]);
    expect(triggers!.map((t) => t.name)).toEqual(
      ['delete', 'insert', 'update1', 'update2', 'update3', 'update4'].map(
        (s) => `rtree_landcover_geom_${s}`,
      ),
    );
    // Requirements 5 and 29: types by their names; one integer primary key
    expect(columns!.map((c) => [c.name, c.type, c.pk])).toEqual([
      ['fid', 'INTEGER', 1],
      ['geom', 'MULTIPOLYGON', 0],
      ['id', 'INTEGER', 0],
      ['class_id', 'MEDIUMINT', 0],
      ['class_name', 'TEXT', 0],
      ['color', 'TEXT', 0],
      ['pixel_count', 'INTEGER', 0],
      ['area_m2', 'DOUBLE', 0],
      ['perimeter_m', 'DOUBLE', 0],
      ['mean_confidence', 'DOUBLE', 0],
      ['min_confidence', 'MEDIUMINT', 0],
      ['touches_edge', 'BOOLEAN', 0],
    ]);
    expect(types![1]).toEqual({ id: 'integer', pixels: 'integer', edge: 'integer', area: 'null' });
    expect(integrity).toEqual([{ integrity_check: 'ok' }]);
    expect(keys).toEqual([]);
    // Requirement 19: GP, version 0, little-endian with a box of x and y, SRS 4326, box (10..11, 50..51), MultiPolygon
    const head = Buffer.from(blob![0]!.geom as string, 'hex');
    expect(head.subarray(0, 8).toString('hex')).toBe('47500003e6100000');
    expect([8, 16, 24, 32].map((at) => head.readDoubleLE(at))).toEqual([10, 11, 50, 51]);
    expect(head.subarray(40, 49).toString('hex')).toBe('010600000001000000');
  });

  it.each([0, 1, 51, 52, 2601, 2602, 6000])(
    'has an R-tree over %i features that SQLite finds whole, and that finds what looking at every feature finds',
    async (count) => {
      const features = scatterFeatures(count);
      const path = await write(`rtree-${count}.gpkg`, features);
      const where = (b: readonly number[]) =>
        `SELECT l.id FROM rtree_landcover_geom r JOIN landcover l ON l.fid = r.id WHERE r.maxx >= ${b[0]} AND r.minx <= ${b[2]} AND r.maxy >= ${b[1]} AND r.miny <= ${b[3]} ORDER BY l.id`;
      const [check, total, ...found] = ask(
        path,
        "SELECT rtreecheck('rtree_landcover_geom') AS answer",
        'SELECT count(*) AS n FROM rtree_landcover_geom',
        ...BOXES.map(where),
      );
      expect(check).toEqual([{ answer: 'ok' }]);
      expect(total).toEqual([{ n: count }]);
      // Boxes of 32 bits are rounded outwards: none is missed, and none of these is near enough to be found too much.
      BOXES.forEach((box, i) => {
        expect(found[i]!.map((row) => row.id)).toEqual(bruteForce(features, box));
      });
      const layer = readWithOgr(path, 'landcover', BOXES);
      expect(layer.fastSpatialFilter).toBe(true);
      BOXES.forEach((box, i) => {
        expect(layer.inBoxes[i]).toEqual(bruteForce(features, box));
      });
    },
  );

  it('stays true when GDAL edits it', async () => {
    const path = await write('edited.gpkg', scatterFeatures(200));
    const script = `
import sys
from osgeo import ogr
ogr.UseExceptions()
d = ogr.Open(sys.argv[1], 1)
l = d.GetLayerByName('landcover')
l.DeleteFeature(7)
f = l.GetFeature(9)
f.SetGeometry(ogr.CreateGeometryFromWkt('MULTIPOLYGON (((100 80, 101 80, 101 81, 100 80)))'))
l.SetFeature(f)
n = ogr.Feature(l.GetLayerDefn())
n.SetFrom(f)
n.SetFID(-1)
l.CreateFeature(n)
d = None`;
    execFileSync('/usr/bin/python3', ['-c', script, path]);
    const [check, moved, gone] = ask(
      path,
      "SELECT rtreecheck('rtree_landcover_geom') AS answer",
      'SELECT id FROM rtree_landcover_geom WHERE minx >= 99.9 AND miny >= 79.9 ORDER BY id',
      'SELECT id FROM rtree_landcover_geom WHERE id = 7',
    );
    expect(check).toEqual([{ answer: 'ok' }]);
    expect(moved).toEqual([{ id: 9 }, { id: 201 }]);
    expect(gone).toEqual([]);
  });

  it('holds a default style for QGIS, if it knows the classes', async () => {
    const [styles] = ask(await write('styled.gpkg', KINDS), 'SELECT * FROM layer_styles');
    expect(styles).toHaveLength(1);
    expect(styles![0]).toMatchObject({
      f_table_name: 'landcover',
      f_geometry_column: 'geom',
      useAsDefault: 1,
      styleQML: qmlForClasses(CLASSES, { geometry: 'polygon' }),
      styleSLD: sldForClasses(CLASSES, { geometry: 'polygon', name: 'landcover' }),
    });
    const [tables] = ask(
      await write('plain.gpkg', KINDS, { styled: false }),
      "SELECT table_name FROM gpkg_contents UNION SELECT name FROM sqlite_master WHERE name = 'layer_styles'",
    );
    expect(tables).toEqual([{ table_name: 'landcover' }]);
  });

  it('names its reference system: by code, in words, or not at all in pixel space', async () => {
    const features = [coverageFeature(1, [[square(500_000, 5_000_000, 30)]])];
    const utm = await write('utm.gpkg', features, { space: UTM });
    expect(readWithOgr(utm, 'landcover').epsg).toBe('32633');
    const [system] = ask(utm, 'SELECT * FROM gpkg_spatial_ref_sys WHERE srs_id = 32633');
    expect(system![0]!.definition).toMatch(/^PROJCS\["WGS 84 \/ UTM zone 33N",GEOGCS/);
    const custom = await write('custom.gpkg', features, { space: CUSTOM });
    expect(readWithOgr(custom, 'landcover').epsg).toBeNull();
    const [own] = ask(
      custom,
      'SELECT srs_name, organization FROM gpkg_spatial_ref_sys WHERE srs_id = (SELECT srs_id FROM gpkg_geometry_columns)',
    );
    expect(own).toEqual([{ srs_name: 'our own "grid"', organization: 'NONE' }]);
    const pixel = await write('pixel.gpkg', [coverageFeature(1, [[square(0, -1)]])], {
      space: { kind: 'pixel' },
    });
    const [columns] = ask(pixel, 'SELECT srs_id FROM gpkg_geometry_columns');
    expect(columns).toEqual([{ srs_id: -1 }]);
  });

  it('takes any layer name', async () => {
    const layer = 'it\'s a "map"; DROP TABLE x';
    const path = await write('named.gpkg', scatterFeatures(60), { layer });
    expect(readWithOgr(path, layer).count).toBe(60);
    const [check] = ask(path, `SELECT rtreecheck('rtree_it''s a "map"; DROP TABLE x_geom') AS answer`);
    expect(check).toEqual([{ answer: 'ok' }]);
  });
});

describe('GeoPackage under way', () => {
  it('leaves nothing behind when it is aborted, and nothing but itself when it is done', async () => {
    const path = join(folder, 'aborted', 'a.gpkg');
    for (const finish of [false, true]) {
      const sink = await openGeoPackageSink({ path, space: WGS84 });
      // A killed process would leave one file, of the kind that the next run clears away: no lock, no journal.
      expect(readdirSync(join(folder, 'aborted'))).toEqual([expect.stringMatching(/^\.a\.gpkg\..*\.part$/)]);
      await sink.write(KINDS[0]!);
      if (finish) await sink.finish?.();
      await sink.abort();
      await sink.abort();
      expect(readdirSync(join(folder, 'aborted'))).toEqual([]);
    }
    const sink = await openGeoPackageSink({ path, space: WGS84 });
    await sink.close();
    await sink.abort();
    expect(readdirSync(join(folder, 'aborted'))).toEqual(['a.gpkg']);
  });

  it('is the same, byte for byte, for the same features and the same SOURCE_DATE_EPOCH', async () => {
    vi.stubEnv('SOURCE_DATE_EPOCH', '1700000000');
    try {
      const first = readFileSync(await write('same.gpkg', scatterFeatures(300)));
      expect(first.includes('2023-11-14T22:13:20.000Z')).toBe(true);
      expect(readFileSync(await write('same.gpkg', scatterFeatures(300))).equals(first)).toBe(true);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('writes triggers for all ways of editing', () => {
    expect(rtreeTriggers('t').match(/CREATE TRIGGER/g)).toHaveLength(6);
  });

  it('rounds boxes to 32 bits outwards, by one step at most', () => {
    const value = fc.oneof(
      fc.double({ min: -1e7, max: 1e7, noNaN: true }),
      fc.constantFrom(0, -0, 1e-50, -1e-50, 180, 0.1, -0.1),
    );
    fc.assert(
      fc.property(value, (v) => {
        const low = below(v);
        const high = above(v);
        expect(Math.fround(low)).toBe(low);
        expect(Math.fround(high)).toBe(high);
        expect(low <= v && v <= high).toBe(true);
        if (Math.fround(v) === v) expect([low, high]).toEqual([v, v]);
        else
          expect(Math.fround((low + high) / 2) === low || Math.fround((low + high) / 2) === high).toBe(true);
      }),
    );
  });
});
