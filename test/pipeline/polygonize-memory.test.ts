import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { polygonize, synthesize } from '../../src/index.ts';
import type { AllowedMemory } from '../../src/pipeline/plan-memory.ts';
import {
  HELD_FOR_GRAPH,
  type PolygonizeDemand,
  planPolygonize,
} from '../../src/pipeline/polygonize-memory.ts';
import { makeTiff } from '../geotiff/make-tiff.ts';
import { noiseImage } from '../support/memory-scene.ts';
import { runFrustum, startFrustum } from '../support/run-command.ts';

const MIB = 2 ** 20;

let dir: string;
/** 3000 x 2200 classes of drawn land. */
let land: string;
/** 1500 x 1500 of next to nothing but single pixels. */
let noise: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-polygonize-memory-'));
  await synthesize({ width: 3000, height: 2200, seed: 5, outDir: join(dir, 'land') });
  land = join(dir, 'land/truth.tif');
  const side = 1500;
  noise = join(dir, 'noise.tif');
  const samples = noiseImage(side, side)
    .subarray(0, side * side)
    .map((value) => value % 5);
  await writeFile(noise, makeTiff([{ width: side, height: side, bands: 1, samples, rowsPerStrip: 64 }]));
}, 120_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

const allow = (bytes: number, promised = true): AllowedMemory => ({
  promisedBytes: promised ? bytes : null,
  bytes,
});
const raster = (side: number, more: Partial<PolygonizeDemand> = {}): PolygonizeDemand => ({
  width: side,
  height: side,
  decodedBytes: side * side,
  blockBytes: 512 * 512,
  blockRowBytes: 512 * side,
  files: 1,
  tiles: false,
  sieved: false,
  generalised: true,
  maxGraphBytes: null,
  processors: 4,
  ...more,
});
const FREE = allow(Number.POSITIVE_INFINITY, false);

