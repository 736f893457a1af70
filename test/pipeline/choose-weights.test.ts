import { appendFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chooseModel, type ModelManifest, readModelManifest, type SegmentOptions } from '../../src/index.ts';
import { modelChecksum } from '../../src/model/read-manifest.ts';
import { type MeasuredQuality, QUALITY_FILE } from '../../src/pipeline/measured-quality.ts';

const SHIPPED = 'models/sfrnet-mini-synth';
const FAST = { quality: 'fast' } as const;

let dir: string;
let plain: ModelManifest;
let count = 0;
/** A folder of float32 weights; what is called integers in it need not compute anything to be chosen. */
let model: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-weights-'));
  plain = await readModelManifest(SHIPPED, false);
});
afterAll(() => rm(dir, { recursive: true, force: true }));
beforeEach(async () => {
  model = join(dir, `model-${count++}`);
  await copyModel(model, plain);
});

async function copyModel(to: string, manifest: ModelManifest): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const { file } of Object.values(manifest.graphs)) await cp(join(SHIPPED, file), join(to, file));
  await writeFile(join(to, 'manifest.json'), JSON.stringify(manifest));
}

/** Puts integers into the model's folder. */
async function addIntegers({
  checksum = modelChecksum(plain),
  weightBits = 7,
}: {
  checksum?: string;
  weightBits?: 7 | 8;
} = {}): Promise<ModelManifest> {
  const manifest: ModelManifest = {
    ...plain,
    name: 'integers',
    dtype: 'int8',
    quantization: {
      scenes: ['scene.tif'],
      windows: { ranges: 1, checks: 1, sha256: '0'.repeat(64) },
      ranges: 'minmax',
      weightBits,
      layers: 1,
      work: 1,
      float32: [],
      agreement: 1,
      source: { name: plain.name, checksum },
    },
  };
  await copyModel(join(model, 'int8'), manifest);
  return readModelManifest(join(model, 'int8'), false);
}

/** Writes what the model was measured to score: quality exact, and quality fast in integers. */
async function measure(
  exact: number,
  fast: number,
  checksums: { model: string; int8: string },
): Promise<void> {
  const mode = {
    stride: 64,
    blend: 'uniform',
    shareContext: 1,
    tta: 'none',
    windows: 1,
    agreement: 1,
    overallAccuracy: 1,
    seamExcess: null,
    lessWork: 1,
  } as const;
  const record: MeasuredQuality = {
    format: 'frustum-quality',
    version: 2,
    ...checksums,
    scenes: ['scene'],
    pixels: 1,
    modes: [
      { ...mode, quality: 'exact', weights: 'float32', meanIou: exact },
      // A better row that must not be taken for the one that counts.
      { ...mode, quality: 'exact', weights: 'float32', tta: 'd4', meanIou: exact + 0.1 },
      { ...mode, quality: 'fast', weights: 'float32', meanIou: exact },
      { ...mode, quality: 'fast', weights: 'int8', meanIou: fast },
    ],
  };
  await writeFile(join(model, QUALITY_FILE), JSON.stringify(record));
}

async function chosen(options: Omit<Partial<SegmentOptions>, 'scene'> = {}) {
  const { dir: folder, manifest, reason } = await chooseModel({ model, ...options });
  expect(manifest).toEqual(await readModelManifest(folder, false));
  expect(folder === model || folder === join(model, 'int8') || folder === options.model).toBe(true);
  return { dtype: manifest.dtype, reason };
}

