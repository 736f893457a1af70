import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countPlaces, planFrusta } from '../../src/frustum/plan.ts';
import { mergeJob, readJobPlan, readJobStatus, runShard, segment, synthesize } from '../../src/index.ts';
import { runFrustum } from '../support/run-command.ts';
import { differences, outputsOf, SETTINGS } from './job-kit.ts';

const MODELS = ['models/sfrnet-mini-synth', 'models/sfrnet-mini-dubai', 'models/sfrnet-mini-earth'];
const MIB = 1 << 20;

let dir: string;
let scene: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-promise-'));
  scene = (await synthesize({ width: 1000, height: 700, seed: 2, outDir: join(dir, 'land') })).scenePath;
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function planned(name: string, model: string, ...more: readonly string[]) {
  const file = join(dir, name, 'plan.json');
  const flags = ['--bands', '2,3,4', '--threads', '1', '--shards-per-scene', '1', ...more];
  const { status, stdout } = await runFrustum('plan', scene, '--model', model, ...flags, '--out', file);
  expect(status).toBe(0);
  return { file, stdout, job: await readJobPlan(file) };
}

describe('--memory', () => {
  it.each(MODELS)(
    'is estimated, with %s, at no less than a shard takes and at most twice that',
    async (model) => {
      const { file, job } = await planned(model.replace('/', '-'), model);
      const { status, lines } = await runFrustum('run-shard', '--plan', file, '--index', '0');
      expect(status).toBe(0);
      const peak = (lines.at(-1) as { took: { peakMemoryBytes: number } }).took.peakMemoryBytes;
      const { memoryBytes } = job.estimate;
      const mib = (bytes: number) => Math.round(bytes / MIB);
      process.stderr.write(`${model}: estimated ${mib(memoryBytes)} MiB, took ${mib(peak)} MiB\n`);
      expect(peak).toBeGreaterThan(100 * MIB);
      expect(memoryBytes / peak).toBeGreaterThanOrEqual(1);
      expect(memoryBytes / peak).toBeLessThanOrEqual(2);
    },
    60_000,
  );

  it('is kept: a shard that would take more ends with 75, and says so', async () => {
    const { file, job } = await planned('kept', SETTINGS.model, '--memory', '2000');
    expect(job.memoryBytes).toBe(2000 * MIB);
    const least = await runFrustum('run-shard', '--plan', file, '--index', '0', '--memory', '60');
    expect(least).toMatchObject({ status: 75, failure: { tag: 'ResourceError' } });
    expect(least.failure!.message).toMatch(
      /takes up to \d+ MiB of memory with the smallest caches .*, and 60 MiB are promised .*nothing was begun/,
    );
    expect((await readJobStatus(job)).scenes[0]!.shards[0]).toMatchObject({ standing: 'stopped' });
  }, 60_000);

  it('gives a shard fewer places for context features where it is tight, for the same bytes', async () => {
    const shared = ['--stride', '64', '--share-context', '2'];
    const outputs: Map<string, Buffer>[] = [];
    const runs: number[] = [];
    for (const name of ['roomy', 'tight']) {
      const { file, job } = await planned(name, SETTINGS.model, ...shared);
      const refused = await runFrustum('run-shard', '--plan', file, '--index', '0', '--memory', '60');
      const least = Number(/takes up to (\d+) MiB/.exec(refused.failure!.message)![1]);
      const memory = name === 'tight' ? ['--memory', `${least + 1}`] : [];
      expect((await runFrustum('run-shard', '--plan', file, '--index', '0', ...memory)).status).toBe(0);
      await mergeJob({ plan: job });
      const folder = join(job.to, job.scenes[0]!.id);
      const { counts } = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'));
      runs.push(counts.shortEncoderRuns);
      outputs.push(await outputsOf(folder));
    }
    const plan = planFrusta({
      ...{ width: 1000, height: 700, window: 128, distances: [1, 3, 10], padTo: 128 },
      ...{ stride: 64, mode: 'centred', shareContext: 2 },
    });
    const { columns, rows } = countPlaces(plan, 1);
    expect(runs).toEqual([columns * rows, columns * plan.rows.length]);
    expect(differences(outputs[0]!, outputs[1]!)).toEqual([]);
  }, 120_000);

  it('keeps the rows that are finished where it is broken, and goes on from there', async () => {
    const { job } = await planned('broken', SETTINGS.model, '--stride', '48');
    const ballast: Buffer[] = [];
    const total = job.scenes[0]!.shards[0]!.windows;
    const broken = runShard(
      { plan: job, index: 0, memoryBytes: process.memoryUsage.rss() + 500 * MIB },
      { onWindow: (done) => done === Math.round(total / 2) && ballast.push(Buffer.alloc(700 * MIB, 1)) },
    );
    await expect(broken).rejects.toMatchObject({ tag: 'ResourceError' });
    expect(ballast.pop()).toBeDefined();
    const { share } = (await readJobStatus(job)).scenes[0]!.shards[0]!;
    expect(share).toBeGreaterThan(0.2);
    const { from, windows } = await runShard({ plan: job, index: 0 });
    expect(from).toBe(Math.round(share * 700));
    expect(windows).toBeLessThan(total);
    await mergeJob({ plan: job });
    const whole = join(dir, 'whole', 'run');
    await segment({ ...SETTINGS, stride: 48, scene, outDir: whole });
    const outputs = await outputsOf(join(job.to, job.scenes[0]!.id));
    expect(differences(outputs, await outputsOf(whole))).toEqual([]);
  }, 120_000);

  it('is kept by a merge, and refused by one that can do with no less', async () => {
    const { file, job } = await planned('merged', SETTINGS.model);
    expect((await runFrustum('run-shard', '--plan', file, '--index', '0')).status).toBe(0);
    const refused = await runFrustum('merge', '--plan', file, '--memory', '90');
    expect(refused).toMatchObject({ status: 75, failure: { tag: 'ResourceError' } });
    expect(refused.failure!.message).toMatch(/and 90 MiB are promised \(--memory\): nothing was begun/);
    expect(refused.failure!.message).not.toMatch(/network/);
    expect((await runFrustum('merge', '--plan', file, '--memory', '0.5G')).status).toBe(0);
    const run = JSON.parse(await readFile(join(job.to, job.scenes[0]!.id, 'run.json'), 'utf8'));
    expect(run.memory.promisedBytes).toBe(512 * MIB);
    expect(run.memory.peakBytes).toBeLessThan(run.memory.estimatedBytes);
    expect(run.memory.estimatedBytes).toBeLessThanOrEqual(512 * MIB);
  }, 60_000);

  it('is asked of a plan before anything is run, which says what it is made of', async () => {
    const { job } = await planned('told', SETTINGS.model);
    const { memory, memoryBytes } = job.estimate;
    expect(memory?.totalBytes).toBe(memoryBytes);
    expect(memory?.networkBytes).toBeGreaterThan(100 * MIB);
    expect(job.estimate.deviceBytes).toBeUndefined();
    const gpu = await planned('gpu', SETTINGS.model, '--provider', 'cuda', '--batch', '4');
    expect(gpu.job.estimate.memory?.totalBytes).toBe(gpu.job.estimate.memoryBytes);
    expect(gpu.job.estimate.deviceBytes).toBeGreaterThan(1024 * MIB);
    expect(gpu.stdout).toMatch(
      /\nmemory +\d+ MiB a shard; in MiB: .*\non GPUs +about \d+ MiB a process, beside that\n/,
    );
    const file = join(dir, 'refused', 'plan.json');
    const flags = ['--model', SETTINGS.model, '--bands', '2,3,4', '--memory', '100', '--out', file];
    const { stdout } = await runFrustum('plan', scene, ...flags);
    expect(stdout).toMatch(/left out .*a shard takes about \d+ MiB \(.*network \d+.*\), and 100 are allowed/);
  });
});