describe('what polygonizing is given', () => {
  it('is all that it can use where nothing presses: two rows of blocks, and 2 GiB of borders', () => {
    const { cacheBytes, graphBytes, warnings } = planPolygonize(raster(20_000), FREE);
    expect(cacheBytes).toBe(2 * 512 * 20_000);
    expect(graphBytes).toBe(2 ** 31);
    expect(warnings).toEqual([]);
    expect(planPolygonize(raster(20_000, { generalised: false }), FREE).graphBytes).toBe(0);
    expect(planPolygonize(raster(20_000, { maxGraphBytes: 7 * MIB }), FREE).graphBytes).toBe(7 * MIB);
  });

  it('keeps any budget with all that borders may take, or is refused by name', () => {
    const demands = fc.record({
      side: fc.integer({ min: 100, max: 60_000 }),
      files: fc.integer({ min: 1, max: 6 }),
      tiles: fc.boolean(),
      sieved: fc.boolean(),
      generalised: fc.boolean(),
      processors: fc.integer({ min: 1, max: 8 }),
    });
    let refused = 0;
    fc.assert(
      fc.property(
        demands,
        fc.integer({ min: 50, max: 6000 }),
        fc.nat(500),
        ({ side, ...more }, mib, step) => {
          const demand = raster(side, { ...more, generalised: more.generalised || more.sieved });
          const planned = (budget: number) => {
            try {
              return planPolygonize(demand, allow(budget * MIB));
            } catch (error) {
              expect(error).toMatchObject({
                tag: 'ResourceError',
                message: expect.stringMatching(
                  /polygonizing takes up to \d+ MiB .*\(.*Node\.js \d+.*\), and \d+ MiB are promised \(--memory\): nothing was begun/,
                ),
              });
              return null;
            }
          };
          const [more_, less] = [planned(mib), planned(Math.max(1, mib - step))];
          if (less === null) refused++;
          if (more_ === null) expect(less).toBeNull();
          if (more_ === null) return;
          const { estimate, graphBytes } = more_;
          expect(estimate.totalBytes).toBeLessThanOrEqual(mib * MIB);
          // Also where borders take all that they may.
          const { vectorBytes } = planPolygonize({ ...demand, generalised: false }, FREE).estimate;
          const expected = estimate.vectorBytes - vectorBytes;
          const most = estimate.totalBytes - expected + HELD_FOR_GRAPH * graphBytes;
          expect(most).toBeLessThanOrEqual(mib * MIB + 4);
          if (demand.generalised) {
            expect(graphBytes).toBeLessThanOrEqual(2 ** 31);
            expect(graphBytes).toBeGreaterThan(0);
          }
          if (less === null) return;
          expect(less.estimate.totalBytes).toBeLessThanOrEqual(estimate.totalBytes);
        },
      ),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(10);
  });

  it('refuses more for borders than is left, and takes what is', () => {
    const budget = allow(1000 * MIB);
    const { graphBytes } = planPolygonize(raster(10_000), budget);
    expect(graphBytes).toBeGreaterThan(100 * MIB);
    expect(() => planPolygonize(raster(10_000, { maxGraphBytes: 1000 * MIB }), budget)).toThrow(
      expect.objectContaining({
        tag: 'ConfigError',
        pointer: '--graph-memory',
        message: expect.stringMatching(
          /--graph-memory 1000: 1000 MiB are promised \(--memory\), of which \d+ go elsewhere.*expected at most \d+/,
        ),
      }),
    );
    expect(planPolygonize(raster(10_000, { maxGraphBytes: graphBytes }), budget).graphBytes).toBe(graphBytes);
    const asked = planPolygonize(raster(10_000, { maxGraphBytes: 1000 * MIB }), allow(1000 * MIB, false));
    expect(asked.graphBytes).toBe(1000 * MIB);
  });

  it('is more for blocks that are decoded whole', () => {
    const of = (blockBytes: number) => planPolygonize(raster(20_000, { blockBytes }), FREE).estimate;
    expect(of(300 * MIB).decodeBytes - of(0).decodeBytes).toBeGreaterThan(250 * MIB);
    expect(of(512 * 512)).toEqual(of(0));
  });

  it('is a warning where a control group has too little', () => {
    const { warnings } = planPolygonize(raster(30_000), allow(150 * MIB, false));
    expect(warnings).toEqual([expect.stringMatching(/container or control group may take 150 MiB/)]);
  });
});

/** Polygonizes and looks, beside the run's own guard, at the most that the process ever held. */
async function watch(flags: readonly string[]) {
  const { process: child, result } = startFrustum(['polygonize', ...flags]);
  let peak = 0;
  const timer = setInterval(async () => {
    const text = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peak = Math.max(peak, Number(/^VmHWM:\s+(\d+)/m.exec(text)?.[1] ?? 0) * 1024);
  }, 20);
  const { status, failure, lines } = await result;
  clearInterval(timer);
  const { estimatedMemoryBytes, peakMemoryBytes } = lines.at(-1) as Record<string, number>;
  return { status, failure, peak, estimated: estimatedMemoryBytes!, counted: peakMemoryBytes! };
}

describe.runIf(process.platform === 'linux')('memory of frustum polygonize', () => {
  it.each<[string, () => string, readonly string[], readonly string[]]>([
    ['of drawn land', () => land, ['a.fgb'], []],
    [
      'of drawn land, into every format',
      () => land,
      ['a.fgb', 'a.geojson', 'a.gpkg', 'a.parquet', 'a.pmtiles'],
      [],
    ],
    [
      'of drawn land, generalised',
      () => land,
      ['a.gpkg'],
      ['--mmu', '50px', '--simplify', 'vw:15', '--smooth', '2'],
    ],
    ['of drawn land, as merged', () => land, ['a.geojson'], ['--mmu', '50px', '--sieved', 'SIEVED']],
    [
      'of drawn land, with borders simplified',
      () => land,
      ['a.parquet'],
      ['--simplify', 'vw:15', '--smooth', '2'],
    ],
  ])(
    '%s is no more than its estimate, and no less than half of that',
    async (name, from, files, flags) => {
      const out = await mkdtemp(join(dir, 'run-'));
      const named = flags.map((flag) => (flag === 'SIEVED' ? join(out, 'sieved.tif') : flag));
      const paths = files.map((file) => join(out, file));
      const { status, failure, peak, estimated, counted } = await watch([
        from(),
        '--out',
        ...paths,
        ...named,
      ]);
      expect({ status, failure }).toEqual({ status: 0, failure: null });
      const mib = (bytes: number) => Math.round(bytes / MIB);
      process.stderr.write(`memory ${name}: estimated ${mib(estimated)} MiB, took ${mib(peak)} MiB\n`);
      expect(counted / peak).toBeGreaterThan(0.7);
      expect(counted / peak).toBeLessThanOrEqual(1.05);
      expect(estimated / peak).toBeGreaterThanOrEqual(1);
      expect(estimated / peak).toBeLessThanOrEqual(2);
    },
    120_000,
  );

  it('that was declared is kept, for the same bytes; what cannot fit is refused with nothing written', async () => {
    const out = join(dir, 'declared');
    const flags = ['--simplify', 'vw:15'];
    const free = join(out, 'free.fgb');
    expect((await watch([land, '--out', free, ...flags])).failure).toBeNull();
    const tight = join(out, 'tight.fgb');
    const refused = await watch([land, '--out', tight, ...flags, '--memory', '120']);
    expect(refused.status).toBe(75);
    expect(refused.failure).toMatchObject({
      tag: 'ResourceError',
      message: expect.stringMatching(/and 120 MiB are promised \(--memory\): nothing was begun/),
    });
    const least = Number(/takes up to (\d+) MiB/.exec(refused.failure!.message)![1]);
    const kept = await watch([land, '--out', tight, ...flags, '--memory', `${least + 60}M`]);
    expect(kept.failure).toBeNull();
    expect(kept.peak).toBeLessThanOrEqual((least + 60) * MIB);
    expect(kept.estimated).toBeLessThanOrEqual((least + 60) * MIB);
    expect((await readFile(tight)).equals(await readFile(free))).toBe(true);
    const asked = await runFrustum(
      ...['polygonize', land, '--out', join(out, 'asked.fgb'), ...flags],
      ...['--memory', `${least + 60}M`, '--graph-memory', '2000'],
    );
    expect(asked).toMatchObject({ status: 2, failure: { tag: 'ConfigError' } });
    expect(asked.failure!.message).toMatch(/^--graph-memory 2000: .* are promised \(--memory\)/);
    expect((await readdir(out)).sort()).toEqual(['free.fgb', 'tight.fgb']);
  }, 120_000);

  it('that borders would pass is told by name, and nothing stays', async () => {
    const out = join(dir, 'borders');
    const { failure } = await watch([
      noise,
      '--out',
      join(out, 'a.fgb'),
      '--simplify',
      'vw:2',
      '--memory',
      '260',
    ]);
    expect(failure).toMatchObject({
      tag: 'UnsupportedError',
      message: expect.stringMatching(/more borders than the \d+ MiB hold/),
    });
    expect(await readdir(out)).toEqual([]);
  }, 60_000);

  it('that grows beyond what was declared ends the run, and nothing of it is left', async () => {
    const out = join(dir, 'broken');
    await mkdir(out);
    const ballast: Buffer[] = [];
    const broken = polygonize({
      raster: land,
      outputs: [join(out, 'a.fgb'), join(out, 'a.geojson')],
      sieved: join(out, 'sieved.tif'),
      polygons: { mmu: { pixels: 50 } },
      memoryBytes: process.memoryUsage.rss() + 500 * MIB,
      onRows: () => ballast.length === 0 && ballast.push(Buffer.alloc(900 * MIB, 1)),
    });
    await expect(broken).rejects.toMatchObject({
      tag: 'ResourceError',
      message: expect.stringMatching(
        /takes \d+ MiB of memory, and \d+ MiB are promised \(--memory\)\. Promise more, remove single-pixel noise/,
      ),
    });
    expect(ballast.pop()).toBeDefined();
    expect(await readdir(out)).toEqual([]);
  }, 60_000);
});
