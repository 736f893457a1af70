import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SampleArray } from '../../src/geotiff/sample-array.ts';
import { openScene } from '../../src/scene/open-scene.ts';
import type { Stretch } from '../../src/scene/stretch.ts';
import type { StretchRecord } from '../../src/scene/stretch-record.ts';
import { writeTiff } from '../geotiff/make-tiff.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'frustum-stretch-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const SIZE = { width: 61, height: 47, bands: 3 };
const values = Array.from({ length: 61 * 47 * 3 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 0) / 2 ** 32);
const write = (name: string, samples: SampleArray, more: { nodata?: string; gdalMetadata?: string } = {}) =>
  writeTiff(path.join(dir, `${name}.tif`), { ...SIZE, samples, ...more });

async function look(file: string, stretch: Stretch) {
  const scene = await openScene(file, { stretch, cacheBytes: 0 });
  const requests = scene.stats.reads.requests;
  const { data } = await scene.readRgb({ x: 0, y: 0, width: 61, height: 47 });
  await scene.close();
  return { data, metadata: scene.metadata, requestsToOpen: requests };
}

const MEASURED: readonly Stretch[] = [
  'auto',
  'minmax',
  { percentile: [0.5, 99.3] },
  { percentile: [2, 98], gamma: 1.4 },
  { stddev: 2 },
  { stddev: 0.7, gamma: 0.6 },
  { minmax: true, gamma: 2.2 },
  { auto: true, gamma: 1.1 },
];

describe('a stretch that was recorded gives the same bytes again, without measuring', () => {
  const files = {
    uint8: () => Uint8Array.from(values, (v) => v * 256),
    uint16: () => Uint16Array.from(values, (v) => v * 65536),
    int16: () => Int16Array.from(values, (v, i) => (i % 11 === 0 ? -9999 : (v - 0.5) * 6000)),
    float32: () =>
      Float32Array.from(values, (v, i) => (i % 13 === 0 ? Number.NaN : Math.tan((v - 0.5) * 3.1))),
    float64: () => Float64Array.from(values, (v) => 1e6 + v / 3),
    'one value': () => Float32Array.from(values, () => -0.1),
    'no value': () => Int16Array.from(values, () => -9999),
  };
  test.each(Object.entries(files))('%s', async (name, make) => {
    const samples = make();
    const file = write(name, samples, samples instanceof Int16Array ? { nodata: '-9999' } : {});
    for (const stretch of MEASURED) {
      const first = await look(file, stretch);
      const record = JSON.parse(JSON.stringify(first.metadata.stretch)) as StretchRecord;
      const again = await look(file, { recorded: record });
      expect(Buffer.compare(again.data, first.data)).toBe(0);
      expect(again.metadata).toEqual(first.metadata);
      expect(again.requestsToOpen).toBe(0);
    }
  });

  test('on another scene it is that stretch too, not one of its own', async () => {
    const bright = write(
      'bright',
      Uint16Array.from(values, (v) => 30_000 + v * 20_000),
    );
    const dark = write(
      'dark',
      Uint16Array.from(values, (v) => 10_000 + v * 30_000),
    );
    const { metadata } = await look(bright, { percentile: [2, 98], gamma: 1.5 });
    const { data, metadata: replayed } = await look(dark, { recorded: metadata.stretch });
    expect(replayed.stretch).toEqual(metadata.stretch);
    if (metadata.stretch.kind === 'none') throw new Error('not measured');
    const { ranges } = metadata.stretch;
    const samples = Uint16Array.from(values, (v) => 10_000 + v * 30_000);
    data.forEach((value, i) => {
      const [min, max] = ranges[i % 3]!;
      const share = Math.min(1, Math.max(0, (samples[i]! - min) / (max - min)));
      expect(value).toBe(Math.round(share ** (1 / 1.5) * 255));
    });
  });

  test('none is replayed on 8-bit scenes only', async () => {
    const none = { recorded: { kind: 'none' } } as const;
    const eight = write(
      'eight',
      Uint8Array.from(values, (v) => v * 256),
    );
    expect((await look(eight, none)).data).toEqual(Uint8Array.from(values, (v) => v * 256));
    await expect(openScene(write('wide', new Uint16Array(values.length)), { stretch: none })).rejects.toThrow(
      /has uint16 samples; without a stretch only 8-bit ones/,
    );
  });
});

describe('gamma', () => {
  test('bends what lies between the ends, by the formula that is recorded', async () => {
    const samples = Uint16Array.from(values, (v) => v * 1000);
    const file = write('gamma', samples);
    for (const gamma of [0.5, 1, 1.4, 2.2]) {
      const { data, metadata } = await look(file, { fixed: [100, 900], gamma });
      data.forEach((value, i) => {
        const share = Math.min(1, Math.max(0, (samples[i]! - 100) / 800));
        expect(value).toBe(Math.round(share ** (1 / gamma) * 255));
      });
      expect(metadata.stretch).toMatchObject(
        gamma === 1
          ? { formula: 'clamp(round((v - min) / (max - min) * 255), 0, 255)' }
          : { formula: 'clamp(round(((v - min) / (max - min)) ^ (1 / gamma) * 255), 0, 255)', gamma },
      );
    }
  });

  test('on 8-bit pixels that would stay as they are works from 0 to 255', async () => {
    const samples = Uint8Array.from(values, (v) => v * 256);
    const { data } = await look(write('auto', samples), { auto: true, gamma: 1.7 });
    expect(data).toEqual(samples.map((v) => Math.round((v / 255) ** (1 / 1.7) * 255)));
  });
});

test('scale and offset are recorded, and stretches are of stored values', async () => {
  const gdalMetadata = `<GDALMetadata>${[0, 1, 2]
    .map(
      (b) =>
        `<Item name="SCALE" sample="${b}" role="scale">0.${b + 1}</Item><Item name="OFFSET" sample="${b}" role="offset">-5</Item>`,
    )
    .join('')}</GDALMetadata>`;
  const { metadata } = await look(
    write(
      'scaled',
      Uint16Array.from(values, (v) => v * 1000),
      { gdalMetadata },
    ),
    'minmax',
  );
  expect(metadata.scaleOffset).toEqual([0.1, 0.2, 0.3].map((scale) => ({ scale, offset: -5 })));
  expect(metadata.stretch).toMatchObject({
    kind: 'minmax',
    ranges: [
      [0, 999],
      [0, 999],
      [0, 999],
    ],
  });
});

test('stretches that cannot be are refused', async () => {
  const file = write('refused', new Uint16Array(values.length));
  for (const [stretch, message] of [
    [{ stddev: 0 }, /number of standard deviations above 0, got 0/],
    [{ stddev: Number.NaN }, /above 0, got NaN/],
    [{ minmax: true, gamma: 0 }, /gamma must be above 0, for example 1\.4, got 0/],
    [{ percentile: [2, 98], gamma: Number.POSITIVE_INFINITY }, /gamma must be above 0/],
    [
      {
        fixed: [
          [0, 1],
          [0, 1],
          [3, 2],
        ],
      },
      /a smaller and a larger number, got 3 and 2/,
    ],
  ] as [Stretch, RegExp][]) {
    await expect(openScene(file, { stretch })).rejects.toThrow(message);
    await expect(openScene(file, { stretch })).rejects.toMatchObject({
      tag: 'ConfigError',
      pointer: '--stretch',
    });
  }
});
