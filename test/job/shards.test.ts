import { spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  incompleteError,
  type JobPlan,
  mergeJob,
  readJobStatus,
  runShard,
  type SegmentOptions,
  segment,
  synthesize,
} from '../../src/index.ts';
import { temporaryPathFor } from '../../src/io/remove-leftovers.ts';
import { identityOfShard } from '../../src/job/find-rows.ts';
import { writeTiff } from '../geotiff/make-tiff.ts';
import { makeSeededModel } from '../support/seeded-model.ts';
import { differences, outputsOf, plan, recordOf, runShards, SETTINGS } from './job-kit.ts';

const VECTOR = ['geojson', 'gpkg', 'fgb'];

let dir: string;
let scene: string;
let count = 0;
beforeAll(async () => {
  // GeoPackage says when it was made.
  vi.stubEnv('SOURCE_DATE_EPOCH', '1700000000');
  dir = await mkdtemp(join(tmpdir(), 'frustum-shards-'));
  scene = (await synthesize({ width: 700, height: 520, seed: 11, outDir: join(dir, 'land') })).scenePath;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true, force: true });
});

/** A folder of its own for a plan, as deep as those of undisturbed runs: the STAC Item's link to the model is relative. */
const fresh = () => join(dir, `jobs-${count++}`);

async function mapWhole(options: Partial<SegmentOptions> = {}): Promise<string> {
  const outDir = join(dir, `whole-${count++}`, 'run');
  await segment({ ...SETTINGS, scene, outDir, vector: VECTOR, ...options });
  return outDir;
}

async function expectSame(job: JobPlan, whole: string): Promise<void> {
  const [merged] = await mergeJob({ plan: job });
  expect(merged).toMatchObject({ outcome: 'done', missing: [] });
  const folder = join(job.to, merged!.id);
  const expected = await outputsOf(whole);
  expect(expected.size).toBeGreaterThan(10);
  expect(differences(await outputsOf(folder), expected)).toEqual([]);
  expect(await recordOf(folder)).toEqual(await recordOf(whole));
}

describe('a scene in shards is, byte for byte, the scene in one piece', () => {
  it.each([
    ['exact', {}],
    ['pyramid', { sampling: 'pyramid' }],
    ['reference geometry', { mode: 'reference' }],
    [
      'measured stretch, and polygons generalised',
      { stretch: 'minmax', polygons: { mmu: { pixels: 40 }, simplify: { method: 'vw', toleranceM: 8 } } },
    ],
    ['part of the scene', { bboxPx: [90, 70, 610, 455] }],
  ] as [string, Partial<SegmentOptions>][])(
    '%s, in 1, 2, 3, 5 and 7 shards',
    async (_, options) => {
      const whole = await mapWhole(options);
      for (const shards of [1, 2, 3, 5, 7]) {
        const job = await plan([scene], fresh(), shards, { ...options, vector: VECTOR });
        expect(job.scenes[0]!.shards).toHaveLength(shards);
        await runShards(job);
        await expectSame(job, whole);
      }
    },
    240_000,
  );

  it('also where several processes share its windows, in batches', async () => {
    const model = await makeSeededModel(dir);
    const options = { model, batch: 3 };
    const whole = await mapWhole(options);
    // Single windows of two threads or more round otherwise: rows of one kind must not be taken for those of the other.
    const single = await plan([scene], fresh(), 3, { ...options, batch: 1, vector: VECTOR });
    const job = await plan([scene], fresh(), 3, { ...options, vector: VECTOR });
    expect(job.settings).toMatchObject({ batch: 3 });
    const [first, other] = [job, single].map((one) =>
      identityOfShard(one, one.scenes[0]!, one.scenes[0]!.shards[0]!),
    );
    expect(first).not.toBe(other);
    await runShards(job);
    await expectSame(job, whole);
    // How many processes there are is no matter of the rows.
    const both = await plan([scene], fresh(), 3, { ...options, workers: 2, vector: VECTOR });
    expect(both.scenes[0]!.identity).toBe(job.scenes[0]!.identity);
    await runShards(both);
    const [merged] = await mergeJob({ plan: both });
    expect(differences(await outputsOf(join(both.to, merged!.id)), await outputsOf(whole))).toEqual([]);
  }, 120_000);

  it('counts windows without data once, however many shards reach them', async () => {
    const holes = join(dir, 'holes.tif');
    const samples = new Uint8Array(420 * 400 * 4);
    for (let p = 0; p < 420 * 400; p++) {
      const [x, y] = [p % 420, Math.floor(p / 420)];
      samples.set([60 + (x % 90), 80 + (y % 70), 40, (x < 260 && y > 90) || y > 330 ? 0 : 255], p * 4);
    }
    writeTiff(holes, { width: 420, height: 400, bands: 4, samples, extraSamples: [2] });
    const whole = await mapWhole({ scene: holes, bands: [1, 2, 3], stride: 32 });
    const { counts } = (await recordOf(whole)) as { counts: { windowsWithoutData: number } };
    expect(counts.windowsWithoutData).toBeGreaterThan(3);
    const job = await plan([holes], fresh(), 4, { bands: [1, 2, 3], stride: 32, vector: VECTOR });
    await runShards(job);
    await expectSame(job, whole);
  }, 120_000);
});

