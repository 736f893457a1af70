import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromFile } from 'geotiff';
import proj4 from 'proj4';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SegmentOptions, type SegmentReport, segment, synthesize } from '../../src/index.ts';
import { needTool } from '../support/need-tool.ts';

const MODEL = 'models/sfrnet-mini-synth';
const SIZE = { width: 700, height: 520 };
const NODATA = 255;

interface Raster {
  readonly width: number;
  readonly height: number;
  readonly origin: readonly number[];
  readonly data: Uint8Array;
}

let dir: string;
let scene: string;
/** Longitude and latitude of a pixel corner of the scene. */
let lonLat: (column: number, row: number) => [number, number];
let full: SegmentReport;
let fullMap: Raster;
let fullConfidence: Raster;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-aoi-'));
  scene = (await synthesize({ ...SIZE, seed: 11, outDir: join(dir, 'land') })).scenePath;
  full = await map('full');
  fullMap = await readRaster('full', 'landcover.tif');
  fullConfidence = await readRaster('full', 'confidence.tif');
  const image = await (await fromFile(scene)).getImage();
  const { ProjectedCSTypeGeoKey: epsg } = image.getGeoKeys() as { ProjectedCSTypeGeoKey: number };
  const utm = `+proj=utm +zone=${epsg % 100}${epsg >= 32700 ? ' +south' : ''} +datum=WGS84 +units=m`;
  const [x, y] = image.getOrigin();
  const [dx, dy] = image.getResolution();
  lonLat = (column, row) =>
    proj4(utm, 'WGS84').forward([x! + column * dx!, y! + row * dy!]) as [number, number];
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function map(name: string, options: Partial<SegmentOptions> = {}): Promise<SegmentReport> {
  return segment({
    scene,
    model: MODEL,
    outDir: join(dir, name),
    bands: [2, 3, 4],
    stride: 96,
    vector: [],
    preview: false,
    ...options,
  });
}

async function readRaster(run: string, file: string): Promise<Raster> {
  const image = await (await fromFile(join(dir, run, file))).getImage();
  const data = (await image.readRasters({ interleave: true })) as unknown as Uint8Array;
  return { width: image.getWidth(), height: image.getHeight(), origin: image.getOrigin(), data };
}

type Ring = readonly (readonly [number, number])[];

/** GeoJSON of rings in pixels of the scene. */
async function writeArea(name: string, ...polygons: Ring[][]): Promise<string> {
  const coordinates = polygons.map((rings) =>
    rings.map((ring) => [...ring, ring[0]!].map(([column, row]) => lonLat(column, row))),
  );
  const path = join(dir, name);
  await writeFile(path, JSON.stringify({ type: 'MultiPolygon', coordinates }));
  return path;
}

/** Pixels that a run's outputs hold, checked byte for byte against the full run: 1 in the area. */
async function compareWithFull(run: string, report: SegmentReport, of = fullMap, sure = fullConfidence) {
  const { window } = report.area!;
  const map = await readRaster(run, 'landcover.tif');
  const confidence = await readRaster(run, 'confidence.tif');
  expect([map.width, map.height]).toEqual([window.width, window.height]);
  const mask = new Uint8Array(SIZE.width * SIZE.height);
  let wrong = 0;
  for (let y = 0; y < map.height; y++) {
    for (let x = 0; x < map.width; x++) {
      const here = y * map.width + x;
      const there = (window.y + y) * SIZE.width + window.x + x;
      if (map.data[here] === NODATA) {
        if (confidence.data[here] !== 0) wrong++;
        continue;
      }
      mask[there] = 1;
      if (map.data[here] !== of.data[there] || confidence.data[here] !== sure.data[there]) wrong++;
    }
  }
  expect(wrong).toBe(0);
  expect(report.counts.validPixels).toBe(mask.reduce((sum, v) => sum + v, 0));
  expect(report.counts.validPixels).toBe(report.area!.pixels);
  return mask;
}

