import { describe, expect, test } from 'vitest';
import { AbortedError, isFrustumError } from '../../src/core/errors.ts';
import { openGeoTiff } from '../../src/geotiff/open-geotiff.ts';
import { makeTiff, type TestImage } from './make-tiff.ts';
import { memorySource } from './memory-source.ts';

const image: TestImage = {
  width: 64,
  height: 64,
  bands: 3,
  tile: 16,
  deflate: true,
  samples: Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i) >> 5),
};
const WHOLE = { x: 0, y: 0, width: 64, height: 64 };

async function failure(bytes: Uint8Array, fault?: (offset: number, data: Uint8Array) => Uint8Array) {
  const error: unknown = await (async () => {
    const tiff = await openGeoTiff(memorySource(bytes, fault));
    const { width, height, bands } = tiff.info;
    const window = { x: 0, y: 0, width: Math.min(64, width), height: Math.min(64, height) };
    return tiff.readBands(window, [0, 1, 2].slice(0, bands));
  })().catch((caught: unknown) => caught);
  if (!isFrustumError(error)) throw new Error('it was read, or failed without a tag', { cause: error });
  return error;
}

describe('files that are no TIFF are called what they are', () => {
  const cases: readonly (readonly [string, string | number[]])[] = [
    ['is an HTML page, not a TIFF', '\n <!DOCTYPE html><html><body>404 Not Found</body></html>'],
    ['is an HTML page, not a TIFF', '\ufeff<html lang="en"><head>'],
    ['is an XML document', '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'],
    ['is a PNG image, not a TIFF', [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13]],
    ['is a JPEG image, not a TIFF', [0xff, 0xd8, 0xff, 0xe0, 0, 16, 74, 70, 73, 70]],
    ['is a ZIP archive, not a TIFF', [0x50, 0x4b, 3, 4, 20, 0, 0, 0]],
    ['is a JSON document, not a TIFF', '{"error": "quota"}'],
    ['is a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:00'],
    ['is a text file, not a TIFF', 'hello there, this is text'],
    ['is a damaged or unknown TIFF', 'II\x2b\0\x04\0\0\0\0\0\0\0'],
    ['is of an unknown format', [0, 1, 2, 3, 200, 201]],
    ['is empty, not a TIFF', []],
    ['is a damaged or unknown TIFF', 'II*'],
  ];
  test.each(cases)('%s', async (words, content) => {
    const bytes = typeof content === 'string' ? Buffer.from(content) : Uint8Array.from(content);
    const error = await failure(bytes);
    expect(error.tag).toBe('FormatError');
    expect(error.message).toContain(`memory.tif ${words}`);
  });
});

