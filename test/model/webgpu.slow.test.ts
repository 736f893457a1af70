import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromFile } from 'geotiff';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Model, type ModelOptions, openModel, synthesize } from '../../src/index.ts';
import { noiseImage } from '../support/memory-scene.ts';
import { needTool } from '../support/need-tool.ts';
import { runFrustum } from '../support/run-command.ts';
import { makeSeededModel } from '../support/seeded-model.ts';

/** The gate's driver, which has no GPU behind it and is not installed: other tests see a machine without one. */
const { FRUSTUM_TEST_VULKAN } = process.env;
if (FRUSTUM_TEST_VULKAN) process.env.VK_ICD_FILENAMES = FRUSTUM_TEST_VULKAN;

const SIDE = 128;
const SHIPPED = 'models/sfrnet-mini-synth';

type Scores = readonly Float32Array[];

const view = (seed: number) => noiseImage(SIDE, SIDE, seed);
const ask = (opened: Model, seed: number) =>
  opened.infer({
    local: view(seed),
    short: view(seed + 10),
    long: view(seed + 20),
    encode: { short: 'together', long: 'together' },
  });

/** Scores of three windows: in batches of two, one batch and half of another. */
async function scoresOf(model: string, options: Partial<ModelOptions>): Promise<Scores> {
  const opened = await openModel(model, { provider: 'webgpu', threads: 1, ...options });
  try {
    return (await Promise.all([1, 2, 3].map((seed) => ask(opened, seed)))).map(({ scores }) => scores);
  } finally {
    await opened.close();
  }
}

/** Largest difference, in units of the largest score. */
function apart(found: Scores, expected: Scores): number {
  const largest = Math.max(...expected.flatMap((scores) => [...scores].map(Math.abs)));
  const most = Math.max(
    ...expected.flatMap((scores, i) => [...scores].map((s, j) => Math.abs(s - found[i]![j]!))),
  );
  return most / largest;
}

describe.skipIf(!needTool('webgpu'))('WebGPU', () => {
  let dir: string;
  let models: Readonly<Record<'float32' | 'float16', string>>;
  let expected: Scores;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'frustum-webgpu-'));
    models = {
      float32: await makeSeededModel(dir),
      float16: await makeSeededModel(dir, { dtype: 'float16' }),
    };
    expected = await scoresOf(models.float32, { provider: 'cpu' });
  }, 120_000);
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('scores windows as a processor does, one by one and in batches', async () => {
    const single = await scoresOf(models.float32, { batch: 1 });
    expect(apart(single, expected)).toBeLessThan(1e-5);
    const batched = await scoresOf(models.float32, { batch: 2 });
    expect(apart(batched, expected)).toBeLessThan(1e-5);
    // Of other windows they are not.
    expect(apart([single[1]!, single[2]!, single[0]!], expected)).toBeGreaterThan(0.01);
  });

  it('keeps features of context windows between requests', async () => {
    const opened = await openModel(models.float32, { provider: 'webgpu', threads: 1 });
    try {
      const [local, short, long] = [view(1), view(11), view(21)];
      const brought = await opened.infer({ local, short, long });
      const kept = await opened.infer({ local, short: null, long: null });
      expect(kept.scores).toEqual(brought.scores);
      expect(apart([kept.scores], [expected[0]!])).toBeLessThan(1e-5);
    } finally {
      await opened.close();
    }
  });

  it('computes in 16-bit floats, or says that this GPU has none', async () => {
    const half = await scoresOf(models.float16, {}).catch((error: unknown) => error);
    if (half instanceof Error) {
      expect(half).toMatchObject({
        tag: 'UnsupportedError',
        hint: expect.stringContaining('--dtype float32'),
      });
      return;
    }
    const difference = apart(half as Scores, expected);
    expect(difference).toBeLessThan(0.03);
    expect(difference).toBeGreaterThan(1e-5);
  });

  it('maps a scene as a processor does, by one process and by two', async () => {
    const { scenePath } = await synthesize({
      width: 448,
      height: 320,
      seed: 5,
      bits: 8,
      outDir: join(dir, 'scene'),
    });
    const map = async (name: string, ...flags: string[]) => {
      const out = join(dir, name);
      const args = ['segment', scenePath, '--model', SHIPPED, '--out', out, ...flags];
      expect(await runFrustum(...args)).toMatchObject({ status: 0 });
      const run = JSON.parse(await readFile(join(out, 'run.json'), 'utf8')) as {
        readonly network: {
          readonly workers: readonly { device: string; windows: number; warmUpSeconds: number }[];
        };
      };
      const image = await (await fromFile(join(out, 'landcover.tif'))).getImage();
      const [classes] = (await image.readRasters()) as unknown as [Uint8Array];
      return { classes, workers: run.network.workers };
    };
    const cpu = await map('cpu', '--provider', 'cpu');
    const gpu = await map('gpu', '--provider', 'webgpu');
    const two = await map('two', '--provider', 'webgpu', '--workers', '2');
    // Where two classes are as likely, rounding decides.
    expect(gpu.classes.filter((id, i) => id !== cpu.classes[i]).length).toBeLessThan(50);
    expect(two.classes).toEqual(gpu.classes);
    expect(new Set(cpu.classes).size).toBeGreaterThan(1);
    expect(gpu.workers).toMatchObject([{ device: 'webgpu' }]);
    expect(gpu.workers[0]!.warmUpSeconds).toBeGreaterThan(0);
    expect(two.workers.map(({ windows }) => windows > 0)).toEqual([true, true]);
  });
});
