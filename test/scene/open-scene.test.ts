import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import worker_threads, { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpenSceneOptions } from '../../src/scene/open-scene.ts';
import { openScene } from '../../src/scene/open-scene.ts';
import { type TestImage, writeTiff } from '../geotiff/make-tiff.ts';

let dir: string;
let count = 0;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'frustum-scene-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const write = (...images: TestImage[]) => writeTiff(path.join(dir, `${count++}.tif`), ...images);
const all = (image: { width: number; height: number }) => ({
  x: 0,
  y: 0,
  width: image.width,
  height: image.height,
});

/** Opens, reads everything, closes. */
async function readAll(url: string, options: OpenSceneOptions = {}) {
  const scene = await openScene(url, options);
  try {
    const window = all(scene.grid);
    const rgb = await scene.readRgb(window);
    expect(rgb).toMatchObject({ width: window.width, height: window.height, bands: 3 });
    return { scene, data: [...rgb.data], valid: await scene.readValidity(window) };
  } finally {
    await scene.close();
  }
}

const bytes: TestImage = {
  width: 4,
  height: 2,
  bands: 3,
  samples: Uint8Array.from({ length: 24 }, (_, i) => i * 10),
};

describe('8-bit scenes', () => {
  test('pass their bytes untouched and say that all is valid', async () => {
    const { scene, data, valid } = await readAll(write(bytes));
    expect(data).toEqual([...bytes.samples]);
    expect(valid).toBeNull();
    expect(scene.metadata).toMatchObject({
      bands: ['1 red', '2 green', '3 blue'],
      stretch: { kind: 'none' },
      nodata: null,
      pixelCoordinates: true,
    });
    expect(scene.warnings).toEqual([expect.stringMatching(/no georeferencing: results are in pixel coord/)]);
  });

  test('tell when their file was changed', async () => {
    const url = write(bytes);
    utimesSync(url, 1e9, 1.2e9);
    expect((await readAll(url)).scene.files[0]?.modifiedMs).toBe(1.2e12);
  });

  test('are decoded by as many threads as asked for, to the same bytes', async () => {
    const started: Worker[] = [];
    worker_threads.Worker = class extends Worker {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args);
        started.push(this);
      }
    };
    try {
      const samples = Uint8Array.from({ length: 2048 * 2048 * 3 }, (_, i) => (i * i) >> 9);
      const url = write({ width: 2048, height: 2048, bands: 3, tile: 256, deflate: true, samples });
      for (const decodeThreads of [0, 1]) {
        const scene = await openScene(url, { decodeThreads });
        const { data } = await scene.readRgb(all(scene.grid));
        expect(Buffer.compare(data, samples)).toBe(0);
        await scene.close();
        expect(started.length).toBe(decodeThreads);
      }
    } finally {
      worker_threads.Worker = Worker;
    }
  });

  test('can be stretched all the same', async () => {
    const { data } = await readAll(write(bytes), { stretch: { fixed: [100, 200] } });
    expect(data).toEqual(
      [...bytes.samples].map((v) => Math.min(255, Math.max(0, Math.round(((v - 100) / 100) * 255)))),
    );
  });
});

