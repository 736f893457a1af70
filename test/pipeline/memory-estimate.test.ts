import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countPlaces, planFrusta } from '../../src/frustum/plan.ts';
import { convertCheckpoint, segment, synthesize } from '../../src/index.ts';
import { GOLDEN } from '../support/golden.ts';
import { writeGoldenPreset } from '../support/golden-preset.ts';
import { startFrustum } from '../support/run-command.ts';

const MIB = 2 ** 20;
const SYNTH = 'models/sfrnet-mini-synth';

let dir: string;
let small: string;
let wide: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-estimate-'));
  const draw = async (width: number, height: number) =>
    (await synthesize({ width, height, seed: 5, outDir: join(dir, `${width}x${height}`) })).scenePath;
  small = await draw(500, 400);
  wide = await draw(3000, 1100);
}, 120_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Maps a scene and looks, beside the run's own guard, at what its processes hold. */
async function mapAndWatch(name: string, scene: string, flags: readonly string[]) {
  const out = join(dir, name);
  const common = ['--bands', '2,3,4', '--stretch', 'none', '--threads', '1'];
  const { process: child, result } = startFrustum(['segment', scene, ...flags, ...common, '--out', out]);
  let peak = 0;
  const timer = setInterval(async () => {
    const ids = [child.pid!, ...(await childrenOf(child.pid!))];
    const sizes = await Promise.all(ids.map(residentBytes));
    peak = Math.max(
      peak,
      sizes.reduce((sum, bytes) => sum + bytes, 0),
    );
  }, 50);
  const { status, failure } = await result;
  clearInterval(timer);
  if (status !== 0) return { status, failure, peak, memory: null };
  const { memory } = JSON.parse(await readFile(join(out, 'run.json'), 'utf8'));
  return { status, failure, peak, memory };
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}

async function residentBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1] ?? 0) * 1024;
}

