import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromFile } from 'geotiff';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countPlaces, planFrusta } from '../../src/frustum/plan.ts';
import { createTiffWriter } from '../../src/geotiff/write-tiff.ts';
import { readModelManifest, type SegmentOptions, segment, synthesize } from '../../src/index.ts';
import { chooseWindows } from '../../src/pipeline/choose-quality.ts';
import { mapBand } from '../../src/pipeline/map-band.ts';

const MODEL = 'models/sfrnet-mini-synth';
/** All context is the whole scene, seen from two sides. */
const WIDTH = 384;
const HEIGHT = 256;
/** Larger than the middle distance sees. */
const WIDE = { width: 640, height: 512 };

let dir: string;
let scene: string;
let wideScene: string;
let pixels: Uint8Array;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-approximations-'));
  pixels = await makeLand(WIDTH, HEIGHT);
  const wide = await makeLand(WIDE.width, WIDE.height);
  wideScene = await writeScene('wide.tif', WIDE.width, WIDE.height, wide);
  scene = await writeScene('scene.tif', WIDTH, HEIGHT, pixels);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Synthetic land as RGB, without georeferencing, so that it can be turned. */
async function makeLand(width: number, height: number): Promise<Uint8Array> {
  const made = await synthesize({ width, height, seed: 5, outDir: join(dir, `land-${width}`) });
  const bands = await readBytes(made.scenePath);
  return Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => bands[Math.floor(i / 3) * 4 + 1 + (i % 3)]!,
  );
}

async function writeScene(name: string, width: number, height: number, data: Uint8Array): Promise<string> {
  const path = join(dir, name);
  const writer = await createTiffWriter({
    path,
    grid: { width, height, transform: null, crs: null },
    bands: 3,
  });
  await writer.writeRows(data, height);
  await writer.close();
  return path;
}

async function readBytes(path: string): Promise<Uint8Array> {
  const image = await (await fromFile(path)).getImage();
  return (await image.readRasters({ interleave: true })) as unknown as Uint8Array;
}

let runs = 0;
async function map(options: Partial<SegmentOptions>) {
  const outDir = join(dir, `out-${runs++}`);
  const report = await segment({
    scene,
    model: MODEL,
    outDir,
    vector: [],
    preview: false,
    threads: 1,
    ...options,
  });
  return {
    report,
    outDir,
    classes: await readBytes(join(outDir, 'landcover.tif')),
    confidence: await readBytes(join(outDir, 'confidence.tif')),
  };
}

/** Pixels turned by a quarter, clockwise. */
function turn(data: Uint8Array, width: number, height: number, bands: number): Uint8Array {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let b = 0; b < bands; b++) {
        out[(x * height + height - 1 - y) * bands + b] = data[(y * width + x) * bands + b]!;
      }
    }
  }
  return out;
}

function differing(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((count, value, i) => count + (value === b[i] ? 0 : 1), 0);
}

describe('augmentation by the eight symmetries', () => {
  it('makes the map of a turned scene the turned map, which it is not without', async () => {
    const turned = await writeScene('turned.tif', HEIGHT, WIDTH, turn(pixels, WIDTH, HEIGHT, 3));
    const turnedDifference = async (tta: 'none' | 'd4') => {
      const upright = await map({ tta });
      const lying = await map({ tta, scene: turned });
      return {
        upright,
        classes: differing(turn(upright.classes, WIDTH, HEIGHT, 1), lying.classes),
        confidence: turn(upright.confidence, WIDTH, HEIGHT, 1).reduce(
          (most, value, i) => Math.max(most, Math.abs(value - lying.confidence[i]!)),
          0,
        ),
      };
    };
    const plain = await turnedDifference('none');
    expect(plain.classes).toBeGreaterThan((WIDTH * HEIGHT) / 100);
    const d4 = await turnedDifference('d4');
    // Sums of eight in another order differ in their last bits, which can only decide between equal scores.
    expect(d4.classes).toBeLessThanOrEqual(2);
    expect(d4.confidence).toBeLessThanOrEqual(1);

    const { counts, config } = d4.upright.report;
    expect(config.tta).toBe('d4');
    expect(counts.windowsRun).toBe(plain.upright.report.counts.windowsRun);
    expect(counts.networkRuns).toBe(8 * counts.windowsRun);
    expect(counts.longEncoderRuns).toBe(8 * plain.upright.report.counts.longEncoderRuns);
    expect(plain.upright.report.counts.networkRuns).toBe(counts.windowsRun);
  }, 300_000);
});

