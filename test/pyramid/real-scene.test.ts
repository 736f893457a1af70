import { appendFile, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scaleAffine } from '../../src/core/affine.ts';
import { frustumAt, planFrusta } from '../../src/frustum/plan.ts';
import { createFrustumReader } from '../../src/frustum/read-frustum.ts';
import { resampleBlock } from '../../src/frustum/resample.ts';
import { buildPyramid } from '../../src/pyramid/build-pyramid.ts';
import { identifyScene } from '../../src/pyramid/identify-scene.ts';
import { openPyramid } from '../../src/pyramid/open-pyramid.ts';
import { openScene, type Scene } from '../../src/scene/open-scene.ts';
import { cutWindow, padImage } from '../support/memory-scene.ts';
import { expectSameBytes } from '../support/same-bytes.ts';

const FILE = path.resolve('../shared/scenes/landsat8_quebec_1.tif');
const distances = [1, 3, 6];

let dir: string;
let scene: Scene;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'frustum-real-'));
  scene = await openScene(FILE);
});
afterAll(async () => {
  await scene.close();
  await rm(dir, { recursive: true, force: true });
});

describe('a real 16-bit scene', () => {
  it('gives levels on its own ground, and frusta as cut from its padded pixels', async () => {
    const { width, height, transform, crs } = scene.grid;
    await buildPyramid({ scene, distances, outDir: dir, source: identifyScene(scene) });
    const pyramid = await openPyramid(dir, { scene, source: identifyScene(scene), distances });
    for (const distance of distances) {
      const { grid } = pyramid.level(distance);
      expect(grid.transform).toEqual(scaleAffine(transform!, distance, distance));
      expect(grid.crs?.epsg).toBe(crs!.epsg);
    }

    const plan = planFrusta({
      width,
      height,
      window: 64,
      distances,
      padTo: 64,
      stride: 32,
      mode: 'centred',
    });
    const whole = await scene.readRgb({ x: 0, y: 0, width, height });
    const padded = padImage(whole, plan.frame.width, plan.frame.height);
    const exact = createFrustumReader({ scene, plan });
    const sampled = createFrustumReader({ scene, plan, pyramid });
    for (const row of [0, plan.rows.length >> 1, plan.rows.length - 1]) {
      for (const column of [0, plan.columns.length >> 1, plan.columns.length - 1]) {
        const frustum = frustumAt(plan, row, column);
        const views = await exact.readFrustum(frustum);
        frustum.windows.forEach((window, i) => {
          expectSameBytes(views[i]!, resampleBlock(cutWindow(padded, window), 64, 64).data);
        });
        const [local] = await sampled.readFrustum(frustum);
        expectSameBytes(local!, views[0]!);
      }
    }
    await pyramid.close();
  });

  it('opens only with the stretch it was built with', async () => {
    await buildPyramid({ scene, distances, outDir: dir, source: identifyScene(scene) });
    const darker = await openScene(FILE, { stretch: { fixed: [0, 60_000] } });
    await expect(
      openPyramid(dir, { scene: darker, source: identifyScene(darker), distances }),
    ).rejects.toMatchObject({
      tag: 'ConfigError',
      pointer: '/pyramid',
    });
    await darker.close();
  });

  it('is known again by another path, and no more once it was written to', async () => {
    const copy = path.join(dir, 'scene.tif');
    await copyFile(FILE, copy);
    const built = await openScene(copy);
    const pyramidDir = path.join(dir, 'pyramid');
    await buildPyramid({ scene: built, distances, outDir: pyramidDir, source: identifyScene(built) });
    await built.close();
    const reopen = async (url: string) => {
      const again = await openScene(url);
      try {
        const source = identifyScene(again);
        await (await openPyramid(pyramidDir, { scene: again, source, distances })).close();
      } finally {
        await again.close();
      }
    };
    await reopen(path.relative(process.cwd(), copy));
    await reopen(pathToFileURL(copy).href);
    await appendFile(copy, 'x');
    await expect(reopen(copy)).rejects.toThrow(
      /was not made of .* as it is now: sizeBytes was .* modifiedMs was/,
    );
  });
});
