import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromFile } from 'geotiff';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { synthesize } from '../../src/pipeline/synthesize.ts';
import { createSynthScene } from '../../src/synth/scene.ts';

describe('synthesize', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'frustum-synth-'));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  const hashes = async (dir: string) => {
    const names = (await readdir(dir)).sort();
    const files = await Promise.all(names.map((name) => readFile(join(dir, name))));
    return names.map((name, k) => [name, createHash('sha256').update(files[k]!).digest('hex')]);
  };

  it.each([8, 16] as const)('writes scenes that others read back pixel for pixel, %i bits', async (bits) => {
    const outDir = join(root, `bits-${bits}`);
    const options = { width: 600, height: 530, seed: 21, bits };
    const result = await synthesize({ ...options, outDir });
    const [rows] = [...createSynthScene(options).rows(options.height)];
    const scene = await (await fromFile(result.scenePath)).getImage();
    expect(scene.getSamplesPerPixel()).toBe(4);
    expect(scene.getGDALNoData()).toBeNull();
    expect(scene.getOrigin().slice(0, 2)).toEqual([500_000, 7_600_000]);
    expect(scene.getGeoKeys()).toMatchObject({ ProjectedCSTypeGeoKey: 32623 });
    expect(Buffer.from((await scene.readRasters({ interleave: true })).buffer as ArrayBuffer)).toEqual(
      Buffer.from(rows!.pixels.buffer),
    );
    const truth = await (await fromFile(result.truthPath)).getImage();
    expect(Buffer.from((await truth.readRasters({ interleave: true })).buffer as ArrayBuffer)).toEqual(
      Buffer.from(rows!.labels.buffer),
    );
    const parameters = JSON.parse(await readFile(result.parametersPath, 'utf8'));
    expect(parameters).toMatchObject({ ...options, pixelSizeM: 4 });
    expect(parameters.bands[0]).toBe(bits === 8 ? 'nir' : 'blue');
    expect(result.pixelCounts.reduce((sum, n) => sum + n, 0)).toBe(options.width * options.height);
    expect(parameters.classes.map((c: { pixels: number }) => c.pixels)).toEqual(result.pixelCounts);
  });

  it('writes the same bytes again, and reports each step', async () => {
    const outDir = join(root, 'again');
    const steps: number[] = [];
    const options = { width: 140, height: 333, seed: 4, outDir };
    await synthesize({ ...options, onProgress: ({ rowsDone }) => steps.push(rowsDone) });
    expect(steps.at(-1)).toBe(333);
    expect(steps).toEqual(steps.toSorted((p, q) => p - q));
    const first = await hashes(outDir);
    await synthesize(options);
    expect(await hashes(outDir)).toEqual(first);
  });

  it('leaves nothing behind when it is stopped, and no parameters beside older pixels', async () => {
    const outDir = join(root, 'stopped');
    const stop = new AbortController();
    const run = synthesize({
      width: 200,
      height: 400,
      seed: 1,
      outDir,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(run).rejects.toMatchObject({ tag: 'AbortedError' });
    expect(await readdir(outDir)).toEqual([]);
    await writeFile(join(outDir, 'synth.json'), '{"seed":99}');
    await expect(
      synthesize({ width: 200, height: 400, seed: 1, outDir, signal: stop.signal }),
    ).rejects.toMatchObject({ tag: 'AbortedError' });
    expect(await readdir(outDir)).toEqual([]);
  });

  it('names the folder that cannot be written', async () => {
    const file = join(root, 'a-file');
    await writeFile(file, '');
    await expect(
      synthesize({ width: 10, height: 10, seed: 1, outDir: join(file, 'x') }),
    ).rejects.toMatchObject({
      tag: 'SourceError',
      message: expect.stringContaining('a-file'),
    });
  });

  it('refuses bad parameters before it touches the disk', async () => {
    const outDir = join(root, 'untouched');
    await expect(synthesize({ width: -1, height: 10, seed: 1, outDir })).rejects.toMatchObject({
      tag: 'ConfigError',
    });
    expect(await readdir(root)).not.toContain('untouched');
  });
});
