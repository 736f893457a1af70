import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test, vi } from 'vitest';
import type { Window } from '../../src/core/window.ts';
import { isPoolReady } from '../../src/geotiff/decode-pool.ts';
import { decodeSmallJpeg, isSmallJpeg } from '../../src/geotiff/jpeg-codec.ts';
import { openGeoTiff } from '../../src/geotiff/open-geotiff.ts';
import { memorySource } from './memory-source.ts';

/** Slopes of three tints with grain on top: all coefficients of a JPEG are in use. */
function paint(width: number, height: number, bands: number): Buffer {
  let state = 7;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 28;
  };
  const pixels = Buffer.alloc(width * height * bands);
  for (let i = 0; i < pixels.length; i++) {
    const pixel = Math.floor(i / bands);
    const slope = (pixel % width) * (1 + (i % bands)) + Math.floor(pixel / width) * 2;
    pixels[i] = ((slope >> 1) & 0xff) ^ next();
  }
  return pixels;
}

const raw = (width: number, height: number, bands: 1 | 3) =>
  sharp(paint(width, height, bands), { raw: { width, height, channels: bands } }).toColourspace(
    bands === 1 ? 'b-w' : 'srgb',
  );

/** Takes segments of a kind out of the header. */
function withoutSegments(stream: Buffer, marker: number): Buffer {
  const parts = [stream.subarray(0, 2)];
  let at = 2;
  for (let kind = 0; kind !== 0xda; ) {
    kind = stream[at + 1]!;
    const end = at + 2 + stream.readUInt16BE(at + 2);
    if (kind !== marker) parts.push(stream.subarray(at, end));
    at = end;
  }
  return Buffer.concat([...parts, stream.subarray(at)]);
}