describe('16-bit scenes', () => {
  // 1..1000 in the first band; constants in the others.
  const wide: TestImage = {
    width: 50,
    height: 20,
    bands: 4,
    samples: Uint16Array.from({ length: 4000 }, (_, i) =>
      i % 4 === 0 ? i / 4 + 1 : i % 4 === 1 ? 7 : i % 4 === 2 ? 40000 + i / 4 : 9,
    ),
    extraSamples: [0],
  };

  test('are stretched by percentiles 2 and 98 of the whole scene, which is recorded', async () => {
    const { scene, data } = await readAll(write(wide));
    // Of 1..1000 by linear interpolation: 1 + 0.02 * 999 and 1 + 0.98 * 999.
    const [low, high] = [20.98, 980.02];
    const { stretch } = scene.metadata;
    if (stretch.kind !== 'percentile') throw new Error(stretch.kind);
    expect(stretch.percentiles).toEqual([2, 98]);
    expect(stretch.ranges[0][0]).toBeCloseTo(low, 9);
    expect(stretch.ranges[0][1]).toBeCloseTo(high, 9);
    expect(stretch.ranges[1]).toEqual([7, 7]);
    expect(stretch.sampling).toBe('all pixels');
    expect(stretch.formula).toContain('(v - min) / (max - min) * 255');
    const expected = (v: number) => Math.min(255, Math.max(0, Math.round(((v - low) / (high - low)) * 255)));
    expect(data.filter((_, i) => i % 3 === 0)).toEqual(
      Array.from({ length: 1000 }, (_, i) => expected(i + 1)),
    );
    expect(new Set(data.filter((_, i) => i % 3 === 1))).toEqual(new Set([0]));
  });

  test('windows use the scene’s numbers, not their own', async () => {
    const url = write(wide);
    const { data } = await readAll(url);
    const scene = await openScene(url);
    const part = await scene.readRgb({ x: 13, y: 5, width: 20, height: 7 });
    part.data.forEach((value, i) => {
      const pixel = Math.floor(i / 3);
      const at = (5 + Math.floor(pixel / 20)) * 50 + 13 + (pixel % 20);
      expect(value).toBe(data[at * 3 + (i % 3)]);
    });
    await scene.close();
  });

  test('min-max, percentiles and fixed ranges a band', async () => {
    const url = write(wide);
    const minmax = await openScene(url, { stretch: 'minmax' });
    expect(minmax.metadata.stretch).toMatchObject({
      kind: 'minmax',
      ranges: [
        [1, 1000],
        [7, 7],
        [40000, 40999],
      ],
    });
    await minmax.close();
    const fixed: OpenSceneOptions['stretch'] = {
      fixed: [
        [0, 500],
        [0, 7],
        [40000, 40001],
      ],
    };
    const { data } = await readAll(url, { stretch: fixed, bands: [1, 2, 3] });
    expect(data.slice(0, 6)).toEqual([1, 255, 0, 1, 255, 255]);
    const narrow = await openScene(url, { stretch: { percentile: [0, 50] } });
    expect(narrow.metadata.stretch).toMatchObject({
      ranges: [
        [1, 500.5],
        [7, 7],
        [40000, 40499.5],
      ],
    });
    await narrow.close();
  });

  test('without a stretch they are refused', async () => {
    await expect(openScene(write(wide), { stretch: 'none' })).rejects.toMatchObject({
      tag: 'ConfigError',
      pointer: '--stretch',
      message: expect.stringMatching(/give --stretch auto or --stretch fixed:MIN,MAX$/),
    });
    for (const stretch of [
      { fixed: [5, 5] },
      { fixed: [Number.NaN, 1] },
      { percentile: [50, 50] },
      { percentile: [-1, 50] },
    ] as const) {
      await expect(openScene(write(wide), { stretch })).rejects.toMatchObject({ tag: 'ConfigError' });
    }
  });
});

describe('every sample type', () => {
  test.each([
    ['Int16Array', Int16Array.from([-300, 0, 300, -100, 100, 200])],
    ['Uint32Array', Uint32Array.from([4e9, 0, 300, 1, 2, 3])],
    ['Int32Array', Int32Array.from([-2e9, 0, 300, 1, 2, 3])],
    ['Float32Array', Float32Array.from([0.25, 0.5, Number.NaN, 1, -1, 2])],
    ['Float64Array', Float64Array.from([1e300, 0.5, 2, 1, -1, 2])],
    ['Int8Array', Int8Array.from([-128, 0, 127, 1, 2, 3])],
  ])('%s is stretched by the same formula', async (_, samples) => {
    const url = write({ width: 2, height: 1, bands: 3, samples });
    const { data } = await readAll(url, { stretch: { fixed: [-100, 300] } });
    const expected = [...samples].map((v) =>
      v >= 300 ? 255 : v > -100 ? Math.round(((v + 100) / 400) * 255) : 0,
    );
    expect(data).toEqual(expected);
  });

  test('float statistics leave out NaN and infinities', async () => {
    const samples = Float32Array.from([
      0.5,
      0,
      0,
      Number.NaN,
      0,
      0,
      Number.POSITIVE_INFINITY,
      1,
      1,
      2.5,
      2,
      2,
    ]);
    const scene = await openScene(write({ width: 4, height: 1, bands: 3, samples }), { stretch: 'minmax' });
    expect(scene.metadata.stretch).toMatchObject({
      ranges: [
        [0.5, 2.5],
        [0, 2],
        [0, 2],
      ],
    });
    await scene.close();
  });
});

