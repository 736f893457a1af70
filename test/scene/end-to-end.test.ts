import { mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromFile } from 'geotiff';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openScene, type SegmentOptions, type SegmentReport, segment } from '../../src/index.ts';
import { type TestImage, writeTiff } from '../geotiff/make-tiff.ts';
import { cutImage, pieces, placed, writePieces } from './cut-scene.ts';

const MODEL = 'models/sfrnet-mini-synth';
const SIZE = { width: 290, height: 210 };
const PIXELS = SIZE.width * SIZE.height;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-scene-e2e-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function map(name: string, scene: SegmentOptions['scene'], options: Partial<SegmentOptions> = {}) {
  return segment({ scene, model: MODEL, outDir: join(dir, name), stride: 128, threads: 1, ...options });
}

async function classesOf(name: string): Promise<Uint8Array> {
  const image = await (await fromFile(join(dir, name, 'landcover.tif'))).getImage();
  return (await image.readRasters({ interleave: true })) as unknown as Uint8Array;
}

/** Land to look at, 0..1: three slow waves a band. */
function land(x: number, y: number, band: number): number {
  return 0.5 + 0.24 * Math.sin(x / 17 + band) + 0.24 * Math.cos(y / 23 - band * 2) * Math.sin((x + y) / 41);
}

/** Where the test scenes have no data: a slanted border, a lake, and single pixels. */
function isHole(x: number, y: number): boolean {
  return x + y / 3 < 24 || (x - 180) ** 2 + (y - 90) ** 2 < 1200 || (x * 7 + y * 13) % 97 === 0;
}

const holes = Array.from({ length: PIXELS }, (_, p) => isHole(p % SIZE.width, Math.floor(p / SIZE.width)));

/** Samples of `bands` bands; `value` is told the land (0..1), whether the pixel is a hole, and the band. */
function paint<T extends Uint8Array | Uint16Array | Float32Array>(
  samples: T,
  bands: number,
  value: (land: number, hole: boolean, band: number, p: number) => number,
): T {
  for (let p = 0, i = 0; p < PIXELS; p++) {
    const [x, y] = [p % SIZE.width, Math.floor(p / SIZE.width)];
    for (let band = 0; band < bands; band++, i++) samples[i] = value(land(x, y, band), holes[p]!, band, p);
  }
  return samples;
}

const image = (bands: number, samples: TestImage['samples'], more: Partial<TestImage> = {}): TestImage =>
  placed({ ...SIZE, bands, samples, tile: 64, deflate: true, ...more });

describe('pixels without data are exactly those without a class', () => {
  const scenes: Readonly<Record<string, () => readonly TestImage[]>> = {
    'a nodata value in bytes': () => [
      image(
        3,
        paint(new Uint8Array(PIXELS * 3), 3, (v, hole) => (hole ? 0 : 1 + v * 250)),
        { nodata: '0' },
      ),
    ],
    'a nodata value in 16 bits, which single bands may hold too': () => [
      image(
        4,
        paint(new Uint16Array(PIXELS * 4), 4, (v, hole, band, p) =>
          hole && band < 3 ? 65535 : band === 1 && p % 5 === 0 ? 65535 : 300 + v * 4000,
        ),
        { nodata: '65535', extraSamples: [0] },
      ),
    ],
    'NaN in floats': () => [
      image(
        3,
        paint(new Float32Array(PIXELS * 3), 3, (v, hole) => (hole ? Number.NaN : v / 3 - 0.1)),
        { planar: true },
      ),
    ],
    'a nodata value and NaN in floats': () => [
      image(
        3,
        paint(new Float32Array(PIXELS * 3), 3, (v, hole, _, p) => (hole ? (p % 2 ? -9999 : Number.NaN) : v)),
        { nodata: '-9999' },
      ),
    ],
    alpha: () => [
      image(
        4,
        paint(new Uint8Array(PIXELS * 4), 4, (v, hole, band) => (band < 3 ? v * 255 : hole ? 0 : 255)),
        { extraSamples: [2] },
      ),
    ],
    'an internal mask': () => [
      image(
        3,
        paint(new Uint8Array(PIXELS * 3), 3, (v) => v * 255),
      ),
      {
        ...SIZE,
        bands: 1,
        samples: Uint8Array.from(holes, (hole) => (hole ? 0 : 255)),
        photometric: 4,
        subfileType: 4,
        tile: 64,
        deflate: true,
      },
    ],
  };

  it.each(Object.keys(scenes))('%s', async (name) => {
    const folder = name.replaceAll(' ', '-');
    const report = await map(folder, writeTiff(join(dir, `${folder}.tif`), ...scenes[name]!()));
    const classes = await classesOf(folder);
    const wrong = holes.flatMap((hole, p) => ((classes[p] === 255) === hole ? [] : [p]));
    expect(wrong).toEqual([]);
    const valid = holes.filter((hole) => !hole).length;
    expect(report.counts).toMatchObject({ validPixels: valid, nodataPixels: PIXELS - valid });
    const { features } = JSON.parse(await readFile(join(dir, folder, 'landcover.geojson'), 'utf8')) as {
      features: { properties: { pixel_count: number } }[];
    };
    expect(features.reduce((sum, { properties }) => sum + properties.pixel_count, 0)).toBe(valid);
  });
});

