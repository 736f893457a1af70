import fc from 'fast-check';
import { fromArrayBuffer } from 'geotiff';
import { describe, expect, test } from 'vitest';
import { openGeoTiff } from '../../src/geotiff/open-geotiff.ts';
import type { SampleArray } from '../../src/geotiff/sample-array.ts';
import { BlockCache } from '../../src/io/block-cache.ts';
import { makeTiff, type TestImage } from './make-tiff.ts';
import { memorySource } from './memory-source.ts';

const TYPES = {
  Uint8Array,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
};

function fill(kind: keyof typeof TYPES, length: number, seed: number): SampleArray {
  const out = new TYPES[kind](length);
  let state = seed >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = kind.startsWith('Float') ? state / 65536 - 30000 : state >>> 7;
  }
  return out;
}

const image = fc
  .record({
    width: fc.integer({ min: 1, max: 70 }),
    height: fc.integer({ min: 1, max: 60 }),
    bands: fc.integer({ min: 1, max: 5 }),
    kind: fc.constantFrom(...(Object.keys(TYPES) as (keyof typeof TYPES)[])),
    seed: fc.integer(),
    bigEndian: fc.boolean(),
    bigTiff: fc.boolean(),
    planar: fc.boolean(),
    deflate: fc.boolean(),
    tiled: fc.boolean(),
    rowsPerStrip: fc.integer({ min: 1, max: 20 }),
  })
  .map(
    ({ kind, seed, tiled, ...rest }): TestImage => ({
      ...rest,
      ...(tiled && { tile: 16 }),
      samples: fill(kind, rest.width * rest.height * rest.bands, seed),
    }),
  );

/** A window and bands of an image, by fractions. */
const cut = fc.record({
  x: fc.double({ min: 0, max: 0.999, noNaN: true }),
  y: fc.double({ min: 0, max: 0.999, noNaN: true }),
  w: fc.double({ min: 0, max: 1, noNaN: true }),
  h: fc.double({ min: 0, max: 1, noNaN: true }),
  bands: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
});

describe('a window', () => {
  test('equals the slice of the whole, in every layout, type and order of bands', async () => {
    await fc.assert(
      fc.asyncProperty(image, fc.array(cut, { minLength: 1, maxLength: 4 }), async (img, cuts) => {
        const tiff = await openGeoTiff(memorySource(makeTiff([img])), { cache: new BlockCache(4096) });
        for (const c of cuts) {
          const x = Math.floor(c.x * img.width);
          const y = Math.floor(c.y * img.height);
          const width = Math.max(1, Math.floor(c.w * (img.width - x)));
          const height = Math.max(1, Math.floor(c.h * (img.height - y)));
          const bands = c.bands.map((band) => band % img.bands);
          const got = await tiff.readBands({ x, y, width, height }, bands);
          expect(got.constructor).toBe(img.samples.constructor);
          const want = Array.from(got, (_, i) => {
            const pixel = Math.floor(i / bands.length);
            const row = y + Math.floor(pixel / width);
            const column = x + (pixel % width);
            return img.samples[(row * img.width + column) * img.bands + bands[i % bands.length]!];
          });
          expect(Array.from(got)).toEqual(want);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('agrees with geotiff.js', async () => {
    await fc.assert(
      // It fails on big-endian tables of several blocks; the corpus holds those against GDAL.
      fc.asyncProperty(image, async (drawn) => {
        const img = { ...drawn, bigEndian: false };
        const bytes = makeTiff([img]);
        const other = await (await fromArrayBuffer(new Uint8Array(bytes).buffer)).getImage();
        const tiff = await openGeoTiff(memorySource(bytes));
        const all = [...Array(img.bands).keys()];
        const got = await tiff.readBands({ x: 0, y: 0, width: img.width, height: img.height }, all);
        // Band by band: its interleaving fails on planar files.
        const want = (await other.readRasters({ interleave: false })) as unknown as ArrayLike<number>[];
        all.forEach((band) => {
          const ours = Array.from(want[band]!, (_, pixel) => got[pixel * img.bands + band]);
          expect(ours).toEqual(Array.from(want[band]!));
        });
      }),
      { numRuns: 40 },
    );
  });
});

describe('what is read', () => {
  const strips = (height: number, rowsPerStrip: number): TestImage => ({
    width: 1000,
    height,
    bands: 3,
    rowsPerStrip,
    samples: fill('Uint8Array', 1000 * height * 3, 7),
  });

  test('one-row strips become ranges of at most 4 MiB', async () => {
    const source = memorySource(makeTiff([strips(4000, 1)]));
    const tiff = await openGeoTiff(source);
    const before = source.reads.length;
    await tiff.readBands({ x: 0, y: 0, width: 1000, height: 4000 }, [0, 1, 2]);
    const ranges = source.reads.slice(before);
    expect(ranges.length).toBeLessThanOrEqual(4);
    expect(Math.max(...ranges.map((r) => r.length))).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(ranges.reduce((sum, r) => sum + r.length, 0)).toBe(1000 * 4000 * 3);
  });

  test('a small window of one huge uncompressed strip reads a part of it', async () => {
    const source = memorySource(makeTiff([strips(4000, 4000)]));
    const tiff = await openGeoTiff(source);
    const before = source.reads.length;
    await tiff.readBands({ x: 0, y: 3000, width: 10, height: 10 }, [0]);
    const bytes = source.reads.slice(before).reduce((sum, r) => sum + r.length, 0);
    expect(bytes).toBeLessThanOrEqual(2 * 1024 * 1024);
  });

  test('a header costs at most two reads, and a window read twice costs none', async () => {
    const source = memorySource(makeTiff([strips(64, 16)]));
    const tiff = await openGeoTiff(source);
    // The directory lies at the end here.
    expect(source.reads.length).toBeLessThanOrEqual(4);
    await tiff.readBands({ x: 0, y: 0, width: 1000, height: 64 }, [0]);
    const after = source.reads.length;
    await tiff.readBands({ x: 5, y: 3, width: 90, height: 50 }, [2, 0]);
    expect(source.reads.length).toBe(after);
  });

  test('the cache keeps its budget while a scene ten times its size goes through', async () => {
    const cache = new BlockCache<SampleArray>(500_000);
    const tiff = await openGeoTiff(memorySource(makeTiff([strips(1800, 8)])), { cache });
    for (let y = 0; y + 100 <= 1800; y += 50) {
      await tiff.readBands({ x: 0, y, width: 1000, height: 100 }, [0, 1, 2]);
    }
    expect(cache.stats.peakBytes).toBeLessThanOrEqual(500_000);
    expect(cache.stats.hits).toBeGreaterThan(0);
    expect(cache.stats.evictions).toBeGreaterThan(0);
  });

  test('closing gives the cache back and closes the source', async () => {
    const cache = new BlockCache<SampleArray>(1 << 24);
    const source = memorySource(makeTiff([strips(64, 16)]));
    const tiff = await openGeoTiff(source, { cache });
    await tiff.readBands({ x: 0, y: 0, width: 10, height: 64 }, [0]);
    expect(cache.stats.bytes).toBeGreaterThan(0);
    await tiff.close();
    expect(cache.stats.bytes).toBe(0);
    expect(source.closed).toBe(true);
  });
});
