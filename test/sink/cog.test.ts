import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Crs } from '../../src/core/crs.ts';
import type { Grid } from '../../src/core/grid.ts';
import type { ClassRows } from '../../src/core/raster.ts';
import { createTiffWriter } from '../../src/geotiff/write-tiff.ts';
import { openConfidenceSink, openLandcoverSink } from '../../src/sink/cog.ts';
import { viewWithGdal } from '../support/gdal.ts';
import { needTool } from '../support/need-tool.ts';

const CRS: Crs = {
  kind: 'projected',
  epsg: 32623,
  name: 'EPSG:32623',
  proj4: null,
  metresPerUnit: 1,
  geoKeys: null,
};
const WIDTH = 1301;
const HEIGHT = 1033;
const GRID: Grid = {
  width: WIDTH,
  height: HEIGHT,
  transform: { a: 4, b: 0, c: 500000.5, d: 0, e: -4, f: 7500000.25 },
  crs: CRS,
};
const CLASSES = [
  { id: 0, name: 'built-up & "roads" <all>', color: '#ff0000' },
  { id: 1, name: "farmer's méadow 草", color: '#00ff00' },
  { id: 4, name: 'water', color: '#0000fe' },
];

/** Blobs of classes with ragged borders, and a hole of 255. */
function makeRows(): { classes: Uint8Array; confidence: Uint8Array } {
  const classes = new Uint8Array(WIDTH * HEIGHT);
  const confidence = new Uint8Array(WIDTH * HEIGHT);
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++) {
      const i = y * WIDTH + x;
      const ragged = (Math.imul(i, 2654435761) >>> 29) + x + 3 * y;
      classes[i] = x * y < 90_000 ? 255 : [0, 1, 4][(ragged >> 5) % 3]!;
      confidence[i] = classes[i] === 255 ? 0 : 1 + ((Math.imul(i, 40503) >>> 24) % 255);
    }
  return { classes, confidence };
}

function* cutRows(rows: { classes: Uint8Array; confidence: Uint8Array }, step: number): Generator<ClassRows> {
  for (let y = 0; y < HEIGHT; y += step) {
    const rowCount = Math.min(step, HEIGHT - y);
    const cut = (all: Uint8Array) => all.subarray(y * WIDTH, (y + rowCount) * WIDTH);
    yield { y, rowCount, classes: cut(rows.classes), confidence: cut(rows.confidence) };
  }
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frustum-cog-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

type Level = { width: number; height: number; data: Uint8Array };

/** The next overview by plain counting; `decide` gets the valid pixels of a block in reading order. */
function halve(level: Level, nodata: number, decide: (valid: number[]) => number): Level {
  const width = Math.ceil(level.width / 2);
  const height = Math.ceil(level.height / 2);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const block: number[] = [];
      for (let row = 2 * y; row < Math.min(2 * y + 2, level.height); row++)
        for (let column = 2 * x; column < Math.min(2 * x + 2, level.width); column++)
          block.push(level.data[row * level.width + column]!);
      const valid = block.filter((value) => value !== nodata);
      data[y * width + x] = valid.length * 2 < block.length ? nodata : decide(valid);
    }
  return { width, height, data };
}

const mostFrequent = (valid: number[]) => {
  const votes = valid.map((value) => valid.filter((other) => other === value).length);
  return valid[votes.indexOf(Math.max(...votes))]!;
};
const mean = (valid: number[]) => Math.round(valid.reduce((sum, value) => sum + value, 0) / valid.length);

function expectLevels(
  levels: readonly { size: [number, number]; data: string }[],
  full: Uint8Array,
  nodata: number,
  decide: (valid: number[]) => number,
): void {
  let level: Level = { width: WIDTH, height: HEIGHT, data: full };
  expect(levels.map(({ size }) => size)).toEqual([
    [WIDTH, HEIGHT],
    [651, 517],
    [326, 259],
  ]);
  for (const [i, { data }] of levels.entries()) {
    if (i > 0) level = halve(level, nodata, decide);
    expect(Buffer.from(data, 'base64').equals(level.data)).toBe(true);
  }
}

