import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import worker_threads, { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isFrustumError } from '../../src/core/errors.ts';
import { isPoolReady } from '../../src/geotiff/decode-pool.ts';
import { openGeoTiff } from '../../src/geotiff/open-geotiff.ts';
import { openByteSource } from '../../src/io/open-source.ts';
import { makeTiff, type TestImage } from './make-tiff.ts';
import { memorySource } from './memory-source.ts';

const WIDTH = 2000;
const HEIGHT = 1500;
/** More than threads are started for. */
const large: TestImage = {
  width: WIDTH,
  height: HEIGHT,
  bands: 3,
  tile: 256,
  deflate: true,
  samples: Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => (i * i) >> 7),
};
const largeBytes = makeTiff([large]);
const WHOLE = { x: 0, y: 0, width: WIDTH, height: HEIGHT };
const BANDS = [0, 1, 2];

/** All threads that the pools started. */
const threads: Worker[] = [];
/** Jobs that they were given. */
let jobs = 0;
let onStart: (thread: Worker) => void = () => {};
let onJob: (thread: Worker) => void = () => {};
let onTerminate: (thread: Worker) => void | Promise<void> = () => {};
const folder = mkdtempSync(join(tmpdir(), 'decode-threads-'));

beforeAll(() => {
  worker_threads.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      threads.push(this);
      onStart(this);
    }

    override postMessage(...args: Parameters<Worker['postMessage']>): void {
      jobs++;
      super.postMessage(...args);
      onJob(this);
    }

    override async terminate(): Promise<number> {
      const wait = onTerminate(this);
      if (wait !== undefined) await wait;
      return super.terminate();
    }
  };
});
afterAll(() => {
  worker_threads.Worker = Worker;
  rmSync(folder, { recursive: true });
});

const same = (p: ArrayBufferView, q: ArrayBufferView) =>
  Buffer.compare(
    new Uint8Array(p.buffer, p.byteOffset, p.byteLength),
    new Uint8Array(q.buffer, q.byteOffset, q.byteLength),
  ) === 0;

