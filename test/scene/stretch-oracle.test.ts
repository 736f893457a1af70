import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SampleArray } from '../../src/geotiff/sample-array.ts';
import { openScene } from '../../src/scene/open-scene.ts';
import type { Stretch } from '../../src/scene/stretch.ts';
import { writeTiff } from '../geotiff/make-tiff.ts';
import { needTool } from '../support/need-tool.ts';

/** Ends of stretches as numpy finds them in what GDAL reads. */

const SCRIPT = `
import sys, json, warnings
import numpy as np
from osgeo import gdal
gdal.UseExceptions()
d = gdal.Open(sys.argv[1])
a = d.ReadAsArray()[:3]
nodata = d.GetRasterBand(1).GetNoDataValue()
none = np.isnan(a) if a.dtype.kind == 'f' else np.zeros(a.shape, bool)
if nodata is not None: none |= a == a.dtype.type(nodata)
out = []
for band, gone in zip(a, none):
    v = band[~gone].astype(np.float64)
    v = v[np.isfinite(v)]
    if v.size == 0:
        out.append(None)
        continue
    low, high = np.percentile(v, [2, 98])
    odd = np.percentile(v, [0.37, 99.91])
    out.append({'count': int(v.size), 'minmax': [v.min(), v.max()], 'percentile': [low, high], 'odd': list(odd),
      'mean': v.mean(), 'std': v.std()})
print(json.dumps(out))
`;

interface NumpyBand {
  readonly count: number;
  readonly minmax: readonly [number, number];
  readonly percentile: readonly [number, number];
  readonly odd: readonly [number, number];
  readonly mean: number;
  readonly std: number;
}