describe('a shard', () => {
  it('that is finished is left alone, byte for byte', async () => {
    const job = await plan([scene], fresh(), 2);
    expect(await runShard({ plan: job, index: 1 })).toMatchObject({ alreadyDone: false });
    const before = await allFiles(job.to);
    expect(await runShard({ plan: job, index: 1 })).toMatchObject({ alreadyDone: true, windows: 0 });
    expect(await allFiles(job.to)).toEqual(before);
  });

  it('that was killed when its rows were all there is told to be done, and what it left goes', async () => {
    const job = await plan([scene], fresh(), 1);
    await runShard({ plan: job, index: 0 });
    const files = await allFiles(job.to);
    const state = Object.keys(files).find((name) => name.endsWith('state.json'))!;
    await writeFile(state, (await readFile(state, 'utf8')).replace('"done"', '"running"'));
    // As a process of this host names it that runs no more.
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const leftover = temporaryPathFor(state).replace(`-${process.pid}-`, `-${dead}-`);
    await writeFile(leftover, '{');
    expect(await runShard({ plan: job, index: 0 })).toMatchObject({ alreadyDone: true });
    expect(await allFiles(job.to)).toEqual(files);
  });

  it('that was stopped keeps its finished rows and goes on from there', async () => {
    const job = await plan([scene], fresh(), 1, { stride: 32, vector: VECTOR });
    const total = job.scenes[0]!.shards[0]!.windows;
    let from = 0;
    for (const stopAfter of [total / 4, total / 3]) {
      const stop = new AbortController();
      const run = runShard(
        { plan: job, index: 0 },
        { signal: stop.signal, onWindow: (done) => done >= stopAfter && stop.abort() },
      );
      await expect(run).rejects.toThrow(/abort|stopped/i);
      const { scenes } = await readJobStatus(job);
      expect(scenes[0]!.shards[0]).toMatchObject({ standing: 'stopped' });
      expect(scenes[0]!.shards[0]!.share * 520).toBeGreaterThan(from);
      from = Math.round(scenes[0]!.shards[0]!.share * 520);
    }
    const last = await runShard({ plan: job, index: 0 });
    expect(last.from).toBe(from);
    // Windows above the rows that are there are not run again, save those that reach below them.
    expect(last.windows).toBeLessThan(total);
    await expectSame(job, await mapWhole({ stride: 32 }));
  }, 120_000);

  it('done by two workers at once has one result', async () => {
    const job = await plan([scene], fresh(), 2, { vector: VECTOR });
    await Promise.all(
      [0, 0, 1, 1].map((index, i) =>
        runShard({ plan: job, index, checkpointSeconds: i % 2 === 0 ? 0 : 120 }),
      ),
    );
    await expectSame(job, await mapWhole());
  }, 120_000);

  it('whose rows were damaged is done again', async () => {
    const job = await plan([scene], fresh(), 2, { vector: VECTOR });
    await runShards(job);
    const files = (await allNames(job.to)).filter((name) => name.endsWith('.rows'));
    expect(files).toHaveLength(2);
    const bytes = await readFile(files[0]!);
    bytes[100]! ^= 1;
    await writeFile(files[0]!, bytes);
    await truncate(files[1]!, 5000);
    await expect(mergeJob({ plan: job })).resolves.toMatchObject([
      { outcome: 'incomplete', missing: [{ index: 1 }] },
    ]);
    expect(await runShard({ plan: job, index: 1 })).toMatchObject({ alreadyDone: false });
    // A flipped bit is seen where the rows are read.
    await expect(mergeJob({ plan: job })).rejects.toMatchObject({
      tag: 'FormatError',
      message: expect.stringMatching(/checksum of rows 0 to .* differs; frustum retry/),
    });
    expect(await runShard({ plan: job, index: 0 })).toMatchObject({ alreadyDone: false });
    await expectSame(job, await mapWhole());
  }, 120_000);

  it("of a scene or a version that is not the plan's any more is refused", async () => {
    const mine = join(dir, 'mine.tif');
    await copyFile(scene, mine);
    const job = await plan([mine], fresh(), 2);
    await expect(runShard({ plan: { ...job, frustum: '0.0.9' }, index: 0 })).rejects.toMatchObject({
      tag: 'ConfigError',
      message: expect.stringContaining('two versions'),
    });
    await expect(runShard({ plan: job, index: 2 })).rejects.toMatchObject({
      tag: 'ConfigError',
      message: 'shard 2 is not in the plan: its shards are 0 to 1',
    });
    await writeFile(mine, Buffer.concat([await readFile(mine), Buffer.alloc(1)]));
    await expect(runShard({ plan: job, index: 0 })).rejects.toMatchObject({
      tag: 'ConfigError',
      message: expect.stringMatching(/mine\.tif: .* plan again/),
    });
    expect((await readJobStatus(job)).counts).toMatchObject({ failed: 1, missing: 1 });
  });
});

