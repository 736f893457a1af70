import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTiffWriter } from '../../src/geotiff/write-tiff.ts';
import { convertCheckpoint } from '../../src/index.ts';
import { GOLDEN } from '../support/golden.ts';
import { writeGoldenPreset } from '../support/golden-preset.ts';
import { runFrustum, startFrustum } from '../support/run-command.ts';
import { mountSmallDisk } from '../support/small-disk.ts';

/** Each test: one clear message, the right exit code, nothing half-written, no hang (the runner's time limit). */

let dir: string;
let model: string;
let scene: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-cli-'));
  model = join(dir, 'model');
  await convertCheckpoint({
    checkpointPath: join(GOLDEN, 'models/tiny/published_torch2.pth'),
    outDir: model,
    preset: await writeGoldenPreset(dir, 'tiny', 64, [1, 3, 6]),
  });
  scene = await writeScene('scene.tif', 300, 200, 3);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function writeScene(
  name: string,
  width: number,
  height: number,
  bands: number,
  fill?: number,
  nodata: number | null = null,
): Promise<string> {
  const path = join(dir, name);
  const writer = await createTiffWriter({
    path,
    grid: { width, height, transform: null, crs: null },
    bands,
    nodata,
    photometric: bands === 3 ? 'rgb' : 'gray',
  });
  const pixels = Uint8Array.from(
    { length: width * height * bands },
    (_, i) => fill ?? (i * 2654435761) >>> 24,
  );
  await writer.writeRows(pixels, height);
  await writer.close();
  return path;
}

/** Runs `segment` and expects it to fail with nothing left behind. */
async function expectFailure(
  name: string,
  args: readonly string[],
  status: number,
  tag: string,
  words: RegExp,
) {
  const out = join(dir, `out-${name}`);
  const result = await runFrustum('segment', ...args, '--out', out);
  expect(result.failure?.message).toMatch(words);
  expect(result.failure?.tag).toBe(tag);
  expect(result.status).toBe(status);
  expect(await readdir(out).catch(() => [])).toEqual([]);
}

