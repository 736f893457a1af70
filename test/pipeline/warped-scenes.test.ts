import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import geodesic from 'geographiclib-geodesic';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { polygonize, segment, synthesize } from '../../src/index.ts';
import {
  type Point,
  placeWithGdal,
  reprojectWithGdal,
  transformWithGdal,
  writeWithGdal,
} from '../scene/place/with-gdal.ts';
import { needTool } from '../support/need-tool.ts';

const RPB = resolve('../shared/corpus/files/gdal/md_dg.RPB');
const RPC_OPTIONS = ['METHOD=RPC', 'RPC_PIXEL_ERROR_THRESHOLD=0.00001', 'RPC_MAX_ITERATIONS=100'];

interface Feature {
  readonly properties: Readonly<Record<string, number>>;
  readonly geometry: { readonly type: string; readonly coordinates: Point[][] | Point[][][] };
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frustum-warped-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const readFeatures = async (path: string) =>
  (JSON.parse(await readFile(path, 'utf8')) as { features: Feature[] }).features;

const ringsOf = ({ geometry }: Feature): Point[][] =>
  geometry.type === 'Polygon'
    ? (geometry.coordinates as Point[][])
    : (geometry.coordinates as Point[][][]).flat();

/** Every pixel corner's longitude and latitude, as GDAL has them, to be found by place. */
function cornersByGdal(
  path: string,
  width: number,
  height: number,
  options: readonly string[],
  toLonLat: (points: Point[]) => Point[],
) {
  const pixels = Array.from(
    { length: (width + 1) * (height + 1) },
    (_, i): Point => [i % (width + 1), Math.floor(i / (width + 1))],
  );
  const lonLat = toLonLat(transformWithGdal(path, pixels, options).map((point) => point!));
  const at = (column: number, row: number) => lonLat[row * (width + 1) + column]!;
  const [origin, east, south] = [at(0, 0), at(1, 0), at(0, 1)];
  const shrink = Math.cos((origin[1] * Math.PI) / 180);
  const distance = (p: Point, q: Point) => Math.hypot((p[0] - q[0]) * shrink, p[1] - q[1]);
  const pixel = Math.min(distance(origin, east), distance(origin, south));
  const cells = new Map<string, Point[]>();
  const cellOf = ([lon, lat]: Point) =>
    [Math.floor((lon * shrink) / pixel), Math.floor(lat / pixel)] as const;
  for (const point of lonLat) {
    const key = cellOf(point).join();
    cells.set(key, [...(cells.get(key) ?? []), point]);
  }
  return {
    at,
    /** Distance to the nearest corner, in pixels. */
    miss(point: Point): number {
      const [cx, cy] = cellOf(point);
      let least = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 9; i++) {
        const key = [cx + (i % 3) - 1, cy + Math.floor(i / 3) - 1].join();
        for (const corner of cells.get(key) ?? []) least = Math.min(least, distance(point, corner) / pixel);
      }
      return least;
    },
  };
}

function checkCoverage(
  features: readonly Feature[],
  width: number,
  height: number,
  corners: ReturnType<typeof cornersByGdal>,
): void {
  const pixels = features.reduce((sum, { properties }) => sum + properties.pixel_count!, 0);
  expect(pixels).toBe(width * height);

  let worst = 0;
  const edges = new Map<string, number>();
  for (const ring of features.flatMap(ringsOf)) {
    for (const point of ring) worst = Math.max(worst, corners.miss(point));
    for (let i = 1; i < ring.length; i++) {
      const key = `${ring[i - 1]!.join()} ${ring[i]!.join()}`;
      edges.set(key, (edges.get(key) ?? 0) + 1);
    }
  }
  expect(worst).toBeLessThan(0.01);

  // Each border is there once from either side, point for point; what has one side only is the image's own border.
  const onBorder = new Set<string>();
  for (const [key, count] of edges) {
    expect(count).toBe(1);
    const [from, to] = key.split(' ') as [string, string];
    if (edges.has(`${to} ${from}`)) continue;
    onBorder.add(from);
    onBorder.add(to);
  }
  const round = (value: number) => Math.round(value * 1e7) / 1e7;
  const frame = new Set<string>();
  const add = ([lon, lat]: Point) => {
    for (let i = 0; i < 9; i++)
      frame.add(`${round(lon + ((i % 3) - 1) * 1e-7)},${round(lat + (Math.floor(i / 3) - 1) * 1e-7)}`);
  };
  for (let c = 0; c <= width; c++) for (const r of [0, height]) add(corners.at(c, r));
  for (let r = 0; r <= height; r++) for (const c of [0, width]) add(corners.at(c, r));
  expect([...onBorder].filter((point) => !frame.has(point))).toEqual([]);

  // The faces' areas add up to that of the image's outline on the ellipsoid.
  const outline = geodesic.Geodesic.WGS84.Polygon(false);
  for (let c = 0; c < width; c++) outline.AddPoint(corners.at(c, 0)[1], corners.at(c, 0)[0]);
  for (let r = 0; r < height; r++) outline.AddPoint(corners.at(width, r)[1], corners.at(width, r)[0]);
  for (let c = width; c > 0; c--) outline.AddPoint(corners.at(c, height)[1], corners.at(c, height)[0]);
  for (let r = height; r > 0; r--) outline.AddPoint(corners.at(0, r)[1], corners.at(0, r)[0]);
  const area = features.reduce((sum, { properties }) => sum + properties.area_m2!, 0);
  expect(Math.abs(area / Math.abs(outline.Compute(false, true).area!) - 1)).toBeLessThan(1e-6);
}

/** Blobs of four classes. */
function classes(width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return Math.floor(2 + 1.9 * Math.sin(x / 17 + Math.sin(y / 23)) * Math.cos(y / 13 + x / 91));
  });
}