describe('a run over an area', () => {
  it('gives each pixel of the area what the whole run gives, and runs fewer windows', async () => {
    const aoi = await writeArea(
      'parts.geojson',
      [
        [
          [400, 120],
          [520.5, 90],
          [560, 230.2],
          [430, 250],
        ],
        [
          [450, 150],
          [500, 150],
          [480, 200],
        ],
      ],
      [
        [
          [610, 300],
          [640, 300],
          [625, 330],
        ],
      ],
    );
    let total = 0;
    const done: number[] = [];
    const report = await segment(
      {
        scene,
        model: MODEL,
        outDir: join(dir, 'parts'),
        bands: [2, 3, 4],
        stride: 96,
        aoi,
        vector: ['geojson', 'geojsonl'],
      },
      {
        onPlan: (plan) => {
          total = plan.count;
        },
        onWindow: (n, of) => {
          done.push(n);
          expect(of).toBe(total);
        },
      },
    );
    const mask = await compareWithFull('parts', report);
    // The hole is one.
    expect(mask[170 * SIZE.width + 477]).toBe(0);
    expect(mask[300 * SIZE.width + 625]).toBe(1);

    expect(report.counts.windowsRun + report.counts.windowsSkipped).toBe(full.counts.windowsRun);
    expect(report.counts.windowsSkipped).toBeGreaterThan(full.counts.windowsRun / 2);
    expect(done.at(-1)).toBe(total);
    expect(total).toBe(report.counts.windowsRun);
    expect(report.plan).toEqual(full.plan);
    expect(report.area).toMatchObject({
      kind: 'aoi',
      url: aoi,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(full.area).toBeNull();

    const { features } = JSON.parse(await readFile(join(dir, 'parts/landcover.geojson'), 'utf8'));
    const held = features.reduce(
      (sum: number, f: { properties: { pixel_count: number } }) => sum + f.properties.pixel_count,
      0,
    );
    expect(held).toBe(report.counts.validPixels);
  });

  it('lies where its pixels lie in the scene', async () => {
    const report = await map('corner', { bboxPx: [601, 403, 900, 900] });
    expect(report.area).toEqual({
      kind: 'bboxPx',
      bboxPx: [601, 403, 900, 900],
      window: { x: 601, y: 403, width: 99, height: 117 },
      pixels: 99 * 117,
    });
    await compareWithFull('corner', report);
    const cut = await readRaster('corner', 'landcover.tif');
    const image = await (await fromFile(scene)).getImage();
    const [dx, dy] = image.getResolution();
    expect(cut.origin[0]).toBe(fullMap.origin[0]! + 601 * dx!);
    expect(cut.origin[1]).toBe(fullMap.origin[1]! + 403 * dy!);
    expect(report.counts.nodataPixels).toBe(0);
  });

  it.each([
    ['reference', { mode: 'reference' }],
    ['pyramid', { sampling: 'pyramid' }],
  ] as const)('is exact with %s too', async (name, options) => {
    const whole = await map(`${name}-full`, options);
    const report = await map(`${name}-part`, { ...options, bboxPx: [250, 130, 330, 390] });
    expect(report.counts.windowsSkipped).toBeGreaterThan(whole.counts.windowsRun / 3);
    await compareWithFull(
      `${name}-part`,
      report,
      await readRaster(`${name}-full`, 'landcover.tif'),
      await readRaster(`${name}-full`, 'confidence.tif'),
    );
  });

  it('areas that share a border share no pixel and leave none out', async () => {
    const border: Ring = [
      [300.3, -20],
      [341, 130],
      [280, 260.6],
      [402.7, 390],
      [350, 560],
    ];
    const west = await writeArea('west.geojson', [[...border, [-20, 560], [-20, -20]]]);
    const east = await writeArea('east.geojson', [[...border.toReversed(), [720, -20], [720, 560]]]);
    const masks = [
      await compareWithFull('west', await map('west', { aoi: west })),
      await compareWithFull('east', await map('east', { aoi: east })),
    ];
    expect(masks[0]!.every((v, i) => v + masks[1]![i]! === 1)).toBe(true);
  });

  it('is another run with another area, the same with the same one, wherever its file lies', async () => {
    const ring: Ring[] = [
      [
        [10, 10],
        [90, 10],
        [90, 60],
      ],
    ];
    const aoi = await writeArea('one.geojson', ring);
    const copy = await writeArea('copy.geojson', ring);
    const first = await map('again', { aoi });
    expect(await map('again', { aoi: copy })).toMatchObject({ alreadyDone: true, identity: first.identity });
    await writeArea('one.geojson', [
      [
        [10, 10],
        [91, 10],
        [90, 60],
      ],
    ]);
    const other = await map('again', { aoi });
    expect(other.alreadyDone).toBeUndefined();
    expect(other.identity).not.toBe(first.identity);
    const [west, south, east, north] = [...lonLat(10, 60), ...lonLat(90, 10)];
    const boxed = await map('again', { bbox: [west, south, east, north] });
    expect(boxed.identity).not.toBe(other.identity);
    expect(Math.abs(boxed.area!.pixels - 4000)).toBeLessThan(200);
  });

  it('refuses what is no area of the scene, and leaves nothing', async () => {
    const aoi = await writeArea('far.geojson', [
      [
        [10_000, 10_000],
        [10_100, 10_000],
        [10_100, 10_100],
      ],
    ]);
    await expect(map('none', { aoi })).rejects.toMatchObject({
      tag: 'ConfigError',
      pointer: '--aoi',
      message: expect.stringMatching(/far\.geojson: no pixel of .*: the scene spans .*, the area /),
    });
    const cases: [Partial<SegmentOptions>, RegExp][] = [
      [{ aoi, bbox: [0, 0, 1, 1] }, /--aoi and --bbox are given/],
      [{ bbox: [5, 5, 6, 4] }, /south below north/],
      [{ bbox: [500_000, 5, 600_000, 6] }, /in degrees/],
      [{ bboxPx: [0.5, 0, 10, 10] }, /whole pixels/],
      [{ bboxPx: [10, 0, 10, 10] }, /x0 below x1/],
      [{ bboxPx: [700, 0, 710, 10] }, /no pixel of .* columns are 0 to 700, its rows 0 to 520/],
    ];
    for (const [options, message] of cases) {
      await expect(map('none', options)).rejects.toMatchObject({
        tag: 'ConfigError',
        message: expect.stringMatching(message),
      });
    }
    // Outputs would take the area's place.
    const inside = await writeArea('full/mine.geojson', [
      [
        [10, 10],
        [90, 10],
        [90, 60],
      ],
    ]);
    await writeFile(join(dir, 'landcover.geojson'), await readFile(inside));
    await expect(
      segment({ scene, model: MODEL, outDir: dir, bands: [2, 3, 4], aoi: join(dir, 'landcover.geojson') }),
    ).rejects.toMatchObject({ tag: 'ConfigError', message: expect.stringContaining('which would be lost') });
  });

  it.skipIf(!needTool('gdal-python'))('has the pixels that GDAL burns for the same polygon', async () => {
    const aoi = await writeArea('gdal.geojson', [
      [
        [80.4, 40],
        [610, 20.7],
        [560, 480],
        [300, 333.3],
        [120, 470],
      ],
      [
        [200, 150],
        [420, 130],
        [350, 260],
      ],
    ]);
    const report = await map('gdal', { aoi });
    const mask = await compareWithFull('gdal', report);
    // Straight in degrees, as RFC 7946 says: GDAL takes only the corners to the scene's grid, so they are set closely.
    const burnt = execFileSync(
      '/usr/bin/python3',
      [
        '-c',
        `
import sys
from osgeo import gdal, ogr, osr
gdal.UseExceptions()
scene, path = sys.argv[1:]
d = gdal.Open(scene)
source = ogr.Open(path)
layer = source.GetLayer()
geographic, target = osr.SpatialReference(), osr.SpatialReference(wkt=d.GetProjection())
geographic.ImportFromEPSG(4326)
for s in (geographic, target): s.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
memory = ogr.GetDriverByName('Memory').CreateDataSource('')
burn = memory.CreateLayer('', target)
for f in layer:
    g = f.GetGeometryRef().Clone()
    g.Segmentize(1e-5)
    g.Transform(osr.CoordinateTransformation(geographic, target))
    out = ogr.Feature(burn.GetLayerDefn())
    out.SetGeometry(g)
    burn.CreateFeature(out)
mask = gdal.GetDriverByName('MEM').Create('', d.RasterXSize, d.RasterYSize, 1)
mask.SetGeoTransform(d.GetGeoTransform())
gdal.RasterizeLayer(mask, [1], burn, burn_values=[1])
sys.stdout.buffer.write(bytes(mask.ReadRaster()))
`,
        scene,
        aoi,
      ],
      { maxBuffer: 1 << 26 },
    );
    expect(burnt.length).toBe(mask.length);
    let differing = 0;
    for (let i = 0; i < mask.length; i++) if (mask[i] !== burnt[i]) differing++;
    expect(differing).toBe(0);
    expect(report.area!.pixels).toBeGreaterThan(100_000);
  });

  it('has no place in a scene without georeferencing, save in pixels', async () => {
    const bare = join(dir, 'bare.png.tif');
    const { writeTiff } = await import('../geotiff/make-tiff.ts');
    writeTiff(bare, { width: 64, height: 64, bands: 3, samples: new Uint8Array(64 * 64 * 3).fill(90) });
    const aoi = await writeArea('some.geojson', [
      [
        [10, 10],
        [90, 10],
        [90, 60],
      ],
    ]);
    const run = (options: Partial<SegmentOptions>) =>
      segment({ scene: bare, model: MODEL, outDir: join(dir, 'bare'), ...options });
    await expect(run({ aoi })).rejects.toMatchObject({
      tag: 'ConfigError',
      message: expect.stringMatching(/has no georeferencing.*--bbox-px/),
    });
    expect((await run({ bboxPx: [8, 8, 24, 16] })).counts.validPixels).toBe(128);
  });
});
