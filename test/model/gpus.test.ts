import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openModel } from '../../src/index.ts';
import { checkDeviceMemory, chooseBatch, deviceBytes, windowBytes } from '../../src/model/choose-batch.ts';
import { type Gpu, listGpus } from '../../src/model/list-gpus.ts';
import { planWorkers } from '../../src/model/plan-workers.ts';
import { sessionOptions } from '../../src/model/session-options.ts';

const MODEL = 'models/sfrnet-mini-synth';
const GIB = 2 ** 30;

/** No test here has a GPU: the driver's tool is a script, and what is built on its answer is looked at. */
let dir: string;
let tool: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-gpus-'));
  tool = join(dir, 'nvidia-smi');
  const lines = [
    '0, GPU-aaaa1111-0000, NVIDIA A10G, 23028, 22000',
    '1, GPU-bbbb2222-0000, NVIDIA L4, 24570, 10240',
    '2, GPU-cccc3333-0000, NVIDIA L4, 24570, 24000',
  ];
  await writeFile(tool, `#!/bin/sh\necho "${lines.join('\n')}"\n`);
  await chmod(tool, 0o755);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const gpu = (deviceId: number, freeGiB: number): Gpu => ({
  deviceId,
  name: `GPU ${deviceId}`,
  totalBytes: 24 * GIB,
  freeBytes: freeGiB * GIB,
});

describe('the GPUs that a run may use', () => {
  it('are those that the driver shows', async () => {
    expect(await listGpus(undefined, tool)).toEqual([
      { deviceId: 0, name: 'NVIDIA A10G', totalBytes: 23028 * 2 ** 20, freeBytes: 22000 * 2 ** 20 },
      { deviceId: 1, name: 'NVIDIA L4', totalBytes: 24570 * 2 ** 20, freeBytes: 10240 * 2 ** 20 },
      { deviceId: 2, name: 'NVIDIA L4', totalBytes: 24570 * 2 ** 20, freeBytes: 24000 * 2 ** 20 },
    ]);
  });

  it.each([
    ['2,0', [24000, 22000]],
    ['GPU-bbbb', [10240]],
    ['1,7,0', [10240]],
    ['', []],
    ['-1', []],
  ])('less those that CUDA_VISIBLE_DEVICES=%s hides, numbered anew', async (visible, freeMiB) => {
    const found = await listGpus(visible, tool);
    expect(found?.map(({ deviceId, freeBytes }) => [deviceId, freeBytes / 2 ** 20])).toEqual(
      freeMiB.map((free, i) => [i, free]),
    );
  });

  it('are not known without the tool, where it fails, and where parts of GPUs are chosen', async () => {
    expect(await listGpus(undefined, join(dir, 'none'))).toBeNull();
    expect(await listGpus(undefined, 'false')).toBeNull();
    expect(await listGpus('MIG-1234', tool)).toBeNull();
  });
});

describe('workers', () => {
  it('are one a GPU with CUDA, each on its own', () => {
    const plan = planWorkers({ provider: 'cuda' }, [gpu(0, 20), gpu(1, 10)], {});
    expect(plan.map(({ deviceId, freeBytes }) => [deviceId, freeBytes! / GIB])).toEqual([
      [0, 20],
      [1, 10],
    ]);
    for (const { env } of plan) {
      expect(env).toEqual({ CUDA_DEVICE_ORDER: 'PCI_BUS_ID', NVIDIA_TF32_OVERRIDE: '0' });
    }
    const options = plan.map(({ deviceId }) => sessionOptions({ provider: 'cuda', deviceId, threads: 1 }));
    expect(options.map(({ executionProviders }) => executionProviders)).toEqual([
      [{ name: 'cuda', deviceId: 0 }],
      [{ name: 'cuda', deviceId: 1 }],
    ]);
  });

  it('take turns on the GPUs that are asked for, and share their memory', () => {
    const plan = planWorkers({ provider: 'cuda', gpus: [2, 0], workers: 3 }, [
      gpu(0, 20),
      gpu(1, 8),
      gpu(2, 12),
    ]);
    expect(plan.map(({ deviceId, freeBytes }) => [deviceId, freeBytes! / GIB])).toEqual([
      [2, 6],
      [0, 20],
      [2, 6],
    ]);
  });

  it('leave to the user whether products may be shortened', () => {
    const [worker] = planWorkers({ provider: 'cuda' }, [gpu(0, 20)], { NVIDIA_TF32_OVERRIDE: '1' });
    expect(worker!.env.NVIDIA_TF32_OVERRIDE).toBe('1');
  });

  it('are one on the first GPU where nobody knows of any, and one elsewhere unless told', () => {
    expect(planWorkers({ provider: 'cuda' }, null)).toMatchObject([{ deviceId: 0, freeBytes: null }]);
    expect(planWorkers({ provider: 'cpu' }, null)).toMatchObject([{ device: 'cpu', env: {} }]);
    expect(planWorkers({ provider: 'webgpu' }, null)).toHaveLength(1);
    expect(planWorkers({ provider: 'cpu', workers: 3 }, null)).toHaveLength(3);
  });

  it.each([
    ['a GPU that is not there', { provider: 'cuda', gpus: [0, 3] }, [gpu(0, 20)], /no GPU 3/],
    ['CUDA without any', { provider: 'cuda' }, [], /shows 0/],
    [
      'GPUs of a provider that can not choose',
      { provider: 'webgpu', gpus: [0] },
      null,
      /only --provider cuda/,
    ],
    ['no worker', { provider: 'cpu', workers: 0 }, null, /at least 1/],
  ] as const)('are refused for %s', (_, options, visible, words) => {
    expect(() => planWorkers(options, visible)).toThrow(words);
  });
});

