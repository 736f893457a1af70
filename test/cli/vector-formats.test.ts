import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertCheckpoint, synthesize } from '../../src/index.ts';
import { GOLDEN } from '../support/golden.ts';
import { writeGoldenPreset } from '../support/golden-preset.ts';
import { runFrustum } from '../support/run-command.ts';

let dir: string;
let segmentArgs: string[];
let labels: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-cli-formats-'));
  const model = join(dir, 'model');
  await convertCheckpoint({
    checkpointPath: join(GOLDEN, 'models/tiny/published_torch2.pth'),
    outDir: model,
    preset: await writeGoldenPreset(dir, 'tiny', 64, [1, 3, 6]),
  });
  const { scenePath, truthPath } = await synthesize({
    width: 192,
    height: 128,
    seed: 5,
    outDir: join(dir, 'land'),
  });
  labels = truthPath;
  segmentArgs = ['segment', scenePath, '--model', model, '--no-preview', '--no-report'];
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const polygonFiles = (files: readonly string[]) =>
  files.filter((file) => /\.(geojsonl?|geojsons|fgb|gpkg|parquet|pmtiles)$/.test(file)).sort();

describe('frustum segment --vector', () => {
  it('takes formats, lists and file names, as often as it is given; the run knows them again', async () => {
    const out = join(dir, 'several');
    const vector = ['--vector', 'fgb', '--vector', 'regions.gpkg,parquet', '--vector', 'geojsons,pmtiles'];
    expect((await runFrustum(...segmentArgs, '--out', out, ...vector)).status).toBe(0);
    const expected = [
      'landcover.fgb',
      'landcover.geojsons',
      'landcover.parquet',
      'landcover.pmtiles',
      'regions.gpkg',
    ];
    expect(polygonFiles(await readdir(out))).toEqual(expected);
    const run = JSON.parse(await readFile(join(out, 'run.json'), 'utf8'));
    expect(polygonFiles(run.outputs.map(({ file }: { file: string }) => file))).toEqual(expected);
    const again = await runFrustum(...segmentArgs, '--out', out, ...vector);
    expect(again.lines.some((line) => /already done/.test(String(line.msg)))).toBe(true);
    // Another choice: the folder holds that run alone.
    expect((await runFrustum(...segmentArgs, '--out', out, '--vector', 'gpkg')).status).toBe(0);
    expect(polygonFiles(await readdir(out))).toEqual(['landcover.gpkg']);
  });

  it.each([
    ['shp', /--vector shp: no vector format has this ending; use .*\.fgb/],
    ['../a.fgb', /--vector \.\.\/a\.fgb: polygons lie in the output folder/],
    ['fgb,fgb', /--vector names landcover\.fgb twice/],
    ['a.fgb,A.fgb', /--vector names A\.fgb twice/],
    ['stac-item.json', /--vector stac-item\.json: a run writes a file of this name for itself/],
    ['Run.json', /--vector Run\.json: a run writes a file of this name for itself/],
    ['', /--vector/],
  ])('refuses %j before anything is written', async (vector, message) => {
    const out = join(dir, 'refused');
    const { status, lines } = await runFrustum(...segmentArgs, '--out', out, '--vector', vector);
    expect(status).toBe(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ tag: 'ConfigError', message: expect.stringMatching(message) });
    await expect(access(out)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('frustum polygonize --out', () => {
  it('writes every format in one pass', async () => {
    const out = join(dir, 'polygons');
    const files = ['a.fgb', 'a.geojson', 'a.geojsonl', 'a.geojsons', 'a.gpkg', 'a.parquet', 'a.pmtiles'];
    const { status } = await runFrustum(
      'polygonize',
      labels,
      '--out',
      ...files.map((file) => join(out, file)),
    );
    expect(status).toBe(0);
    expect((await readdir(out)).sort()).toEqual(files);
  });

  it('writes styles beside the files if told, with the classes of the raster', async () => {
    const out = join(dir, 'styled');
    const files = [join(out, 'a.fgb'), join(out, 'a.gpkg'), join(out, 'b.geojson')];
    expect((await runFrustum('polygonize', labels, '--out', ...files, '--styles')).status).toBe(0);
    expect((await readdir(out)).sort()).toEqual(
      ['a.fgb', 'a.gpkg', 'a.qml', 'a.sld', 'b.geojson', 'b.qml', 'b.sld'].sort(),
    );
    const { features } = JSON.parse(await readFile(join(out, 'b.geojson'), 'utf8')) as {
      features: { properties: { class_name: string; color: string } }[];
    };
    const qml = await readFile(join(out, 'b.qml'), 'utf8');
    const sld = (await readFile(join(out, 'b.sld'), 'utf8')).toLowerCase();
    for (const { properties } of features) {
      expect(qml).toContain(properties.class_name);
      expect(sld).toContain(properties.color.toLowerCase());
    }
  });

  it('refuses an ending that no format has', async () => {
    const { status, lines } = await runFrustum('polygonize', labels, '--out', join(dir, 'a.shp'));
    expect(status).toBe(2);
    expect(lines[0]).toMatchObject({
      tag: 'ConfigError',
      message: expect.stringContaining('.parquet or .pmtiles'),
    });
  });
});
