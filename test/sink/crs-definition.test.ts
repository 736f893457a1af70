import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import type { Crs } from '../../src/core/crs.ts';
import { readCrs } from '../../src/geotiff/read-crs.ts';
import { type CrsDefinition, defineCrs, defineSpace } from '../../src/sink/crs-definition.ts';
import { needPython, testPython } from '../support/python.ts';

const MODEL_TYPE = 1024;
const GEODETIC = 2048;
const PROJECTED = 3072;

/** A CRS as a GeoTIFF that names its code gives it. */
async function crsOf(code: number, kind: Crs['kind'] = 'projected'): Promise<Crs> {
  const keys = new Map<number, number>([
    [MODEL_TYPE, kind === 'projected' ? 1 : 2],
    [kind === 'projected' ? PROJECTED : GEODETIC, code],
  ]);
  const { crs } = await readCrs('test.tif', { directory: [], doubles: [], ascii: '' }, keys);
  return crs!;
}

const userDefined = (proj4: string, kind: Crs['kind'] = 'projected', metresPerUnit = 1): Crs => ({
  kind,
  epsg: null,
  name: 'ours',
  proj4,
  metresPerUnit: kind === 'projected' ? metresPerUnit : null,
  geoKeys: null,
});

/** Codes of many methods and ellipsoids, each with a place within its area: longitude, latitude. */
const CODES: readonly (readonly [number, number, number, string])[] = [
  [32633, 14, 50, 'UTM north'],
  [32733, 14, -20, 'UTM south'],
  [25832, 9, 50, 'UTM, GRS 1980'],
  [26915, -93, 45, 'UTM, NAD83'],
  [2193, 173, -41, 'transverse Mercator, axes north first'],
  [27700, -2, 53, 'transverse Mercator, Airy'],
  [31467, 9, 50, 'transverse Mercator, Bessel'],
  [28992, 5.4, 52.2, 'oblique stereographic'],
  [2154, 3, 46.5, 'Lambert conic, two parallels'],
  [31370, 4.4, 50.8, 'Lambert conic, International 1924'],
  [2263, -74, 40.7, 'Lambert conic, US survey feet'],
  [3347, -90, 60, 'Lambert conic, Canada'],
  [3035, 10, 52, 'Lambert azimuthal'],
  [5070, -96, 38, 'Albers'],
  [3577, 132, -25, 'Albers, south'],
  [3031, 30, -75, 'polar stereographic with a parallel, south'],
  [3413, -45, 75, 'polar stereographic with a parallel, north'],
  [5041, 20, 88, 'polar stereographic with a scale'],
  [3395, 10, 45, 'Mercator'],
  [6933, 10, 45, 'cylindrical equal area'],
  [2056, 7.5, 47, 'oblique Mercator'],
  [3857, 10, 45, 'pseudo Mercator'],
];

/** PROJ's own answers: x, y by the code, and by each of our descriptions. */
function project(cases: readonly { code: number; place: readonly number[]; definition: CrsDefinition }[]) {
  const script = `
import sys, json
from pyproj import CRS, Proj
out = []
for c in json.load(sys.stdin):
    own = [CRS.from_json_dict(c['definition']['projJson']), CRS.from_wkt(c['definition']['wkt'])]
    known = CRS.from_epsg(c['code'])
    same = [o.equals(known, ignore_axis_order=True) for o in own]
    xy = [list(Proj(o)(*c['place'])) for o in [known] + own]
    out.append({'xy': xy, 'same': same, 'epsg': [o.to_epsg() for o in own],
      'units': [[a.unit_conversion_factor for a in o.axis_info] for o in [known] + own]})
print(json.dumps(out))`;
  const out = execFileSync(testPython, ['-W', 'ignore', '-c', script], {
    encoding: 'utf8',
    input: JSON.stringify(cases),
  });
  return JSON.parse(out) as { xy: number[][]; same: boolean[]; epsg: (number | null)[]; units: number[][] }[];
}

