import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { openByteSource } from '../../src/io/open-source.ts';

/** How long reads on the calling thread take at least, and where they began. */
const disk = vi.hoisted(() => ({ waitMs: 0, offsets: [] as number[] }));

vi.mock('node:fs', async (load) => {
  const fs = await load<typeof import('node:fs')>();
  return {
    ...fs,
    readSync(fd: number, bytes: Uint8Array, at: number, length: number, offset: number) {
      disk.offsets.push(offset);
      const end = performance.now() + disk.waitMs;
      while (performance.now() < end);
      return fs.readSync(fd, bytes, at, length, offset);
    },
  };
});

const bytes = new Uint8Array(1_000_000).map((_, i) => (i * 7) >> 5);
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frustum-reads-'));
  await writeFile(join(folder, 'a'), bytes);
});
beforeEach(() => {
  disk.waitMs = 0;
  disk.offsets = [];
});
afterAll(() => rm(folder, { recursive: true }));

test('small reads are made at once, large ones elsewhere, and all give their bytes', async () => {
  const source = await openByteSource(join(folder, 'a'));
  for (const [offset, length] of [
    [0, 100],
    [500_000, 400_000],
    [999_999, 1],
    [7, 128 * 1024],
  ] as const) {
    const got = await source.read(offset, length);
    expect(Buffer.compare(got, bytes.subarray(offset, offset + length))).toBe(0);
  }
  expect(disk.offsets).not.toContain(500_000);
  expect(disk.offsets).toContain(0);
  await source.close();
});

test('many small reads in a row keep no timer waiting', async () => {
  const source = await openByteSource(join(folder, 'a'));
  let fired = 0;
  const timer = setInterval(() => fired++, 1);
  for (let i = 0; i < 3000; i++) await source.read(i, 10);
  clearInterval(timer);
  expect(disk.offsets.length).toBeGreaterThan(0);
  expect(fired).toBeGreaterThan(0);
  await source.close();
});

test('where the disk is slow, reads go elsewhere', async () => {
  const source = await openByteSource(join(folder, 'a'));
  disk.waitMs = 2;
  for (let i = 0; i < 60; i++) {
    expect((await source.read(i * 1000, 10))[0]).toBe(bytes[i * 1000]);
  }
  expect(disk.offsets.length).toBeLessThanOrEqual(1);
  for (let i = 0; i < 200; i++) await source.read(i, 10);
  // Now and then it is tried again.
  expect(disk.offsets.length).toBeGreaterThan(1);
  expect(disk.offsets.length).toBeLessThanOrEqual(5);
  await source.close();
});