describe('bands', () => {
  const four: TestImage = {
    width: 2,
    height: 1,
    bands: 4,
    samples: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
    extraSamples: [0],
    gdalMetadata:
      '<GDALMetadata><Item name="DESCRIPTION" sample="0" role="description">Blue</Item><Item name="DESCRIPTION" sample="3" role="description">near &amp;amp; far</Item></GDALMetadata>',
  };

  test('by number, name, repeated, in any order', async () => {
    const url = write(four);
    expect((await readAll(url, { bands: [4, 3, 2] })).data).toEqual([4, 3, 2, 8, 7, 6]);
    expect((await readAll(url, { bands: [1, 1, 1] })).data).toEqual([1, 1, 1, 5, 5, 5]);
    expect((await readAll(url, { bands: ['near & far', '2', 'blue'] })).data).toEqual([4, 2, 1, 8, 6, 5]);
  });

  test('by the form of the file', async () => {
    const forms = [
      { bits: 16, bandCount: 4, bands: [1, 2, 3] },
      { bits: 8, bandCount: 4, bands: [4, 3, 2] },
    ] as const;
    const { scene, data } = await readAll(write(four), { bands: forms });
    expect(data).toEqual([4, 3, 2, 8, 7, 6]);
    expect(scene.metadata.bands).toEqual(['4 near & far', '3', '2']);
    await expect(openScene(write(bytes), { bands: forms })).rejects.toThrow(
      /3 bands of 8 bits; this pipeline knows 4 bands of 16 bits, 4 bands of 8 bits/,
    );
  });

  test('that are not there', async () => {
    const one = write({ width: 1, height: 1, bands: 1, samples: Uint8Array.from([5]) });
    await expect(openScene(one)).rejects.toMatchObject({
      tag: 'ConfigError',
      pointer: '--bands',
      message: expect.stringMatching(/has one band, the network needs three; .*--bands 1,1,1/),
    });
    await expect(openScene(one, { bands: [1, 2, 3] })).rejects.toThrow(/no band 2: its bands are 1 to 1/);
    await expect(openScene(one, { bands: ['red', 1, 1] })).rejects.toThrow(
      /no band called red; it names none/,
    );
    await expect(openScene(write(four), { bands: [0, 1, 2] })).rejects.toThrow(/no band 0/);
    expect((await readAll(one, { bands: [1, 1, 1] })).data).toEqual([5, 5, 5]);
  });
});