describe.skipIf(!needTool('gdal-python'))('scenes without an affine transform', () => {
  const [width, height] = [420, 380];

  it('by rational polynomials: polygons lie where GDAL puts their corners, at the mean height and at another', async () => {
    const raster = join(folder, 'rpc.tif');
    writeWithGdal({ path: raster, width, height, bands: 1, samples: classes(width, height) });
    await copyFile(RPB, join(folder, 'rpc.rpb'));
    for (const [height_m, place] of [
      [95, undefined],
      [400, { rpcHeightM: 400 }],
    ] as const) {
      const out = join(folder, `rpc-${height_m}.geojson`);
      await polygonize({ raster, outputs: [out], ...(place && { place }) });
      const corners = cornersByGdal(
        raster,
        width,
        height,
        [...RPC_OPTIONS, `RPC_HEIGHT=${height_m}`],
        (p) => p,
      );
      checkCoverage(await readFeatures(out), width, height, corners);
    }
  });

  it('by control points on UTM, bent: polygons lie where GDAL puts their corners', async () => {
    const raster = join(folder, 'gcp.tif');
    const gcps = Array.from({ length: 16 }, (_, i) => {
      const [c, r] = [((i % 4) / 3) * width, (Math.floor(i / 4) / 3) * height];
      const [u, v] = [c / width, r / height];
      return [c, r, 500_000 + 5 * c + r + 90 * u * v - 40 * u * u, 4_400_000 + c - 5 * r + 60 * v * v, 0];
    });
    writeWithGdal({
      path: raster,
      width,
      height,
      bands: 1,
      samples: classes(width, height),
      gcps,
      wkt: 'EPSG:32650',
    });
    const out = join(folder, 'gcp.geojson');
    await polygonize({ raster, outputs: [out] });
    const corners = cornersByGdal(raster, width, height, ['METHOD=GCP_POLYNOMIAL'], (points) =>
      reprojectWithGdal('EPSG:32650', 'EPSG:4326', points),
    );
    checkCoverage(await readFeatures(out), width, height, corners);
  });

  it('run through the network to outputs that carry the polynomials on; a changed side file is another run', async () => {
    const made = await synthesize({ width: 560, height: 520, seed: 5, outDir: join(folder, 'land') });
    // The same pixels with a side file in the place of the transform.
    const scene = join(folder, 'scene.tif');
    execFileSync('gdal_translate', ['-q', '-co', 'PROFILE=BASELINE', made.scenePath, scene]);
    await rm(`${scene}.aux.xml`, { force: true });
    await copyFile(RPB, join(folder, 'scene.RPB'));

    const options = {
      scene,
      model: 'models/sfrnet-mini-synth',
      outDir: join(folder, 'run'),
      bands: [2, 3, 4],
      stride: 128,
    } as const;
    const warnings: string[] = [];
    const report = await segment(options, { onWarning: (message) => warnings.push(message) });
    expect(report.scene).toMatchObject({
      pixelCoordinates: false,
      place: { source: 'rational polynomials', file: 'scene.RPB', rpc: { heightM: 95, heightOffsetM: 95 } },
    });
    expect(warnings.join()).toMatch(
      /scene\.RPB: placed by rational polynomials \(RPC\), all ground at their mean height/,
    );
    const given = placeWithGdal(scene);
    for (const file of ['landcover.tif', 'confidence.tif']) {
      const written = placeWithGdal(join(folder, 'run', file));
      expect(written.rpc).toEqual(given.rpc);
      expect(written.transform).toBeNull();
    }
    const corners = cornersByGdal(scene, 560, 520, [...RPC_OPTIONS, 'RPC_HEIGHT=95'], (p) => p);
    checkCoverage(await readFeatures(join(folder, 'run/landcover.geojson')), 560, 520, corners);

    expect((await segment(options)).alreadyDone).toBe(true);
    const higher = await segment({ ...options, place: { rpcHeightM: 300 } });
    expect(higher.alreadyDone).toBeUndefined();
    expect(higher.identity).not.toBe(report.identity);
    const text = await readFile(RPB, 'latin1');
    await writeFile(
      join(folder, 'scene.RPB'),
      text.replace('latOffset =   41.8791', 'latOffset =   41.9791'),
    );
    const moved = await segment(options);
    expect(moved.identity).not.toBe(report.identity);
    expect(moved.alreadyDone).toBeUndefined();
  });

  it('run through the network from an altitude pyramid, with control points that go on to every raster', async () => {
    const made = await synthesize({ width: 540, height: 512, seed: 6, outDir: join(folder, 'land2') });
    const scene = join(folder, 'points.tif');
    const points = [
      [0, 0, 500_000, 4_400_000],
      [540, 0, 502_160, 4_400_100],
      [540, 512, 502_060, 4_398_050],
      [0, 512, 499_900, 4_397_952],
    ];
    execFileSync('gdal_translate', [
      ...['-q', '-a_srs', 'EPSG:32650'],
      ...points.flatMap((point) => ['-gcp', ...point.map(String)]),
      made.scenePath,
      scene,
    ]);
    const report = await segment({
      scene,
      model: 'models/sfrnet-mini-synth',
      outDir: join(folder, 'run2'),
      bands: [2, 3, 4],
      sampling: 'pyramid',
      stride: 128,
      preview: false,
    });
    expect(report.scene.place).toMatchObject({
      source: 'control points',
      controlPoints: { count: 4, order: 1 },
    });
    const given = placeWithGdal(scene);
    expect(given.gcps.length).toBe(4);
    const written = placeWithGdal(join(folder, 'run2/landcover.tif'));
    expect(written.gcps).toEqual(given.gcps);
    expect(written.gcpWkt).toBe(given.gcpWkt);
  });
});
