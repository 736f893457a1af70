import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Grid } from '../../../src/core/grid.ts';
import { createPixelPlacer } from '../../../src/core/place-pixels.ts';
import { openGeoTiff } from '../../../src/geotiff/open-geotiff.ts';
import { createTiffWriter } from '../../../src/geotiff/write-tiff.ts';
import { openByteSource } from '../../../src/io/open-source.ts';
import type { PlaceOptions } from '../../../src/scene/place/place-options.ts';
import { type PlacedGeoTiff, placeScene } from '../../../src/scene/place/place-scene.ts';
import { needTool } from '../../support/need-tool.ts';
import { type Point, placeWithGdal, transformWithGdal, writeWithGdal } from './with-gdal.ts';

const CORPUS = resolve('../shared/corpus/files');
const RPB = join(CORPUS, 'gdal/md_dg.RPB');
/** GDAL stops its search for a place at a tenth of a pixel unless told. */
const RPC_OPTIONS = ['METHOD=RPC', 'RPC_PIXEL_ERROR_THRESHOLD=0.00001', 'RPC_MAX_ITERATIONS=100'];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frustum-warp-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function placed(path: string, options?: PlaceOptions): Promise<Omit<PlacedGeoTiff, 'close'>> {
  const source = await openByteSource(path);
  try {
    return await placeScene(await openGeoTiff(source), path, options);
  } finally {
    await source.close();
  }
}

/** 21 x 21 positions over the whole grid, corners included, few of them whole. */
function lattice({ width, height }: Grid): Point[] {
  return Array.from(
    { length: 441 },
    (_, i): Point => [((i % 21) / 20) * width, (Math.floor(i / 21) / 20) * height],
  );
}

/** The largest distance from GDAL's answers, in pixels by the grid's own slope. */
function worstMiss(grid: Grid, path: string, options: readonly string[]): number {
  const place = createPixelPlacer(grid)!;
  const pixels = lattice(grid);
  const wanted = transformWithGdal(path, pixels, options);
  let worst = 0;
  pixels.forEach(([column, row], i) => {
    const [here, east, south] = [place(column, row)!, place(column + 1, row)!, place(column, row + 1)!];
    const [a, d] = [east[0] - here[0], east[1] - here[1]];
    const [b, e] = [south[0] - here[0], south[1] - here[1]];
    const [dx, dy] = [wanted[i]![0] - here[0], wanted[i]![1] - here[1]];
    const determinant = a * e - b * d;
    worst = Math.max(worst, Math.hypot((e * dx - b * dy) / determinant, (a * dy - d * dx) / determinant));
  });
  return worst;
}

const noise = (count: number) => Uint8Array.from({ length: count }, (_, i) => (i * 7919) % 251);
const blank = (name: string, more: Partial<Parameters<typeof writeWithGdal>[0]> = {}) =>
  writeWithGdal({
    path: join(folder, name),
    width: 1700,
    height: 1600,
    bands: 1,
    samples: noise(1700 * 1600),
    ...more,
  });

/** Control points of a gently bent UTM image, as many as a lattice of n x m. */
function bentPoints(n: number, m: number, bend: number): number[][] {
  return Array.from({ length: n * m }, (_, i) => {
    const [column, row] = [((i % n) / (n - 1)) * 1700, (Math.floor(i / n) / (m - 1)) * 1600];
    const [u, v] = [column / 1700, row / 1600];
    const x = 600_000 + 4 * column + 0.4 * row + bend * (30 * u * v - 20 * u * u + 14 * v ** 3);
    const y = 3_400_000 + 0.3 * column - 4 * row + bend * (25 * v * v - 12 * u * v * v);
    return [column, row, x + ((i * 37) % 11) / 10, y - ((i * 53) % 7) / 10, 17];
  });
}

async function writeEmpty(path: string, grid: Grid): Promise<void> {
  const writer = await createTiffWriter({ path, grid });
  await writer.writeRows(new Uint8Array(grid.width * grid.height), grid.height);
  await writer.close();
}