describe('validity', () => {
  test('nodata counts where all chosen bands hold it, and those pixels become 0', async () => {
    const samples = Uint8Array.from([9, 9, 9, 9, 9, 1, 3, 9, 9, 4, 5, 6]);
    const url = write({ width: 4, height: 1, bands: 3, samples, nodata: '9' });
    const { scene, data, valid } = await readAll(url);
    expect([...valid!]).toEqual([0, 1, 1, 1]);
    expect(data).toEqual([0, 0, 0, 9, 9, 1, 3, 9, 9, 4, 5, 6]);
    expect(scene.metadata.nodata).toBe(9);
    expect([...(await readAll(url, { bands: [2, 2, 2] })).valid!]).toEqual([0, 0, 0, 1]);
  });

  test('nodata stays out of the statistics, also in a single band', async () => {
    const samples = Int16Array.from([-9999, -9999, -9999, 10, -9999, 30, 20, 40, 50]);
    const scene = await openScene(write({ width: 3, height: 1, bands: 3, samples, nodata: '-9999' }), {
      stretch: 'minmax',
    });
    expect(scene.metadata.stretch).toMatchObject({
      ranges: [
        [10, 20],
        [40, 40],
        [30, 50],
      ],
    });
    await scene.close();
  });

  test('NaN as nodata, and a float32 nodata written with too many digits', async () => {
    const nan = Float32Array.from([Number.NaN, Number.NaN, Number.NaN, 1, Number.NaN, 1]);
    const first = await readAll(write({ width: 2, height: 1, bands: 3, samples: nan, nodata: 'nan' }));
    expect([...first.valid!]).toEqual([0, 1]);
    expect(first.scene.metadata.nodata).toBe('NaN');
    const low = Math.fround(-3.4028234663852886e38);
    const second = await readAll(
      write({
        width: 2,
        height: 1,
        bands: 3,
        samples: Float32Array.from([low, low, low, 1, 2, 3]),
        nodata: '-3.40282346638528860e+38',
      }),
    );
    expect([...second.valid!]).toEqual([0, 1]);
    const tenth = await readAll(
      write({
        width: 1,
        height: 1,
        bands: 3,
        samples: Float32Array.from([0.1, 0.1, 0.1]),
        nodata: '0.1',
      }),
    );
    expect([...tenth.valid!]).toEqual([0]);
  });

  test('NaN in all chosen bands is no data in any float scene, whatever its nodata says', async () => {
    const n = Number.NaN;
    // All NaN; NaN and the nodata value; NaN in two bands; numbers.
    const values = [n, n, n, n, -1, n, n, 2, n, 1, 2, 3];
    const expected = { none: [0, 1, 1, 1], '-1': [0, 0, 1, 1] };
    for (const samples of [Float32Array.from(values), Float64Array.from(values)]) {
      const image = { width: 4, height: 1, bands: 3, samples };
      expect([...(await readAll(write(image))).valid!]).toEqual(expected.none);
      const { scene, valid } = await readAll(write({ ...image, nodata: '-1' }), { stretch: 'minmax' });
      expect([...valid!]).toEqual(expected['-1']);
      expect(scene.metadata.stretch).toMatchObject({
        ranges: [
          [1, 1],
          [2, 2],
          [3, 3],
        ],
      });
    }
  });

  const rgba: TestImage = {
    width: 3,
    height: 1,
    bands: 4,
    samples: Uint8Array.from([1, 2, 3, 255, 4, 5, 6, 0, 7, 8, 9, 128]),
    extraSamples: [2],
  };

  test('alpha 0 is no data, and its colours become 0', async () => {
    const { scene, data, valid } = await readAll(write(rgba));
    expect([...valid!]).toEqual([1, 0, 1]);
    expect(data).toEqual([1, 2, 3, 0, 0, 0, 7, 8, 9]);
    expect(scene.metadata.alphaBand).toBe(4);
  });

  test('of an alpha band is had without reading the colours', async () => {
    const samples = Uint8Array.from({ length: 300 * 300 * 4 }, (_, i) => i);
    const scene = await openScene(write({ ...rgba, width: 300, height: 300, samples, planar: true }));
    const before = scene.stats.reads.bytesRead;
    const valid = (await scene.readValidity(all(scene.grid)))!;
    expect([...valid]).toEqual(Array.from({ length: 90_000 }, (_, p) => ((p * 4 + 3) % 256 === 0 ? 0 : 1)));
    expect(scene.stats.reads.bytesRead - before).toBeLessThan(100_000);
    await scene.close();
  });

  test('an alpha band that is chosen as colour is data', async () => {
    const { scene, data, valid } = await readAll(write(rgba), { bands: [4, 2, 1] });
    expect(valid).toBeNull();
    expect(data).toEqual([255, 2, 1, 0, 5, 4, 128, 8, 7]);
    expect(scene.warnings.join()).toMatch(/band 4 is marked as alpha but was chosen as colour/);
    expect(scene.metadata.alphaBand).toBeNull();
  });

  test('GDAL’s word on a band’s colour goes before ExtraSamples', async () => {
    const gdalMetadata =
      '<GDALMetadata><Item name="COLORINTERP" sample="3" role="colorinterp">Undefined</Item></GDALMetadata>';
    expect((await readAll(write({ ...rgba, gdalMetadata }))).valid).toBeNull();
  });

  test('an internal mask', async () => {
    const mask: TestImage = {
      width: 4,
      height: 2,
      bands: 1,
      samples: Uint8Array.from([1, 0, 1, 1, 255, 1, 0, 1]),
      photometric: 4,
      subfileType: 4,
    };
    const { scene, data, valid } = await readAll(write(bytes, mask));
    expect([...valid!]).toEqual([1, 0, 1, 1, 1, 1, 0, 1]);
    expect(data.slice(3, 6)).toEqual([0, 0, 0]);
    expect(data.slice(6, 9)).toEqual([60, 70, 80]);
    expect(scene.metadata.mask).toBe(true);
  });

  test('a scene without any data opens, with or without measuring', async () => {
    const empty = { width: 2, height: 2, bands: 3, samples: new Uint16Array(12), nodata: '0' };
    const { data, valid } = await readAll(write(empty));
    expect(data).toEqual(new Array(12).fill(0));
    expect([...valid!]).toEqual([0, 0, 0, 0]);
  });

  test('of a window is the slice of the whole', async () => {
    const samples = Uint8Array.from({ length: 37 * 23 * 3 }, (_, i) => (Math.floor(i / 3) % 5 ? i : 0));
    const scene = await openScene(
      write({ width: 37, height: 23, bands: 3, samples, nodata: '0', tile: 16, deflate: true }),
    );
    const whole = (await scene.readValidity(all(scene.grid)))!;
    await fc.assert(
      fc.asyncProperty(fc.nat(36), fc.nat(22), fc.nat(40), fc.nat(40), async (x, y, w, h) => {
        const width = 1 + (w % (37 - x));
        const height = 1 + (h % (23 - y));
        const got = (await scene.readValidity({ x, y, width, height }))!;
        got.forEach((value, i) => {
          expect(value).toBe(whole[(y + Math.floor(i / width)) * 37 + x + (i % width)]);
        });
      }),
      { numRuns: 40 },
    );
    await scene.close();
  });
});

