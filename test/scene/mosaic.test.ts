import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Window } from '../../src/core/window.ts';
import { joinGrids } from '../../src/scene/join-grids.ts';
import { type OpenSceneOptions, openScene, type Scene } from '../../src/scene/open-scene.ts';
import { fillsUnion } from '../../src/scene/read-mosaic.ts';
import type { Stretch } from '../../src/scene/stretch.ts';
import { type TestImage, writeTiff } from '../geotiff/make-tiff.ts';
import { cutImage, pieces, placed, writePieces } from './cut-scene.ts';

let root: string;
let count = 0;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'frustum-mosaic-'));
});
afterAll(() => rmSync(root, { recursive: true }));

function folder(): string {
  const dir = path.join(root, String(count++));
  mkdirSync(dir);
  return dir;
}

const SIZE = { width: 157, height: 131, bands: 3 };
const noise = (i: number) => Math.imul(i + 1, 2654435761) >>> 0;

const sixteen: TestImage = {
  ...SIZE,
  nodata: '0',
  samples: Uint16Array.from({ length: SIZE.width * SIZE.height * 3 }, (_, i) =>
    noise(Math.floor(i / 3)) % 7 === 0 ? 0 : 1 + (noise(i) % 5000),
  ),
};
const floats: TestImage = {
  ...SIZE,
  samples: Float32Array.from({ length: SIZE.width * SIZE.height * 3 }, (_, i) =>
    noise(Math.floor(i / 3)) % 5 === 0 ? Number.NaN : noise(i) / 1e9 - 2,
  ),
};
const bytes: TestImage = {
  ...SIZE,
  samples: Uint8Array.from({ length: SIZE.width * SIZE.height * 3 }, (_, i) => noise(i) >>> 24),
};

async function using<T>(
  urls: string | readonly string[],
  options: OpenSceneOptions,
  use: (scene: Scene) => Promise<T>,
): Promise<T> {
  const scene = await openScene(urls, options);
  try {
    return await use(scene);
  } finally {
    await scene.close();
  }
}

const whole = ({ grid }: Scene) => ({ x: 0, y: 0, width: grid.width, height: grid.height });

async function pixelsOf(scene: Scene) {
  const window = whole(scene);
  return { rgb: (await scene.readRgb(window)).data, valid: await scene.readValidity(window) };
}

function look(urls: string | readonly string[], options: OpenSceneOptions = {}) {
  return using(urls, options, async (scene) => ({
    ...(await pixelsOf(scene)),
    grid: scene.grid,
    metadata: scene.metadata,
    warnings: scene.warnings,
  }));
}

const anyWindow = fc.tuple(fc.nat(SIZE.width - 1), fc.nat(SIZE.height - 1), fc.nat(), fc.nat()).map(
  ([x, y, w, h]): Window => ({
    x,
    y,
    width: 1 + (w % (SIZE.width - x)),
    height: 1 + (h % (SIZE.height - y)),
  }),
);

