import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ByteSource } from '../../src/core/ports.ts';
import { type OpenSourceOptions, openByteSource, openOptionalByteSource } from '../../src/io/open-source.ts';

/** A place where things can be put and read by URL. */
export interface Place {
  /** Stores bytes under a name; storing it again replaces it. @returns its URL */
  put(name: string, bytes: Uint8Array): Promise<string>;
  /** The URL that a name would have. */
  urlOf(name: string): string;
  readonly options: OpenSourceOptions;
  close(): Promise<void>;
}

/** Bytes that tell where they come from. */
export function patternBytes(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  let x = 0x9e3779b9 ^ seed;
  for (let i = 0; i < length; i++) {
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + i;
    bytes[i] = x >>> 13;
  }
  return bytes;
}

/** What every implementation of {@link ByteSource} does, whatever lies behind it. */
export function testByteSource(name: string, openPlace: () => Promise<Place>, startMs = 60_000): void {
  describe(`bytes from ${name}`, () => {
    let place: Place;
    beforeAll(async () => {
      place = await openPlace();
    }, startMs);
    afterAll(() => place?.close());
    const open = (url: string) => openByteSource(url, place.options);
    const using = async (bytes: Uint8Array, work: (source: ByteSource) => Promise<void>) => {
      const source = await open(await place.put('scene.bin', bytes));
      try {
        await work(source);
      } finally {
        await source.close();
      }
    };

    test('are exactly those asked for, one read after the other and all at once', async () => {
      const bytes = patternBytes(3 * 1024 * 1024 + 777);
      await using(bytes, async (source) => {
        expect(source.sizeBytes).toBe(bytes.length);
        const range = fc
          .tuple(fc.nat(bytes.length), fc.oneof(fc.nat(300), fc.nat(200_000), fc.nat(3_000_000)))
          .map(([offset, length]) => [offset, Math.min(length, bytes.length - offset)] as const);
        const same = (got: Uint8Array, [offset, length]: readonly [number, number]) =>
          Buffer.compare(got, bytes.subarray(offset, offset + length)) === 0;
        await fc.assert(
          fc.asyncProperty(fc.array(range, { maxLength: 12 }), fc.boolean(), async (ranges, together) => {
            if (together) {
              const got = await Promise.all(ranges.map((r) => source.read(...r)));
              expect(got.every((part, i) => same(part, ranges[i]!))).toBe(true);
            } else {
              for (const r of ranges) expect(same(await source.read(...r), r)).toBe(true);
            }
          }),
          { numRuns: 25 },
        );
      });
    });

    test('belong to the caller, who may write over them', async () => {
      const bytes = patternBytes(200_000);
      await using(bytes, async (source) => {
        for (let i = 0; i < 2; i++) {
          const got = await source.read(1000, 150_000);
          expect(Buffer.compare(got, bytes.subarray(1000, 151_000))).toBe(0);
          got.fill(0);
        }
      });
    });

    test('may be none at all', async () => {
      await using(new Uint8Array(0), async (source) => {
        expect(source.sizeBytes).toBe(0);
        expect(await source.read(0, 0)).toHaveLength(0);
        await expect(source.read(0, 1)).rejects.toMatchObject({ tag: 'SourceError' });
      });
      await using(patternBytes(10), async (source) => {
        expect(await source.read(10, 0)).toHaveLength(0);
      });
    });

    test('are not read past the end, nor with nonsense', async () => {
      await using(patternBytes(300_000), async (source) => {
        for (const [offset, length] of [
          [0, 300_001],
          [300_000, 1],
          [299_999, 2],
          [-1, 1],
          [0, Number.NaN],
          [0.5, 1],
          [2 ** 60, 1],
        ] as const) {
          await expect(source.read(offset, length)).rejects.toMatchObject({
            tag: 'SourceError',
            url: source.url,
          });
        }
      });
    });

    test('say when they were changed and in what version, which another content does not have', async () => {
      const versions: (string | null)[] = [];
      for (const seed of [1, 2]) {
        await using(patternBytes(5000 + seed, seed), async (source) => {
          versions.push(source.version);
          expect(Math.abs(source.modifiedMs! - Date.now())).toBeLessThan(60_000);
        });
      }
      expect(versions[0]).toMatch(/\S/);
      expect(versions[1]).toMatch(/\S/);
      expect(versions[0]).not.toBe(versions[1]);
      await using(patternBytes(5002, 2), async () => {});
    });

    test('that change while they are read are an error, never two contents in one', async () => {
      const url = await place.put('changing.bin', patternBytes(2_000_000, 1));
      const source = await open(url);
      await source.read(500_000, 10);
      // File systems tell times apart by their clock's tick.
      await new Promise((resolve) => setTimeout(resolve, 20));
      await place.put('changing.bin', patternBytes(2_000_000, 2));
      await expect(source.read(1_500_000, 1000)).rejects.toMatchObject({
        tag: 'SourceError',
        url: source.url,
        retryable: true,
        message: expect.stringContaining('was changed while it was read'),
      });
      await source.close();
    });

    test('count what they cost', async () => {
      await using(patternBytes(1_000_000), async (source) => {
        await source.read(0, 1_000_000);
        const { requests, bytes, retries, cacheHits } = source.stats;
        expect(requests).toBeGreaterThan(0);
        expect(requests).toBeLessThanOrEqual(3);
        expect(bytes).toBeGreaterThanOrEqual(1_000_000);
        expect(bytes).toBeLessThan(1_200_000);
        expect(retries).toBe(0);
        expect(cacheHits).toBe(0);
      });
    });

    test('are not read once the caller has left, before or meanwhile', async () => {
      await using(patternBytes(2_000_000), async (source) => {
        await expect(source.read(0, 1, AbortSignal.abort())).rejects.toMatchObject({ tag: 'AbortedError' });
        const stop = new AbortController();
        const left = source.read(1_000_000, 900_000, stop.signal);
        stop.abort();
        // A local read may be over before anyone can stop it.
        const result = await left.then(
          (got) => got.length,
          (error: { tag: string }) => error.tag,
        );
        expect([900_000, 'AbortedError']).toContain(result);
        expect(await source.read(1_000_000, 5)).toEqual(patternBytes(2_000_000).slice(1_000_000, 1_000_005));
      });
    });

    test('may be closed twice, and are not read after that', async () => {
      const source = await open(await place.put('closed.bin', patternBytes(500_000)));
      await source.close();
      await source.close();
      await expect(source.read(400_000, 100)).rejects.toMatchObject({ tag: 'SourceError' });
    });

    test('that are not there: an error that names the URL, or null where they need not be', async () => {
      const url = place.urlOf('missing.bin');
      await expect(open(url)).rejects.toMatchObject({
        tag: 'SourceError',
        retryable: false,
        message: expect.stringMatching(/missing\.bin.*does not exist/),
      });
      expect(await openOptionalByteSource(url, place.options)).toBeNull();
      const there = await openOptionalByteSource(
        await place.put('there.bin', patternBytes(9)),
        place.options,
      );
      expect(there?.sizeBytes).toBe(9);
      await there?.close();
    });

    test('may have any name that their place allows', async () => {
      for (const name of ['a b+c%20d.bin', 'ünï-字.bin', 'deep/er/x.bin', "q'(!)*&=,;$@.bin"]) {
        const source = await open(await place.put(name, patternBytes(100)));
        expect(await source.read(50, 5), name).toEqual(patternBytes(100).slice(50, 55));
        await source.close();
      }
    });
  });
}
