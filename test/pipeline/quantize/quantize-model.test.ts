import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type QuantizeOptions,
  type QuantizeProgress,
  quantizeModel,
  readModelManifest,
  segment,
  synthesize,
} from '../../../src/index.ts';
import { modelChecksum } from '../../../src/model/read-manifest.ts';
import { agreementOf } from '../../support/validation-sets.ts';

const MODEL = 'models/sfrnet-mini-synth';

let dir: string;
let scenes: string[];
/** Not one of those that the model is calibrated on. */
let other: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-quantize-'));
  const draw = async (seed: number) =>
    (await synthesize({ width: 384, height: 384, seed, outDir: join(dir, `scene-${seed}`) })).scenePath;
  scenes = [await draw(1), await draw(2)];
  other = await draw(101);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const quantize = (out: string, options: Partial<QuantizeOptions> = {}) =>
  quantizeModel({
    model: MODEL,
    scenes,
    outDir: join(dir, out),
    bands: [2, 3, 4],
    windows: 4,
    threads: 1,
    ...options,
  });

describe('a quantized model', { timeout: 300_000 }, () => {
  it('is a whole model folder that tells how it was made, a third of the size, and maps like the float32 one', async () => {
    const steps: QuantizeProgress[] = [];
    const manifest = await quantize('plain', { onProgress: (progress) => steps.push(progress) });
    const folder = join(dir, 'plain');
    expect((await readdir(folder)).sort()).toEqual([
      'local.onnx',
      'long.onnx',
      'manifest.json',
      'short.onnx',
      'stac-item.json',
    ]);
    expect(await readModelManifest(folder, true)).toEqual(manifest);
    const float = await readModelManifest(MODEL, true);
    const { graphs, dtype, name, quantization, ...rest } = manifest;
    const { graphs: floatGraphs, dtype: _dtype, name: floatName, ...expected } = float;
    expect(rest).toEqual(expected);
    expect([name, dtype]).toEqual([`${floatName}-int8`, 'int8']);
    const sizeOf = (files: typeof graphs) =>
      Object.values(files).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(sizeOf(graphs) / sizeOf(floatGraphs)).toBeLessThan(0.36);
    expect(quantization).toMatchObject({
      scenes: ['scene.tif', 'scene.tif'],
      windows: { ranges: 4, checks: 4 },
      ranges: 'minmax',
      weightBits: 7,
      layers: 95,
      work: 1,
      source: { name: floatName, checksum: modelChecksum(float) },
    });
    expect(quantization!.float32).toEqual([
      { layer: 'backbone.sub_encoder2.stem.0', reason: 'few channels' },
      { layer: 'backbone.sub_encoder1.stem.0', reason: 'few channels' },
      { layer: 'backbone.main_encoder.stem.0', reason: 'few channels' },
      { layer: 'decode_head.conv_seg', reason: 'class scores' },
    ]);
    expect(quantization!.agreement).toBeGreaterThanOrEqual(0.99);

    expect([...new Set(steps.map(({ step }) => step))]).toEqual(['reading', 'ranges', 'checking', 'writing']);
    for (const { done, total } of steps) expect(done).toBeLessThanOrEqual(total);
    expect(steps.at(-1)!.done).toBe(steps.at(-1)!.total);

    const map = async (model: string, to: string) => {
      const outDir = join(dir, to);
      const options = { scene: other, model, outDir, bands: [2, 3, 4], vector: [], preview: false } as const;
      return segment({ ...options, report: false, threads: 1 });
    };
    const [of32, of8] = [await map(MODEL, 'map-32'), await map(folder, 'map-8')];
    expect(of8.model).toMatchObject({ dtype: 'int8', quantization });
    expect(of32.model).not.toHaveProperty('quantization');
    expect(of8.identity).not.toBe(of32.identity);
    const agreement = await agreementOf([
      [join(dir, 'map-32/landcover.tif'), join(dir, 'map-8/landcover.tif')],
    ]);
    // Measured: 0.9976.
    expect(agreement).toBeGreaterThan(0.99);
    expect(agreement).toBeLessThan(1);
  });

  it('is the same bytes again', async () => {
    await quantize('again-1', { windows: 2 });
    await quantize('again-2', { windows: 2 });
    for (const file of await readdir(join(dir, 'again-1'))) {
      const [one, two] = await Promise.all(
        ['again-1', 'again-2'].map((folder) => readFile(join(dir, folder, file))),
      );
      expect(Buffer.compare(one!, two!), file).toBe(0);
    }
  });

  it('keeps layers in float32 until enough classes agree, those that lose most for their work first', async () => {
    // Of more than one class in most of its windows.
    const outDir = join(dir, 'varied');
    const varied = await synthesize({ width: 1024, height: 1024, seed: 3, outDir });
    const options = { scenes: [varied.scenePath], ranges: 'percentile' } as const;
    const all = await quantize('all', { ...options, agreement: 0 });
    // Otherwise there would be nothing to gain.
    expect(all.quantization!.agreement).toBeLessThan(1);
    const least = (all.quantization!.agreement + 1) / 2;
    const steps = new Set<string>();
    const some = await quantize('some', {
      ...options,
      agreement: least,
      onProgress: ({ step }) => steps.add(step),
    });
    expect(steps).toContain('ranking');
    const { agreement, float32, layers, work } = some.quantization!;
    // Both are rounded to five decimals.
    expect(agreement).toBeGreaterThanOrEqual(least - 2e-5);
    const kept = float32.filter(({ reason }) => reason === 'loses accuracy');
    expect(kept.length).toBeGreaterThan(0);
    expect(layers + kept.length).toBe(all.quantization!.layers);
    expect(work).toBeLessThan(1);
    expect(work).toBeGreaterThan(0);
  });

  it('with weights in side files works as well', async () => {
    const manifest = await quantize('sides', { windows: 1, externalThresholdBytes: 100_000 });
    expect(manifest.graphs.local.externalData?.file).toBe('local.onnx.data');
    expect(await readModelManifest(join(dir, 'sides'), true)).toEqual(manifest);
    const whole = await quantize('no-sides', { windows: 1 });
    expect(manifest.quantization).toEqual(whole.quantization);
  });
});

