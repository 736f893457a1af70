import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CoverageSpace } from '../../src/core/coverage.ts';
import type { Grid } from '../../src/core/grid.ts';
import { openGeoTiff } from '../../src/geotiff/open-geotiff.ts';
import { openByteSource } from '../../src/io/open-source.ts';
import type { Generalisation } from '../../src/vectorize/generalisation.ts';
import { measureGround } from '../../src/vectorize/ground-scale.ts';
import { needPython } from '../support/python.ts';
import { toPolygons } from './check-geometry.ts';
import { generalised } from './generalised.ts';
import { gridOf, LONLAT, northUp, projected, utm } from './grids.ts';
import { blobs } from './hostile-rasters.ts';
import { type Case, judgeCoverages } from './judge-coverage.ts';
import type { Raster } from './oracle.ts';
import { byCamera, byPoints } from './warps.ts';

const corpus = resolve('../shared/corpus/files');

/** The place of a real file. */
async function gridOfFile(name: string): Promise<Grid> {
  const tiff = await openGeoTiff(await openByteSource(join(corpus, name)));
  const { grid } = tiff.info;
  await tiff.close();
  return grid;
}

/** The same ground on a grid of another size. */
function resized(grid: Grid, size: number): Grid {
  const t = grid.transform!;
  const [sx, sy] = [grid.width / size, grid.height / size];
  return {
    ...grid,
    width: size,
    height: size,
    transform: { ...t, a: t.a * sx, b: t.b * sy, d: t.d * sx, e: t.e * sy },
  };
}

const FILES = [
  'derived/polar_north_3413.tif',
  'derived/polar_north_3995_over_pole.tif',
  'derived/polar_south_ups_32761.tif',
  'derived/antimeridian_4326_lon_170_190.tif',
  'derived/antimeridian_nz_continental_3851.tif',
  'derived/antimeridian_utm60n.tif',
  'derived/crs_3035_laea_europe.tif',
  'rio-tiler/cog_dateline.tif',
];

const HOW = (pixelM: number): [string, Generalisation][] => [
  ['as traced', { connectedness: 8 }],
  ['dp', { mmu: { pixels: 12 }, simplify: { method: 'dp', toleranceM: 1.5 * pixelM } }],
  ['vw, smooth', { mmu: { pixels: 12 }, simplify: { method: 'vw', toleranceM: 2 * pixelM }, smooth: 2 }],
];