describe('the decoder for small pictures', () => {
  const kinds = [
    ['4:2:0', 3, { chromaSubsampling: '4:2:0' }],
    ['4:4:4', 3, { chromaSubsampling: '4:4:4' }],
    ['progressive', 3, { progressive: true }],
    ['poor', 3, { quality: 20 }],
    ['grey', 1, {}],
  ] as const;

  test.each(kinds)('gives libvips’s pixels: %s', async (_, bands, options) => {
    for (const [width, height] of [
      [256, 256],
      [250, 131],
      [1, 1],
      [17, 300],
    ] as const) {
      const stream = await raw(width, height, bands).jpeg(options).toBuffer();
      const theirs = sharp(stream);
      const wanted = await (bands === 1 ? theirs.toColourspace('b-w') : theirs).raw().toBuffer();
      const got = decodeSmallJpeg(stream, width, height, bands);
      expect(got).not.toBeNull();
      expect(Buffer.compare(got!, wanted)).toBe(0);
    }
  });

  test('refuses what is not as told, and decodes the next', async () => {
    const stream = await raw(256, 256, 3).jpeg().toBuffer();
    expect(decodeSmallJpeg(stream, 256, 255, 3)).toBeNull();
    expect(decodeSmallJpeg(stream, 128, 256, 3)).toBeNull();
    expect(decodeSmallJpeg(stream, 256, 256, 1)).toBeNull();
    expect(decodeSmallJpeg(stream, 256, 256, 3)).not.toBeNull();
  });

  test('refuses what is cut short, damaged or no JPEG, and decodes the next', async () => {
    const stream = await raw(256, 256, 3).jpeg().toBuffer();
    const damaged = Buffer.from(stream).fill(0xff, stream.length / 2, stream.length / 2 + 40);
    for (const bad of [
      stream.subarray(0, stream.length / 2),
      damaged,
      Buffer.from('no picture'),
      Buffer.alloc(0),
    ]) {
      expect(decodeSmallJpeg(bad, 256, 256, 3)).toBeNull();
      expect(decodeSmallJpeg(stream, 256, 256, 3)).not.toBeNull();
    }
  });

  test.each([
    ['lossless', 0xc3, 8],
    ['arithmetic', 0xc9, 8],
    ['12-bit', 0xc1, 12],
  ])('refuses %s coding, and decodes the next', async (_, kind, precision) => {
    const stream = await raw(64, 64, 3).jpeg().toBuffer();
    const other = Buffer.from(stream);
    const frame = other.indexOf(Buffer.from([0xff, 0xc0]));
    other[frame + 1] = kind;
    other[frame + 4] = precision;
    expect(decodeSmallJpeg(other, 64, 64, 3)).toBeNull();
    expect(decodeSmallJpeg(stream, 64, 64, 3)).not.toBeNull();
  });

  test('takes no memory for what a header claims', async () => {
    const stream = await raw(256, 256, 3).jpeg().toBuffer();
    const frame = stream.indexOf(Buffer.from([0xff, 0xc0]));
    stream.writeUInt16BE(65_000, frame + 5);
    stream.writeUInt16BE(65_000, frame + 7);
    const before = process.memoryUsage.rss();
    expect(decodeSmallJpeg(stream, 256, 256, 3)).toBeNull();
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
  });

  test('stops at scans without end', async () => {
    const options = { raw: { width: 1024, height: 1024, channels: 1 } } as const;
    const flat = sharp(Buffer.alloc(1024 * 1024), options).toColourspace('b-w');
    const stream = await flat.jpeg({ progressive: true }).toBuffer();
    expect(decodeSmallJpeg(stream, 1024, 1024, 1)).not.toBeNull();
    // Each is a few bytes that are about the whole picture: as many as a stream may have take minutes.
    const lastScan = stream.subarray(stream.lastIndexOf(Buffer.from([0xff, 0xda])), -2);
    const count = Math.floor((2 * 1024 * 1024 - stream.length) / lastScan.length);
    const scans = new Array<Buffer>(count).fill(lastScan);
    const endless = Buffer.concat([stream.subarray(0, -2), ...scans, stream.subarray(-2)]);
    expect(decodeSmallJpeg(endless, 1024, 1024, 1)).toBeNull();
  });

  test('whatever is damaged, the next stream’s pixels are right', async () => {
    const streams = await Promise.all(
      [{}, { chromaSubsampling: '4:4:4' }, { progressive: true }].map((options) =>
        raw(96, 80, 3).jpeg(options).toBuffer(),
      ),
    );
    const good = await raw(96, 80, 3).jpeg({ quality: 60 }).toBuffer();
    const wanted = await sharp(good).raw().toBuffer();
    const edit = fc.record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), byte: fc.nat(255) });
    const edits = fc.array(edit, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...streams), edits, async (whole, changes) => {
        const stream = Buffer.from(whole);
        for (const { at, byte } of changes) stream[Math.floor(at * stream.length)] = byte;
        // Anew: it would give up after a few.
        vi.resetModules();
        const codec = await import('../../src/geotiff/jpeg-codec.ts');
        const got = codec.decodeSmallJpeg(stream, 96, 80, 3);
        if (got !== null) expect(got.length).toBe(96 * 80 * 3);
        expect(Buffer.compare(codec.decodeSmallJpeg(good, 96, 80, 3)!, wanted)).toBe(0);
      }),
      { numRuns: 400 },
    );
  });

  test('lends no stream the tables of the one before', async () => {
    const stream = await raw(64, 64, 3).jpeg().toBuffer();
    for (const marker of [0xdb, 0xc4]) {
      const without = withoutSegments(stream, marker);
      expect(without.length).toBeLessThan(stream.length);
      expect(decodeSmallJpeg(stream, 64, 64, 3)).not.toBeNull();
      const got = decodeSmallJpeg(without, 64, 64, 3);
      // Without Huffman tables those of the standard hold, which libvips's encoder does not write.
      if (got !== null) expect(Buffer.compare(got, decodeSmallJpeg(stream, 64, 64, 3)!)).not.toBe(0);
      if (marker === 0xdb) expect(got).toBeNull();
    }
  });

  test('is for pictures of a mebibyte at most, in one or three bands', () => {
    expect(isSmallJpeg(512, 512, 3)).toBe(true);
    expect(isSmallJpeg(1024, 1024, 1)).toBe(true);
    expect(isSmallJpeg(1024, 1024, 3)).toBe(false);
    expect(isSmallJpeg(16, 16, 4)).toBe(false);
  });
});

