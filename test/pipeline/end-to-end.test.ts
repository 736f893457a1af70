import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromFile } from 'geotiff';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluate, type SegmentOptions, type SegmentReport, segment, synthesize } from '../../src/index.ts';
import { needTool } from '../support/need-tool.ts';

const MODEL = 'models/sfrnet-mini-synth';
const SIZE = { width: 700, height: 520 };

let dir: string;
let scene: string;
let truth: string;
let report: SegmentReport;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-e2e-'));
  const made = await synthesize({ ...SIZE, seed: 11, outDir: join(dir, 'land') });
  scene = made.scenePath;
  truth = made.truthPath;
  report = await map('plain');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function map(name: string, options: Partial<SegmentOptions> = {}): Promise<SegmentReport> {
  return segment({
    scene,
    model: MODEL,
    outDir: join(dir, name),
    bands: [2, 3, 4],
    stride: 128,
    vector: ['geojson', 'geojsonl'],
    ...options,
  });
}

async function readLabels(path: string): Promise<Uint8Array> {
  const image = await (await fromFile(path)).getImage();
  return (await image.readRasters({ interleave: true })) as unknown as Uint8Array;
}

interface Feature {
  readonly properties: Readonly<Record<string, number | string>>;
  readonly geometry: { readonly type: string };
}

describe('a run from scene to map', () => {
  it('writes every output, and run.json describes them', async () => {
    const files = (await readdir(join(dir, 'plain'))).sort();
    expect(files).toEqual([...report.outputs.map((output) => output.file), 'run.json'].sort());
    expect(JSON.parse(await readFile(join(dir, 'plain/run.json'), 'utf8'))).toEqual(report);
    expect(report.scene).toMatchObject({ bands: ['2 red', '3 green', '4 blue'], pixelCoordinates: false });
    expect(report.config).toMatchObject({ mode: 'centred', sampling: 'exact', stride: 128 });
  });

  it('has polygons that hold the pixels of the raster, class by class', async () => {
    const labels = await readLabels(join(dir, 'plain/landcover.tif'));
    const pixels = new Map<number, number>();
    for (const label of labels) pixels.set(label, (pixels.get(label) ?? 0) + 1);
    const { features } = JSON.parse(await readFile(join(dir, 'plain/landcover.geojson'), 'utf8')) as {
      features: Feature[];
    };
    const held = new Map<number, number>();
    let areaM2 = 0;
    for (const { properties } of features) {
      const id = properties.class_id as number;
      held.set(id, (held.get(id) ?? 0) + (properties.pixel_count as number));
      areaM2 += properties.area_m2 as number;
    }
    expect(held).toEqual(pixels);
    expect(features.length).toBe(report.counts.polygons);
    // 4 m pixels of a UTM grid, whose scale is within 0.1 % of true.
    expect(Math.abs(areaM2 / (SIZE.width * SIZE.height * 16) - 1)).toBeLessThan(2e-3);
    const lines = (await readFile(join(dir, 'plain/landcover.geojsonl'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(features);
  });

  it('knows the land: better than calling everything by its commonest class', async () => {
    const evaluation = await evaluate({ predicted: join(dir, 'plain/landcover.tif'), truth, ignore: [0] });
    const commonest = Math.max(...evaluation.classes.map((c) => c.truthPixels)) / evaluation.pixels;
    expect(evaluation.overallAccuracy).toBeGreaterThan(commonest + 0.1);
  });

  it('gives the same bytes again', async () => {
    const bytes = (run: SegmentReport) => run.outputs.map(({ file, sha256 }) => `${file} ${sha256}`);
    expect(bytes(await map('again'))).toEqual(bytes(report));
  });

  it('with another number of threads differs by rounding only', async () => {
    await Promise.all([map('one', { threads: 1 }), map('two', { threads: 2 })]);
    const read = (file: string) =>
      Promise.all(['one', 'two'].map((name) => readLabels(join(dir, name, file)))) as Promise<
        [Uint8Array, Uint8Array]
      >;
    const [a, b] = await read('landcover.tif');
    expect(a.reduce((n, label, i) => n + (label === b[i] ? 0 : 1), 0)).toBeLessThan(a.length * 1e-4);
    const [p, q] = await read('confidence.tif');
    expect(p.reduce((most, v, i) => Math.max(most, Math.abs(v - q[i]!)), 0)).toBeLessThanOrEqual(1);
  });

  it('with context from a pyramid says so, and maps nearly the same', async () => {
    const sampled = await map('pyramid', { sampling: 'pyramid' });
    expect(sampled.config.sampling).toBe('pyramid');
    expect(sampled.identity).not.toBe(report.identity);
    const [a, b] = await Promise.all(
      ['plain', 'pyramid'].map((name) => readLabels(join(dir, name, 'landcover.tif'))),
    );
    const equal = a!.reduce((n, label, i) => n + (label === b![i] ? 1 : 0), 0);
    expect(equal / a!.length).toBeGreaterThan(0.97);
  });

  describe.skipIf(!needTool('gdal-python') || !needTool('ogrinfo'))('by GDAL', () => {
    it.each(['landcover.tif', 'confidence.tif'])('%s is a valid cloud-optimised GeoTIFF', (file) => {
      const said = execFileSync(
        '/usr/bin/python3',
        [
          '-m',
          'osgeo_utils.samples.validate_cloud_optimized_geotiff',
          '--full-check=yes',
          join(dir, 'plain', file),
        ],
        { encoding: 'utf8' },
      );
      expect(said).toContain('is a valid cloud optimized GeoTIFF');
    });

    it('the map lies where the scene lies, with names and colours', () => {
      const info = (path: string) =>
        JSON.parse(execFileSync('gdalinfo', ['-json', path], { encoding: 'utf8' }));
      const map = info(join(dir, 'plain/landcover.tif'));
      const source = info(scene);
      expect(map.geoTransform).toEqual(source.geoTransform);
      expect(map.coordinateSystem.wkt).toBe(source.coordinateSystem.wkt);
      expect(map.size).toEqual(source.size);
      const [band] = map.bands;
      expect(band).toMatchObject({ noDataValue: 255, colorInterpretation: 'Palette' });
      expect(band.colorTable.entries[1]).toEqual([255, 0, 0, 255]);
      const text = execFileSync('gdalinfo', [join(dir, 'plain/landcover.tif')], { encoding: 'utf8' });
      for (const { id, name } of report.classes) expect(text).toMatch(new RegExp(`^ *${id}: ${name}$`, 'm'));
    });

    it.each(['landcover.geojson', 'landcover.geojsonl'])(
      '%s opens with all features, on the scene',
      (file) => {
        const said = execFileSync('ogrinfo', ['-ro', '-al', '-so', join(dir, 'plain', file)], {
          encoding: 'utf8',
        });
        expect(said).toContain(`Feature Count: ${report.counts.polygons}`);
        const [, west, south, east, north] = /Extent: \((\S+), (\S+)\) - \((\S+), (\S+)\)/
          .exec(said)!
          .map(Number);
        expect(west).toBeCloseTo(-45, 3);
        expect(east! - west!).toBeGreaterThan(0.06);
        expect(north! - south!).toBeGreaterThan(0.015);
      },
    );
  });
});