describe('merging', () => {
  it('names the shards that are missing and makes nothing; --partial makes a marked result', async () => {
    const job = await plan([scene], fresh(), 3, { vector: VECTOR });
    const { id, shards } = job.scenes[0]!;
    await runShard({ plan: job, index: 0 });
    await runShard({ plan: job, index: 2 });
    const merged = await mergeJob({ plan: job });
    expect(incompleteError(merged)).toMatchObject({
      tag: 'SourceError',
      retryable: false,
      message: expect.stringContaining(
        `${id}: shard 1 (rows ${shards[1]!.y0} to ${shards[1]!.y1}, not begun)`,
      ),
    });
    expect(await readdir(job.to)).toEqual(['shards']);

    await mergeJob({ plan: job, partial: true });
    const partial = await recordOf(join(job.to, id));
    expect(partial).toMatchObject({
      outcome: 'partial',
      missing: [{ y0: shards[1]!.y0, y1: shards[1]!.y1, reason: 'not begun' }],
      counts: { nodataPixels: 700 * (shards[1]!.y1 - shards[1]!.y0) },
    });
    expect(partial.identity).not.toBe(job.scenes[0]!.identity);
    // A partial result is not taken for the whole one.
    expect((await plan([scene], job.to, 3, { vector: VECTOR })).scenes).toHaveLength(1);
    await runShard({ plan: job, index: 1 });
    await expectSame(job, await mapWhole());
    expect(await mergeJob({ plan: job, partial: true })).toMatchObject([{ report: { alreadyDone: true } }]);
    const again = await plan([scene], job.to, 3, { vector: VECTOR });
    expect(again).toMatchObject({ scenes: [], shardCount: 0, done: [{ id }] });
  }, 120_000);
});

describe('planning', () => {
  it('plans good scenes and names the others; indices run over all of them', async () => {
    const poisoned = join(dir, 'poisoned.tif');
    await writeFile(poisoned, 'no raster');
    const other = join(dir, 'other.tif');
    await copyFile(scene, other);
    const job = await plan([poisoned, scene, other, scene], fresh(), 2, {
      windowsPerSecond: 2,
      prices: {
        name: 'mine',
        currency: 'EUR',
        machines: { cpu: { name: 'box', hourly: 36, cpus: 4, gpus: 0 } },
      } as never,
    });
    expect(job.refused).toMatchObject([{ source: poisoned, tag: 'FormatError' }]);
    expect(job.scenes.map(({ shards }) => shards.map(({ index }) => index))).toEqual([
      [0, 1],
      [2, 3],
    ]);
    const { windows, hours, cpuHours, money } = job.estimate;
    expect(windows).toBe(job.scenes.flatMap(({ shards }) => shards).reduce((sum, s) => sum + s.windows, 0));
    expect(hours).toBeCloseTo(windows / 7200, 12);
    expect([cpuHours, money]).toEqual([hours * 4, hours * 36]);
    expect((await plan([scene, other], job.to, 2)).id).toBe((await plan([scene, other], job.to, 2)).id);
  });

  it('cuts shards of so many minutes, and refuses scenes that need more memory than allowed', async () => {
    const windows = (await plan([scene], fresh(), 1)).estimate.windows;
    const job = await plan([scene], fresh(), 1, {
      shards: { minutes: 1 },
      windowsPerSecond: windows / 60 / 2.5,
    });
    expect(job.scenes[0]!.shards).toHaveLength(3);
    const tight = await plan([scene], fresh(), 1, { memoryBytes: 1e6 });
    expect(tight.refused[0]!.message).toMatch(/takes about \d+ MiB \(.*\), and 1 are allowed/);
  });
});

async function allNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function allFiles(folder: string): Promise<Record<string, string>> {
  const names = await allNames(folder);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await readFile(name)).toString('base64')])),
  );
}