describe.skipIf(!needTool('gdal-python'))('raster sinks as GDAL sees them', () => {
  it('writes the class map as a valid COG with names, colours, nodata, CRS, transform and mode overviews', async () => {
    const path = join(folder, 'landcover.tif');
    const rows = makeRows();
    const sink = await openLandcoverSink({
      path,
      grid: GRID,
      classes: CLASSES,
      metadata: { MODEL: 'a&b <c>' },
    });
    for (const block of cutRows(rows, 77)) await sink.writeRows(block);
    await sink.close();
    expect(sink.path).toBe(path);

    const seen = viewWithGdal(path);
    expect(seen.cog).toEqual({ errors: [], warnings: [] });
    expect(seen.size).toEqual([WIDTH, HEIGHT]);
    expect(seen.transform).toEqual([500000.5, 4, 0, 7500000.25, 0, -4]);
    expect(seen.epsg).toBe('32623');
    expect(seen.structure).toMatchObject({ LAYOUT: 'COG', COMPRESSION: 'DEFLATE' });
    expect(seen.metadata).toMatchObject({ MODEL: 'a&b <c>', CLASS_0: CLASSES[0]!.name, CLASS_4: 'water' });
    const [band] = seen.bands;
    expect(band).toMatchObject({
      type: 'Byte',
      block: [512, 512],
      description: 'land cover',
      color: 'Palette',
      nodata: 255,
      categories: [CLASSES[0]!.name, CLASSES[1]!.name, '', '', 'water'],
      table: CLASSES.map(({ id, name }) => [id, name]),
    });
    expect(band!.colors![0]).toEqual([255, 0, 0, 255]);
    expect(band!.colors![1]).toEqual([0, 255, 0, 255]);
    expect(band!.colors![4]).toEqual([0, 0, 254, 255]);
    expect(band!.colors![255]![3]).toBe(0);
    expectLevels(band!.levels, rows.classes, 255, mostFrequent);
  });

  it('writes confidence as a valid COG with nodata 0 and mean overviews', async () => {
    const path = join(folder, 'confidence.tif');
    const rows = makeRows();
    const sink = await openConfidenceSink({ path, grid: GRID });
    for (const block of cutRows(rows, 512)) await sink.writeRows(block);
    await sink.close();
    const seen = viewWithGdal(path);
    expect(seen.cog).toEqual({ errors: [], warnings: [] });
    const [band] = seen.bands;
    expect(band).toMatchObject({ type: 'Byte', color: 'Gray', nodata: 0, description: 'confidence' });
    expectLevels(band!.levels, rows.confidence, 0, mean);
  });

  it.each([
    [
      'scene, 4 bands of uint16, predictor 2',
      { bands: 4, sampleType: 'uint16', predictor: 2 },
      'UInt16',
      'Gray',
    ],
    ['pyramid level, RGB', { bands: 3, predictor: 2 }, 'Byte', 'Red'],
    ['RGB and opacity', { bands: 4, photometric: 'rgb', alpha: true }, 'Byte', 'Red'],
    ['uncompressed int16', { bands: 1, sampleType: 'int16', compression: 'none' }, 'Int16', 'Gray'],
    ['BigTIFF', { bands: 1, bigTiff: 'always', overviews: 'mode' }, 'Byte', 'Gray'],
  ] as const)('writes a valid COG: %s', async (name, options, type, color) => {
    const path = join(folder, `${name}.tif`);
    const [width, height] = [300, 200];
    const Samples = { UInt16: Uint16Array, Int16: Int16Array, Byte: Uint8Array }[type];
    const samples = new Samples(width * height * options.bands).map(
      (_, i) => Math.imul(i, 2654435761) >>> 16,
    );
    const bandNames = Array.from({ length: options.bands }, (_, i) => `band ${i}`);
    const rotated: Grid = { width, height, transform: { a: 3, b: 1, c: 10, d: 1, e: -3, f: 20 }, crs: CRS };
    const writer = await createTiffWriter({ path, grid: rotated, tileSize: 256, bandNames, ...options });
    await writer.writeRows(samples, height);
    await writer.close();
    const seen = viewWithGdal(path);
    expect(seen.cog).toEqual({ errors: [], warnings: [] });
    expect(seen.transform).toEqual([10, 3, 1, 20, 1, -3]);
    expect(seen.bands.map((b) => [b.type, b.description])).toEqual(bandNames.map((b) => [type, b]));
    expect(seen.bands[0]!.color).toBe(color);
    if ('alpha' in options) expect(seen.bands.at(-1)!.color).toBe('Alpha');
    seen.bands.forEach((band, b) => {
      const bytes = Buffer.from(band.levels[0]!.data, 'base64');
      const expected = samples.filter((_, i) => i % options.bands === b);
      expect(bytes.equals(Buffer.from(expected.buffer))).toBe(true);
    });
  });
});

describe('raster sinks', () => {
  it('leave nothing when they are aborted or closed too early', async () => {
    const place = await mkdtemp(join(folder, 'abort-'));
    const sinks = await Promise.all([
      openLandcoverSink({ path: join(place, 'landcover.tif'), grid: GRID, classes: CLASSES }),
      openConfidenceSink({ path: join(place, 'confidence.tif'), grid: GRID }),
    ]);
    for (const sink of sinks) await sink.writeRows(cutRows(makeRows(), 600).next().value!);
    await sinks[0].abort();
    await expect(sinks[1].close()).rejects.toMatchObject({ tag: 'FormatError' });
    expect(await readdir(place)).toEqual([]);
  });
});