describe('the batch of a GPU', () => {
  /** The published network by its manifest. */
  const gid = {
    window: 512,
    architecture: { head: { channels: 512 } },
    graphs: Object.fromEntries(
      (['long', 'short', 'local'] as const).map((branch) => [
        branch,
        { file: `${branch}.onnx`, sizeBytes: branch === 'local' ? GIB : GIB / 20, sha256: '' },
      ]),
    ) as never,
  };

  it('that is asked for is refused where the memory of the GPUs is known not to hold it', () => {
    expect(deviceBytes(gid, 3) - deviceBytes(gid, 1)).toBe(2 * windowBytes(gid));
    const free = 8 * GIB;
    const most = Math.floor((free - deviceBytes(gid, 0)) / windowBytes(gid));
    expect(() => checkDeviceMemory(gid, most, free)).not.toThrow();
    expect(() => checkDeviceMemory(gid, most + 1, free)).toThrow(
      expect.objectContaining({
        tag: 'ConfigError',
        pointer: '--batch',
        message: expect.stringMatching(
          new RegExp(
            `--batch ${most + 1}: .*take about \\d+ MiB of a GPU, and 8192 MiB are free.*at most ${most}$`,
          ),
        ),
      }),
    );
    expect(() => checkDeviceMemory(gid, 1, GIB)).toThrow(/free some, or take --provider cpu/);
    expect(() => checkDeviceMemory(gid, 1000, null)).not.toThrow();
    // What is chosen without being asked always passes.
    for (const gib of [6, 8, 24, 140]) {
      expect(() => checkDeviceMemory(gid, chooseBatch(gid, gib * GIB), gib * GIB)).not.toThrow();
    }
  });

  it('is what its free memory holds, a power of two of at most 16', () => {
    const sizes = [2, 5, 6, 8, 12, 16, 24, 80, 140].map((gib) => chooseBatch(gid, gib * GIB));
    expect(sizes).toEqual([1, 1, 2, 4, 8, 16, 16, 16, 16]);
    expect(chooseBatch(gid, null)).toBe(1);
  });

  it('counts a window at no less than it was measured to take: 340 MiB of the published network', () => {
    expect(windowBytes(gid)).toBeGreaterThan(340 * 2 ** 20);
    expect(windowBytes(gid)).toBeLessThan(1.5 * 340 * 2 ** 20);
  });
});

describe('a provider that is not here', () => {
  it.each(['cuda', 'webgpu'] as const)(
    'is refused soon, with what to do: %s',
    async (provider) => {
      const started = performance.now();
      const opened = await openModel(MODEL, { provider, threads: 1 }).then(
        (model) => model.close().then(() => 'works'),
        (error: unknown) => error,
      );
      // Machines with a GPU are free to have it.
      if (opened !== 'works') {
        expect(opened).toMatchObject({
          tag: 'UnsupportedError',
          message: expect.stringContaining(`--provider ${provider}`),
        });
        expect((opened as { hint: string }).hint).toMatch(provider === 'cuda' ? /doctor/ : /Vulkan/);
      }
      expect(performance.now() - started).toBeLessThan(60_000);
    },
    90_000,
  );

  it('is refused for every worker at once, of which none is left', async () => {
    const { PATH } = process.env;
    process.env.PATH = `${dir}${delimiter}${PATH}`;
    try {
      await expect(openModel(MODEL, { provider: 'cuda', threads: 1, gpus: [5] })).rejects.toMatchObject({
        tag: 'ConfigError',
        message: expect.stringContaining('shows 3'),
      });
      await expect(openModel(MODEL, { provider: 'cuda', threads: 1, batch: 100_000 })).rejects.toMatchObject({
        tag: 'ConfigError',
        message: expect.stringMatching(/^--batch 100000: .* 10240 MiB are free for each process/),
      });
      const opened = openModel(MODEL, { provider: 'cuda', threads: 1 });
      await expect(opened).rejects.toMatchObject({
        tag: expect.stringMatching(/UnsupportedError|ConfigError/),
      });
    } finally {
      process.env.PATH = PATH;
    }
  }, 90_000);
});
