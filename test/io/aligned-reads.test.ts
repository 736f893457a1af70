import { describe, expect, test } from 'vitest';
import { CHUNK_BYTES, createAlignedReads } from '../../src/io/aligned-reads.ts';
import { patternBytes } from './byte-source-conformance.ts';

const MIB = 1024 * 1024;
const BYTES = patternBytes(40 * MIB + 123);

function recorded(head = 0, hold?: (offset: number, signal: AbortSignal) => Promise<unknown>) {
  const asked: [from: number, to: number][] = [];
  const reads = createAlignedReads({
    url: 'memory',
    sizeBytes: BYTES.length,
    head: BYTES.subarray(0, head),
    async fetch(offset, length, signal) {
      asked.push([offset, offset + length]);
      await hold?.(offset, signal);
      return BYTES.slice(offset, offset + length);
    },
  });
  return { reads, asked };
}
const expectBytes = (got: Uint8Array, offset: number, length: number) =>
  expect(Buffer.compare(got, BYTES.subarray(offset, offset + length))).toBe(0);

describe('aligned reads', () => {
  test('adjacent strips asked for together become one request, cut at 4 MiB', async () => {
    const { reads, asked } = recorded();
    const strip = 31_111;
    const strips = Array.from({ length: 300 }, (_, i) => 5 * MIB + i * strip);
    const got = await Promise.all(strips.map((offset) => reads.read(offset, strip)));
    for (const [i, bytes] of got.entries()) expectBytes(bytes, strips[i]!, strip);
    expect(asked.map(([from, to]) => (to - from) / MIB)).toEqual([4, 4, expect.any(Number)]);
    const end = 5 * MIB + 300 * strip;
    expect(asked.at(-1)![1]).toBe(Math.ceil(end / CHUNK_BYTES) * CHUNK_BYTES);
    for (const [from] of asked) expect(from % CHUNK_BYTES).toBe(0);
  });

  test('a read by itself asks for what it touches, and no more', async () => {
    const { reads, asked } = recorded();
    expectBytes(await reads.read(10 * MIB + 5, 1000), 10 * MIB + 5, 1000);
    expectBytes(await reads.read(30 * MIB - 5, 10), 30 * MIB - 5, 10);
    expect(asked).toEqual([
      [10 * MIB, 10 * MIB + CHUNK_BYTES],
      [30 * MIB - CHUNK_BYTES, 30 * MIB + CHUNK_BYTES],
    ]);
  });

  test('what came with an earlier request is not asked for again', async () => {
    const { reads, asked } = recorded(2 * CHUNK_BYTES);
    await reads.read(0, 2 * CHUNK_BYTES);
    await reads.read(100, 5);
    expect(asked).toEqual([]);
    await reads.read(MIB + 1000, 1000);
    await reads.read(MIB + 5000, 1000);
    expect(asked).toHaveLength(1);
    expect(reads.hits).toBe(3);
  });

  test('readers that go on where they stopped get more each time: several rows of tiles, side by side', async () => {
    const { reads, asked } = recorded();
    const tile = 30_000;
    const rows = [2 * MIB, 12 * MIB, 22 * MIB];
    for (let column = 0; column < 200; column++) {
      const got = await Promise.all(rows.map((row) => reads.read(row + column * tile, tile)));
      for (const [i, bytes] of got.entries()) expectBytes(bytes, rows[i]! + column * tile, tile);
    }
    // 600 tiles of 6 MB a row: mostly requests of about 1 MiB.
    expect(asked.length).toBeLessThan(3 * 14);
    const bytes = asked.reduce((sum, [from, to]) => sum + to - from, 0);
    expect(bytes).toBeLessThan(3 * (200 * tile + 1.2 * MIB));
    expect(Math.max(...asked.map(([from, to]) => to - from))).toBeLessThanOrEqual(4 * MIB);
  });

  test('too many readers for the room there is are not read ahead for', async () => {
    const { reads, asked } = recorded();
    const readers = Array.from({ length: 60 }, (_, i) => i * 10 * CHUNK_BYTES);
    for (let step = 0; step < 9; step++) {
      for (const at of readers) await reads.read(at + step * CHUNK_BYTES, CHUNK_BYTES);
    }
    const bytes = asked.reduce((sum, [from, to]) => sum + to - from, 0);
    expect(bytes).toBeLessThan(2 * 60 * 9 * CHUNK_BYTES);
  });

  test('a request is shared by all who want its bytes, and stops when the last of them has left', async () => {
    let release = () => {};
    const signals: AbortSignal[] = [];
    const { reads, asked } = recorded(0, (_, signal) => {
      signals.push(signal);
      return new Promise<void>((resolve, reject) => {
        release = resolve;
        signal.addEventListener('abort', () => reject(new Error('stopped')));
      });
    });
    const stops = [new AbortController(), new AbortController()];
    const tick = () => new Promise((resolve) => setTimeout(resolve, 5));
    const first = reads.read(MIB, 10, stops[0]!.signal);
    await tick();
    const second = reads.read(MIB + 20, 10, stops[1]!.signal);
    await tick();
    expect(asked).toHaveLength(1);
    stops[0]!.abort();
    await expect(first).rejects.toMatchObject({ tag: 'AbortedError' });
    expect(signals[0]!.aborted).toBe(false);
    stops[1]!.abort();
    await expect(second).rejects.toMatchObject({ tag: 'AbortedError' });
    expect(signals[0]!.aborted).toBe(true);
    // Whoever comes next starts anew.
    const third = reads.read(MIB, 10);
    await tick();
    release();
    expectBytes(await third, MIB, 10);
  });

  test('a failed request fails those who wait for it, and no later read', async () => {
    let fail = true;
    const { reads } = recorded(0, async () => {
      if (fail) throw new Error('gone');
    });
    const both = await Promise.allSettled([reads.read(MIB, 10), reads.read(MIB + 50, 10)]);
    expect(both.map((one) => one.status)).toEqual(['rejected', 'rejected']);
    fail = false;
    expectBytes(await reads.read(MIB, 10), MIB, 10);
  });

  test('keeps little: chunks that were used up are dropped, others within 16 MiB', async () => {
    const { reads, asked } = recorded();
    await reads.read(0, 8 * MIB);
    const before = asked.length;
    await reads.read(3 * MIB, 1000);
    expect(asked.length).toBe(before + 1);
    for (let i = 0; i < 400; i++) await reads.read((i % 2 === 0 ? i : 600 - i) * CHUNK_BYTES + 10, 10);
    await reads.read(10, 10);
    expect(asked.at(-1)![0]).toBe(0);
  });
});