describe('a scene cut into pieces of mixed layouts is the same scene', () => {
  const STRETCHES: Stretch[] = [
    'minmax',
    { percentile: [2, 98] },
    { stddev: 2, gamma: 1.3 },
    { fixed: [10, 3000] },
  ];
  test.each([
    ['16-bit with nodata', sixteen, 0],
    ['16-bit with nodata, overlapping', sixteen, 9],
    ['floats with NaN', floats, 0],
    ['floats with NaN, overlapping', floats, 20],
    ['bytes', bytes, 0],
    ['bytes, overlapping', bytes, 3],
  ])('%s', async (_, image, overlap) => {
    const dir = folder();
    const one = writeTiff(path.join(dir, 'whole.tif'), placed(image));
    const many = writePieces(dir, image, pieces(image, 3, 3, overlap));
    for (const stretch of image === bytes ? (['auto', ...STRETCHES] as const) : STRETCHES) {
      const expected = await look(one, { stretch });
      const got = await look(many, { stretch });
      expect(got.grid).toEqual(expected.grid);
      expect(got.metadata.stretch).toEqual(expected.metadata.stretch);
      expect(Buffer.compare(got.rgb, expected.rgb)).toBe(0);
      expect(got.valid).toEqual(expected.valid);
    }
    await using(one, {}, async (single) =>
      using(many, {}, async (mosaic) => {
        await fc.assert(
          fc.asyncProperty(anyWindow, async (window) => {
            expect((await mosaic.readRgb(window)).data).toEqual((await single.readRgb(window)).data);
            expect(await mosaic.readValidity(window)).toEqual(await single.readValidity(window));
          }),
          { numRuns: 25 },
        );
      }),
    );
  });

  test('in whatever order the pieces are listed', async () => {
    const dir = folder();
    const many = writePieces(dir, sixteen, pieces(sixteen, 3, 3));
    const expected = await look(many);
    for (const order of [many.toReversed(), [4, 1, 8, 0, 3, 7, 5, 2, 6].map((i) => many[i]!)]) {
      const got = await look(order);
      expect({ ...got, metadata: 0, rgb: 0 }).toEqual({ ...expected, metadata: 0, rgb: 0 });
      expect(Buffer.compare(got.rgb, expected.rgb)).toBe(0);
      expect(got.metadata.stretch).toEqual(expected.metadata.stretch);
      expect(got.metadata.files?.map((file) => file.url)).toEqual(order);
    }
  });
});

describe('where files overlap', () => {
  test('the first in the list that has data counts, pixel by pixel', async () => {
    const dir = folder();
    const size = { width: 40, height: 30, bands: 3 };
    const windows: Window[] = [
      { x: 5, y: 3, width: 40, height: 30 },
      { x: 20, y: 0, width: 40, height: 30 },
      { x: 0, y: 18, width: 40, height: 30 },
      { x: 12, y: 10, width: 40, height: 30 },
    ];
    const images = windows.map(
      (_, f): TestImage => ({
        ...size,
        nodata: '0',
        samples: Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) =>
          noise(Math.floor(i / 3) + f * 7777) % 2 === 0 ? 0 : f * 60 + 1 + (noise(i) % 50),
        ),
      }),
    );
    const files = images.map((image, f) =>
      writeTiff(path.join(dir, `${f}.tif`), placed(image, windows[f]!.x, windows[f]!.y)),
    );
    for (const order of [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [2, 0, 3, 1],
    ]) {
      const { rgb, valid, grid } = await look(order.map((f) => files[f]!));
      expect([grid.width, grid.height]).toEqual([60, 48]);
      for (let y = 0, p = 0; y < 48; y++) {
        for (let x = 0; x < 60; x++, p++) {
          const candidates = order.map((f) => {
            const [column, row] = [x - windows[f]!.x, y - windows[f]!.y];
            if (column < 0 || row < 0 || column >= 40 || row >= 30) return null;
            const pixel = images[f]!.samples.slice((row * 40 + column) * 3, (row * 40 + column) * 3 + 3);
            return pixel.every((value) => value === 0) ? null : [...pixel];
          });
          const wanted = candidates.find((pixel) => pixel !== null) ?? null;
          expect([...rgb.slice(p * 3, p * 3 + 3)]).toEqual(wanted ?? [0, 0, 0]);
          expect(valid?.[p]).toBe(wanted === null ? 0 : 1);
        }
      }
    }
  });

  test('each file’s own nodata, alpha or mask decides in its pixels', async () => {
    const dir = folder();
    const plain = { width: 2, height: 1, bands: 3 };
    const a = writeTiff(path.join(dir, 'a.tif'), {
      ...placed({ ...plain, samples: Uint8Array.from([9, 9, 9, 1, 2, 3]), nodata: '9' }),
    });
    const b = writeTiff(path.join(dir, 'b.tif'), placed({ ...plain, samples: new Uint8Array(6).fill(9) }, 2));
    const c = writeTiff(
      path.join(dir, 'c.tif'),
      placed({ ...plain, samples: new Uint8Array(6).fill(7) }, 4),
      { width: 2, height: 1, bands: 1, samples: Uint8Array.from([0, 1]), photometric: 4, subfileType: 4 },
    );
    const { valid, metadata } = await look([a, b, c]);
    expect([...valid!]).toEqual([0, 1, 1, 1, 0, 1]);
    expect(metadata).toMatchObject({ nodata: '9, none', mask: true });
  });
});