describe('segment, given bad input', () => {
  it('a missing file', () =>
    expectFailure('missing', [join(dir, 'no.tif'), '--model', model], 1, 'SourceError', /no\.tif/));

  it('an HTML page named .tif', async () => {
    const path = join(dir, 'page.tif');
    await writeFile(path, '<!DOCTYPE html><html><body>Not found</body></html>');
    await expectFailure('html', [path, '--model', model], 1, 'FormatError', /page\.tif.*HTML/);
  });

  it('a truncated TIFF', async () => {
    const path = await writeScene('cut.tif', 300, 200, 3);
    await truncate(path, 5000);
    await expectFailure('cut', [path, '--model', model], 1, 'FormatError', /cut\.tif/);
  });

  it('one band where three are needed', async () => {
    const path = await writeScene('gray.tif', 100, 100, 1);
    await expectFailure('gray', [path, '--model', model], 2, 'ConfigError', /1 band|1,1,1/);
  });

  it('a band that the file does not have', () =>
    expectFailure('band', [scene, '--model', model, '--bands', '2,3,4'], 2, 'ConfigError', /4/));

  it('a model folder without a model', () =>
    expectFailure('nomodel', [scene, '--model', dir], 1, 'SourceError', /manifest\.json/));

  it("a model whose classes disagree with its manifest's", async () => {
    const bad = join(dir, 'bad-model');
    await mkdir(bad);
    for (const file of await readdir(model))
      await writeFile(join(bad, file), await readFile(join(model, file)));
    const manifest = JSON.parse(await readFile(join(bad, 'manifest.json'), 'utf8'));
    manifest.classes.pop();
    await writeFile(join(bad, 'manifest.json'), JSON.stringify(manifest));
    await expectFailure('classes', [scene, '--model', bad], 1, 'ModelError', /scores 6 classes.*lists 5/);
  });

  it('a model file that was cut short, or swapped', async () => {
    const bad = join(dir, 'cut-model');
    await mkdir(bad);
    for (const file of await readdir(model))
      await writeFile(join(bad, file), await readFile(join(model, file)));
    const graph = await readFile(join(bad, 'long.onnx'));
    await writeFile(join(bad, 'long.onnx'), graph.subarray(0, -1));
    await expectFailure('cutmodel', [scene, '--model', bad], 1, 'ModelError', /long\.onnx.*bytes/);
    graph[graph.length - 1]! ^= 1;
    await writeFile(join(bad, 'long.onnx'), graph);
    await expectFailure('swapped', [scene, '--model', bad], 1, 'ModelError', /long\.onnx.*SHA-256/);
  });

  it('an execution provider that is not installed', () =>
    expectFailure('cuda', [scene, '--model', model, '--provider', 'cuda'], 1, 'UnsupportedError', /cuda/));

  it('an output folder that cannot be made', async () => {
    const file = join(dir, 'a-file');
    await writeFile(file, '');
    const result = await runFrustum('segment', scene, '--model', model, '--out', join(file, 'out'));
    expect(result.failure?.tag).toBe('SourceError');
    expect(result.failure?.message).toContain(file);
    expect(result.status).toBe(1);
  });

  it('an output that would replace the scene', async () => {
    const own = join(dir, 'own');
    await mkdir(own);
    const path = join(own, 'landcover.tif');
    const bytes = await readFile(scene);
    await writeFile(path, bytes);
    const result = await runFrustum('segment', path, '--model', model, '--out', own);
    expect(result.failure).toMatchObject({
      tag: 'ConfigError',
      message: expect.stringContaining('landcover.tif'),
    });
    expect(result.status).toBe(2);
    expect(await readdir(own)).toEqual(['landcover.tif']);
    expect(await readFile(path)).toEqual(bytes);
  });

  it('a pyramid that is not there', () =>
    expectFailure(
      'nopyramid',
      [scene, '--model', model, '--sampling', 'pyramid', '--pyramid', join(dir, 'none')],
      1,
      'SourceError',
      /none/,
    ));

  it('wrong usage: an unknown option, a bad number, no model', async () => {
    for (const args of [
      ['segment', scene, '--model', model, '--out', dir, '--strid', '4'],
      ['segment', scene, '--model', model, '--out', dir, '--stride', 'x'],
      ['segment', scene, '--out', join(dir, 'none')],
      ['segment', scene, '--model', model, '--out', join(dir, 'none'), '--stride', '999'],
      ['segment', scene, '--model', model, '--out', join(dir, 'none'), '--stride', '6'],
      ['segment', scene, '--model', model, '--out', join(dir, 'none'), '--threads', '1000'],
      ['evaluate', '--pred', scene, '--truth', scene, '--ignore', '300'],
      ['nonsense'],
    ]) {
      const result = await runFrustum(...args);
      expect([args, result.status]).toEqual([args, 2]);
    }
  });

  it('a checkpoint that is none', async () => {
    const path = join(dir, 'notes.pth');
    await writeFile(path, 'weights? no');
    const out = join(dir, 'converted');
    const result = await runFrustum('convert', path, '--preset', 'gid', '--out', out);
    expect(result.failure).toMatchObject({
      tag: 'FormatError',
      message: expect.stringContaining('notes.pth'),
    });
    expect(result.status).toBe(1);
    expect(await readdir(out).catch(() => [])).toEqual([]);
  });

  it('a checkpoint of another network, with the missing keys named', async () => {
    const out = join(dir, 'converted');
    const tiny = join(GOLDEN, 'models/tiny/published_torch2.pth');
    const result = await runFrustum('convert', tiny, '--preset', 'fbps', '--out', out);
    expect(result.failure?.tag).toBe('ModelError');
    expect(result.failure?.message).toMatch(/conv_seg|classes/);
    expect(result.status).toBe(1);
    expect(await readdir(out).catch(() => [])).toEqual([]);
  });
});

describe('segment, onto a disk that', () => {
  const disk = mountSmallDisk(64 * 1024);

  it.skipIf(disk === null)('is full', async () => {
    const out = join(disk!, 'out');
    const result = await runFrustum('segment', scene, '--model', model, '--out', out);
    expect(result.failure?.tag).toBe('SourceError');
    expect(result.failure?.message).toMatch(/space|full/i);
    expect(result.status).not.toBe(0);
    expect(await readdir(out)).toEqual([]);
  });

  it.skipIf(disk === null)('may not be written to', async () => {
    execFileSync('mount', ['-o', 'remount,ro', disk!]);
    const result = await runFrustum('segment', scene, '--model', model, '--out', join(disk!, 'locked'));
    expect(result.failure?.tag).toBe('SourceError');
    expect(result.failure?.message).toContain(disk!);
    expect(result.status).toBe(1);
  });
});

