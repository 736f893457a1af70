import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AbortedError } from '../../src/core/errors.ts';
import { BlockCache } from '../../src/io/block-cache.ts';

const block = (bytes: number) => async () => new Uint8Array(bytes);

describe('a block cache', () => {
  test('behaves as the plain model of a least-recently-used list does', async () => {
    const step = fc.record({ key: fc.integer({ min: 0, max: 12 }), bytes: fc.integer({ min: 0, max: 60 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const cache = new BlockCache<Uint8Array>(100);
        let model: { key: string; bytes: number }[] = [];
        for (const { key, bytes } of steps) {
          let loaded = false;
          await cache.get(`k${key}`, async () => {
            loaded = true;
            return new Uint8Array(bytes);
          });
          const held = model.find((entry) => entry.key === `k${key}`);
          expect(loaded).toBe(held === undefined);
          const entry = held ?? { key: `k${key}`, bytes };
          model = [...model.filter((other) => other !== held), entry];
          while (model.reduce((sum, e) => sum + e.bytes, 0) > 100) model.shift();
          expect(cache.stats.bytes).toBe(model.reduce((sum, e) => sum + e.bytes, 0));
          expect(cache.stats.peakBytes).toBeLessThanOrEqual(100);
        }
      }),
    );
  });

  test('loads once for callers who come together', async () => {
    const cache = new BlockCache<Uint8Array>(100);
    let loads = 0;
    const load = async () => {
      loads++;
      await new Promise((resolve) => setTimeout(resolve, 5));
      return new Uint8Array(10);
    };
    const all = await Promise.all([cache.get('a', load), cache.get('a', load), cache.get('a', load)]);
    expect(loads).toBe(1);
    expect(new Set(all).size).toBe(1);
    expect(cache.stats).toMatchObject({ misses: 1, joined: 2, hits: 0 });
  });

  test('hands out a block beyond its budget, and does not keep it', async () => {
    const cache = new BlockCache<Uint8Array>(100);
    await cache.get('small', block(50));
    expect((await cache.get('big', block(101))).length).toBe(101);
    expect(cache.stats).toMatchObject({ bytes: 50, evictions: 0 });
  });

  test('forgets a failure', async () => {
    const cache = new BlockCache<Uint8Array>(100);
    const fail = async () => {
      throw new Error('no');
    };
    await expect(Promise.all([cache.get('a', fail), cache.get('a', fail)])).rejects.toThrow('no');
    expect((await cache.get('a', block(3))).length).toBe(3);
  });

  test('a caller who leaves does not spoil the load for one who stays', async () => {
    const cache = new BlockCache<Uint8Array>(100);
    const leaver = new AbortController();
    const stayer = new AbortController();
    let stopped = false;
    let finish = (_: Uint8Array) => {};
    const load = (signal: AbortSignal) =>
      new Promise<Uint8Array>((resolve) => {
        finish = resolve;
        signal.addEventListener('abort', () => {
          stopped = true;
        });
      });
    const first = cache.get('a', load, leaver.signal);
    const second = cache.get('a', load, stayer.signal);
    leaver.abort();
    await expect(first).rejects.toBeInstanceOf(AbortedError);
    expect(stopped).toBe(false);
    finish(new Uint8Array(5));
    expect((await second).length).toBe(5);
  });

  test('the load stops when its last caller has left, and a later caller starts anew', async () => {
    const cache = new BlockCache<Uint8Array>(100);
    const leaver = new AbortController();
    let stopped = false;
    const never = (signal: AbortSignal) =>
      new Promise<Uint8Array>((_, reject) => {
        signal.addEventListener('abort', () => {
          stopped = true;
          reject(new AbortedError('stopped'));
        });
      });
    const only = cache.get('a', never, leaver.signal);
    leaver.abort();
    await expect(only).rejects.toBeInstanceOf(AbortedError);
    expect(stopped).toBe(true);
    expect((await cache.get('a', block(4))).length).toBe(4);
    await expect(cache.get('b', block(4), leaver.signal)).rejects.toBeInstanceOf(AbortedError);
  });

  test('drops one reader’s blocks only', async () => {
    const cache = new BlockCache<Uint8Array>(100);
    await cache.get('x:1', block(10));
    await cache.get('y:1', block(20));
    cache.drop('x:');
    expect(cache.stats.bytes).toBe(20);
  });

  test('takes a smaller budget, and never a larger one', async () => {
    const cache = new BlockCache<Uint8Array>(100);
    for (const key of ['a', 'b', 'c']) await cache.get(key, block(30));
    cache.shrink(65);
    expect(cache.stats).toMatchObject({ bytes: 60, evictions: 1, budgetBytes: 65 });
    cache.shrink(90);
    await cache.get('d', block(30));
    expect(cache.stats).toMatchObject({ bytes: 60, evictions: 2, budgetBytes: 65 });
  });
});
