import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Model, type ModelOptions, openModel } from '../../src/index.ts';
import { readModelManifest } from '../../src/model/read-manifest.ts';
import { openSessionSet } from '../../src/model/session-set.ts';
import { stageBatch } from '../../src/model/stage-batch.ts';
import { noiseImage } from '../support/memory-scene.ts';
import { fixBatch, makeSeededModel } from '../support/seeded-model.ts';

const SIDE = 128;

let dir: string;
let model: string;
/** The same, as it was converted before batches were known. */
let old: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-batches-'));
  model = await makeSeededModel(dir);
  old = await fixBatch(model, join(dir, 'old'));
}, 60_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

const view = (seed: number) => noiseImage(SIDE, SIDE, seed);

async function withModel<T>(options: Partial<ModelOptions>, use: (opened: Model) => Promise<T>): Promise<T> {
  const opened = await openModel(model, { provider: 'cpu', threads: 2, ...options });
  try {
    return await use(opened);
  } finally {
    await opened.close();
  }
}

describe('a window in a batch', () => {
  it('has the same scores, bit for bit, wherever it is in it and whatever else is', async () => {
    const modes = { short: 'together', long: 'together' } as const;
    const ask = (opened: Model, seed: number) =>
      opened.infer({ local: view(seed), short: view(seed + 10), long: view(seed + 20), encode: modes });
    const orders = [
      [1, 2, 3],
      [3, 1, 2],
      [1, 1, 4],
      [2, 5, 1],
    ];
    const scores = await withModel({ batch: 3 }, (opened) =>
      Promise.all(orders.map((order) => Promise.all(order.map((seed) => ask(opened, seed))))),
    );
    for (const [i, order] of orders.entries()) {
      for (const [j, seed] of order.entries()) {
        const [first] = orders.flatMap((other, k) =>
          other.flatMap((s, l) => (s === seed ? [scores[k]![l]!] : [])),
        );
        expect(scores[i]![j]!.scores).toEqual(first!.scores);
      }
    }
    // A part of a batch is filled up: the shape, and so the rounding, is the same.
    const alone = await withModel({ batch: 3 }, (opened) => ask(opened, 2));
    expect(alone.scores).toEqual(scores[0]![1]!.scores);
    const single = await withModel({ batch: 1 }, (opened) => ask(opened, 2));
    const apart = single.scores.reduce((most, s, i) => Math.max(most, Math.abs(s - alone.scores[i]!)), 0);
    const largest = single.scores.reduce((most, s) => Math.max(most, Math.abs(s)), 0);
    expect(apart / largest).toBeLessThan(1e-5);
    expect(alone.scores).not.toEqual(scores[0]![0]!.scores);
  }, 60_000);

  it('takes features that are kept, given, brought, or one for all, to the same scores', async () => {
    const [far, near, local] = [view(1), view(2), view(3)];
    const answers = await withModel({ batch: 2 }, async (opened) => {
      const brought = await opened.infer({ local, short: near, long: far, giveLong: true });
      const kept = await opened.infer({ local, short: null, long: null });
      const given = await opened.infer({ local, short: near, long: brought.long! });
      const encode = { short: 'each', long: 'one' } as const;
      const one = await opened.infer({ local, short: near, long: far, encode });
      const other = await opened.infer({ local, short: far, long: null });
      return { brought, kept, given, one, other };
    });
    const { brought, kept, given, one, other } = answers;
    expect(kept.scores).toEqual(brought.scores);
    expect(given.scores).toEqual(brought.scores);
    expect(one.scores).toEqual(brought.scores);
    expect(other.scores).not.toEqual(brought.scores);
    expect(brought.long!.keys.dims[0]).toBe(1);
  }, 60_000);

  it(
    'that brings nothing and has nothing kept fails with its batch, and the next works',
    () =>
      withModel({ batch: 2 }, async (opened) => {
        const [far, near, local] = [view(1), view(2), view(3)];
        const bad = [
          opened.infer({ local, short: near, long: far, slots: { short: 0, long: 0 } }),
          opened.infer({ local, short: near, long: null, slots: { short: 0, long: 7 } }),
        ];
        for (const { status } of await Promise.allSettled(bad)) expect(status).toBe('rejected');
        expect((await opened.infer({ local, short: near, long: far })).scores).toHaveLength(6 * 32 * 32);
      }),
    60_000,
  );
});

describe('batches of a model that takes one window at a time', () => {
  it('are refused with what to do, and one at a time works', async () => {
    await expect(openModel(old, { provider: 'cpu', threads: 1, batch: 2 })).rejects.toMatchObject({
      tag: 'UnsupportedError',
      message: expect.stringMatching(/long_keys.*convert the checkpoint again/),
    });
    const opened = await openModel(old, { provider: 'cpu', threads: 1 });
    await opened.close();
    expect(opened.batch).toBe(1);
  }, 60_000);

  it.each([0, 1.5])('or of %d windows are refused', async (batch) => {
    await expect(openModel(model, { provider: 'cpu', threads: 1, batch })).rejects.toMatchObject({
      tag: 'ConfigError',
    });
  });
});

describe('warming up', () => {
  it.each([1, 2])(
    'runs every graph and leaves nothing behind, in batches of %d',
    async (batch) => {
      const request = { kind: 'open', dir: model, provider: 'cpu', threads: 1, batch } as const;
      const sessions = await openSessionSet(request, await readModelManifest(model, false));
      await sessions.warmUp();
      const stage = (long: Uint8Array | null) =>
        stageBatch([{ local: view(1), short: view(2), long }], SIDE * SIDE * 3, batch);
      await expect(sessions.infer(stage(null))).rejects.toMatchObject({ tag: 'ModelError' });
      const warm = await sessions.infer(stage(view(3)));
      const cold = await withModel({ threads: 1, batch }, (opened) =>
        opened.infer({ local: view(1), short: view(2), long: view(3) }),
      );
      expect(warm.windows[0]!.scores).toEqual(cold.scores);
    },
    60_000,
  );
});