describe.runIf(process.platform === 'linux')('memory of a run', () => {
  it.each<[string, readonly string[], 'small' | 'wide']>([
    ['of a small scene', ['--model', SYNTH], 'small'],
    [
      'without polygons and pictures',
      ['--model', SYNTH, '--no-vector', '--no-preview', '--stride', '128'],
      'wide',
    ],
    [
      'with every vector format',
      ['--model', SYNTH, '--vector', 'geojson,gpkg,fgb,parquet,pmtiles', '--stride', '128'],
      'wide',
    ],
    [
      'with generalised polygons from a pyramid',
      ['--model', SYNTH, '--sampling', 'pyramid', '--mmu', '2000', '--simplify', 'vw:10', '--stride', '128'],
      'wide',
    ],
    ['with windows of 512 px', ['--model', 'GOLDEN', '--mode', 'centred', '--stride', '512'], 'wide'],
  ])(
    '%s is no more than its estimate, and no less than half of that',
    async (name, flags, which) => {
      const model = flags.includes('GOLDEN') ? await convertTiny() : SYNTH;
      const named = flags.map((flag) => (flag === 'GOLDEN' ? model : flag));
      const { status, failure, peak, memory } = await mapAndWatch(
        name,
        which === 'small' ? small : wide,
        named,
      );
      expect({ status, failure }).toEqual({ status: 0, failure: null });
      const mib = (bytes: number) => Math.round(bytes / MIB);
      process.stderr.write(
        `memory ${name}: estimated ${mib(memory.estimatedBytes)} MiB, took ${mib(peak)} MiB, ${mib(memory.peakBytes)} by its own count\n`,
      );
      expect(memory.promisedBytes).toBeNull();
      // Its own count begins when the network is open and ends before the last document is written.
      expect(memory.peakBytes / peak).toBeGreaterThan(0.8);
      expect(memory.peakBytes / peak).toBeLessThan(1.2);
      expect(memory.estimatedBytes / peak).toBeGreaterThanOrEqual(1);
      expect(memory.estimatedBytes / peak).toBeLessThanOrEqual(2);
    },
    180_000,
  );

  it('that was declared is kept, and the map is the same; what cannot fit is refused with nothing written', async () => {
    const flags = ['--model', SYNTH, '--stride', '128', '--vector', 'geojson'];
    const free = await mapAndWatch('free', wide, flags);
    const refused = await mapAndWatch('refused', wide, [...flags, '--memory', '200']);
    expect(refused.status).toBe(75);
    expect(refused.failure).toMatchObject({
      tag: 'ResourceError',
      message: expect.stringMatching(/and 200 MiB are promised \(--memory\): nothing was begun/),
    });
    await expect(readFile(join(dir, 'refused', 'run.json'))).rejects.toThrow('ENOENT');
    const least = Number(/takes up to (\d+) MiB/.exec(refused.failure!.message)![1]);
    // The refusal names what would do with fewer decode threads; with them it takes a little more.
    const promised = least + 60;
    const kept = await mapAndWatch('kept', wide, [...flags, '--memory', `${promised}M`]);
    expect(kept.failure).toBeNull();
    expect(kept.memory.promisedBytes).toBe(promised * MIB);
    expect(kept.memory.estimatedBytes).toBeLessThanOrEqual(promised * MIB);
    expect(kept.peak).toBeLessThanOrEqual(promised * MIB);
    expect(free.memory.estimatedBytes).toBeGreaterThan(kept.memory.estimatedBytes - 100 * MIB);
    const map = (name: string) => readFile(join(dir, name, 'landcover.tif'));
    expect((await map('kept')).equals(await map('free'))).toBe(true);
  }, 180_000);

  it('that is tight keeps fewer context features, encodes them again, and makes the same map', async () => {
    const flags = ['--model', SYNTH, '--stride', '64', '--share-context', '2', '--no-vector', '--no-preview'];
    const refused = await mapAndWatch('tight-refused', wide, [...flags, '--memory', '200']);
    const least = Number(/takes up to (\d+) MiB/.exec(refused.failure!.message)![1]);
    const free = await mapAndWatch('tight-free', wide, flags);
    const tight = await mapAndWatch('tight', wide, [...flags, '--memory', `${least + 60}M`]);
    expect(tight.failure).toBeNull();
    expect(tight.peak).toBeLessThanOrEqual((least + 60) * MIB);
    const plan = planFrusta({
      ...{ width: 3000, height: 1100, window: 128, distances: [1, 3, 10], padTo: 128 },
      ...{ stride: 64, mode: 'centred', shareContext: 2 },
    });
    const [near, far] = [countPlaces(plan, 1), countPlaces(plan, 2)];
    const each = 2 * 32 * 16 * 16 * 4;
    expect(free.memory.choices.keptFeatureBytes).toBe((near.columns + far.columns) * each);
    expect(tight.memory.choices.keptFeatureBytes).toBe(2 * each);
    const run = async (name: string) => JSON.parse(await readFile(join(dir, name, 'run.json'), 'utf8'));
    const [freely, tightly] = [await run('tight-free'), await run('tight')];
    expect(freely.counts).toMatchObject({
      shortEncoderRuns: near.columns * near.rows,
      longEncoderRuns: far.columns * far.rows,
    });
    // In each row of windows, not once in a row of context windows.
    expect(near.rows).toBeLessThan(plan.rows.length);
    expect(tightly.counts).toMatchObject({
      shortEncoderRuns: near.columns * plan.rows.length,
      longEncoderRuns: far.columns * plan.rows.length,
    });
    for (const file of ['landcover.tif', 'confidence.tif']) {
      const [a, b] = [
        await readFile(join(dir, 'tight', file)),
        await readFile(join(dir, 'tight-free', file)),
      ];
      expect(a.equals(b)).toBe(true);
    }
  }, 180_000);

  it('that grows beyond what was declared ends the run, and nothing of it is left', async () => {
    const ballast: Buffer[] = [];
    const outDir = join(dir, 'broken');
    const broken = segment(
      {
        scene: small,
        model: SYNTH,
        outDir,
        bands: [2, 3, 4],
        threads: 1,
        memoryBytes: process.memoryUsage.rss() + 500 * MIB,
      },
      {
        onWindow: (done, total) => done === Math.round(total / 4) && ballast.push(Buffer.alloc(700 * MIB, 1)),
      },
    );
    await expect(broken).rejects.toMatchObject({
      tag: 'ResourceError',
      message: expect.stringMatching(
        /the run takes \d+ MiB of memory, and \d+ MiB are promised \(--memory\)/,
      ),
    });
    expect(ballast.pop()).toBeDefined();
    expect(await readdir(outDir)).toEqual([]);
  }, 60_000);
});

async function convertTiny(): Promise<string> {
  const outDir = join(dir, 'tiny-512');
  await convertCheckpoint({
    checkpointPath: join(GOLDEN, 'models/tiny/published_torch2.pth'),
    outDir,
    preset: await writeGoldenPreset(dir, 'tiny', 512, [1, 3, 6]),
  });
  return outDir;
}
