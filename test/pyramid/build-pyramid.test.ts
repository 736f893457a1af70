import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SourceError } from '../../src/core/errors.ts';
import { resampleBlock } from '../../src/frustum/resample.ts';
import { buildPyramid } from '../../src/pyramid/build-pyramid.ts';
import { openPyramid } from '../../src/pyramid/open-pyramid.ts';
import { createMemoryScene, noiseImage, padImage } from '../support/memory-scene.ts';
import { expectSameBytes } from '../support/same-bytes.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'frustum-pyramid-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const WIDTH = 1201;
const HEIGHT = 997;
const image = noiseImage(WIDTH, HEIGHT, 5);
const source = { url: 'scene.tif', sizeBytes: 3_592_191, modifiedMs: 1 };

describe('buildPyramid', () => {
  it('writes a level a distance, sampled as the network sees it, and describes them last', async () => {
    const scene = createMemoryScene(WIDTH, HEIGHT, image);
    const progress: number[] = [];
    const manifest = await buildPyramid({
      scene,
      distances: [1, 3, 14, 14],
      outDir: dir,
      source,
      onProgress: (rows) => progress.push(rows),
    });
    expect((await readdir(dir)).sort()).toEqual([
      'distance-1.tif',
      'distance-14.tif',
      'distance-3.tif',
      'pyramid.json',
    ]);
    expect(JSON.parse(await readFile(path.join(dir, 'pyramid.json'), 'utf8'))).toEqual(manifest);
    expect(manifest.levels.map((level) => [level.distance, level.width, level.height])).toEqual([
      [1, 1201, 997],
      [3, 401, 333],
      [14, 86, 72],
    ]);
    for (const { file, distance, width, height, sha256, sizeBytes } of manifest.levels) {
      const bytes = await readFile(path.join(dir, file));
      expect(bytes.length).toBe(sizeBytes);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
      const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
      expect([info.width, info.height, info.channels]).toEqual([width, height, 3]);
      const padded = padImage(scene.image, width * distance, height * distance);
      expectSameBytes(data, resampleBlock(padded, width, height).data);
    }
    expect(progress.at(-1)).toBe(HEIGHT);
    // Each scene row is read once, in bands.
    expect(scene.reads.map(({ y, height }) => [y, height])).toEqual([
      [0, 512],
      [512, 485],
    ]);
  });

  it('gives the same bytes again', async () => {
    const scene = createMemoryScene(WIDTH, HEIGHT, image);
    const options = { scene, distances: [1, 6], outDir: dir, source };
    const first = await buildPyramid(options);
    expect(await buildPyramid(options)).toEqual(first);
  });

  it('places each level on the same ground', async () => {
    const memory = createMemoryScene(10, 10, noiseImage(10, 10));
    const transform = { a: 4, b: 0, c: 500_000, d: 0, e: -4, f: 4_000_000 };
    const crs = {
      kind: 'projected',
      epsg: 32633,
      name: 'WGS 84 / UTM zone 33N',
      proj4: null,
      metresPerUnit: 1,
      geoKeys: null,
    } as const;
    const scene = { ...memory, grid: { width: 10, height: 10, transform, crs } };
    const manifest = await buildPyramid({ scene, distances: [3], outDir: dir, source });
    expect(manifest.scene).toEqual({ width: 10, height: 10, transform, crs: crs.name });
    const bytes = await readFile(path.join(dir, 'distance-3.tif'));
    expect(tiffDoubles(bytes, 33550)).toEqual([12, 12, 0]);
    expect(tiffDoubles(bytes, 33922)).toEqual([0, 0, 0, 500_000, 4_000_000, 0]);
  });

  it('leaves nothing behind when the scene breaks half-way, and all that was there before', async () => {
    const memory = createMemoryScene(WIDTH, HEIGHT, image);
    const broken = {
      grid: memory.grid,
      readRgb: (window: Parameters<typeof memory.readRgb>[0]) =>
        window.y > 0
          ? Promise.reject(new SourceError('cut short', { url: 'scene.tif' }))
          : memory.readRgb(window),
    };
    const buildBroken = () => buildPyramid({ scene: broken, distances: [1, 3], outDir: dir, source });
    await expect(buildBroken()).rejects.toMatchObject({ tag: 'SourceError' });
    expect(await readdir(dir)).toEqual([]);

    await buildPyramid({ scene: memory, distances: [1], outDir: dir, source });
    await writeFile(path.join(dir, 'distance-3.tif'), "somebody's own");
    await expect(buildBroken()).rejects.toMatchObject({ tag: 'SourceError' });
    expect((await readdir(dir)).sort()).toEqual(['distance-1.tif', 'distance-3.tif', 'pyramid.json']);
    expect(await readFile(path.join(dir, 'distance-3.tif'), 'utf8')).toBe("somebody's own");
    await (await openPyramid(dir, { scene: memory, source, distances: [1] })).close();
  });

  it('takes back the levels in place when a later one cannot be put there', async () => {
    const scene = createMemoryScene(WIDTH, HEIGHT, image);
    const blocked = path.join(dir, 'distance-3.tif');
    const run = buildPyramid({
      scene,
      distances: [1, 3, 6],
      outDir: dir,
      source,
      onProgress: () => mkdirSync(path.join(blocked, 'full'), { recursive: true }),
    });
    await expect(run).rejects.toMatchObject({ tag: 'SourceError' });
    expect(await readdir(dir)).toEqual(['distance-3.tif']);
  });

  it.each(['distance-3.tif', 'pyramid.json'])('never overwrites the scene: %s', async (name) => {
    const scene = createMemoryScene(4, 4, noiseImage(4, 4));
    const url = path.join(dir, name);
    await writeFile(url, 'the scene');
    await symlink(dir, `${dir}-link`);
    try {
      for (const outDir of [dir, `${dir}-link`, path.relative(process.cwd(), dir)]) {
        const run = buildPyramid({ scene, distances: [1, 3], outDir, source: { ...source, url } });
        await expect(run).rejects.toMatchObject({ tag: 'ConfigError', pointer: '--out' });
      }
      expect(await readdir(dir)).toEqual([name]);
      expect(await readFile(url, 'utf8')).toBe('the scene');
    } finally {
      await rm(`${dir}-link`);
    }
  });

  it('stops when asked to', async () => {
    const scene = createMemoryScene(WIDTH, HEIGHT, image);
    const stop = new AbortController();
    const run = buildPyramid({
      scene,
      distances: [3],
      outDir: dir,
      source,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(run).rejects.toMatchObject({ tag: 'AbortedError' });
    expect(await readdir(dir)).toEqual([]);
  });

  it.each([[[]], [[1, 2.5]], [[0]], [[1, -3]]])('refuses distances %j', async (distances) => {
    const scene = createMemoryScene(4, 4, noiseImage(4, 4));
    await expect(buildPyramid({ scene, distances, outDir: dir, source })).rejects.toMatchObject({
      tag: 'ConfigError',
      pointer: '/distances',
    });
  });

  it('says so when the folder cannot be', async () => {
    const file = path.join(dir, 'file');
    await writeFile(file, '');
    const scene = createMemoryScene(4, 4, noiseImage(4, 4));
    await expect(
      buildPyramid({ scene, distances: [1], outDir: path.join(file, 'sub'), source }),
    ).rejects.toMatchObject({ tag: 'SourceError' });
  });
});

/** The doubles of a tag of the first directory of a classic little-endian TIFF. */
function tiffDoubles(bytes: Buffer, tag: number): number[] {
  const directory = bytes.readUInt32LE(4);
  for (let i = 0; i < bytes.readUInt16LE(directory); i++) {
    const at = directory + 2 + 12 * i;
    if (bytes.readUInt16LE(at) !== tag) continue;
    const [count, offset] = [bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8)];
    return Array.from({ length: count }, (_, k) => bytes.readDoubleLE(offset + 8 * k));
  }
  return [];
}