describe('nothing is written', () => {
  /** @returns what is in the folder beside the scenes and earlier results, which must be all that was there before */
  async function expectFailure(options: Partial<QuantizeOptions>, tag: string, words: RegExp): Promise<void> {
    const parent = join(dir, 'failures');
    await mkdir(parent, { recursive: true });
    const before = (await readdir(parent)).sort();
    const attempt = quantizeModel({
      model: MODEL,
      scenes,
      outDir: join(parent, 'out'),
      bands: [2, 3, 4],
      windows: 1,
      threads: 1,
      ...options,
    });
    await expect(attempt).rejects.toMatchObject({ tag, message: expect.stringMatching(words) });
    expect((await readdir(parent)).sort()).toEqual(before);
  }

  it.each([
    ['int8', /is quantized already; expected a float32 model/],
    ['float16', /computes in float16; expected a float32 model/],
  ] as const)('of a model in %s', async (dtype, words) => {
    const model = join(dir, `model-${dtype}`);
    await cp(MODEL, model, { recursive: true });
    const path = join(model, 'manifest.json');
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), dtype }));
    await expectFailure({ model }, 'ModelError', words);
  });

  it('of a folder without a model', () =>
    expectFailure({ model: join(dir, 'nowhere') }, 'SourceError', /no model manifest/));

  it('where the scene has no such bands', () =>
    expectFailure({ bands: [2, 3, 9] }, 'ConfigError', /band.*9/i));

  it('where a scene is missing', () =>
    expectFailure({ scenes: [join(dir, 'missing.tif')] }, 'SourceError', /missing\.tif/));

  it('without scenes', () => expectFailure({ scenes: [] }, 'ConfigError', /--scene/));

  it.each([0, -3, 1.5, Number.NaN])('for %d windows', (windows) =>
    expectFailure({ windows }, 'ConfigError', /--windows/),
  );

  it.each([-0.1, 1.1, Number.NaN])('for an agreement of %d', (agreement) =>
    expectFailure({ agreement }, 'ConfigError', /--agreement/),
  );

  it('where the scenes have one window in all', async () => {
    const { scenePath } = await synthesize({ width: 128, height: 128, seed: 5, outDir: join(dir, 'tiny') });
    await expectFailure({ scenes: [scenePath] }, 'ConfigError', /1 windows with data.*two at least/);
  });

  it('into a folder with something in it, which stays', async () => {
    const taken = join(dir, 'failures', 'taken');
    await mkdir(taken, { recursive: true });
    await writeFile(join(taken, 'precious.txt'), 'mine');
    await expectFailure({ outDir: taken }, 'ConfigError', /--out.*not empty/);
    expect(await readFile(join(taken, 'precious.txt'), 'utf8')).toBe('mine');
  });

  it('below a file', async () => {
    const file = join(dir, 'file.txt');
    await writeFile(file, 'mine');
    await expectFailure({ outDir: join(file, 'out') }, 'SourceError', /file\.txt/);
  });

  it.each(['reading', 'ranges', 'checking', 'writing'] as const)('when stopped while %s', async (when) => {
    const stop = new AbortController();
    await expectFailure(
      {
        signal: stop.signal,
        onProgress: ({ step }) => {
          if (step === when) stop.abort();
        },
      },
      'AbortedError',
      /stopped/,
    );
  });

  it('when stopped before it began', () =>
    expectFailure({ signal: AbortSignal.abort() }, 'AbortedError', /stopped/));
});

it('an empty folder is taken for new', async () => {
  await mkdir(join(dir, 'empty'));
  await quantize('empty', { windows: 1 });
  expect(await readdir(join(dir, 'empty'))).toContain('manifest.json');
});
