import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectScene, synthesize } from '../../src/index.ts';
import { runFrustum } from '../support/run-command.ts';

let dir: string;
let scene: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-cli-area-'));
  scene = (await synthesize({ width: 400, height: 260, seed: 4, outDir: join(dir, 'land') })).scenePath;
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const segment = (out: string, ...more: string[]) =>
  runFrustum('segment', scene, '--out', join(dir, out), '--no-vector', '--no-preview', ...more);
const model = ['--model', 'models/sfrnet-mini-synth', '--bands', '2,3,4', '--stride', '128'];
const readRun = async (out: string) => JSON.parse(await readFile(join(dir, out, 'run.json'), 'utf8'));

describe('areas on the command line', () => {
  it('--bbox-px cuts the run, and progress counts the windows that run', async () => {
    const run = await segment('px', ...model, '--bbox-px', '10,20,90,60');
    expect(run.status).toBe(0);
    const { area, counts, plan } = await readRun('px');
    expect(area.window).toEqual({ x: 10, y: 20, width: 80, height: 40 });
    expect(counts.windowsRun).toBe(1);
    expect(counts.windowsSkipped).toBe(plan.windows - 1);
    expect(run.lines).toContainEqual(expect.objectContaining({ windows: 1, skipped: plan.windows - 1 }));
  });

  it('--bbox takes negative numbers, and --aoi a file; a pipeline holds either, relative to itself', async () => {
    const { cornersWgs84 } = await inspectScene(scene);
    const [upperLeft, , lowerRight] = cornersWgs84!;
    const middle = {
      lon: (upperLeft!.lon + lowerRight!.lon) / 2,
      lat: (upperLeft!.lat + lowerRight!.lat) / 2,
    };
    expect(middle.lon).toBeLessThan(0);
    const box = [middle.lon - 0.002, middle.lat - 0.001, middle.lon + 0.002, middle.lat + 0.001];
    expect(await segment('bbox', ...model, '--bbox', box.join(','))).toMatchObject({
      status: 0,
      failure: null,
    });
    const boxed = await readRun('bbox');
    expect(boxed.area).toMatchObject({ kind: 'bbox', bbox: box });

    const [w, s, e, n] = box;
    const ring = [
      [w, s],
      [e, s],
      [e, n],
      [w, n],
      [w, s],
    ];
    await writeFile(join(dir, 'box.geojson'), JSON.stringify({ type: 'Polygon', coordinates: [ring] }));
    const pipeline = {
      name: 'part',
      model: join(process.cwd(), 'models/sfrnet-mini-synth'),
      bands: [2, 3, 4],
      stride: 128,
      aoi: 'box.geojson',
    };
    await writeFile(join(dir, 'part.json'), JSON.stringify(pipeline));
    expect((await segment('aoi', '--pipeline', join(dir, 'part.json'))).status).toBe(0);
    const fromFile = await readRun('aoi');
    expect(fromFile.area).toMatchObject({
      kind: 'aoi',
      url: join(dir, 'box.geojson'),
      window: boxed.area.window,
    });
    // Of maps, polygons and styles: report and STAC Item say which area was asked for.
    const sums = ({ outputs }: { outputs: { file: string; sha256: string }[] }) =>
      outputs
        .filter(({ file }) => file !== 'report.html' && file !== 'stac-item.json')
        .map(({ file, sha256 }) => `${file} ${sha256}`);
    expect(sums(fromFile)).toEqual(sums(boxed));

    // The command line's area goes before the pipeline's.
    const px = await segment('over', '--pipeline', join(dir, 'part.json'), '--bbox-px', '0,0,8,8');
    expect(px.status).toBe(0);
    expect((await readRun('over')).area.kind).toBe('bboxPx');
  });

  it.each([
    [['--bbox', '1,2,3'], 2, /four numbers/],
    [['--bbox', '0,0,1,1'], 2, /--bbox 0,0,1,1: no pixel of .*: the scene spans .*, the area 0 to 1, 0 to 1/],
    [['--bbox-px', '500,0,600,10'], 2, /no pixel of .* its columns are 0 to 400, its rows 0 to 260/],
    [['--aoi', 'nowhere.geojson'], 1, /nowhere\.geojson/],
    [['--aoi', 'package.json'], 1, /Polygon and MultiPolygon/],
    [['--aoi', 'a.geojson', '--bbox', '0,0,1,1'], 2, /--aoi and --bbox are given/],
  ])('%j ends with %i', async (options, status, message) => {
    const run = await segment('bad', ...model, ...options);
    expect(run.status).toBe(status);
    if (run.failure !== null) expect(run.failure.message).toMatch(message);
  });
});

describe('frustum info', () => {
  it('forecasts memory to within a factor of two of what a run takes', async () => {
    const out = join(dir, 'memory');
    expect((await runFrustum('segment', scene, '--out', out, ...model)).status).toBe(0);
    const { memory } = await readRun('memory');
    const info = await runFrustum('info', scene, ...model, '--json');
    const { totalBytes } = JSON.parse(info.stdout).run.memory;
    expect(totalBytes / memory.peakBytes).toBeGreaterThan(1);
    expect(totalBytes / memory.peakBytes).toBeLessThan(2);
  });

  it('ends as other verbs do', async () => {
    expect(await runFrustum('info', join(dir, 'none.tif'))).toMatchObject({
      status: 1,
      failure: { tag: 'SourceError' },
    });
    expect(await runFrustum('info', 'package.json')).toMatchObject({
      status: 1,
      failure: { tag: 'FormatError' },
    });
    expect((await runFrustum('info', scene, '--stride', '6')).status).toBe(2);
    expect((await runFrustum('info')).status).toBe(2);
  });
});
