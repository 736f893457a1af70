import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SourceError } from '../../src/core/errors.ts';
import { frustaOf, frustumAt, planFrusta } from '../../src/frustum/plan.ts';
import { createFrustumReader } from '../../src/frustum/read-frustum.ts';
import { resampleBlock } from '../../src/frustum/resample.ts';
import { sampleWindow } from '../../src/frustum/sample-window.ts';
import { createMemoryScene, cutWindow, noiseImage, padImage } from '../support/memory-scene.ts';
import { expectSameBytes } from '../support/same-bytes.ts';

const BAND_BYTES = 8 * 1024 * 1024;

describe('sampleWindow', () => {
  it('equals resampling the window cut out of the padded scene', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          width: fc.integer({ min: 1, max: 90 }),
          height: fc.integer({ min: 1, max: 90 }),
          x: fc.nat(119),
          y: fc.nat(119),
          windowWidth: fc.integer({ min: 1, max: 120 }),
          windowHeight: fc.integer({ min: 1, max: 120 }),
          side: fc.constantFrom(1, 4, 8, 20, 40),
          whole: fc.boolean(),
          seed: fc.nat(),
        }),
        async ({ width, height, x, y, windowWidth, windowHeight, side, whole, seed }) => {
          const scene = createMemoryScene(width, height, noiseImage(width, height, seed));
          const sized = (size: number) => (whole ? Math.ceil(size / side) * side : size);
          const window = { x, y, width: sized(windowWidth), height: sized(windowHeight) };
          const padded = padImage(scene.image, x + window.width + width, y + window.height + height);
          const expected = resampleBlock(cutWindow(padded, window), side, side);
          expectSameBytes(await sampleWindow(scene, window, side, side), expected.data);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('makes the view of a frame in bands of bounded size', async () => {
    const width = 5000;
    const height = 4000;
    const scene = createMemoryScene(width, height, noiseImage(width, height));
    const frame = { x: 0, y: 0, width: 5120, height: 4096 };
    const view = await sampleWindow(scene, frame, 512, 512);
    expectSameBytes(view, resampleBlock(padImage(scene.image, 5120, 4096), 512, 512).data);
    const largest = Math.max(...scene.reads.map((read) => read.width * read.height * 3));
    expect(largest).toBeLessThan(1.1 * BAND_BYTES);
  });

  it('reads two rows of fourteen, and each only once', async () => {
    const side = 14 * 64;
    const scene = createMemoryScene(side, side, noiseImage(side, side));
    await sampleWindow(scene, { x: 0, y: 0, width: side, height: side }, 64, 64);
    expect(scene.reads.map(({ y, height }) => [y, height])).toEqual(
      Array.from({ length: 64 }, (_, i) => [14 * i + 6, 2]),
    );
  });

  it('sees zeros outside the scene without reading', async () => {
    const scene = createMemoryScene(8, 8, noiseImage(8, 8));
    const view = await sampleWindow(scene, { x: 8, y: 0, width: 24, height: 24 }, 8, 8);
    expect(view.every((value) => value === 0)).toBe(true);
    expect(scene.reads).toEqual([]);
  });
});

describe('createFrustumReader', () => {
  const plan = (mode: 'reference' | 'centred') =>
    planFrusta({ width: 150, height: 140, window: 32, distances: [1, 3, 6], padTo: 32, stride: 16, mode });
  const image = noiseImage(150, 140, 7);

  it.each(['reference', 'centred'] as const)('gives all views of all frusta (%s)', async (mode) => {
    const scene = createMemoryScene(150, 140, image);
    const padded = padImage(scene.image, 160, 160);
    const reader = createFrustumReader({ scene, plan: plan(mode) });
    for (const frustum of frustaOf(plan(mode))) {
      const views = await reader.readFrustum(frustum);
      frustum.windows.forEach((window, i) => {
        expectSameBytes(views[i]!, resampleBlock(cutWindow(padded, window), 32, 32).data);
      });
    }
  });

  it('reads the far view of a reference frame once', async () => {
    const scene = createMemoryScene(150, 140, image);
    const reader = createFrustumReader({ scene, plan: plan('reference') });
    const [first, second] = await Promise.all([
      reader.readView(frustumAt(plan('reference'), 0, 0), 2),
      reader.readView(frustumAt(plan('reference'), 3, 3), 2),
    ]);
    const reads = scene.reads.length;
    const third = await reader.readView(frustumAt(plan('reference'), 5, 5), 2);
    expect(third).toBe(first);
    expect(second).toBe(first);
    expect(scene.reads).toHaveLength(reads);
  });

  it('keeps no more context views than told', async () => {
    const scene = createMemoryScene(150, 140, image);
    const reader = createFrustumReader({ scene, plan: plan('centred'), keptViews: 1 });
    const [a, b] = [frustumAt(plan('centred'), 3, 3), frustumAt(plan('centred'), 3, 4)];
    await reader.readView(a, 1);
    await reader.readView(b, 1);
    const reads = scene.reads.length;
    await reader.readView(b, 1);
    expect(scene.reads).toHaveLength(reads);
    await reader.readView(a, 1);
    expect(scene.reads.length).toBeGreaterThan(reads);
  });

  it('passes a failed read on, and tries again when asked again', async () => {
    const scene = createMemoryScene(150, 140, image);
    let failures = 1;
    const flaky = {
      grid: scene.grid,
      readRgb: (window: Parameters<typeof scene.readRgb>[0]) =>
        failures-- > 0
          ? Promise.reject(new SourceError('the connection broke', { url: 'x', retryable: true }))
          : scene.readRgb(window),
    };
    const reader = createFrustumReader({ scene: flaky, plan: plan('centred') });
    const frustum = frustumAt(plan('centred'), 0, 0);
    await expect(reader.readView(frustum, 1)).rejects.toMatchObject({ tag: 'SourceError' });
    await expect(reader.readView(frustum, 1)).resolves.toHaveLength(32 * 32 * 3);
  });
});