describe.skipIf(!needPython('shapely'))('generalised coverages on the ground, as GEOS sees them', () => {
  it.each(FILES)('%s: valid in longitude and latitude, cut at 180 degrees', async (name) => {
    const grid = resized(await gridOfFile(name), 60);
    const ground = measureGround(grid);
    const pixelM = Math.max(ground.acrossM[30]!, ground.downM[30]!);
    const cases: Case[] = [];
    let parts = 0;
    for (let n = 0; n < 9; n++) {
      const raster = blobs(n, 60, 4, 90);
      const [setting, how] = HOW(pixelM)[n % 3]!;
      const { features } = generalised(raster, grid, how);
      cases.push({ name: `${n} ${setting}`, geometries: features.map((f) => f.geometry), box: null });
      for (const f of features) {
        if (how.connectedness !== 8) parts += f.geometry.polygonEnds.length - 1;
        for (const [x, y] of toPolygons(f.geometry).flat(2)) {
          expect(Math.abs(x)).toBeLessThanOrEqual(180);
          expect(Math.abs(y)).toBeLessThanOrEqual(90);
        }
      }
    }
    const { polygons, complaints } = judgeCoverages(cases);
    expect(complaints).toEqual([]);
    expect(polygons).toBeGreaterThan(150);
    expect(parts > 0).toBe(!name.includes('laea'));
  });

  const webMercator = projected(
    '+proj=merc +a=6378137 +b=6378137 +lat_ts=0 +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +no_defs',
    3857,
  );
  const lambert = projected(
    '+proj=lcc +lat_0=46.5 +lon_0=3 +lat_1=49 +lat_2=44 +x_0=700000 +y_0=6600000 +ellps=GRS80 +towgs84=0,0,0 +units=m +no_defs',
    2154,
  );
  const nad83 = { ...LONLAT, epsg: 4269, name: 'NAD83', proj4: '+proj=longlat +datum=NAD83 +no_defs' };
  it.each<[string, (raster: Raster) => Grid, CoverageSpace]>([
    [
      'UTM in itself',
      (r) => gridOf(r, utm(31), northUp(400_000, 5_200_000, 30)),
      { kind: 'crs', crs: utm(31) },
    ],
    [
      'UTM in Web Mercator',
      (r) => gridOf(r, utm(31), northUp(400_000, 5_200_000, 30)),
      { kind: 'crs', crs: webMercator },
    ],
    ['degrees in Lambert', (r) => gridOf(r, LONLAT, northUp(2, 48, 0.01)), { kind: 'crs', crs: lambert }],
    [
      'Web Mercator in degrees of NAD83',
      (r) => gridOf(r, webMercator, northUp(-1e7, 5e6, 500)),
      { kind: 'crs', crs: nad83 },
    ],
    [
      'a turned grid in degrees',
      (r) => gridOf(r, utm(31), { a: 8, b: 6, c: 4e5, d: 6, e: -8, f: 5e6 }),
      { kind: 'wgs84' },
    ],
    [
      'a mirrored grid in Lambert',
      (r) => gridOf(r, lambert, { a: 10, b: 0, c: 7e5, d: 0, e: 10, f: 6.5e6 }),
      { kind: 'crs', crs: lambert },
    ],
    ['pixels of three centimetres', (r) => gridOf(r, utm(31), northUp(4e5, 5e6, 0.03)), { kind: 'wgs84' }],
    ['pixels of 5 km', (r) => gridOf(r, utm(31), northUp(3e5, 7e6, 5000)), { kind: 'wgs84' }],
    [
      'control points, bent, in degrees',
      (r) => byPoints(r, utm(31), northUp(4e5, 5e6, 30), 4),
      { kind: 'wgs84' },
    ],
    [
      'control points, bent, in Lambert',
      (r) => byPoints(r, utm(31), northUp(4e5, 5e6, 30), 4),
      { kind: 'crs', crs: lambert },
    ],
    [
      'control points, mirrored, in their own CRS',
      (r) => byPoints(r, utm(31), { a: 30, b: 0, c: 4e5, d: 0, e: 30, f: 5e6 }, 4),
      { kind: 'crs', crs: utm(31) },
    ],
    ['a camera in degrees', (r) => byCamera(r), { kind: 'wgs84' }],
    ['a camera in UTM', (r) => byCamera(r), { kind: 'crs', crs: utm(47) }],
    ['a world in degrees', (r) => gridOf(r, LONLAT, northUp(-180, 90, 3)), { kind: 'wgs84' }],
  ])('%s', (_, place, space) => {
    const cases: Case[] = [];
    for (let seed = 0; seed < 6; seed++) {
      const raster = blobs(seed, 60, 4, 50);
      const grid = place(raster);
      const pixelM = measureGround(grid).downM[30]!;
      for (const [setting, how] of HOW(pixelM)) {
        const { features } = generalised(raster, grid, how, { space });
        expect(features.every((f) => f.areaM2! > 0 && f.perimeterM! > 0)).toBe(true);
        cases.push({ name: `${seed} ${setting}`, geometries: features.map((f) => f.geometry), box: null });
      }
    }
    expect(judgeCoverages(cases).complaints).toEqual([]);
  });
});

describe('the corpus', () => {
  it('has the files that are looked at', () => {
    const manifest = JSON.parse(readFileSync(join(corpus, '../manifest.json'), 'utf8')) as {
      files: { file: string }[];
    };
    const names = new Set(manifest.files.map(({ file }) => file));
    for (const name of FILES) expect(names).toContain(`files/${name}`);
  });
});
