import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ConvertOptions, convertCheckpoint } from '../../src/convert/convert.ts';
import { type ModelManifest, modelManifestSchema } from '../../src/model/manifest.ts';
import {
  checkpointPath,
  difference,
  openGolden,
  readCase,
  readFloats,
  readWindow,
  upsample,
} from './support/golden.ts';
import { floats, openSession, runWindow } from './support/run-graphs.ts';
import { tempFolder } from './support/temp-folder.ts';

const CLASSES = Array.from({ length: 6 }, (_, id) => ({ id, name: `class ${id}`, color: `#00000${id}` }));

async function presetFile(fields: object): Promise<string> {
  const file = path.join(await tempFolder(), 'preset.json');
  await writeFile(file, JSON.stringify({ classes: CLASSES, distances: [1, 3, 6], ...fields }));
  return file;
}

async function convertGolden(
  model: string,
  window: number,
  options: Partial<ConvertOptions> = {},
): Promise<{ manifest: ModelManifest; outDir: string }> {
  const outDir = path.join(await tempFolder(), 'model');
  const manifest = await convertCheckpoint({
    checkpointPath: checkpointPath(model, model === 'tiny' ? 'published_torch2.pth' : undefined),
    outDir,
    preset: await presetFile({ window }),
    ...options,
  });
  return { manifest, outDir };
}

const openModel = async (dir: string) => ({
  long: await openSession(path.join(dir, 'long.onnx')),
  short: await openSession(path.join(dir, 'short.onnx')),
  local: await openSession(path.join(dir, 'local.onnx')),
});

const sha256 = async (file: string) =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

const golden = readCase('swin7_128');
const windows = [readWindow(golden, 0), readWindow(golden, 1), readWindow(golden, 2)] as const;
const truth = readFloats(golden, 'logits');