describe.skipIf(!needTool('gdal-python'))('control points', () => {
  it.each([
    'derived/gcps_four_corners_4326.tif',
    'gdal/byte_gcp_pixelispoint.tif',
    'rio-tiler/cog_gcps_ovr.tif',
  ])('%s lies where GDAL puts it', async (name) => {
    const { info, place } = await placed(join(CORPUS, name));
    expect(place.source).toBe('control points');
    expect(worstMiss(info.grid, join(CORPUS, name), ['METHOD=GCP_POLYNOMIAL'])).toBeLessThan(0.01);
    if (place.controlPoints!.count < 210) return;
    const { order, rmsPixels, maxPixels, worst } = place.controlPoints!;
    expect(order).toBe(2);
    expect(maxPixels).toBeGreaterThan(rmsPixels);
    expect(rmsPixels).toBeGreaterThan(0.001);
    // By GDAL's transformer: the distance at the worst point, in degrees of its latitude.
    const [column, row, x, y] = placeWithGdal(join(CORPUS, name)).gcps[worst - 1]! as [
      number,
      number,
      number,
      number,
    ];
    const [at] = transformWithGdal(join(CORPUS, name), [[column, row]], ['METHOD=GCP_POLYNOMIAL']);
    expect(Math.hypot(at![0] - x, at![1] - y)).toBeGreaterThan(0.5 * place.controlPoints!.rmsMap);
  });

  it.each([
    [2, 2, null, 1],
    [4, 3, null, 2],
    [4, 4, 1, 1],
    [5, 5, 2, 2],
    [5, 5, 3, 3],
  ] as const)('%i x %i of them at order %j', async (n, m, order, expected) => {
    const gcps = bentPoints(n, m, 1);
    const path = blank(`gcp-${n}-${m}-${order}.tif`, { gcps, wkt: 'EPSG:32650' });
    const { info, place } = await placed(path, order === null ? {} : { gcpOrder: order });
    expect(info.grid.crs).toMatchObject({ epsg: 32650 });
    expect(place).toMatchObject({
      source: 'control points',
      controlPoints: { count: gcps.length, order: expected },
    });
    const options = ['METHOD=GCP_POLYNOMIAL', ...(order === null ? [] : [`MAX_GCP_ORDER=${order}`])];
    expect(worstMiss(info.grid, path, options)).toBeLessThan(0.01);
  });

  it('whose positions do not fix the order that their number allows are fitted at order 1, said aloud', async () => {
    const path = blank('gcp-flat.tif', { gcps: bentPoints(3, 2, 1), wkt: 'EPSG:32650' });
    const { info, place, warnings } = await placed(path);
    expect(place.controlPoints).toMatchObject({ count: 6, order: 1 });
    expect(warnings.join()).toMatch(/fix no polynomial of order 2; order 1 is used/);
    expect(worstMiss(info.grid, path, ['METHOD=GCP_POLYNOMIAL', 'MAX_GCP_ORDER=1'])).toBeLessThan(0.01);
    await expect(placed(path, { gcpOrder: 2 })).rejects.toMatchObject({ tag: 'FormatError' });
  });

  it('on one line place nothing, and are refused', async () => {
    const gcps = bentPoints(5, 2, 0)
      .slice(0, 5)
      .map(([c, , x, y, z]) => [c!, 0, x! - (x! % 1), y! - (y! % 1), z!]);
    const path = blank('gcp-line.tif', { gcps, wkt: 'EPSG:32650' });
    await expect(placed(path)).rejects.toMatchObject({
      tag: 'FormatError',
      message: expect.stringMatching(/5 control points fix no polynomial of order 1.*on one line/),
    });
  });

  it('that lie off are measured and named', async () => {
    const gcps = bentPoints(4, 4, 0);
    gcps[5]![2]! += 120;
    const { place, warnings } = await placed(blank('gcp-off.tif', { gcps, wkt: 'EPSG:32650' }), {
      gcpOrder: 1,
    });
    expect(place.controlPoints!.worst).toBe(6);
    expect(place.controlPoints!.maxPixels).toBeGreaterThan(20);
    expect(place.controlPoints!.maxMap / place.controlPoints!.maxPixels).toBeCloseTo(4, 0);
    expect(warnings.join()).toMatch(
      /passes its 16 control points by .* pixels \(root mean square\), point 6 at column 567, row 533/,
    );
  });

  it('of an .aux.xml go before those of the TIFF', async () => {
    const path = blank('gcp-aux.tif', {
      gcps: bentPoints(4, 3, 3),
      wkt: 'EPSG:32651',
      creation: ['PROFILE=BASELINE'],
    });
    expect(await readFile(`${path}.aux.xml`, 'utf8')).toContain('<GCPList');
    const { info, place } = await placed(path);
    expect(place).toMatchObject({
      source: 'control points',
      file: 'gcp-aux.tif.aux.xml',
      crsSource: 'side file',
    });
    expect(info.grid.crs).toMatchObject({ epsg: 32651 });
    expect(worstMiss(info.grid, path, ['METHOD=GCP_POLYNOMIAL'])).toBeLessThan(0.01);
  });

  it('on both sides of the antimeridian are one image', async () => {
    const gcps = [
      [0, 0, 179.9, 10],
      [1700, 0, -179.8, 10.02],
      [1700, 1600, -179.81, 9.7],
      [0, 1600, 179.89, 9.68],
      [850, 800, -179.955, 9.85],
    ];
    const { info } = await placed(blank('gcp-180.tif', { gcps, wkt: 'EPSG:4326' }));
    const place = createPixelPlacer(info.grid)!;
    const xs = [0, 425, 850, 1275, 1700].map((column) => place(column, 800)![0]);
    expect(xs).toEqual([...xs].sort((p, q) => p - q));
    expect(xs[0]).toBeCloseTo(179.895, 2);
    expect(xs[4]).toBeCloseTo(180.195, 2);
  });

  it('reach what is written, point for point, also where pixels are points', async () => {
    for (const name of [
      'derived/gcps_four_corners_4326.tif',
      'gdal/byte_gcp_pixelispoint.tif',
      'rio-tiler/cog_gcps_ovr.tif',
    ]) {
      const { info } = await placed(join(CORPUS, name));
      const path = join(folder, `out-${name.replace('/', '-')}`);
      await writeEmpty(path, info.grid);
      const [given, written] = [placeWithGdal(join(CORPUS, name)), placeWithGdal(path)];
      expect(written.transform).toBeNull();
      expect(written.gcps).toEqual(given.gcps);
      if (info.grid.crs !== null) expect(written.gcpWkt).toBe(given.gcpWkt);
    }
  });
});