describe('decode threads', () => {
  test('are not started for small files', async () => {
    const small = { ...large, width: 300, height: 300, samples: large.samples.slice(0, 300 * 300 * 3) };
    const tiff = await openGeoTiff(memorySource(makeTiff([small])), { decodeThreads: 5 });
    await tiff.readBands({ x: 0, y: 0, width: 300, height: 300 }, BANDS);
    expect(threads.length).toBe(0);
  });

  test('change no pixel, however many there are', async () => {
    for (const decodeThreads of [0, 1, 2, 3]) {
      const before = threads.length;
      const jobsBefore = jobs;
      // While threads start, and once they are up.
      for (const up of [false, true]) {
        if (up && decodeThreads > 0) await expect.poll(() => isPoolReady(decodeThreads)).toBe(true);
        const tiff = await openGeoTiff(memorySource(largeBytes), { decodeThreads });
        const pixels = await tiff.readBands(WHOLE, BANDS);
        expect(same(pixels, large.samples)).toBe(true);
        await tiff.close();
      }
      expect(threads.length - before).toBeLessThanOrEqual(decodeThreads);
      if (decodeThreads > 0) expect(jobs).toBeGreaterThan(jobsBefore);
      else expect(threads.length).toBe(before);
    }
  });

  test('that die fail the read with a WorkerError, and the next read works', async () => {
    const warm = await openGeoTiff(memorySource(largeBytes), { decodeThreads: 4 });
    await warm.readBands(WHOLE, BANDS);
    await expect.poll(() => isPoolReady(4)).toBe(true);
    const tiff = await openGeoTiff(memorySource(largeBytes), { decodeThreads: 4 });
    onJob = (thread) => void thread.terminate();
    const error = await tiff.readBands(WHOLE, BANDS).then(
      () => null,
      (error: unknown) => error,
    );
    onJob = () => {};
    if (!isFrustumError(error)) throw new Error('it was read, or failed without a tag', { cause: error });
    expect(error.tag).toBe('WorkerError');
    expect(error.message).toContain('memory.tif');
    expect(same(await tiff.readBands(WHOLE, BANDS), large.samples)).toBe(true);
  });

  test('that are ended for want of work are given no more of it while they end', async () => {
    const open = () => openGeoTiff(memorySource(largeBytes), { decodeThreads: 3 });
    await (await open()).readBands(WHOLE, BANDS);
    await expect.poll(() => isPoolReady(3), { timeout: 20_000 }).toBe(true);
    const [one, other] = [await open(), await open()];
    const its = new Set<Worker>();
    onJob = (thread) => void its.add(thread);
    await one.readBands(WHOLE, BANDS);
    const ending = new Set<Worker>();
    let late = 0;
    onJob = (thread) => {
      if (ending.has(thread)) late++;
    };
    // They take as long to end as on a busy machine.
    onTerminate = async (thread) => {
      if (its.has(thread)) ending.add(thread);
      await delay(500);
    };
    try {
      await expect.poll(() => ending.size, { timeout: 20_000, interval: 5 }).toBeGreaterThan(0);
      expect(same(await other.readBands(WHOLE, BANDS), large.samples)).toBe(true);
      expect(late).toBe(0);
    } finally {
      onJob = () => {};
      onTerminate = () => {};
    }
  }, 60_000);

  test('that die while they start leave the read to the calling thread', async () => {
    const before = threads.length;
    const tiff = await openGeoTiff(memorySource(largeBytes), { decodeThreads: 6 });
    const reading = tiff.readBands(WHOLE, BANDS);
    await expect.poll(() => threads.length, { interval: 1 }).toBeGreaterThan(before);
    await Promise.all(threads.slice(before).map((thread) => thread.terminate()));
    expect(same(await reading, large.samples)).toBe(true);
  });

  test('that cannot start fail what waits for them alone', async () => {
    // A strip this large is not decoded on the calling thread while threads start.
    const { tile: _, ...strips } = large;
    const bytes = makeTiff([{ ...strips, rowsPerStrip: HEIGHT / 2 }]);
    onStart = (thread) => void thread.terminate();
    const tiff = await openGeoTiff(memorySource(bytes), { decodeThreads: 7 });
    await expect(tiff.readBands(WHOLE, BANDS)).rejects.toMatchObject({ tag: 'WorkerError' });
    onStart = () => {};
    expect(same(await tiff.readBands(WHOLE, BANDS), large.samples)).toBe(true);
  });

  test('a corrupt block fails by its name, its neighbours do not', async () => {
    const bytes = largeBytes.slice();
    const probe = memorySource(largeBytes);
    const tile = { x: 256, y: 256, width: 256, height: 256 };
    const one = await openGeoTiff(probe);
    await one.readBands(tile, BANDS);
    const { offset, length } = probe.reads.at(-1)!;
    bytes.fill(0xff, offset + 10, offset + length);
    const tiff = await openGeoTiff(memorySource(bytes), { decodeThreads: 2 });
    await expect(tiff.readBands(WHOLE, BANDS)).rejects.toMatchObject({
      tag: 'FormatError',
      message: expect.stringContaining('tile 9 of image 0 is corrupt'),
    });
    const right = await tiff.readBands({ x: 512, y: 0, width: WIDTH - 512, height: HEIGHT }, [0]);
    expect(right[0]).toBe(large.samples[512 * 3]);
  });

  test('an abort ends the read at once, and leaves the reader whole', async () => {
    const tiff = await openGeoTiff(memorySource(largeBytes), { decodeThreads: 2 });
    const stop = new AbortController();
    const reading = tiff.readBands(WHOLE, BANDS, stop.signal);
    setTimeout(() => stop.abort(), 2);
    await expect(reading).rejects.toMatchObject({ tag: 'AbortedError' });
    expect(same(await tiff.readBands(WHOLE, BANDS), large.samples)).toBe(true);
  });

  test('bytes changed anywhere give pixels or a tagged error, and the threads live on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.double({ min: 0, max: 0.9999, noNaN: true }), fc.nat({ max: 255 })), {
          minLength: 1,
          maxLength: 40,
        }),
        async (changes) => {
          const bytes = largeBytes.slice();
          for (const [place, value] of changes) bytes[Math.floor(place * bytes.length)] = value;
          const outcome = await (async () => {
            const tiff = await openGeoTiff(memorySource(bytes), { decodeThreads: 2 });
            const { width, height, bands } = tiff.info;
            const window = { x: 0, y: 0, width: Math.min(600, width), height: Math.min(600, height) };
            return tiff.readBands(window, [0, bands - 1]);
          })().catch((error: unknown) => error);
          if (ArrayBuffer.isView(outcome)) return;
          if (!isFrustumError(outcome)) throw outcome;
          expect(['FormatError', 'UnsupportedError', 'SourceError']).toContain(outcome.tag);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('of the built package work too, and keep no process alive', async () => {
    const path = join(folder, 'large.tif');
    writeFileSync(path, largeBytes);
    const dist = resolve('dist');
    const script = `
      const { openGeoTiff } = await import('${dist}/geotiff/open-geotiff.js');
      const { isPoolReady } = await import('${dist}/geotiff/decode-pool.js');
      const { openByteSource } = await import('${dist}/io/open-source.js');
      const tiff = await openGeoTiff(await openByteSource('${path}'), { decodeThreads: 2 });
      await tiff.readBands({ x: 0, y: 0, width: 512, height: 512 }, [0, 1, 2]);
      for (let i = 0; i < 1000 && !isPoolReady(2); i++) await new Promise((go) => setTimeout(go, 10));
      const pixels = await tiff.readBands(${JSON.stringify(WHOLE)}, [0, 1, 2]);
      await tiff.close();
      process.stdout.write(JSON.stringify([isPoolReady(2), pixels[12345], performance.now()]));`;
    const args = ['--input-type=module', '-e', script];
    const started = performance.now();
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 50_000 });
    const [pool, pixel, doneMs] = JSON.parse(stdout);
    expect([pool, pixel]).toEqual([true, large.samples[12345]]);
    // Idle threads live for five seconds; the process does not wait for them.
    expect(performance.now() - started - doneMs).toBeLessThan(4500);
  });
});

