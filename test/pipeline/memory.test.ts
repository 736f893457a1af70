import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALLOCATOR, NODE_FLAGS } from '../../src/core/node-settings.ts';
import { convertCheckpoint, synthesize } from '../../src/index.ts';
import { GOLDEN } from '../support/golden.ts';
import { writeGoldenPreset } from '../support/golden-preset.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-memory-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('memory', () => {
  it('of a run does not grow with the height of the scene', { timeout: 600_000 }, async () => {
    const model = join(dir, 'model');
    await convertCheckpoint({
      checkpointPath: join(GOLDEN, 'models/tiny/published_torch2.pth'),
      outDir: model,
      preset: await writeGoldenPreset(dir, 'tiny', 512, [1, 3, 6]),
    });
    const peakOf = async (height: number) => {
      const { scenePath } = await synthesize({
        width: 1024,
        height,
        seed: 3,
        outDir: join(dir, `scene-${height}`),
      });
      const out = await mkdtemp(join(dir, `out-${height}-`));
      // A process of its own: its peak is the run's alone. Both runs fill the same small cache, so that what it holds
      // does not count as growth.
      const options = {
        scene: scenePath,
        model,
        outDir: out,
        stride: 512,
        mode: 'centred',
        cacheBytes: 4 << 20,
      };
      const script = `import { segment } from ${JSON.stringify(pathToFileURL(resolve('dist/index.js')).href)};
        await segment(${JSON.stringify(options)});`;
      // With what the command starts with, as those who use the library are told to.
      const { status, stderr } = spawnSync(
        process.execPath,
        [...NODE_FLAGS, '--input-type=module', '-e', script],
        { encoding: 'utf8', env: { ...process.env, ...ALLOCATOR } },
      );
      expect(status === 0 ? '' : stderr).toBe('');
      const run = JSON.parse(await readFile(join(out, 'run.json'), 'utf8'));
      expect(run.counts.validPixels).toBe(1024 * height);
      return run.peakResidentBytes as number;
    };
    const scenePixels = 1024 * 1024;
    // What a run needs shows in each of its runs, garbage that was not collected yet in some: the lesser peak of two counts.
    const least = async (height: number) => Math.min(await peakOf(height), await peakOf(height));
    // The lower scene is high enough for its run to fill every buffer and pool: below about 4000 rows the peak grows still.
    const low = await least(5 * 1024);
    const high = await least(12 * 1024);
    // The higher scene has 44 MB more in its six bands and rasters.
    process.stderr.write(`peak memory: ${low >> 20} MiB for 5120 rows, ${high >> 20} MiB for 12288\n`);
    expect(high - low).toBeLessThan(7 * scenePixels * 6);
  });
});