describe('gaps between files', () => {
  test('are without data, black, and left out of what is measured', async () => {
    const dir = folder();
    const windows = pieces(bytes, 3, 3);
    const kept = windows.filter((_, i) => i !== 4);
    const { rgb, valid, metadata } = await look(writePieces(dir, bytes, kept), { stretch: 'minmax' });
    const hole = windows[4]!;
    const inHole = (p: number) => {
      const [x, y] = [p % SIZE.width, Math.floor(p / SIZE.width)];
      return x >= hole.x && y >= hole.y && x < hole.x + hole.width && y < hole.y + hole.height;
    };
    valid!.forEach((value, p) => {
      expect(value).toBe(inHole(p) ? 0 : 1);
      if (inHole(p)) expect([...rgb.slice(p * 3, p * 3 + 3)]).toEqual([0, 0, 0]);
    });
    const pixels = SIZE.width * SIZE.height - hole.width * hole.height;
    expect(metadata.stretch).toMatchObject({ counts: [pixels, pixels, pixels] });
  });

  test('are told of when they are most of the scene', async () => {
    const dir = folder();
    const piece = { width: 4, height: 4, bands: 3, samples: new Uint8Array(48) };
    const files = [placed(piece), placed(piece, 100, 100)].map((image, i) =>
      writeTiff(path.join(dir, `${i}.tif`), image),
    );
    const { warnings, grid } = await look(files);
    expect([grid.width, grid.height]).toEqual([104, 104]);
    expect(warnings).toEqual([
      'at least 100 % of the 104 x 104 pixels around the 2 files lie in no file and become nodata',
    ]);
  });

  test('a union without gaps is known as such, by brute force', () => {
    const rect = fc.record({
      x: fc.nat(5),
      y: fc.nat(5),
      width: fc.integer({ min: 1, max: 5 }),
      height: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(rect, { minLength: 1, maxLength: 7 }), (windows) => {
        const right = Math.max(...windows.map((w) => w.x + w.width));
        const bottom = Math.max(...windows.map((w) => w.y + w.height));
        let full = true;
        for (let y = Math.min(...windows.map((w) => w.y)); y < bottom; y++) {
          for (let x = Math.min(...windows.map((w) => w.x)); x < right; x++) {
            full &&= windows.some((w) => x >= w.x && y >= w.y && x < w.x + w.width && y < w.y + w.height);
          }
        }
        expect(fillsUnion(windows)).toBe(full);
      }),
      { numRuns: 500 },
    );
  });
});