describe('a converted model', () => {
  test('is whole: manifest, checksums, architecture, source', async () => {
    const { manifest, outDir } = await convertGolden('swin7', 128, { name: 'seven' });
    expect((await readdir(outDir)).sort()).toEqual([
      'local.onnx',
      'long.onnx',
      'manifest.json',
      'short.onnx',
      'stac-item.json',
    ]);
    const written = JSON.parse(await readFile(path.join(outDir, 'manifest.json'), 'utf8'));
    expect(modelManifestSchema.parse(written)).toEqual(manifest);
    expect(manifest).toMatchObject({
      name: 'seven',
      window: 128,
      distances: [1, 3, 6],
      padTo: 512,
      geometry: 'reference',
      dtype: 'float32',
      opset: 17,
      scores: { stride: 4, labels: false },
      scaleEmbeddings: { treatment: 'zero' },
      source: { file: 'swin7.pth', preset: 'preset.json' },
      architecture: { main: { kind: 'swin', window: 7 } },
    });
    expect(manifest.source.sha256).toBe(await sha256(checkpointPath('swin7')));
    for (const graph of Object.values(manifest.graphs)) {
      const file = path.join(outDir, graph.file);
      expect((await stat(file)).size).toBe(graph.sizeBytes);
      expect(await sha256(file)).toBe(graph.sha256);
    }
    // 694,138 parameters by the published code, less the auxiliary head's.
    const auxiliary = [...(await openGolden('swin7')).tensors]
      .filter(([key]) => /^auxiliary_head.*(weight|bias)$/.test(key))
      .reduce((sum, [, { shape }]) => sum + shape.reduce((product, n) => product * n, 1), 0);
    expect(manifest.parameters).toBe(694_138 - auxiliary);
  });

  test('gives the published scores from its files', async () => {
    const { outDir } = await convertGolden('swin7', 128);
    const { local } = await runWindow(await openModel(outDir), windows, [128, 128]);
    expect(local.scores!.dims).toEqual([1, 6, 32, 32]);
    const { max, mean } = difference(upsample(floats(local.scores), [6, 32, 32], [128, 128]), truth);
    expect(max).toBeLessThanOrEqual(1e-3);
    expect(mean).toBeLessThanOrEqual(5e-5);
  });

  test('scores at stride 1 come upsampled, labels are their first maximum', async () => {
    const { manifest, outDir } = await convertGolden('swin7', 128, { scoreStride: 1, labels: true });
    expect(manifest.scores).toEqual({ stride: 1, labels: true });
    const { local } = await runWindow(await openModel(outDir), windows, [128, 128]);
    expect(local.scores!.dims).toEqual([1, 6, 128, 128]);
    const scores = floats(local.scores);
    expect(difference(scores, truth).max).toBeLessThanOrEqual(1e-3);
    const labels = local.labels!.data as Uint8Array;
    const expected = Uint8Array.from(labels, (_, p) => {
      let best = 0;
      for (let c = 1; c < 6; c++) if (scores[c * 16384 + p]! > scores[best * 16384 + p]!) best = c;
      return best;
    });
    expect(labels).toEqual(expected);
  });

  test('several windows share one long-range window in a batch', async () => {
    const { outDir } = await convertGolden('swin7', 128);
    const sessions = await openModel(outDir);
    const [a, b, c] = windows;
    const stack = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
    const batch = await runWindow(sessions, [stack(a, b, c), stack(b, c, a), c], [128, 128]);
    expect(batch.local.scores!.dims).toEqual([3, 6, 32, 32]);
    for (const [i, pair] of (
      [
        [a, b],
        [b, c],
        [c, a],
      ] as const
    ).entries()) {
      const single = await runWindow(sessions, [pair[0], pair[1], c], [128, 128]);
      const part = floats(batch.local.scores).subarray(i * 6144, (i + 1) * 6144);
      expect(difference(part, floats(single.local.scores)).max).toBeLessThanOrEqual(1e-4);
    }
  });

  test('large weights go to side files that the runtime finds', async () => {
    const { manifest, outDir } = await convertGolden('swin7', 128, { externalThresholdBytes: 300_000 });
    expect(
      Object.keys(manifest.graphs).filter((key) => 'externalData' in manifest.graphs[key as 'long']),
    ).toEqual(['short', 'local']);
    const { file, sizeBytes, sha256: checksum } = manifest.graphs.local.externalData!;
    expect(file).toBe('local.onnx.data');
    expect((await stat(path.join(outDir, file))).size).toBe(sizeBytes);
    expect(await sha256(path.join(outDir, file))).toBe(checksum);
    expect(manifest.graphs.local.sizeBytes).toBeLessThan(sizeBytes / 2);
    const { local } = await runWindow(await openModel(outDir), windows, [128, 128]);
    expect(
      difference(upsample(floats(local.scores), [6, 32, 32], [128, 128]), truth).max,
    ).toBeLessThanOrEqual(1e-3);
  });

  test('every container of one model gives the same bytes; halves give nearly the same scores', async () => {
    const checksums: string[] = [];
    for (const file of [
      'iter_320000.pth',
      'published_torch2.pth',
      'bare_module_prefix.pth',
      'exotic_storages.pth',
    ]) {
      const { manifest } = await convertGolden('tiny', 96, { checkpointPath: checkpointPath('tiny', file) });
      checksums.push(
        Object.values(manifest.graphs)
          .map((graph) => graph.sha256)
          .join(),
      );
    }
    expect(new Set(checksums).size).toBe(1);

    const tiny = readCase('tiny_96');
    const { outDir } = await convertGolden('tiny', 96, {
      checkpointPath: checkpointPath('tiny', 'fp16.pth'),
    });
    const pixels = [readWindow(tiny, 0), readWindow(tiny, 1), readWindow(tiny, 2)] as const;
    const { local } = await runWindow(await openModel(outDir), pixels, [96, 96]);
    const { mean } = difference(floats(local.scores), readFloats(tiny, 'logits_low'));
    // Weights rounded to 11 bits move scores of standard deviation 3.5 by about this much.
    expect(mean).toBeLessThan(0.05);
    expect(mean).toBeGreaterThan(1e-4);
  });

  test('float16: half the size, scores still float32 and close', async () => {
    const { outDir, manifest } = await convertGolden('swin7', 128, { dtype: 'float16' });
    const full = await convertGolden('swin7', 128);
    expect(manifest.dtype).toBe('float16');
    expect(manifest.graphs.short.sizeBytes / full.manifest.graphs.short.sizeBytes).toBeLessThan(0.6);
    const { local, long } = await runWindow(await openModel(outDir), windows, [128, 128]);
    expect([local.scores!.type, long.keys!.type, long.values!.type]).toEqual([
      'float32',
      'float32',
      'float32',
    ]);
    const { max, mean } = difference(upsample(floats(local.scores), [6, 32, 32], [128, 128]), truth);
    // Measured 0.12 and 0.021 on scores of standard deviation 3.4; random weights magnify rounding.
    expect(max).toBeLessThan(0.4);
    expect(mean).toBeLessThan(0.05);
  });
});