describe('approximations', () => {
  it.each<Partial<SegmentOptions>>([
    { blend: 'tapered', stride: 48, shareContext: 2 },
    { shareContext: 3, stride: 64, mode: 'reference' },
    { quality: 'fast', shareContext: 3, tta: 'd4' },
  ])(
    'give any band of rows the bytes of the whole: %o',
    async (options) => {
      const whole = await map({ ...options, scene: wideScene });
      const cuts = [0, 201, WIDE.height];
      for (const [i, y1] of cuts.slice(1).entries()) {
        const y0 = cuts[i]!;
        const band = {
          options: { scene: wideScene, model: MODEL, vector: [], preview: false, threads: 1, ...options },
          identity: whole.report.identity,
          y0,
          y1,
          pyramidDir: join(dir, 'pyramid'),
        };
        for await (const rows of mapBand(band)) {
          const from = (y0 + rows.y) * WIDE.width;
          const to = from + rows.classes.length;
          expect(Buffer.compare(rows.classes, whole.classes.subarray(from, to))).toBe(0);
          expect(Buffer.compare(rows.confidence, whole.confidence.subarray(from, to))).toBe(0);
        }
      }
    },
    300_000,
  );

  it('run the short encoder once for all windows that share their context', async () => {
    const own = await map({ scene: wideScene });
    const shared = await map({ scene: wideScene, shareContext: 2 });
    const { window, distances, padTo } = await readModelManifest(MODEL, false);
    const planOf = (shareContext: number) =>
      planFrusta({ ...WIDE, window, distances, padTo, stride: 64, mode: 'centred', shareContext });
    for (const { report } of [own, shared]) {
      const short = countPlaces(planOf(report.config.shareContext), 1);
      expect(report.counts.windowsRun).toBe(63);
      expect(report.counts.shortEncoderRuns).toBe(short.columns * short.rows);
      expect(report.counts.longEncoderRuns).toBe(1);
    }
    expect(shared.report.counts.shortEncoderRuns).toBeLessThan(own.report.counts.shortEncoderRuns);
    expect(differing(shared.classes, own.classes)).toBeGreaterThan(0);
    expect(differing(shared.classes, own.classes)).toBeLessThan((WIDE.width * WIDE.height) / 10);
    expect(shared.report.identity).not.toBe(own.report.identity);
    expect(shared.report.config.shareContext).toBe(2);
    // The page and the lineage name what is not as published, and only that.
    const page = (name: string, { outDir }: typeof own) => readFile(join(outDir, name), 'utf8');
    expect(await page('stac-item.json', shared)).toContain('context shared by 2 × 2 windows');
    expect(await page('report.html', shared)).toContain('by 2 × 2 windows');
    expect(await page('stac-item.json', own)).not.toContain('context shared');
  }, 120_000);

  it('are none unless told: the exact preset is the run of old, and found again', async () => {
    const first = await map({});
    const { quality, stride, blend, shareContext, tta, weights } = first.report.config;
    expect({ quality, stride, blend, shareContext, tta, weights }).toEqual({
      quality: 'exact',
      stride: 64,
      blend: 'uniform',
      shareContext: 1,
      tta: 'none',
      weights: 'float32',
    });
    const again = await segment({
      scene,
      model: MODEL,
      outDir: first.outDir,
      vector: [],
      preview: false,
      quality: 'exact',
      blend: 'uniform',
      shareContext: 1,
      tta: 'none',
      weights: 'float32',
    });
    expect(again.alreadyDone).toBe(true);
    expect(again.identity).toBe(first.report.identity);
  }, 120_000);
});

describe('presets', () => {
  it('leave what is told alone, and fall to whole score cells', async () => {
    const manifest = await readModelManifest(MODEL, false);
    const fast = chooseWindows({ quality: 'fast' }, manifest);
    expect(fast.blend).toBe('tapered');
    expect(fast.stride).toBeGreaterThan(manifest.window / 2);
    expect(chooseWindows({ quality: 'fast', stride: 40, blend: 'uniform' }, manifest)).toEqual({
      ...fast,
      stride: 40,
      blend: 'uniform',
    });
    for (const window of [32, 64, 100, 128, 224, 512]) {
      for (const quality of ['balanced', 'fast'] as const) {
        const { stride } = chooseWindows({ quality }, { window });
        expect([stride % 4, stride < window, stride > window / 2]).toEqual([0, true, true]);
      }
    }
  });

  it('refuses names that are none', () => {
    expect(() => chooseWindows({ quality: 'good' as 'fast' }, { window: 128 })).toThrow(
      /--quality good: must be one of exact, balanced, fast/,
    );
    expect(() => chooseWindows({ tta: 'c4' as 'd4' }, { window: 128 })).toThrow(
      /--tta c4: must be one of none, d4/,
    );
  });
});