describe('plain files are read into place', () => {
  const plain = fc.record({
    width: fc.integer({ min: 1, max: 90 }),
    height: fc.integer({ min: 1, max: 90 }),
    bands: fc.integer({ min: 1, max: 4 }),
    wide: fc.boolean(),
    planar: fc.boolean(),
    tiled: fc.boolean(),
    bigEndian: fc.boolean(),
    rowsPerStrip: fc.integer({ min: 1, max: 40 }),
  });

  test('as decoded ones are, whatever the layout, window and bands', async () => {
    const path = join(folder, 'plain.tif');
    await fc.assert(
      fc.asyncProperty(
        plain,
        fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 4, maxLength: 4 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async ({ wide, tiled, ...rest }, [x, y, w, h], picks, all) => {
          const count = rest.width * rest.height * rest.bands;
          const samples = new (wide ? Uint16Array : Uint8Array)(count).map((_, i) => i * 40503);
          const bytes = makeTiff([{ ...rest, samples, ...(tiled && { tile: 16 }) }]);
          writeFileSync(path, bytes);
          const left = all ? 0 : Math.floor(x! * rest.width);
          const top = Math.floor(y! * rest.height);
          const window = {
            x: left,
            y: top,
            width: all ? rest.width : Math.max(1, Math.floor(w! * (rest.width - left))),
            height: Math.max(1, Math.floor(h! * (rest.height - top))),
          };
          const bands = all ? [...Array(rest.bands).keys()] : picks.map((band) => band % rest.bands);
          const file = await openGeoTiff(await openByteSource(path));
          const memory = await openGeoTiff(memorySource(bytes));
          expect(await file.readBands(window, bands)).toEqual(await memory.readBands(window, bands));
          await file.close();
        },
      ),
      { numRuns: 150 },
    );
  });
});