describe('what may go wrong', () => {
  test('classes that the preset counts otherwise', async () => {
    await expect(convertGolden('swin7', 128, { preset: 'fbps' })).rejects.toMatchObject({
      tag: 'ModelError',
      tensor: 'decode_head.conv_seg.weight',
      expected: '25',
      actual: '6',
    });
  });

  test('an architecture that the preset knows otherwise', async () => {
    const preset = await presetFile({
      window: 128,
      architecture: { main: { kind: 'swin', embedDims: 192 } },
    });
    await expect(convertGolden('swin7', 128, { preset })).rejects.toMatchObject({
      tag: 'ModelError',
      tensor: 'backbone.main_encoder',
      message: expect.stringContaining('embedDims of the main encoder should be 192'),
    });
    const right = await presetFile({
      window: 128,
      architecture: { main: { kind: 'swin', depths: [2, 2, 2, 2], window: 7 }, headChannels: 32 },
    });
    await expect(convertGolden('swin7', 128, { preset: right })).resolves.toBeDefined();
  });

  test('a legacy container leaves nothing behind', async () => {
    const outDir = path.join(await tempFolder(), 'out');
    await expect(
      convertGolden('tiny', 96, { outDir, checkpointPath: checkpointPath('tiny', 'legacy_nonzip.pth') }),
    ).rejects.toMatchObject({ tag: 'UnsupportedError' });
    await expect(readdir(outDir)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('damage that shows while writing keeps the model that is there, and no half-written file', async () => {
    const { outDir, manifest } = await convertGolden('tiny', 96);
    const broken = path.join(await tempFolder(), 'broken.pth');
    await copyFile(checkpointPath('tiny', 'published_torch2.pth'), broken);
    const bytes = await readFile(broken);
    // The first storage is the patch embedding's, which is written after the two context graphs.
    const header = bytes.indexOf('archive/data/0') - 30;
    bytes[header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28)]! ^= 255;
    await writeFile(broken, bytes);
    await expect(convertGolden('tiny', 96, { outDir, checkpointPath: broken })).rejects.toMatchObject({
      tag: 'FormatError',
    });
    expect((await readdir(outDir)).sort()).toEqual([
      'local.onnx',
      'long.onnx',
      'manifest.json',
      'short.onnx',
      'stac-item.json',
    ]);
    expect(await sha256(path.join(outDir, 'local.onnx'))).toBe(manifest.graphs.local.sha256);
  });

  test.each(['checksum', 'short', 'local'] as const)('stopped at %s, nothing is left', async (step) => {
    const outDir = path.join(await tempFolder(), 'out');
    const controller = new AbortController();
    await expect(
      convertGolden('swin7', 128, {
        outDir,
        signal: controller.signal,
        onProgress: (progress) => progress.step === step && controller.abort(),
      }),
    ).rejects.toMatchObject({ tag: 'AbortedError' });
    expect(await readdir(outDir).catch(() => [])).toEqual([]);
  });

  test('a model replaces another one, side files and all', async () => {
    const { outDir } = await convertGolden('swin7', 128, { externalThresholdBytes: 1 });
    expect(await readdir(outDir)).toContain('local.onnx.data');
    const { manifest } = await convertGolden('swin7', 128, { outDir });
    expect((await readdir(outDir)).sort()).toEqual([
      'local.onnx',
      'long.onnx',
      'manifest.json',
      'short.onnx',
      'stac-item.json',
    ]);
    expect(await sha256(path.join(outDir, 'local.onnx'))).toBe(manifest.graphs.local.sha256);
  });

  test('a folder that cannot be written or is a file', async () => {
    const folder = await tempFolder();
    const file = path.join(folder, 'file');
    await writeFile(file, '');
    await expect(convertGolden('tiny', 96, { outDir: file })).rejects.toMatchObject({ tag: 'SourceError' });
    await expect(convertGolden('tiny', 96, { outDir: path.join(file, 'below') })).rejects.toMatchObject({
      tag: 'SourceError',
    });
    if (process.getuid?.() !== 0) {
      const locked = path.join(folder, 'locked');
      await mkdir(locked);
      await chmod(locked, 0o500);
      await expect(convertGolden('tiny', 96, { outDir: locked })).rejects.toMatchObject({
        tag: 'SourceError',
        status: 'EACCES',
      });
    }
  });

  test('progress ends at the total of each step, in order', async () => {
    const last = new Map<string, readonly [number, number]>();
    await convertGolden('tiny', 96, {
      onProgress: ({ step, bytes, totalBytes }) => last.set(step, [bytes, totalBytes]),
    });
    expect([...last.keys()]).toEqual(['checksum', 'long', 'short', 'local']);
    for (const [bytes, totalBytes] of last.values()) expect(bytes).toBe(totalBytes);
  });
});