describe('a processor without vector units for WebAssembly', () => {
  test('reads JPEG all the same', async () => {
    const pixels = paint(300, 200, 3);
    const bytes = await sharp(pixels, { raw: { width: 300, height: 200, channels: 3 } })
      .tiff({ compression: 'jpeg', quality: 90, tile: true, tileWidth: 128, tileHeight: 128 })
      .toBuffer();
    const built = new URL('../../dist/', import.meta.url).href;
    const script = `
      import { shareCompiledJpeg } from '${built}geotiff/jpeg-codec.js';
      import { openGeoTiff } from '${built}geotiff/open-geotiff.js';
      import { openByteSource } from '${built}io/open-source.js';
      const tiff = await openGeoTiff(await openByteSource(process.argv[1]), { decodeThreads: 0 });
      const pixels = await tiff.readBands({ x: 0, y: 0, width: 300, height: 200 }, [0, 1, 2]);
      await tiff.close();
      console.log(JSON.stringify({ decoder: shareCompiledJpeg() !== null, pixels: Buffer.from(pixels).toString('base64') }));`;
    const folder = await mkdtemp(join(tmpdir(), 'frustum-jpeg-'));
    try {
      const file = join(folder, 'scene.tif');
      await writeFile(file, bytes);
      const read = (flags: string[]) => {
        const args = [...flags, '--input-type=module', '--eval', script, file];
        const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
        expect(stderr).toBe('');
        return JSON.parse(stdout) as { decoder: boolean; pixels: string };
      };
      const [usual, without] = [read([]), read(['--no-enable-ssse3'])];
      expect(usual.decoder).toBe(true);
      // The flag is for x86 alone.
      expect(without.decoder).toBe(process.arch !== 'x64');
      expect(without.pixels).toBe(usual.pixels);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('a tiled JPEG scene', () => {
  const WIDTH = 3000;
  const HEIGHT = 2100;
  const BANDS = [0, 1, 2];
  const WHOLE: Window = { x: 0, y: 0, width: WIDTH, height: HEIGHT };
  const scene = raw(WIDTH, HEIGHT, 3)
    .tiff({ compression: 'jpeg', quality: 85, tile: true, tileWidth: 256, tileHeight: 256 })
    .toBuffer();

  const crop = (pixels: Uint8Array, { x, y, width, height }: Window) =>
    Buffer.concat(
      Array.from({ length: height }, (_, row) => {
        const at = ((y + row) * WIDTH + x) * 3;
        return pixels.subarray(at, at + width * 3);
      }),
    );
  const bytesOf = (samples: ArrayBufferView) =>
    new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);

  test('has the same pixels whole, by window, and in threads, and they are libvips’s', async () => {
    const bytes = await scene;
    const tiff = await openGeoTiff(memorySource(bytes), { decodeThreads: 0 });
    expect([tiff.info.compression, tiff.info.photometric]).toEqual(['jpeg', 'YCbCr']);
    const whole = bytesOf(await tiff.readBands(WHOLE, BANDS));
    expect(Buffer.compare(whole, await sharp(bytes).raw().toBuffer())).toBe(0);

    const windows: Window[] = [
      { x: 100, y: 130, width: 512, height: 512 },
      { x: 2500, y: 1800, width: 500, height: 300 },
      { x: 700, y: 20, width: 1, height: 1 },
      { x: 900, y: 900, width: 900, height: 100 },
    ];
    for (const decodeThreads of [0, 1, 2, 3]) {
      const other = await openGeoTiff(memorySource(bytes), { decodeThreads });
      for (const window of [...windows, ...windows]) {
        const got = bytesOf(await other.readBands(window, BANDS));
        expect(Buffer.compare(got, crop(whole, window))).toBe(0);
      }
      if (decodeThreads === 0) continue;
      // The same again, from threads that are up.
      await expect.poll(() => isPoolReady(decodeThreads), { timeout: 20_000 }).toBe(true);
      const warm = await openGeoTiff(memorySource(bytes), { decodeThreads });
      for (const window of windows) {
        const got = bytesOf(await warm.readBands(window, BANDS));
        expect(Buffer.compare(got, crop(whole, window))).toBe(0);
      }
    }
  }, 60_000);

  test('names a damaged tile, whoever decodes it', async () => {
    const bytes = Buffer.from(await scene);
    const probe = memorySource(bytes);
    const one = await openGeoTiff(probe);
    const tile: Window = { x: 512, y: 256, width: 256, height: 256 };
    await one.readBands(tile, BANDS);
    const { offset, length } = probe.reads.at(-1)!;
    // Cut off within the pixels: zeros are no end of an image.
    bytes.fill(0, offset + length / 2, offset + length);
    const named = { tag: 'FormatError', message: expect.stringContaining('tile 14 of image 0 is corrupt') };
    for (const decodeThreads of [0, 2]) {
      const tiff = await openGeoTiff(memorySource(bytes), { decodeThreads });
      await expect(tiff.readBands(tile, BANDS)).rejects.toMatchObject(named);
      await expect(tiff.readBands(WHOLE, BANDS)).rejects.toMatchObject(named);
      const beside = await tiff.readBands({ ...tile, x: 768 }, BANDS);
      expect(beside.length).toBe(256 * 256 * 3);
    }
  }, 60_000);
});

describe('where very many streams are refused', () => {
  test('they go elsewhere at once, and so does the next good one', async () => {
    for (let i = 0; i < 20; i++) expect(decodeSmallJpeg(Buffer.alloc(9), 8, 8, 3)).toBeNull();
    const good = await raw(8, 8, 3).jpeg().toBuffer();
    expect(decodeSmallJpeg(good, 8, 8, 3)).toBeNull();
  });
});