describe('a model with integers in its folder', () => {
  it.each<[NonNullable<SegmentOptions['quality']>, NonNullable<SegmentOptions['provider']>, string]>([
    ['exact', 'cpu', 'float32'],
    ['balanced', 'cpu', 'float32'],
    ['fast', 'cpu', 'int8'],
    ['exact', 'cuda', 'float32'],
    ['fast', 'cuda', 'float32'],
    ['fast', 'webgpu', 'float32'],
  ])('gives quality %s on %s its weights in %s', async (quality, provider, dtype) => {
    await addIntegers();
    for (const weights of [undefined, 'auto'] as const) {
      const choice = await chosen({ quality, provider, ...(weights && { weights }) });
      expect(choice.dtype).toBe(dtype);
      expect(choice.reason === null).toBe(dtype === 'float32');
    }
    expect(await chosen({ quality, provider, weights: 'int8' })).toEqual({
      dtype: 'int8',
      reason: 'asked for',
    });
    expect(await chosen({ quality, provider, weights: 'float32' })).toEqual({
      dtype: 'float32',
      reason: null,
    });
  });

  it('that were made of other weights runs in float32 and says so; asked for, they are refused', async () => {
    await addIntegers({ checksum: 'f'.repeat(64) });
    expect(await chosen(FAST)).toEqual({
      dtype: 'float32',
      reason: expect.stringMatching(/int8 was not made of the weights in .*frustum quantize/),
    });
    await expect(chosen({ weights: 'int8' })).rejects.toMatchObject({
      tag: 'ConfigError',
      pointer: '--weights',
      message: expect.stringMatching(/not made of the weights.*remove it, and frustum quantize/),
    });
  });

  it('that is no model in integers runs in float32', async () => {
    await copyModel(join(model, 'int8'), plain);
    expect((await chosen(FAST)).dtype).toBe('float32');
    await expect(chosen({ weights: 'int8' })).rejects.toMatchObject({ tag: 'ConfigError' });
  });

  it.each([
    [0.8, 0.79001, 'int8', /^quality fast on processors$/],
    [0.8, 0.79, 'float32', /measured to lose 1\.00 points of mIoU/],
    [0.8, 0.7, 'float32', /measured to lose 10\.00 points of mIoU/],
    [0.8, 0.85, 'int8', /^quality fast on processors$/],
  ])(
    'measured at %d exact and %d fast in integers takes %s by itself',
    async (exact, fast, dtype, reason) => {
      const integers = await addIntegers();
      await measure(exact, fast, { model: modelChecksum(plain), int8: modelChecksum(integers) });
      expect(await chosen(FAST)).toEqual({ dtype, reason: expect.stringMatching(reason) });
      expect((await chosen({ ...FAST, weights: 'int8' })).dtype).toBe('int8');
    },
  );

  it('is not judged by what other weights were measured to lose', async () => {
    const integers = await addIntegers();
    const [right, other] = [{ model: modelChecksum(plain), int8: modelChecksum(integers) }, 'f'.repeat(64)];
    for (const checksums of [
      { ...right, int8: other },
      { ...right, model: other },
    ]) {
      await measure(0.8, 0.5, checksums);
      expect(await chosen(FAST)).toEqual({
        dtype: 'int8',
        reason: expect.stringMatching(/was not measured/),
      });
    }
  });

  it('takes weights of 8 bits only where they are asked for', async () => {
    await addIntegers({ weightBits: 8 });
    expect(await chosen(FAST)).toEqual({
      dtype: 'float32',
      reason: expect.stringMatching(/8 bits, which not every processor/),
    });
    expect((await chosen({ weights: 'int8' })).dtype).toBe('int8');
  });

  it('that are broken is an error wherever they would be looked at', async () => {
    await addIntegers();
    await appendFile(join(model, 'int8/local.onnx'), 'x');
    for (const options of [FAST, { weights: 'int8' }] as const) {
      await expect(chosen(options)).rejects.toMatchObject({ tag: 'ModelError' });
    }
    expect((await chosen()).dtype).toBe('float32');
    await writeFile(join(model, 'int8/manifest.json'), '{');
    await expect(chosen(FAST)).rejects.toMatchObject({ tag: 'FormatError' });
    // A graph that is missing is not a folder that is missing.
    const integers = await addIntegers();
    await rm(join(model, 'int8', integers.graphs.short.file));
    await expect(chosen(FAST)).rejects.toMatchObject({ tag: 'SourceError' });
  });
});

describe('a model without integers in its folder', () => {
  it('runs in float32, and says how to make them where they are asked for', async () => {
    expect(await chosen(FAST)).toEqual({ dtype: 'float32', reason: null });
    await mkdir(join(model, 'int8'));
    expect(await chosen(FAST)).toEqual({ dtype: 'float32', reason: null });
    await expect(chosen({ weights: 'int8' })).rejects.toMatchObject({
      tag: 'ConfigError',
      message: expect.stringContaining(`frustum quantize ${model} --scene`),
    });
  });

  it('and of integers itself is taken as it is', async () => {
    await addIntegers();
    const integers = join(model, 'int8');
    for (const weights of ['auto', 'int8'] as const) {
      for (const quality of ['exact', 'fast'] as const) {
        expect(await chosen({ model: integers, weights, quality })).toEqual({ dtype: 'int8', reason: null });
      }
    }
    await expect(chosen({ model: integers, weights: 'float32' })).rejects.toMatchObject({
      tag: 'ConfigError',
      message: expect.stringMatching(/weights in int8, made of sfrnet-mini-synth: give that model's folder/),
    });
  });

  it('and of float16 is taken as it is, and has no others', async () => {
    await writeFile(join(model, 'manifest.json'), JSON.stringify({ ...plain, dtype: 'float16' }));
    await addIntegers();
    expect(await chosen(FAST)).toEqual({ dtype: 'float16', reason: null });
    for (const weights of ['float32', 'int8'] as const) {
      await expect(chosen({ weights })).rejects.toMatchObject({
        tag: 'ConfigError',
        message: expect.stringContaining('weights in float16'),
      });
    }
  });

  it('refuses weights that are none', async () => {
    await expect(chosen({ weights: 'int4' as 'int8' })).rejects.toMatchObject({
      tag: 'ConfigError',
      message: '--weights int4: must be one of auto, float32, int8',
    });
  });

  it('names a folder that is not there', async () => {
    await expect(chooseModel({ model: join(dir, 'none'), ...FAST })).rejects.toMatchObject({
      tag: 'SourceError',
    });
    expect(await readFile(join(model, 'manifest.json'), 'utf8')).toBe(JSON.stringify(plain));
  });
});
