import { appendFile, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { frustaOf, planFrusta } from '../../src/frustum/plan.ts';
import { createFrustumReader, levelWindow } from '../../src/frustum/read-frustum.ts';
import { resampleBlock } from '../../src/frustum/resample.ts';
import { buildPyramid } from '../../src/pyramid/build-pyramid.ts';
import { openPyramid } from '../../src/pyramid/open-pyramid.ts';
import { createMemoryScene, cutWindow, noiseImage, padImage } from '../support/memory-scene.ts';
import { expectSameBytes } from '../support/same-bytes.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'frustum-pyramid-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const WIDTH = 301;
const HEIGHT = 250;
const image = noiseImage(WIDTH, HEIGHT, 9);
const scene = createMemoryScene(WIDTH, HEIGHT, image);
const distances = [1, 3, 6];
const source = {
  url: 'scene.tif',
  bands: ['1 red', '2 green', '3 blue'],
  stretch: { kind: 'fixed', ranges: [[0, 1e4]] },
  sizeBytes: 225_750,
  modifiedMs: 1_700_000_000_000.25,
};
const build = (levels: readonly number[] = distances) =>
  buildPyramid({ scene, distances: levels, outDir: dir, source });

describe('openPyramid', () => {
  it('gives readers of the levels', async () => {
    await build();
    const pyramid = await openPyramid(dir, { scene, source, distances });
    try {
      for (const distance of distances) {
        const level = pyramid.level(distance);
        const { width, height } = level.grid;
        const padded = padImage(scene.image, width * distance, height * distance);
        const all = { x: 0, y: 0, width, height };
        expectSameBytes((await level.readRgb(all)).data, resampleBlock(padded, width, height).data);
      }
      expect(() => pyramid.level(14)).toThrow(expect.objectContaining({ tag: 'ConfigError' }));
    } finally {
      await pyramid.close();
    }
  });

  it('accepts the scene by its pixels where the pyramid lacks distance 1, and tiny scenes', async () => {
    await build([3, 6]);
    await (await openPyramid(dir, { scene, source, distances })).close();
    const tiny = createMemoryScene(2, 1, noiseImage(2, 1));
    await buildPyramid({ scene: tiny, distances, outDir: dir, source });
    await (await openPyramid(dir, { scene: tiny, source, distances })).close();
  });

  it('refuses a folder without a pyramid', async () => {
    await expect(openPyramid(dir, { scene, source, distances })).rejects.toMatchObject({
      tag: 'SourceError',
      status: 'ENOENT',
    });
  });

  it('refuses the pyramid of a scene of another size or place', async () => {
    await build();
    const smaller = createMemoryScene(300, HEIGHT, noiseImage(300, HEIGHT));
    const moved = {
      ...scene,
      grid: { ...scene.grid, transform: { a: 1, b: 0, c: 5, d: 0, e: -1, f: 0 } },
    };
    for (const other of [smaller, moved]) {
      await expect(openPyramid(dir, { scene: other, source, distances })).rejects.toMatchObject({
        tag: 'ConfigError',
        pointer: '/pyramid',
      });
    }
  });

  it.each([[[1, 3, 6]], [[3]], [[6]]])(
    'refuses other pixels, whatever its nearest level: %j',
    async (levels) => {
      await build(levels);
      const swapped = Uint8Array.from(image, (_, i) => image[i - (i % 3) + (2 - (i % 3))]!);
      const other = createMemoryScene(WIDTH, HEIGHT, swapped);
      await expect(openPyramid(dir, { scene: other, source, distances: levels })).rejects.toThrow(
        expect.objectContaining({ tag: 'ConfigError', message: expect.stringContaining('pixels differ') }),
      );
    },
  );

  it.each([
    [
      'modified since',
      { modifiedMs: 1_700_000_000_001 },
      'modifiedMs was 1700000000000.25 and is 1700000000001',
    ],
    ['of another length', { sizeBytes: 225_751 }, 'sizeBytes was 225750 and is 225751'],
    ['read through other bands', { bands: ['3', '2', '1'] }, 'bands was'],
    ['stretched otherwise', { stretch: { kind: 'fixed', ranges: [[0, 2e4]] } }, 'stretch was'],
    ['given a nodata value', { nodata: 0 }, 'nodata was undefined and is 0'],
  ])('refuses a scene %s, though its probed pixels are the same', async (_, change, message) => {
    await build();
    const opened = openPyramid(dir, { scene, source: { ...source, ...change }, distances });
    await expect(opened).rejects.toMatchObject({ tag: 'ConfigError', pointer: '/pyramid', value: dir });
    await expect(opened).rejects.toThrow(message);
  });

  it('does not mind how the path of the scene is spelt, nor properties without a value', async () => {
    await build();
    const elsewhere = { ...source, url: '/data/scene.tif', mask: undefined };
    await (await openPyramid(dir, { scene, source: elsewhere, distances })).close();
  });

  it('refuses a pyramid without a level that is needed', async () => {
    await build([1, 3]);
    await expect(openPyramid(dir, { scene, source, distances: [1, 3, 14] })).rejects.toMatchObject({
      tag: 'ConfigError',
      pointer: '/distances',
      value: 14,
    });
  });

  it('refuses missing, damaged and exchanged levels', async () => {
    const manifest = await build();
    const level = path.join(dir, 'distance-3.tif');
    await appendFile(level, 'x');
    await expect(openPyramid(dir, { scene, source, distances })).rejects.toMatchObject({
      tag: 'FormatError',
    });
    await rm(level);
    await expect(openPyramid(dir, { scene, source, distances })).rejects.toMatchObject({
      tag: 'SourceError',
      url: level,
    });
    await copyFile(path.join(dir, 'distance-6.tif'), level);
    const { sizeBytes } = manifest.levels[2]!;
    const lying = {
      ...manifest,
      levels: manifest.levels.map((l) => (l.distance === 3 ? { ...l, sizeBytes } : l)),
    };
    await writeFile(path.join(dir, 'pyramid.json'), JSON.stringify(lying));
    await expect(openPyramid(dir, { scene, source, distances })).rejects.toThrow(/expected 101 x 84 pixels/);
  });

  it.each([
    ['not JSON', '{'],
    ['another format', '{"format":"other"}'],
    ['a file outside the folder', null],
  ])('refuses a description that is %s', async (_, text) => {
    await build();
    const file = path.join(dir, 'pyramid.json');
    const outside = (await readFile(file, 'utf8')).replace('distance-3.tif', '../distance-3.tif');
    await writeFile(file, text ?? outside);
    await expect(openPyramid(dir, { scene, source, distances })).rejects.toMatchObject({
      tag: 'FormatError',
    });
  });
});

describe('frusta from a pyramid', () => {
  it('are copies of level pixels where a window is whole, and equal exact views where it starts on a cell', async () => {
    await build();
    const pyramid = await openPyramid(dir, { scene, source, distances });
    const plan = planFrusta({
      width: WIDTH,
      height: HEIGHT,
      window: 32,
      distances,
      padTo: 32,
      stride: 12,
      mode: 'centred',
    });
    const reader = createFrustumReader({ scene, plan, pyramid });
    const exact = createFrustumReader({ scene, plan });
    expect([reader.sampling, exact.sampling]).toEqual(['pyramid', 'exact']);
    const compared = [0, 0, 0];
    for (const frustum of frustaOf(plan)) {
      const [views, exactViews] = await Promise.all([
        reader.readFrustum(frustum),
        exact.readFrustum(frustum),
      ]);
      for (const [i, distance] of distances.entries()) {
        const window = frustum.windows[i]!;
        const seen = levelWindow(window, distance);
        expect(Math.abs(seen.x * distance - window.x)).toBeLessThanOrEqual(distance / 2);
        const level = await pyramid.level(distance).readRgb({ ...pyramid.level(distance).grid, x: 0, y: 0 });
        const padded = padImage(
          level,
          seen.x + seen.width + level.width,
          seen.y + seen.height + level.height,
        );
        expectSameBytes(views[i]!, resampleBlock(cutWindow(padded, seen), 32, 32).data);
        if (window.x % distance === 0 && window.y % distance === 0 && window.width === window.height) {
          expectSameBytes(views[i]!, exactViews[i]!);
          compared[i]!++;
        }
      }
    }
    expect(compared.every((count) => count > 0)).toBe(true);
    await pyramid.close();
  });

  it.each(['centred', 'reference'] as const)(
    'equal exact views where the frame cut a window down (%s)',
    async (mode) => {
      await build([1, 3, 12]);
      const pyramid = await openPyramid(dir, { scene, source, distances: [1, 3, 12] });
      const plan = planFrusta({
        width: WIDTH,
        height: HEIGHT,
        window: 32,
        distances: [1, 3, 12],
        padTo: 32,
        stride: 32,
        mode,
      });
      const reader = createFrustumReader({ scene, plan, pyramid });
      const exact = createFrustumReader({ scene, plan });
      let compared = 0;
      for (const frustum of frustaOf(plan)) {
        for (const [i, distance] of plan.distances.entries()) {
          const { width, height } = frustum.windows[i]!;
          if (width >= 32 * distance && height >= 32 * distance) continue;
          expectSameBytes(await reader.readView(frustum, i), await exact.readView(frustum, i));
          compared++;
        }
      }
      expect(compared).toBeGreaterThanOrEqual(plan.count);
      await pyramid.close();
    },
  );

  it('need a level for each distance', async () => {
    await build([1, 3]);
    const pyramid = await openPyramid(dir, { scene, source, distances: [1, 3] });
    const plan = planFrusta({
      width: WIDTH,
      height: HEIGHT,
      window: 32,
      distances,
      padTo: 32,
      stride: 32,
      mode: 'centred',
    });
    expect(() => createFrustumReader({ scene, plan, pyramid })).toThrow(
      expect.objectContaining({ tag: 'ConfigError', pointer: '/distances' }),
    );
    await pyramid.close();
  });
});