describe('place', () => {
  test('transform and CRS reach the grid', async () => {
    // UTM zone 23 S.
    const geoKeys = [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32723];
    const { scene } = await readAll(write({ ...bytes, place: [4, 4, 600000, 7500000], geoKeys }));
    expect(scene.grid.transform).toEqual({ a: 4, b: 0, c: 600000, d: 0, e: -4, f: 7500000 });
    expect(scene.grid.crs).toMatchObject({
      kind: 'projected',
      epsg: 32723,
      metresPerUnit: 1,
      geoKeys: { directory: geoKeys },
    });
    expect(scene.metadata.pixelCoordinates).toBe(false);
    expect(scene.warnings).toEqual([]);
  });

  test.each([
    ['NaN', [Number.NaN, 4, 0, 0]],
    ['infinite', [4, 4, Number.POSITIVE_INFINITY, 0]],
  ] as const)('%s georeferencing is refused', async (_, place) => {
    await expect(openScene(write({ ...bytes, place }))).rejects.toMatchObject({
      tag: 'FormatError',
      what: 'ModelPixelScale and ModelTiepoint',
    });
  });
});

describe('bad input', () => {
  test('leaves no open file behind', async () => {
    const file = path.join(dir, 'page.tif');
    writeFileSync(file, '<html></html>');
    for (let i = 0; i < 50; i++) {
      await expect(openScene(file)).rejects.toThrow(/is an HTML page, not a TIFF/);
      await expect(openScene(path.join(dir, 'none.tif'))).rejects.toMatchObject({ status: 'ENOENT' });
    }
  });

  test('aborting while statistics are measured stops the opening', async () => {
    const url = write({ width: 4, height: 4, bands: 3, samples: new Uint16Array(48) });
    await expect(openScene(url, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      tag: 'AbortedError',
    });
  });
});
