import { expect, test } from 'vitest';
import { type BuildOptions, buildGraphs } from '../../src/convert/build-graphs.ts';
import type { StateDict, TensorInfo } from '../../src/convert/checkpoint/state-dict.ts';
import type { SfrNetArchitecture } from '../../src/convert/network/architecture.ts';
import { readArchitecture } from '../../src/convert/network/read-architecture.ts';
import { difference, openGolden, readCase, readFloats, readWindow } from './support/golden.ts';
import { floats, openGraphs, runWindow } from './support/run-graphs.ts';
import { seededWeights } from './support/seeded-weights.ts';

const OPTIONS: BuildOptions = {
  dtype: 'float32',
  mean: [123.675, 116.28, 103.53],
  deviation: [58.395, 57.12, 57.375],
  scoreStride: 4,
  labels: true,
  debug: true,
};

const resnet = (stem: number, base: number, depths: readonly number[]) => ({
  kind: 'resnet' as const,
  stem: [stem, stem, 2 * stem] as const,
  channels: depths.map((_, i) => base * 2 ** i),
  depths,
});
const swin = (embedDims: number, depths: readonly number[], heads: readonly number[], window: number) => ({
  kind: 'swin' as const,
  embedDims,
  depths,
  heads,
  hidden: depths.map((_, i) => 3 * embedDims * 2 ** i),
  window,
});
const neck = { alignHidden: [12, 20] as const, aligned: 10, attention: 6 };

test.each<[string, SfrNetArchitecture]>([
  [
    'ResNetV1c-34 beside Swin contexts',
    {
      main: resnet(4, 4, [3, 4, 6, 3]),
      short: swin(6, [1, 2], [2, 3], 4),
      long: swin(4, [2, 1, 1], [1, 2, 4], 3),
      neck,
      head: { channels: 8, classes: 3, poolScales: [1, 2, 3, 6] },
    },
  ],
  [
    'Swin of three stages, two pool scales, feed-forward of 3',
    {
      main: swin(8, [1, 3, 2], [2, 2, 4], 6),
      short: resnet(4, 3, [1, 1, 1, 1]),
      long: resnet(2, 2, [2, 1, 3, 1]),
      neck,
      head: { channels: 6, classes: 2, poolScales: [1, 5] },
    },
  ],
])('%s', async (_, arch) => {
  const weights = seededWeights(arch);
  expect(await readArchitecture(weights, arch.head.poolScales)).toEqual(arch);
  const [height, width] = [70, 52] as const;
  const sessions = await openGraphs(buildGraphs(weights, arch, { height, width }, OPTIONS));
  const pixels = (seed: number) =>
    Uint8Array.from({ length: height * width * 3 }, (_, i) => Math.imul(i + seed, 2654435761) >>> 24);
  const { local } = await runWindow(sessions, [pixels(1), pixels(2), pixels(3)], [height, width]);
  expect(local.scores!.dims).toEqual([1, arch.head.classes, 18, 13]);
  expect(local.labels!.dims).toEqual([1, height, width]);
  const scores = floats(local.scores);
  expect(scores.every(Number.isFinite)).toBe(true);
  // Each window matters: another long or short one moves the scores.
  for (const windows of [
    [pixels(1), pixels(9), pixels(3)],
    [pixels(1), pixels(2), pixels(9)],
  ] as const) {
    const other = await runWindow(sessions, windows, [height, width]);
    expect(difference(floats(other.local.scores), scores).max).toBeGreaterThan(1e-6);
  }
});

test('a Swin context encoder computes what the same weights compute as main encoder', async () => {
  const golden = readCase('swin7_100x76');
  const weights = await openGolden('swin7');
  const tensors = new Map<string, TensorInfo>();
  const from = new Map<string, string>();
  for (const [key, info] of weights.tensors) {
    if (key.startsWith('backbone.sub_encoder1.')) continue;
    tensors.set(key, info);
    if (!key.startsWith('backbone.main_encoder.')) continue;
    const copy = key.replace('main_encoder', 'sub_encoder1');
    tensors.set(copy, info);
    from.set(copy, key);
  }
  // The alignment layer is the only one that sees the encoder's width, now 96 channels.
  const align = 'neck.mlp_align_1.mlp.0.weight';
  const hidden = tensors.get(align)!.shape[0]!;
  tensors.set(align, { shape: [hidden, 96, 1, 1], type: 'float32' });
  const read = (key: string) =>
    key === align
      ? Promise.resolve(new Float32Array(hidden * 96).fill(0.01))
      : weights.read(from.get(key) ?? key);
  const hybrid: StateDict = { url: 'hybrid', tensors, read };

  const arch = await readArchitecture(hybrid, [1, 2, 3, 6]);
  expect(arch.short).toEqual(arch.main);
  const [height, width] = golden.size;
  const sessions = await openGraphs(buildGraphs(hybrid, arch, { height, width }, OPTIONS));
  const pixels = readWindow(golden, 0);
  const { short } = await runWindow(sessions, [pixels, pixels, pixels], golden.size);
  expect(difference(floats(short.sub), readFloats(golden, 'main3')).max).toBeLessThanOrEqual(1e-4);
});