describe.skipIf(!needTool('gdal-python'))('rational polynomials', () => {
  const rpcOf = (path: string) => {
    const { rpc } = placeWithGdal(path);
    return Object.fromEntries(Object.entries(rpc).map(([key, values]) => [key, values.join(' ')]));
  };

  it.each([
    ['test_rpcs.tif', 'rioxarray/test_rpcs.tif', null],
    ['test_rpcs.tif, higher up', 'rioxarray/test_rpcs.tif', 1500],
  ])('%s lies where GDAL puts it', async (_, name, height) => {
    const path = join(CORPUS, name);
    const { info, place } = await placed(path, height === null ? {} : { rpcHeightM: height });
    expect(place).toMatchObject({
      source: 'rational polynomials',
      file: null,
      crsSource: 'rational polynomials',
    });
    const heightM = place.rpc!.heightM;
    expect(heightM).toBe(height ?? place.rpc!.heightOffsetM);
    expect(worstMiss(info.grid, path, [...RPC_OPTIONS, `RPC_HEIGHT=${heightM}`])).toBeLessThan(0.01);
  });

  it.each(['test_rpc_with_gt_bug_2460.tif', 'md_dg.tif'])(
    "those of %s, on an image of their own size, where GDAL's lie",
    async (name) => {
      const rpc = rpcOf(join(CORPUS, 'gdal', name));
      expect(Object.keys(rpc).length).toBeGreaterThan(12);
      const [width, height] = [Number(rpc.SAMP_OFF) * 2 + 1, Number(rpc.LINE_OFF) * 2 + 1].map((n) =>
        Math.min(Math.round(n), 6000),
      ) as [number, number];
      const path = join(folder, `rpc-${name}`);
      writeWithGdal({ path, width, height, bands: 1, samples: new Uint8Array(width * height), rpc });
      const { info, place } = await placed(path);
      expect(place.source).toBe('rational polynomials');
      expect(worstMiss(info.grid, path, [...RPC_OPTIONS, `RPC_HEIGHT=${place.rpc!.heightM}`])).toBeLessThan(
        0.01,
      );
    },
  );

  it.each([
    ['.RPB', 'side.RPB'],
    ['.rpb', 'lower.rpb'],
    ['_RPC.TXT', 'words_RPC.TXT'],
    ['_rpc.txt', 'small_rpc.txt'],
  ])('of a %s file, as GDAL reads it', async (ending, file) => {
    const image = blank(file.replace(ending, '.tif'));
    const words = rpcOf(join(CORPUS, 'gdal/md_dg.tif'));
    const lines = Object.entries(words).flatMap(([key, value]) =>
      key.endsWith('COEFF')
        ? value.split(' ').map((v, i) => `${key}_${i + 1}: ${v}`)
        : [`${key}: ${value} units`],
    );
    if (/rpb$/i.test(ending)) await copyFile(RPB, join(folder, file));
    else await writeFile(join(folder, file), `${lines.join('\r\n')}\r\n`);
    const { info, place, warnings } = await placed(image);
    expect(place).toMatchObject({ source: 'rational polynomials', file });
    expect(warnings.join()).toMatch(/all ground at their mean height of 95 m/);
    expect(worstMiss(info.grid, image, [...RPC_OPTIONS, 'RPC_HEIGHT=95'])).toBeLessThan(0.01);
    // What is written has them in its own tag.
    const out = join(folder, `out-${file}.tif`);
    await writeEmpty(out, info.grid);
    const written = placeWithGdal(out);
    expect(written.rpc).toEqual(placeWithGdal(image).rpc);
    expect(written.transform).toBeNull();
  });

  it('of an .aux.xml', async () => {
    const rpc = rpcOf(join(CORPUS, 'gdal/md_dg.tif'));
    const path = blank('rpc-aux.tif');
    const items = Object.entries(rpc).map(([key, value]) => `<MDI key="${key}">${value}</MDI>`);
    await writeFile(
      `${path}.aux.xml`,
      `<PAMDataset><Metadata domain="RPC">${items.join('')}</Metadata></PAMDataset>`,
    );
    const { info, place } = await placed(path);
    expect(place).toMatchObject({ source: 'rational polynomials', file: 'rpc-aux.tif.aux.xml' });
    expect(worstMiss(info.grid, path, [...RPC_OPTIONS, 'RPC_HEIGHT=95'])).toBeLessThan(0.01);
  });

  it('that place nothing, with GDAL neither, are refused by name', async () => {
    const path = join(CORPUS, 'gdal/unstable_rpc_with_dem_source.tif');
    const source = await openByteSource(path);
    const tiff = await openGeoTiff(source);
    await source.close();
    const corner = transformWithGdal(path, [[0, 0]], [...RPC_OPTIONS, 'RPC_HEIGHT=8']);
    expect(corner).toEqual([null]);
    await expect(placeScene(tiff, path)).rejects.toMatchObject({
      tag: 'FormatError',
      what: 'its rational polynomials',
      message: expect.stringMatching(/give no place for column 0, row 0.*--transform/),
    });
  });
});
