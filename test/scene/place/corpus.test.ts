import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPixelPlacer, measurePixel } from '../../../src/core/place-pixels.ts';
import { openGeoTiff } from '../../../src/geotiff/open-geotiff.ts';
import { openByteSource } from '../../../src/io/open-source.ts';
import { type PlacedGeoTiff, placeScene } from '../../../src/scene/place/place-scene.ts';
import { createProjector } from '../../../src/vectorize/reproject.ts';
import { type CorpusEntry, loadCorpus } from '../../geotiff/corpus.ts';

const ROOT = resolve('../shared/corpus');

type Point = readonly [number, number];
interface Entry extends CorpusEntry {
  readonly sidecars: readonly string[];
  readonly gdal: CorpusEntry['gdal'] & {
    readonly corners?: Readonly<Record<string, Point>>;
    readonly corners_wgs84?: Readonly<Record<string, Point | null>>;
    readonly samples?: readonly { col: number; row: number; x?: number; y?: number; values: number[] }[];
    readonly srs?: { readonly proj4?: string; readonly epsg?: number } | null;
    readonly datum_shift_m_at_center?: number;
  };
}

const all = loadCorpus() as readonly Entry[];

async function withPlaced<T>(path: string, use: (tiff: PlacedGeoTiff) => Promise<T> | T): Promise<T> {
  const source = await openByteSource(path);
  try {
    return await use(await placeScene(await openGeoTiff(source), path));
  } finally {
    await source.close();
  }
}

const cornersOf = (width: number, height: number): Readonly<Record<string, Point>> => ({
  ul: [0, 0],
  ur: [width, 0],
  lr: [width, height],
  ll: [0, height],
  center: [width / 2, height / 2],
});

/** A transform of pixels onto themselves, beside rational polynomials: GDAL's corners take it at its word, its transformer does not. */
const IDENTITY = 'files/rioxarray/test_rpcs.tif';

const read = all.filter(
  ({ expect: wanted, gdal, file }) =>
    (wanted === 'decode' || wanted === 'windowed') && gdal.corners && file !== IDENTITY,
);

describe('map coordinates are those of GDAL, within a hundredth of a pixel', () => {
  test('there are enough entries', () => {
    const samples = read.reduce((sum, { gdal }) => sum + (gdal.samples?.length ?? 0), 0);
    process.stderr.write(`map coordinates: ${read.length} entries, ${samples} samples\n`);
    expect(read.length).toBeGreaterThan(220);
    expect(samples).toBeGreaterThan(1000);
  });

  test.each(read.map((entry) => [entry.file, entry] as const))('%s', async (_, { file, gdal }) => {
    await withPlaced(join(ROOT, file), ({ info: { grid } }) => {
      const place = createPixelPlacer(grid)!;
      const [width, height] = measurePixel(grid)!;
      const miss = ([column, row]: Point, [x, y]: Point) => {
        const at = place(column, row)!;
        return Math.hypot((at[0] - x) / width, (at[1] - y) / height);
      };
      for (const [name, pixel] of Object.entries(cornersOf(grid.width, grid.height))) {
        expect(miss(pixel, gdal.corners![name]!), name).toBeLessThan(0.01);
      }
      for (const { col, row, x, y } of gdal.samples ?? []) {
        if (x === undefined || y === undefined) continue;
        expect(miss([col + 0.5, row + 0.5], [x, y]), `sample ${col}, ${row}`).toBeLessThan(0.01);
      }
    });
  });
});

/** Why GDAL's answer is another, and ours is kept. */
const OTHER_WGS84: Readonly<Record<string, string>> = {
  'files/gdal/epsg_27563_allgeokeys.tif':
    'names EPSG:27563 and keys that contradict it: the code counts here, the keys with GDAL',
  'files/gdal/gtiff_towgs84_override.tif': 'carries a datum shift of its own, which GDAL replaces by its own',
};

/** Where PROJ needs no grids: no datum shift at all, or one by parameters. */
const gridless = read.filter(
  ({ gdal, file }) =>
    gdal.corners_wgs84 &&
    !(file in OTHER_WGS84) &&
    (gdal.datum_shift_m_at_center === 0 || /\+towgs84=/.test(gdal.srs?.proj4 ?? '')),
);

describe('longitude and latitude on WGS 84 are those of PROJ without grids, within a hundredth of a pixel', () => {
  test('there are enough entries', () => {
    const withCorners = read.filter(({ gdal }) => gdal.corners_wgs84).length;
    process.stderr.write(`WGS 84 corners: ${gridless.length} of ${withCorners} entries need no grids\n`);
    expect(gridless.length).toBeGreaterThan(165);
  });

  test.each(gridless.map((entry) => [entry.file, entry] as const))('%s', async (_, { file, gdal }) => {
    await withPlaced(join(ROOT, file), ({ info: { grid } }) => {
      const { crs } = grid;
      const place = createPixelPlacer(grid)!;
      const project = createProjector(crs!);
      const side = Math.min(...measurePixel(grid)!);
      const pixelM = crs!.kind === 'geographic' ? side * 111_320 : side * crs!.metresPerUnit!;
      let compared = 0;
      for (const [name, pixel] of Object.entries(cornersOf(grid.width, grid.height))) {
        const wanted = gdal.corners_wgs84![name];
        if (!wanted) continue;
        const [lon, lat] = project(...place(...pixel)!);
        const turn = Math.abs(lon - wanted[0]) % 360;
        const east = Math.min(turn, 360 - turn) * Math.cos((wanted[1] * Math.PI) / 180) * 111_320;
        expect(Math.hypot(east, (lat - wanted[1]) * 110_574) / pixelM, name).toBeLessThan(0.01);
        compared++;
      }
      expect(compared).toBeGreaterThan(0);
    });
  });
});

describe('side files count, and nothing changes without them but what GDAL says', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'frustum-side-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const withSide = all.filter(({ sidecars, gdal }) => sidecars.length > 0 && gdal.samples);
  test('there are such entries', () => expect(withSide.length).toBeGreaterThanOrEqual(5));

  const order = (grid: PlacedGeoTiff['info']['grid']) => {
    const t = grid.transform;
    return t && [t.c, t.a, t.b, t.f, t.d, t.e];
  };
  const expectSame = (got: readonly number[] | null, wanted: readonly number[] | null | undefined) => {
    if (!wanted) return expect(got).toBeNull();
    wanted.forEach((value, i) => {
      expect(Math.abs(got![i]! - value)).toBeLessThan(1e-9 * Math.max(1, Math.abs(value)));
    });
  };

  test.each(withSide.map((entry) => [entry.file, entry] as const))('%s', async (_, entry) => {
    await withPlaced(join(ROOT, entry.file), ({ info }) =>
      expectSame(order(info.grid), entry.gdal.geotransform),
    );
    const alone = join(folder, basename(entry.file));
    await copyFile(join(ROOT, entry.file), alone);
    await withPlaced(alone, ({ info, place }) => {
      expectSame(order(info.grid), entry.gdal_without_sidecars!.geotransform);
      expect(place.file).toBeNull();
    });
  });
});
