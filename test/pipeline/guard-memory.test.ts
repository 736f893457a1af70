import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { guardMemory } from '../../src/pipeline/guard-memory.ts';
import { allowMemory } from '../../src/pipeline/plan-memory.ts';

const MIB = 1 << 20;

/** A guard over processes whose sizes are told. */
async function watch(promisedBytes: number | undefined, sizes: Record<number, number>) {
  const shed = vi.fn();
  const guard = guardMemory({
    allowed: { promisedBytes: promisedBytes ?? null, bytes: promisedBytes ?? Number.POSITIVE_INFINITY },
    children: [-1],
    shed,
    everyMs: 2,
    measure: async (pid) => sizes[pid] ?? 0,
  });
  return { guard, shed };
}

describe('a promise of memory', () => {
  it('gives up caches once, near the promise, and ends the run above it', async () => {
    const sizes = { [process.pid]: 50 * MIB, [-1]: 30 * MIB };
    const { guard, shed } = await watch(100 * MIB, sizes);
    await wait(20);
    expect(shed).not.toHaveBeenCalled();
    sizes[-1] = 45 * MIB;
    await vi.waitFor(() => expect(shed).toHaveBeenCalledTimes(1));
    await wait(20);
    expect(shed).toHaveBeenCalledTimes(1);
    expect(guard.signal.aborted).toBe(false);
    sizes[-1] = 52 * MIB;
    await vi.waitFor(() => expect(guard.signal.aborted).toBe(true));
    expect(guard.peakBytes).toBe(102 * MIB);
    expect(() => guard.rethrow(new Error('what came of it'))).toThrow(
      expect.objectContaining({
        tag: 'ResourceError',
        allowed: 100 * MIB,
        used: 102 * MIB,
        message: expect.stringMatching(/takes 102 MiB of memory, and 100 MiB are promised \(--memory\)/),
      }),
    );
    await guard.stop();
  });

  it('that was not made is none; other failures stay what they are', async () => {
    const { guard, shed } = await watch(undefined, { [process.pid]: 3 * MIB, [-1]: 4 * MIB });
    await vi.waitFor(() => expect(guard.peakBytes).toBe(7 * MIB));
    expect(shed).not.toHaveBeenCalled();
    expect(guard.signal.aborted).toBe(false);
    expect(() => guard.rethrow(new RangeError('other'))).toThrow(RangeError);
    await guard.stop();
  });

  it('counts what processes really hold', async () => {
    const guard = guardMemory({ allowed: await allowMemory(undefined), children: [], shed: () => undefined });
    expect(await guard.measurePeak()).toBe(guard.peakBytes);
    await guard.stop();
    expect(guard.peakBytes / process.memoryUsage.rss()).toBeGreaterThan(0.5);
    expect(guard.peakBytes / process.memoryUsage.rss()).toBeLessThan(2);
  });
});