function measureWithNumpy(file: string): readonly (NumpyBand | null)[] {
  const out = execFileSync('/usr/bin/python3', ['-c', SCRIPT, file], { encoding: 'utf8' });
  return JSON.parse(out) as (NumpyBand | null)[];
}

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'frustum-oracle-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** 0..1, the same every time. */
function noise(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Bell-shaped around 0, about 1 wide. */
function bell(random: () => number): number {
  return (random() + random() + random() + random() - 2) * 1.7;
}

function fill<T extends SampleArray>(samples: T, value: (random: () => number, i: number) => number): T {
  const random = noise(7);
  for (let i = 0; i < samples.length; i++) samples[i] = value(random, i);
  return samples;
}

const SMALL = { width: 211, height: 187, bands: 3 };
/** More values than are sorted in memory. */
const LARGE = { width: 1040, height: 1010, bands: 3 };
const length = (size: typeof SMALL) => size.width * size.height * 3;
const holed = (value: number, nodata: number, random: () => number) => (random() < 0.1 ? nodata : value);

const SCENES: Readonly<Record<string, () => Parameters<typeof writeTiff>[1]>> = {
  uint8: () => ({ ...SMALL, samples: fill(new Uint8Array(length(SMALL)), (r) => 120 + 30 * bell(r)) }),
  'uint16 of full range': () => ({
    ...SMALL,
    samples: fill(new Uint16Array(length(SMALL)), (r, i) => (r() * 65536) / (1 + (i % 3))),
    tile: 64,
    deflate: true,
  }),
  'int16 with negatives and nodata': () => ({
    ...SMALL,
    samples: fill(new Int16Array(length(SMALL)), (r) => holed(-300 + 900 * bell(r), -9999, r)),
    nodata: '-9999',
    rowsPerStrip: 1,
  }),
  'float32 with NaN, infinities and nodata': () => ({
    ...SMALL,
    samples: fill(new Float32Array(length(SMALL)), (r) => {
      const value = holed(holed(bell(r) * 1e-3, Number.NaN, r), -1e30, r);
      return r() < 0.01 ? Number.POSITIVE_INFINITY : value;
    }),
    nodata: '-1e30',
  }),
  'float32, many values, both signs, NaN and nodata': () => ({
    ...LARGE,
    samples: fill(new Float32Array(length(LARGE)), (r) =>
      holed(holed(bell(r) * 10 ** (r() * 12 - 6), Number.NaN, r), 0.1, r),
    ),
    nodata: '0.1',
    tile: 256,
    planar: true,
  }),
  'float64, many values': () => ({
    ...LARGE,
    samples: fill(new Float64Array(length(LARGE)), (r) => 1e9 + bell(r) * 1e-4),
  }),
  'int32, many values, both signs': () => ({
    ...LARGE,
    samples: fill(new Int32Array(length(LARGE)), (r) => (r() - 0.5) * 2 ** 32),
  }),
  'uint32, many values': () => ({
    ...LARGE,
    samples: fill(new Uint32Array(length(LARGE)), (r) => r() * 2 ** 32),
  }),
  'one value only': () => ({ ...SMALL, samples: new Uint16Array(length(SMALL)).fill(777) }),
  'one value only, many floats': () => ({ ...LARGE, samples: new Float32Array(length(LARGE)).fill(-0.3) }),
  'nothing but nodata': () => ({ ...SMALL, samples: new Int16Array(length(SMALL)).fill(-1), nodata: '-1' }),
  'nothing but NaN, many': () => ({ ...LARGE, samples: new Float32Array(length(LARGE)).fill(Number.NaN) }),
};

async function endsOf(file: string, stretch: Stretch) {
  const scene = await openScene(file, { stretch });
  await scene.close();
  const record = scene.metadata.stretch;
  if (record.kind === 'none') throw new Error('nothing was measured');
  return record;
}

/** Equal to within rounding of sums. */
function expectNear(got: number, expected: number, scale: number) {
  expect(Math.abs(got - expected)).toBeLessThanOrEqual(1e-12 * Math.max(scale, Math.abs(expected)));
}

async function expectLikeNumpy(file: string) {
  const numpy = measureWithNumpy(file);
  const minmax = await endsOf(file, 'minmax');
  const percentile = await endsOf(file, { percentile: [2, 98] });
  const odd = await endsOf(file, { percentile: [0.37, 99.91] });
  const stddev = await endsOf(file, { stddev: 1.5 });
  numpy.forEach((band, i) => {
    expect(percentile.counts?.[i]).toBe(band?.count ?? 0);
    if (band === null) {
      for (const record of [minmax, percentile, odd, stddev]) expect(record.ranges[i]).toEqual([0, 0]);
      return;
    }
    const scale = Math.max(...band.minmax.map(Math.abs));
    expect(minmax.ranges[i]).toEqual(band.minmax);
    [0, 1].forEach((end) => {
      expectNear(percentile.ranges[i]![end]!, band.percentile[end]!, scale);
      expectNear(odd.ranges[i]![end]!, band.odd[end]!, scale);
      expectNear(stddev.ranges[i]![end]!, band.mean + (end === 0 ? -1.5 : 1.5) * band.std, scale);
    });
  });
}

describe.skipIf(!needTool('gdal-python'))('ends of stretches are those of numpy', () => {
  test.each(Object.keys(SCENES))('%s', async (name) => {
    await expectLikeNumpy(writeTiff(path.join(dir, 'scene.tif'), SCENES[name]!()));
  });

  test.each(['landsat7_chiapas_19991118.tif', 'landsat8_quebec_1.tif'])('%s', async (name) => {
    await expectLikeNumpy(path.resolve('../shared/scenes', name));
  });
});

test('a scene of one value has an empty range, whatever sums round to, and comes out black', async () => {
  const file = writeTiff(path.join(dir, 'flat.tif'), {
    ...SMALL,
    samples: new Float64Array(length(SMALL)).fill(0.1),
  });
  const scene = await openScene(file, { stretch: { stddev: 2 } });
  const { data } = await scene.readRgb({ x: 5, y: 5, width: 3, height: 3 });
  expect(new Set(data)).toEqual(new Set([0]));
  await scene.close();
});