describe.skipIf(!needPython('pyproj'))('reference systems in words, as PROJ understands them', () => {
  it('project like the code does, to a tenth of a millimetre', async () => {
    const cases = [];
    for (const [code, lon, lat] of CODES) {
      cases.push({ code, place: [lon, lat], definition: defineCrs(await crsOf(code)) });
    }
    const answers = project(cases);
    CODES.forEach(([code, , , title], i) => {
      const { xy, units } = answers[i]!;
      const [known, ...own] = xy;
      for (const place of own) {
        expect(Math.abs(place[0]! - known![0]!), `${code} ${title}: x`).toBeLessThan(1e-4);
        expect(Math.abs(place[1]! - known![1]!), `${code} ${title}: y`).toBeLessThan(1e-4);
      }
      for (const unit of units.slice(1)) expect(unit[0]).toBeCloseTo(units[0]![0]!, 9);
    });
  });

  it("are EPSG's own systems, down to the datum, wherever axes run east and north and the datum is a common one", async () => {
    // The others have axes north first or along meridians, which a proj4 definition does not tell.
    const others = new Set([2193, 31467, 31370, 3035, 3031, 3413, 5041, 2056]);
    const cases = [];
    for (const [code, lon, lat] of CODES) {
      if (others.has(code)) continue;
      cases.push({ code, place: [lon, lat], definition: defineCrs(await crsOf(code)) });
    }
    for (const code of [4269, 4258, 4674]) {
      cases.push({ code, place: [10, 45], definition: defineCrs(await crsOf(code, 'geographic')) });
    }
    cases.push({ code: 4326, place: [10, 45], definition: defineSpace({ kind: 'wgs84' })! });
    const answers = project(cases);
    cases.forEach(({ code }, i) => {
      expect(answers[i], String(code)).toMatchObject({ same: [true, true], epsg: [code, code] });
    });
  });

  it('keep the shift to WGS 84 that a definition brings along', () => {
    const { projJson, wkt } = defineCrs(
      userDefined(
        '+proj=tmerc +lon_0=9 +x_0=3500000 +ellps=bessel +towgs84=598.1,73.7,418.2,0.202,0.045,-2.455,6.7',
      ),
    );
    const script = `
import sys, json
from pyproj import CRS, Transformer
d = json.load(sys.stdin)
wgs = CRS.from_epsg(4326)
own = [CRS.from_json_dict(d['projJson']), CRS.from_wkt(d['wkt']), CRS.from_proj4(d['proj4'])]
print(json.dumps([Transformer.from_crs(c, wgs, always_xy=True).transform(3500000, 5540000) for c in own]))`;
    const proj4 =
      '+proj=tmerc +lon_0=9 +x_0=3500000 +ellps=bessel +towgs84=598.1,73.7,418.2,0.202,0.045,-2.455,6.7 +type=crs';
    const [json, text, known] = JSON.parse(
      execFileSync(testPython, ['-W', 'ignore', '-c', script], {
        encoding: 'utf8',
        input: JSON.stringify({ projJson, wkt, proj4 }),
      }),
    ) as number[][];
    for (const place of [json!, text!]) {
      expect(place[0]).toBeCloseTo(known![0]!, 9);
      expect(place[1]).toBeCloseTo(known![1]!, 9);
    }
    // Without the shift it would be off by a hundred metres.
    expect(Math.abs(known![0]! - 9)).toBeGreaterThan(5e-4);
  });
});

describe('reference systems in words', () => {
  const schema = JSON.parse(
    readFileSync('test/sink/stac/fixtures/schemas/proj/projjson-v0.7.json', 'utf8'),
  ) as Record<string, unknown>;
  const validate = new Ajv({ strict: false }).compile(schema);

  it('are PROJJSON by its published schema', async () => {
    for (const [code] of CODES) {
      const { projJson } = defineCrs(await crsOf(code));
      expect(validate(projJson), `${code}: ${JSON.stringify(validate.errors)}`).toBe(true);
    }
    for (const crs of [
      await crsOf(4258, 'geographic'),
      userDefined('+proj=utm +zone=33 +south +ellps=intl +towgs84=1,2,3'),
      userDefined('+proj=longlat +ellps=clrk66 +pm=2.33722917', 'geographic'),
      userDefined('+proj=moll +R=6371000'),
    ]) {
      const { projJson } = defineCrs(crs);
      expect(validate(projJson), JSON.stringify(validate.errors)).toBe(true);
    }
  });

  it('are left out where a projection has no names here; the code stays', () => {
    expect(defineCrs({ ...userDefined('+proj=krovak +lat_0=49.5'), epsg: 5514 })).toEqual({
      name: 'ours',
      epsg: 5514,
      wkt: null,
      projJson: null,
    });
    expect(defineCrs({ ...userDefined(''), proj4: null }).wkt).toBeNull();
    for (const proj4 of [
      '+proj=stere +lat_0=40 +lon_0=10',
      '+proj=lcc +lat_0=40 +lat_1=30 +lat_2=50 +k_0=0.9',
      '+proj=omerc +lat_0=4 +lonc=115 +alpha=53 +no_uoff',
      '+proj=merc +lat_0=10',
      '+proj=eqc +lat_0=10',
      '+proj=utm',
    ]) {
      expect(defineCrs(userDefined(`${proj4} +ellps=GRS80`)).wkt, proj4).toBeNull();
    }
  });

  it('have none in pixel space', () => {
    expect(defineSpace({ kind: 'pixel' })).toBeNull();
  });
});