describe('files that do not share a grid are refused, by name and amount', () => {
  const piece: TestImage = { width: 8, height: 8, bands: 3, samples: new Uint8Array(192) };
  const pair = (second: TestImage, first: TestImage = placed(piece)) => {
    const dir = folder();
    return [writeTiff(path.join(dir, 'first.tif'), first), writeTiff(path.join(dir, 'second.tif'), second)];
  };
  const at = placed(piece, 8);
  test.each([
    [
      'another CRS',
      { ...at, geoKeys: [...at.geoKeys!.slice(0, -1), 32722] },
      /second\.tif has the CRS .*32722.*first\.tif has the CRS .*32723/,
    ],
    ['no CRS', { ...at, geoKeys: undefined! }, /second\.tif has no CRS, .*first\.tif has the CRS/],
    [
      'larger pixels',
      { ...at, place: [4.01, 4.01, at.place![2], at.place![3]] },
      /second\.tif has pixels of 4\.01 x 4\.01 map units, .*first\.tif has 4 x 4: over its extent they part by 0\.02 pixels/,
    ],
    [
      'pixels beside the grid',
      { ...at, place: [4, 4, at.place![2] + 1, at.place![3] - 0.5] },
      /second\.tif does not lie on the pixels of .*first\.tif: it is off by 0\.25 and 0\.125 of a pixel/,
    ],
    ['no georeferencing', piece, /second\.tif has no georeferencing, so it cannot be joined/],
    [
      'more bands',
      { ...at, bands: 4, samples: new Uint8Array(256), extraSamples: [0] },
      /second\.tif has 4 bands of 8-bit uint8, .*first\.tif has 3 bands of 8-bit uint8/,
    ],
    ['other samples', { ...at, samples: new Uint16Array(192) }, /second\.tif has 3 bands of 16-bit uint16, /],
  ] as [string, TestImage, RegExp][])('%s', async (_, second, message) => {
    const files = pair(
      Object.fromEntries(Object.entries(second).filter(([, v]) => v !== undefined)) as unknown as TestImage,
    );
    await expect(openScene(files)).rejects.toMatchObject({ tag: 'ConfigError' });
    await expect(openScene(files)).rejects.toThrow(message);
  });

  test('names that are other bands in another file', async () => {
    const names = (...bands: string[]) =>
      `<GDALMetadata>${bands.map((b, i) => `<Item name="DESCRIPTION" sample="${i}" role="description">${b}</Item>`).join('')}</GDALMetadata>`;
    const files = pair(
      { ...at, gdalMetadata: names('B02', 'B03', 'B04') },
      { ...placed(piece), gdalMetadata: names('B04', 'B03', 'B02') },
    );
    await expect(openScene(files, { bands: 'sentinel2' })).rejects.toThrow(
      /are bands 3,2,1 of .*second\.tif, but 1,2,3 of .*first\.tif/,
    );
    expect((await look(files, { bands: [1, 2, 3] })).grid.width).toBe(16);
  });

  test('rotation, and a thousandth of a pixel more or less', () => {
    const grid = (t: Partial<Record<'a' | 'b' | 'c' | 'd' | 'e' | 'f', number>>) => ({
      width: 100,
      height: 100,
      crs: null,
      transform: { a: 4, b: 0, c: 0, d: 0, e: -4, f: 0, ...t },
    });
    const join = (t: Parameters<typeof grid>[0]) =>
      joinGrids([
        { url: 'a.tif', grid: grid({}) },
        { url: 'b.tif', grid: grid(t) },
      ]);
    expect(() => join({ b: 0.01, d: 0.01, c: 400 })).toThrow(
      /b\.tif has another rotation or direction than a\.tif \(0\.14323\d+\/.* and 0\/-90 degrees\)/,
    );
    expect(() => join({ e: 4 })).toThrow(/another rotation or direction/);
    expect(join({ c: 400 + 0.0039 }).offsets[1]).toEqual({ x: 100, y: 0 });
    expect(() => join({ c: 400 + 0.0041 })).toThrow(/off by 0\.001025 and 0 of a pixel/);
    expect(join({ a: 4 + 3.9e-5, c: 400 }).grid.width).toBe(200);
    expect(() => join({ a: 4 + 4.1e-5, c: 400 })).toThrow(/part by 0\.001025 pixels/);
    const far = { c: 4e8 + 400 };
    expect(() => join(far)).toThrow(/2 files lie 100000200 x 100 pixels apart/);
  });

  test('a rotated grid joins like any other', () => {
    const turned = { a: 3, b: 2, c: 1000, d: 2, e: -3, f: 500 };
    const place = (x: number, y: number) => ({
      url: `${x},${y}`,
      grid: {
        width: 10,
        height: 10,
        crs: null,
        transform: { ...turned, c: 1000 + 3 * x + 2 * y, f: 500 + 2 * x - 3 * y },
      },
    });
    const { grid, offsets } = joinGrids([place(10, 0), place(0, 10)]);
    expect(grid).toEqual({ width: 20, height: 20, transform: turned, crs: null });
    expect(offsets).toEqual([
      { x: 10, y: 0 },
      { x: 0, y: 10 },
    ]);
  });
});