describe('a scene in several files', () => {
  const whole = image(
    4,
    paint(new Uint16Array(PIXELS * 4), 4, (v, hole, band) => (hole ? 0 : 200 + v * 3000 + band)),
    { nodata: '0', extraSamples: [0] },
  );
  const options = { bands: 'gaofen2', stretch: { percentile: [1, 99], gamma: 1.2 } } as const;
  /** Of maps, polygons and styles. Preview, report and STAC Item name the scene's files. */
  const hashes = ({ outputs }: SegmentReport) =>
    Object.fromEntries(
      outputs
        .filter(({ file }) => !['preview.png', 'report.html', 'stac-item.json'].includes(file))
        .map(({ file, sha256 }) => [file, sha256]),
    );

  let uncut: SegmentReport;
  beforeAll(async () => {
    uncut = await map('uncut', writeTiff(join(dir, 'uncut.tif'), whole), options);
  });

  it.each([0, 11])('gives the bytes of the uncut one, with %i pixels of overlap', async (overlap) => {
    const files = writePieces(join(dir, `pieces-${overlap}`), whole, pieces(whole, 3, 3, overlap), 'uncut');
    const report = await map(`mapped-${overlap}`, files, options);
    expect(report.outputs.map(({ file }) => file)).toEqual(uncut.outputs.map(({ file }) => file));
    expect(Object.keys(hashes(report))).toContain('landcover.geojson');
    expect(hashes(report)).toEqual(hashes(uncut));
    expect(report.scene.stretch).toEqual(uncut.scene.stretch);
    const lineage = async (name: string) =>
      JSON.parse(await readFile(join(dir, name, 'stac-item.json'), 'utf8')).properties['processing:lineage'];
    expect(await lineage(`mapped-${overlap}`)).toMatch(/^Land cover of [^ ]+ \(a scene of 9 files\), bands /);
    expect(await lineage('uncut')).toMatch(/^Land cover of uncut\.tif, bands /);
    expect(report.scene.files).toHaveLength(9);
  });

  it('is taken for done when asked again, and for another scene in another order', async () => {
    const files = writePieces(join(dir, 'again'), whole, pieces(whole, 2, 1), 'uncut');
    const first = await map('again-out', files, { ...options, preview: false });
    expect((await map('again-out', files, { ...options, preview: false })).alreadyDone).toBe(true);
    const turned = await map('again-out', files.toReversed(), { ...options, preview: false });
    expect(turned.alreadyDone).toBeUndefined();
    expect(hashes(turned)).toEqual(hashes(first));
  });

  it('has no class in its gaps', async () => {
    const folder = join(dir, 'gap');
    mkdirSync(folder);
    const windows = pieces(whole, 3, 3);
    const [hole] = windows.splice(4, 1);
    await map('gap-out', writePieces(folder, whole, windows), options);
    const classes = await classesOf('gap-out');
    const wrong = holes.flatMap((none, p) => {
      const [x, y] = [p % SIZE.width, Math.floor(p / SIZE.width)];
      const { x: left, y: top, width, height } = hole!;
      const gap = x >= left && y >= top && x < left + width && y < top + height;
      return (classes[p] === 255) === (none || gap) ? [] : [p];
    });
    expect(wrong).toEqual([]);
  });

  it('looks the same in a part of it that is mapped with the recorded stretch of the whole', async () => {
    const window = { x: 70, y: 40, width: 160, height: 130 };
    const part = writeTiff(join(dir, 'part.tif'), placed(cutImage(whole, window), window.x, window.y));
    const { stretch } = uncut.scene;
    const recorded = { ...options, stretch: { recorded: stretch } };
    const replayed = await map('replayed', part, recorded);
    expect(replayed.scene.stretch).toEqual(stretch);
    const own = await openScene(part, options);
    expect(own.metadata.stretch).not.toEqual(stretch);
    await own.close();
    const [cut, all] = [await openScene(part, recorded), await openScene(join(dir, 'uncut.tif'), options)];
    const seen = await cut.readRgb({ ...window, x: 0, y: 0 });
    expect(Buffer.compare(seen.data, (await all.readRgb(window)).data)).toBe(0);
    await cut.close();
    await all.close();
  });

  it('can be read through a pyramid, and is not overwritten by an output', async () => {
    const folder = join(dir, 'own-folder');
    const files = writePieces(folder, whole, pieces(whole, 2, 2), 'uncut');
    const sampled = { ...options, sampling: 'pyramid', vector: [], preview: false } as const;
    const first = await map('sampled', files, sampled);
    const uncutSampled = await map('uncut-sampled', join(dir, 'uncut.tif'), sampled);
    expect(hashes(first)).toEqual(hashes(uncutSampled));
    const named = writeTiff(join(folder, 'landcover.tif'), whole);
    await expect(map('own-folder', [...files, named], options)).rejects.toMatchObject({
      tag: 'ConfigError',
      message: expect.stringContaining('landcover.tif'),
    });
  });
});
