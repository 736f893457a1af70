import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertCheckpoint, type Model, openModel } from '../../src/index.ts';
import { GOLDEN, type GoldenArray, readGoldenBytes, readGoldenJson } from '../support/golden.ts';
import { writeGoldenPreset } from '../support/golden-preset.ts';

const CASE = 'windows/swin7_128';
const SIDE = 128;

let dir: string;
let modelDir: string;
let views: readonly [Uint8Array, Uint8Array, Uint8Array];
let expected: Float32Array;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-model-'));
  modelDir = join(dir, 'model');
  await convertCheckpoint({
    checkpointPath: join(GOLDEN, 'models/swin7/swin7.pth'),
    outDir: modelDir,
    preset: await writeGoldenPreset(dir, 'swin7', SIDE, [1, 3, 6]),
  });
  const { arrays } = readGoldenJson<{ arrays: Record<'input' | 'logits_low', GoldenArray> }>(
    `${CASE}/case.json`,
  );
  const input = readGoldenBytes(CASE, arrays.input);
  const view = (index: number) =>
    Uint8Array.from(
      { length: SIDE * SIDE * 3 },
      (_, i) => input[Math.floor(i / 3) * 9 + index * 3 + (i % 3)]!,
    );
  views = [view(0), view(1), view(2)];
  expected = new Float32Array(readGoldenBytes(CASE, arrays.logits_low).buffer);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function withModel<T>(use: (model: Model) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const model = await openModel(modelDir, { provider: 'cpu', threads: 1, ...(signal && { signal }) });
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a model in its child process', () => {
  it('gives the golden scores, and the same ones from kept long-range features', () =>
    withModel(async (model) => {
      const [local, short, long] = views;
      const first = await model.infer({ local, short, long });
      expect(largestDifference(first.scores, expected)).toBeLessThan(1e-3);
      const other = await model.infer({ local: short, short: local, long: null });
      expect(largestDifference(other.scores, expected)).toBeGreaterThan(0.1);
      const again = await model.infer({ local, short, long: null });
      expect(again.scores).toEqual(first.scores);
      expect(again.milliseconds.long).toBeLessThan(first.milliseconds.long);
    }));

  it('answers requests in the order that they were made', () =>
    withModel(async (model) => {
      const [local, short, long] = views;
      const order: number[] = [];
      await Promise.all(
        [0, 1, 2].map(async (i) => {
          await model.infer({ local, short, long: i === 0 ? long : null });
          order.push(i);
        }),
      );
      expect(order).toEqual([0, 1, 2]);
    }));

  it('says what is missing if the first request has no long-range window, and goes on', () =>
    withModel(async (model) => {
      const [local, short, long] = views;
      await expect(model.infer({ local, short, long: null })).rejects.toMatchObject({ tag: 'ModelError' });
      expect((await model.infer({ local, short, long })).scores.length).toBe(expected.length);
    }));

  it('that dies rejects all open and later work', () =>
    withModel(async (model) => {
      const [local, short, long] = views;
      const open = [0, 1, 2].map(() => model.infer({ local, short, long }));
      const settled = Promise.allSettled(open);
      process.kill(model.pids[0]!, 'SIGKILL');
      for (const result of await settled) {
        expect(result).toMatchObject({
          status: 'rejected',
          reason: { tag: 'WorkerError', signal: 'SIGKILL' },
        });
      }
      await expect(model.infer({ local, short, long })).rejects.toMatchObject({ tag: 'WorkerError' });
    }));

  it('that died says how to who asks before that has been heard of', () =>
    withModel(async (model) => {
      const [local, short, long] = views;
      process.kill(model.pids[0]!, 'SIGKILL');
      // Nothing is heard meanwhile, and it is gone after.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      await expect(model.infer({ local, short, long })).rejects.toMatchObject({
        tag: 'WorkerError',
        signal: 'SIGKILL',
        message: expect.stringContaining('SIGKILL'),
      });
    }));

  it('ends with its model, and with an abort', async () => {
    const pid = await withModel(async (model) => model.pids[0]!);
    expect(isAlive(pid)).toBe(false);

    const stop = new AbortController();
    await withModel(async (model) => {
      const [local, short, long] = views;
      const open = model.infer({ local, short, long });
      stop.abort();
      await expect(open).rejects.toMatchObject({ tag: 'AbortedError' });
      await model.close();
      expect(isAlive(model.pids[0]!)).toBe(false);
    }, stop.signal);
  });

  it('is refused with a reason where a file is no ONNX graph', async () => {
    const bad = join(dir, 'bad');
    await cp(modelDir, bad, { recursive: true });
    const manifest = JSON.parse(await readFile(join(bad, 'manifest.json'), 'utf8'));
    await writeFile(join(bad, 'short.onnx'), 'no graph');
    manifest.graphs.short.sizeBytes = 8;
    manifest.graphs.short.sha256 = '6ec23d35d9a8a9e9b1b3cd5c9e6e2c9fcdb9a1f4d7f1a4a2d3c0b7a8e5f6d7c8';
    await writeFile(join(bad, 'manifest.json'), JSON.stringify(manifest));
    const open = () => openModel(bad, { provider: 'cpu', threads: 1 });
    await expect(open()).rejects.toMatchObject({
      tag: 'ModelError',
      message: expect.stringContaining('SHA-256'),
    });
    const { hashFile } = await import('../../src/model/read-manifest.ts');
    manifest.graphs.short.sha256 = await hashFile(join(bad, 'short.onnx'));
    await writeFile(join(bad, 'manifest.json'), JSON.stringify(manifest));
    await expect(open()).rejects.toMatchObject({
      tag: 'ModelError',
      message: expect.stringContaining('short.onnx'),
    });
  });

  it.each([
    ['no JSON', '{', /not JSON/],
    ['another version', '{"format":"frustum-model","version":9}', /version/],
  ])('is refused where the manifest is %s', async (_, text, words) => {
    const bad = join(dir, 'bad-manifest');
    await cp(modelDir, bad, { recursive: true });
    await writeFile(join(bad, 'manifest.json'), text);
    await expect(openModel(bad, { provider: 'cpu', threads: 1 })).rejects.toMatchObject({
      tag: 'FormatError',
      message: expect.stringMatching(words),
    });
  });
});