describe('segment, given odd but good input', () => {
  it('a scene smaller than one window is mapped, with a warning', async () => {
    const path = await writeScene('small.tif', 20, 10, 3);
    const out = join(dir, 'out-small');
    const result = await runFrustum('segment', path, '--model', model, '--out', out);
    expect(result.status).toBe(0);
    expect(
      result.lines.some((line) => line.level === 'warn' && /smaller than one window/.test(String(line.msg))),
    ).toBe(true);
    const run = JSON.parse(await readFile(join(out, 'run.json'), 'utf8'));
    expect(run.counts.validPixels).toBe(200);
  });

  it('a scene without any data gives an empty map: a value, not an error', async () => {
    const path = await writeScene('empty.tif', 200, 150, 3, 7, 7);
    const out = join(dir, 'out-empty');
    const result = await runFrustum('segment', path, '--model', model, '--out', out);
    expect(result.status).toBe(0);
    const run = JSON.parse(await readFile(join(out, 'run.json'), 'utf8'));
    expect(run.counts).toMatchObject({ windowsRun: 0, validPixels: 0, nodataPixels: 30000, polygons: 0 });
    const { features } = JSON.parse(await readFile(join(out, 'landcover.geojson'), 'utf8'));
    expect(features).toEqual([]);
  });

  it('a rerun does nothing and changes no byte; other settings run again and leave one run', async () => {
    const out = join(dir, 'out-rerun');
    const args = ['segment', scene, '--model', model, '--out', out];
    const read = async () =>
      Object.fromEntries(
        await Promise.all(
          (await readdir(out)).sort().map(async (f) => [f, await readFile(join(out, f), 'base64')] as const),
        ),
      );
    expect((await runFrustum(...args, '--vector', 'geojson,geojsonl')).status).toBe(0);
    const before = await read();
    const again = await runFrustum(...args, '--vector', 'geojson,geojsonl');
    expect(again.status).toBe(0);
    expect(again.lines.some((line) => /already done/.test(String(line.msg)))).toBe(true);
    expect(await read()).toEqual(before);
    const spelt = ['segment', relative('.', scene), ...args.slice(2), '--vector', 'geojson,geojsonl'];
    expect((await runFrustum(...spelt)).lines.some((line) => /already done/.test(String(line.msg)))).toBe(
      true,
    );
    expect(Object.keys(before)).toEqual([
      'confidence.qml',
      'confidence.tif',
      'landcover-polygons.sld',
      'landcover.geojson',
      'landcover.geojsonl',
      'landcover.qml',
      'landcover.sld',
      'landcover.tif',
      'landcover.tif.aux.xml',
      'preview.png',
      'report.html',
      'run.json',
      'stac-item.json',
    ]);
    expect((await runFrustum(...args, '--no-vector', '--no-preview', '--no-report')).status).toBe(0);
    const after = await read();
    expect(Object.keys(after)).toEqual([
      'confidence.qml',
      'confidence.tif',
      'landcover.qml',
      'landcover.sld',
      'landcover.tif',
      'landcover.tif.aux.xml',
      'run.json',
      'stac-item.json',
    ]);
    expect(after['landcover.tif']).toBe(before['landcover.tif']);
  });
});

describe('a reader that has seen enough', () => {
  it('is no failure', () => {
    const command = `${process.execPath} bin/frustum.js info ${scene} | head -n 1`;
    const said = execFileSync('bash', ['-c', `set -o pipefail; ${command}`], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
    expect(said).toContain('scene.tif');
  });
});

describe('segment, disturbed', () => {
  /** Starts a run of many windows and waits until the network is at work. */
  async function startLongRun(out: string) {
    const run = startFrustum(['segment', scene, '--model', model, '--out', out, '--stride', '4']);
    for (let i = 0; i < 300; i++) {
      await delay(50);
      const [child] = childrenOf(run.process.pid!);
      const files = await readdir(out).catch(() => []);
      if (child !== undefined && files.length > 0) {
        await delay(300);
        return { run, child };
      }
    }
    throw new Error('the run did not start');
  }

  function childrenOf(pid: number): number[] {
    const list = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
    return list
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
      .filter(([, parent]) => parent === pid)
      .map(([child]) => child!);
  }

  it('a killed inference process ends the run with "try again"', async () => {
    const out = join(dir, 'out-killed');
    const { run, child } = await startLongRun(out);
    process.kill(child, 'SIGKILL');
    const result = await run.result;
    expect(result.failure).toMatchObject({ tag: 'WorkerError', message: expect.stringContaining('SIGKILL') });
    expect(result.status).toBe(75);
    expect(await readdir(out)).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s stops it cleanly: no child, no file, "try again"',
    async (signal) => {
      const out = join(dir, `out-${signal}`);
      const { run, child } = await startLongRun(out);
      run.process.kill(signal);
      const result = await run.result;
      expect(result.status).toBe(75);
      expect(await readdir(out)).toEqual([]);
      expect(() => process.kill(child, 0)).toThrow();
    },
  );

  it('a second SIGTERM, as schedulers send it, does not cut the stop short', async () => {
    const out = join(dir, 'out-told-twice');
    const { run } = await startLongRun(out);
    run.process.stderr!.on('data', (text: string) => {
      if (text.includes('SIGTERM: stopping')) run.process.kill('SIGTERM');
    });
    run.process.kill('SIGTERM');
    const result = await run.result;
    expect(result).toMatchObject({ status: 75, failure: { tag: 'AbortedError' } });
    expect(await readdir(out)).toEqual([]);
  });
});