describe('many files', () => {
  const openFiles = (dir: string) =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(dir);
      } catch {
        return false;
      }
    }).length;

  test.skipIf(process.platform !== 'linux')(
    'are not all kept open, and a changed one is noticed',
    async () => {
      const dir = folder();
      const image: TestImage = {
        width: 320,
        height: 240,
        bands: 3,
        samples: Uint8Array.from({ length: 320 * 240 * 3 }, (_, i) => noise(i) >>> 24),
      };
      const windows = pieces(image, 20, 15);
      const files = writePieces(dir, image, windows);
      expect(files.length).toBe(300);
      const scene = await openScene(files, { cacheBytes: 4096 });
      expect(openFiles(dir)).toBeLessThanOrEqual(64);
      const { rgb } = await pixelsOf(scene);
      expect(Buffer.compare(rgb, image.samples as Uint8Array)).toBe(0);
      expect(openFiles(dir)).toBeLessThanOrEqual(64);
      expect(scene.stats.traffic.bytes).toBeGreaterThanOrEqual(image.samples.length);
      writeTiff(files[0]!, placed(cutImage(image, { ...windows[0]!, height: 3 })));
      utimesSync(files[0]!, 1e9, 1e9);
      await expect(scene.readRgb({ ...windows[0]! })).rejects.toThrow(
        /piece-0\.tif was changed while it was read/,
      );
      await scene.close();
      expect(openFiles(dir)).toBe(0);
    },
  );

  test('none is left open when one of them cannot be had', async () => {
    const dir = folder();
    const files = writePieces(dir, bytes, pieces(bytes, 3, 3));
    rmSync(files[7]!);
    await expect(openScene(files)).rejects.toMatchObject({
      tag: 'SourceError',
      message: expect.stringContaining('piece-7.tif does not exist'),
    });
    if (process.platform === 'linux') expect(openFiles(dir)).toBe(0);
  });
});

describe('lists of files', () => {
  test('a text file and a tile index name files beside them; repeats count once', async () => {
    const dir = folder();
    const files = writePieces(dir, bytes, pieces(bytes, 3, 1));
    const expected = await look(files);
    const list = path.join(dir, 'list.txt');
    writeFileSync(list, `# tiles\n\npiece-0.tif\r\n  ${files[1]}\npiece-2.tif\npiece-0.tif\n`);
    const index = path.join(dir, 'index.geojson');
    const features = [0, 1, 2].map((i) => ({ type: 'Feature', properties: { location: `piece-${i}.tif` } }));
    writeFileSync(index, JSON.stringify({ type: 'FeatureCollection', features }));
    for (const given of [`@${list}`, index, [files[0]!, `@${list}`]]) {
      const got = await look(given);
      expect(got.metadata.files).toEqual(expected.metadata.files);
      expect(Buffer.compare(got.rgb, expected.rgb)).toBe(0);
    }
    expect((await look(`@${list}`)).metadata.url).toBe(list);
  });

  test('that are wrong are refused', async () => {
    const dir = folder();
    const write = (name: string, text: string) => {
      writeFileSync(path.join(dir, name), text);
      return path.join(dir, name);
    };
    await expect(openScene([])).rejects.toThrow(/no scene is given/);
    await expect(openScene(`@${write('empty.txt', '# nothing\n')}`)).rejects.toMatchObject({
      tag: 'ConfigError',
      message: expect.stringMatching(/empty\.txt lists no file/),
    });
    const wrong = { tag: 'FormatError', what: 'tile index' };
    await expect(openScene(write('a.geojson', 'no'))).rejects.toMatchObject(wrong);
    await expect(openScene(write('b.geojson', '{}'))).rejects.toMatchObject(wrong);
    await expect(openScene(write('c.geojson', '{"features":[{"properties":{}}]}'))).rejects.toThrow(
      /c\.geojson is not a tile index: feature 0 has no location/,
    );
    await expect(openScene(`@${path.join(dir, 'none.txt')}`)).rejects.toMatchObject({ status: 'ENOENT' });
  });
});
