import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ByteSource } from '../../src/core/ports.ts';
import { coalesceReads } from '../../src/io/coalesce-reads.ts';
import { assertRange } from '../../src/io/file-source.ts';

const DATA = Uint8Array.from({ length: 5000 }, (_, i) => (i * 31) >> 3);

function recorded(read?: ByteSource['read']) {
  const ranges: [number, number][] = [];
  const source: ByteSource = {
    url: 'memory',
    sizeBytes: DATA.length,
    modifiedMs: 1234.5,
    version: 'v7',
    stats: { requests: 3, bytes: 2, retries: 1, cacheHits: 0 },
    async read(offset, length, signal) {
      assertRange('memory', offset, length, DATA.length);
      ranges.push([offset, length]);
      return read ? read(offset, length, signal) : DATA.slice(offset, offset + length);
    },
    close: async () => {},
  };
  return { source, ranges };
}

describe('coalesced reads', () => {
  test('pass on what the source says of itself', () => {
    const { source } = recorded();
    const { read, close, reads, ...said } = coalesceReads(source);
    const { read: _, close: __, ...itself } = source;
    expect(said).toEqual(itself);
  });

  test('give each caller its own bytes, in few and bounded ranges', async () => {
    const request = fc
      .tuple(fc.integer({ min: 0, max: 4999 }), fc.integer({ min: 0, max: 400 }))
      .map(([offset, length]) => [offset, Math.min(length, 5000 - offset)] as const);
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 30 }), async (requests) => {
        const { source, ranges } = recorded();
        const joined = coalesceReads(source, { maxGapBytes: 16, maxRangeBytes: 1000 });
        const answers = await Promise.all(requests.map(([offset, length]) => joined.read(offset, length)));
        answers.forEach((bytes, i) => {
          const [offset, length] = requests[i]!;
          expect(Buffer.compare(bytes, DATA.slice(offset, offset + length))).toBe(0);
        });
        expect(ranges.length).toBeLessThanOrEqual(requests.length);
        for (const [, length] of ranges) expect(length).toBeLessThanOrEqual(1000);
        expect(joined.reads.reads).toBe(ranges.length);
        expect(joined.reads.requests).toBe(requests.length);
        expect(joined.reads.bytesRead).toBe(ranges.reduce((sum, [, length]) => sum + length, 0));
      }),
    );
  });

  test('neighbours become one range; far ones and later ones do not', async () => {
    const { source, ranges } = recorded();
    const joined = coalesceReads(source, { maxGapBytes: 10 });
    await Promise.all([joined.read(200, 50), joined.read(100, 90), joined.read(1000, 5)]);
    await joined.read(250, 10);
    expect(ranges).toEqual([
      [100, 150],
      [1000, 5],
      [250, 10],
    ]);
  });

  test('a range past the end fails alone', async () => {
    const { source } = recorded();
    const joined = coalesceReads(source);
    const [good, bad] = await Promise.allSettled([joined.read(4990, 10), joined.read(4995, 10)]);
    expect(good.status).toBe('fulfilled');
    expect(bad).toMatchObject({ status: 'rejected', reason: { tag: 'SourceError' } });
  });

  test('a failed range fails each of its callers, and no later one', async () => {
    let fail = true;
    const { source } = recorded(async (offset, length) => {
      if (fail) throw new Error('gone');
      return DATA.slice(offset, offset + length);
    });
    const joined = coalesceReads(source);
    const both = await Promise.allSettled([joined.read(0, 10), joined.read(10, 10)]);
    expect(both.map((one) => one.status)).toEqual(['rejected', 'rejected']);
    fail = false;
    expect((await joined.read(0, 10)).length).toBe(10);
  });

  test('a joined range stops when all of its callers have left, not before', async () => {
    let seen: AbortSignal | undefined;
    const { source } = recorded(
      (_, __, signal) =>
        new Promise((___, reject) => {
          seen = signal;
          signal!.addEventListener('abort', () => reject(new Error('stopped')));
        }),
    );
    const joined = coalesceReads(source);
    const [one, two] = [new AbortController(), new AbortController()];
    const both = Promise.allSettled([joined.read(0, 10, one.signal), joined.read(10, 10, two.signal)]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    one.abort();
    expect(seen!.aborted).toBe(false);
    two.abort();
    expect(seen!.aborted).toBe(true);
    expect((await both).map((one) => one.status)).toEqual(['rejected', 'rejected']);
  });
});
