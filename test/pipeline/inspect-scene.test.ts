import { execFileSync } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  formatInspection,
  inspectScene,
  type SceneInspection,
  segment,
  synthesize,
} from '../../src/index.ts';
import { writeTiff } from '../geotiff/make-tiff.ts';
import { needTool } from '../support/need-tool.ts';

const MODEL = 'models/sfrnet-mini-synth';
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'frustum-inspect-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const shared = (name: string) => path.join('../shared', name);

/** The documented shape of `frustum info --json`, strict: a field more or less is a change of contract. */
const point = z.tuple([z.number(), z.number()]);
const size = { width: z.number().int(), height: z.number().int() };
const inspectionSchema = z.strictObject({
  url: z.string(),
  sizeBytes: z.number().int(),
  files: z.array(z.strictObject({ url: z.string(), x: z.number(), y: z.number(), ...size })).nullable(),
  ...size,
  bands: z.number().int(),
  bandNames: z.array(z.string().nullable()),
  sampleType: z.enum(['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'float32', 'float64']),
  bitsPerSample: z.number().int(),
  format: z.string(),
  layout: z.string(),
  tiled: z.boolean(),
  interleave: z.enum(['pixel', 'band']),
  blockWidth: z.number().int(),
  blockHeight: z.number().int(),
  cogFaults: z.array(z.string()),
  compression: z.string(),
  photometric: z.string(),
  nodata: z.union([z.number(), z.string()]).nullable(),
  alphaBand: z.number().int().nullable(),
  mask: z.boolean(),
  scaleOffset: z.array(z.strictObject({ scale: z.number(), offset: z.number() })).nullable(),
  paletteSize: z.number().int(),
  overviews: z.array(z.strictObject(size)),
  crs: z
    .strictObject({
      name: z.string(),
      kind: z.enum(['projected', 'geographic']),
      epsg: z.number().nullable(),
      proj4: z.string().nullable(),
    })
    .nullable(),
  pixelSize: point.nullable(),
  bounds: z
    .strictObject({ minX: z.number(), minY: z.number(), maxX: z.number(), maxY: z.number() })
    .nullable(),
  corners: z.array(z.strictObject({ name: z.string(), pixel: point, map: point.nullable() })).length(5),
  pixelCoordinates: z.boolean(),
  place: z.looseObject({ source: z.string().nullable(), file: z.string().nullable() }),
  plan: z.union([
    z.strictObject({ bands: z.array(z.string()).length(3), stretch: z.string() }),
    z.strictObject({ refused: z.string() }),
  ]),
  warnings: z.array(z.string()),
  traffic: z.strictObject({ requests: z.number().int(), bytes: z.number().int() }),
  cornersWgs84: z.array(z.strictObject({ name: z.string(), lon: z.number(), lat: z.number() })).nullable(),
  pixelMetres: point.nullable(),
  run: z.strictObject({
    model: z.string(),
    window: z.number().int(),
    distances: z.array(z.number()),
    stride: z.number().int(),
    mode: z.enum(['reference', 'centred']),
    frame: z.strictObject(size),
    windows: z.number().int(),
    memory: z.strictObject({
      totalBytes: z.number().int(),
      baseBytes: z.number().int(),
      cacheBytes: z.number().int(),
      decodeBytes: z.number().int(),
      viewBytes: z.number().int(),
      stripBytes: z.number().int(),
      rasterBytes: z.number().int(),
      vectorBytes: z.number().int(),
      networkBytes: z.number().int(),
      featureBytes: z.number().int(),
    }),
  }),
});

const FILES = [
  'scenes/landsat7_chiapas_19991118.tif',
  'scenes/olinda_8x_rgbn_cog.tif',
  'corpus/files/rio-tiler/cog_gcps_ovr.tif',
  'corpus/files/rioxarray/test_rpcs.tif',
  'corpus/files/rio-tiler/cog_dateline.tif',
  'corpus/files/rioxarray/small_dem_3m_merged.tif',
  'corpus/files/rio-tiler/inverted_lat.tif',
];

describe('inspectScene', () => {
  it.each(FILES)('%s as JSON has the documented shape', async (file) => {
    const json = JSON.parse(JSON.stringify(await inspectScene(shared(file))));
    expect(inspectionSchema.parse(json)).toEqual(json);
  });

  it.each(FILES.flatMap((file) => [80, 100].map((columns) => [file, columns] as const)))(
    '%s on a screen of %i columns',
    async (file, columns) => {
      const text = formatInspection(await inspectScene(shared(file)), columns);
      const lines = text.split('\n');
      expect(lines.length).toBeLessThanOrEqual(40);
      // Only a word without a gap, such as a path, may reach further.
      for (const line of lines) {
        const longest = Math.max(
          ...line
            .slice(13)
            .split(' ')
            .map((word) => word.length),
        );
        expect(line.length).toBeLessThanOrEqual(Math.max(columns, 13 + longest));
      }
      await expect(text).toMatchSnapshot();
    },
  );

  it('counts the windows that a run with the model runs, and guesses its memory', async () => {
    const { scenePath } = await synthesize({
      width: 700,
      height: 520,
      seed: 11,
      outDir: path.join(dir, 'land'),
    });
    const inspection = await inspectScene(scenePath, { model: MODEL, bands: [2, 3, 4], stride: 128 });
    const report = await segment({
      scene: scenePath,
      model: MODEL,
      outDir: path.join(dir, 'out'),
      bands: [2, 3, 4],
      stride: 128,
      vector: [],
      preview: false,
    });
    expect(inspection.run).toMatchObject({
      model: 'sfrnet-mini-synth',
      windows: report.counts.windowsRun,
      frame: report.plan.frame,
      mode: report.config.mode,
      stride: 128,
    });
    const { totalBytes, ...parts } = inspection.run.memory;
    expect(totalBytes).toBe(Object.values(parts).reduce((sum, bytes) => sum + bytes, 0));
    expect(parts.cacheBytes).toBe(700 * 520 * 4);
    expect(report.memory.peakBytes).toBeLessThan(totalBytes);
    expect(inspection.pixelMetres![0]).toBeCloseTo(4, 1);
    await expect(inspectScene(scenePath, { model: MODEL, stride: 6 })).rejects.toMatchObject({
      tag: 'ConfigError',
      pointer: '--stride',
    });
    await expect(inspectScene(scenePath, { model: dir })).rejects.toMatchObject({ tag: 'SourceError' });
  });

  it('says what a run would refuse, and that there is no place', async () => {
    const file = writeTiff(path.join(dir, 'one.tif'), {
      width: 2,
      height: 1,
      bands: 1,
      samples: Uint8Array.from([1, 2]),
    });
    const d = await inspectScene(file);
    expect(d).toMatchObject({ cornersWgs84: null, pixelMetres: null, pixelCoordinates: true });
    const text = formatInspection(d);
    expect(text).toContain('would read   nothing: ');
    expect(text).toContain('lower right  (2, 1)\n');
    expect(text).toContain('placed by    nothing: pixel coordinates');
  });

  it('says once that floats hold no data at NaN', async () => {
    const samples = Float32Array.from([1, 2, 3]);
    const text = async (nodata?: string) => {
      const image = { width: 1, height: 1, bands: 3, samples, ...(nodata && { nodata }) };
      return formatInspection(await inspectScene(writeTiff(path.join(dir, 'float.tif'), image)));
    };
    expect(await text()).toContain('no data      value NaN\n');
    expect(await text('-1')).toContain('no data      value -1, value NaN\n');
    expect(await text('nan')).toContain('no data      value NaN\n');
  });

  it('breaks lines between words only', async () => {
    const d = await inspectScene(shared(FILES[0]!));
    const warned: SceneInspection = { ...d, warnings: ['so many words '.repeat(20).trim()] };
    const flat = (columns: number) => formatInspection(warned, columns).replaceAll(/\n {13}/g, ' ');
    expect(flat(80)).toBe(flat(100_000));
  });

  it.skipIf(!needTool('gdal-python'))(
    'calls files cloud-optimised as GDAL does, in both directions',
    async () => {
      const files = [
        ...FILES,
        'corpus/files/rio-tiler/cog_ovr.tif',
        'corpus/files/rio-tiler/red.tif',
        'scenes/olinda_8x_rgbn_cog.tif',
      ];
      const scenes = [...new Set(files)].map(shared).filter((file) => statSync(file).size > 65536);
      const large = path.join(dir, 'large.tif');
      const image = { width: 3000, height: 300, bands: 1, samples: new Uint8Array(900_000) };
      scenes.push(writeTiff(large, image));
      const said = execFileSync(
        '/usr/bin/python3',
        [
          '-c',
          `
import sys, json
from osgeo import gdal
from osgeo_utils.samples.validate_cloud_optimized_geotiff import validate
gdal.UseExceptions()
print(json.dumps([len(validate(p)[1]) == 0 for p in sys.argv[1:]]))`,
          ...scenes,
        ],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
      );
      const ours = await Promise.all(
        scenes.map(async (file) => (await inspectScene(file)).cogFaults.length === 0),
      );
      expect(ours).toEqual(JSON.parse(said));
      expect(new Set(ours).size).toBe(2);
    },
  );
});

describe('inspectScene of a scene that is far away', () => {
  let server: Server;
  let base: string;
  const requests: string[] = [];
  beforeAll(async () => {
    const width = 4096;
    writeTiff(path.join(dir, 'strips.tif'), {
      width,
      height: 600,
      bands: 3,
      samples: new Uint8Array(width * 600 * 3),
      rowsPerStrip: 4,
    });
    server = createServer((request, response) => {
      const name = new URL(request.url!, 'http://x').pathname.slice(1);
      requests.push(`${request.method} ${name} ${request.headers.range ?? ''}`);
      const file = name === 'cog.tif' ? shared('scenes/olinda_8x_rgbn_cog.tif') : path.join(dir, name);
      const bytes = statSync(file, { throwIfNoEntry: false })?.size;
      if (bytes === undefined) return void response.writeHead(404).end();
      const [, from, to] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
      const start = Number(from ?? 0);
      const end = Math.min(to ? Number(to) : bytes - 1, bytes - 1);
      const headers = { 'accept-ranges': 'bytes', 'content-length': end - start + 1, etag: '"1"' };
      response.writeHead(from === undefined ? 200 : 206, {
        ...headers,
        ...(from !== undefined && { 'content-range': `bytes ${start}-${end}/${bytes}` }),
      });
      createReadStream(file, { start, end }).pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  it('costs one request on a COG', async () => {
    const before = requests.length;
    const d = await inspectScene(`${base}/cog.tif?token=secret`);
    expect(requests.slice(before)).toEqual([expect.stringMatching(/^GET cog\.tif bytes=0-\d+$/)]);
    expect(d.traffic.requests).toBe(1);
    expect(d.url).toBe(`${base}/cog.tif`);
    expect(JSON.stringify(d)).not.toContain('secret');
    const text = formatInspection(d);
    expect(text).toMatch(/^headers {6}1 request, /m);
    expect(text).toContain('cloud-optimised');
    const local = await inspectScene(shared('scenes/olinda_8x_rgbn_cog.tif'));
    const { url, traffic, ...same } = local;
    expect(d).toMatchObject(same);
  });

  it('warns of strips, and says how much a window would fetch', async () => {
    const d = await inspectScene(`${base}/strips.tif`);
    expect(d.cogFaults).toContain('in strips');
    expect(d.warnings).toContainEqual(
      expect.stringMatching(/far away and in strips of 4096 x 4 pixels.* about 8 times/),
    );
    const near = await inspectScene(path.join(dir, 'strips.tif'));
    expect(near.warnings.some((warning) => /far away/.test(warning))).toBe(false);
  });

  it('says what is missing', async () => {
    await expect(inspectScene(`${base}/none.tif`)).rejects.toMatchObject({ tag: 'SourceError', status: 404 });
  });
});