describe('damaged TIFFs', () => {
  test('cut anywhere, they end in a clear error', async () => {
    const whole = makeTiff([image]);
    for (let length = 0; length < whole.length; length += 97) {
      const error = await failure(whole.slice(0, length));
      expect(error.tag).toBe('FormatError');
      expect(error.message).toMatch(/memory\.tif/);
    }
  });

  test('with bytes flipped anywhere, they end in pixels or a tagged error', async () => {
    const whole = makeTiff([image]);
    let refused = 0;
    for (let at = 0; at < whole.length; at += 13) {
      const bytes = whole.slice();
      bytes[at] = bytes[at]! ^ 0xff;
      const outcome = await failure(bytes).catch((error: Error) => {
        if (error.cause instanceof Error) throw error;
        return null;
      });
      if (outcome) refused++;
    }
    expect(refused).toBeGreaterThan(40);
  });

  test('a chain of directories that loops is refused', async () => {
    const bytes = makeTiff([image]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    view.setUint32(bytes.length - 4, view.getUint32(4, true), true);
    expect((await failure(bytes)).message).toMatch(/directory 1 links back to byte \d+: the chain loops/);
  });

  test('a tile beyond the end of the file is named', async () => {
    const bytes = makeTiff([{ ...image, tile: 16 }]);
    const error = await failure(patchLong(bytes, 324, 5, 0x7fffffff));
    expect(error.message).toMatch(/tile 5 of image 0 lies at bytes 2147483647 to \d+, but the file ends at/);
  });

  test('a corrupt tile is named, with its compression', async () => {
    const bytes = makeTiff([image]);
    const error = await failure(bytes, (offset, data) => {
      if (offset === 8) return data.fill(0xee, 200, 240);
      return data;
    });
    expect(error.tag).toBe('FormatError');
    expect(error.message).toMatch(/tile \d+ of image 0 (is corrupt \(deflate|holds)/);
  });

  test('a failed block is read anew the next time', async () => {
    const bytes = makeTiff([image]);
    let broken = false;
    const tiff = await openGeoTiff(memorySource(bytes, (_, data) => (broken ? data.fill(0) : data)));
    broken = true;
    await expect(tiff.readBands(WHOLE, [0])).rejects.toMatchObject({ tag: 'FormatError' });
    broken = false;
    const samples = await tiff.readBands(WHOLE, [0]);
    expect(samples[17]).toBe(image.samples[17 * 3]);
  });

  test.each([
    ['width of 2^32 - 1', 256, 0xffffffff, /ImageWidth/],
    ['no height', 257, 0, /ImageLength of image 0 is 0/],
    ['tiles of no width', 322, 0, /TileWidth of image 0 is 0/],
    ['enormous tiles', 322, 0x40000000, /TileWidth/],
  ])('%s', async (_, tag, value, words) => {
    const error = await failure(patchLong(makeTiff([image]), tag, 0, value));
    expect(error.message).toMatch(words);
  });
});

describe('what is not supported is refused by name', () => {
  test.each([
    [259, 34712, 'JPEG 2000 blocks'],
    [259, 6, 'old-style JPEG blocks'],
    [259, 60000, 'compression 60000 blocks'],
    [262, 5, 'CMYK pixels'],
    [262, 8, 'CIELab pixels'],
  ])('tag %i = %i: %s', async (tag, value, feature) => {
    const error = await failure(patchShort(makeTiff([image]), tag, value));
    expect(error.tag).toBe('UnsupportedError');
    expect(error).toMatchObject({ feature });
  });
});

test('windows and bands outside the image are refused, not filled', async () => {
  const tiff = await openGeoTiff(memorySource(makeTiff([image])));
  for (const [window, bands] of [
    [{ x: -1, y: 0, width: 2, height: 2 }, [0]],
    [{ x: 60, y: 0, width: 5, height: 2 }, [0]],
    [{ x: 0, y: 63, width: 1, height: 2 }, [0]],
    [{ x: 0, y: 0, width: 0, height: 1 }, [0]],
    [{ x: 0.5, y: 0, width: 1, height: 1 }, [0]],
    [WHOLE, [3]],
  ] as const) {
    await expect(tiff.readBands(window, bands)).rejects.toBeInstanceOf(RangeError);
  }
});

test('an aborted read stops', async () => {
  const tiff = await openGeoTiff(memorySource(makeTiff([image])));
  const controller = new AbortController();
  controller.abort();
  await expect(tiff.readBands(WHOLE, [0], controller.signal)).rejects.toBeInstanceOf(AbortedError);
});

/** Finds an entry of the last directory of a classic little-endian file. */
function findEntry(bytes: Uint8Array, tag: number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const directory = view.getUint32(4, true);
  for (let i = 0; i < view.getUint16(directory, true); i++) {
    const at = directory + 2 + i * 12;
    if (view.getUint16(at, true) === tag) return { view, at, count: view.getUint32(at + 4, true) };
  }
  throw new Error(`no tag ${tag}`);
}

function patchLong(bytes: Uint8Array, tag: number, index: number, value: number): Uint8Array {
  const { view, at, count } = findEntry(bytes, tag);
  const where = count === 1 ? at + 8 : view.getUint32(at + 8, true) + index * 4;
  view.setUint32(where, value, true);
  return bytes;
}

function patchShort(bytes: Uint8Array, tag: number, value: number): Uint8Array {
  const { view, at } = findEntry(bytes, tag);
  view.setUint16(at + 8, value, true);
  return bytes;
}
