import { copyFile, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { readJobPlan, segment, synthesize } from '../../src/index.ts';
import { METRICS } from '../../src/job/contract.ts';
import type { Attempt, BatchServer } from '../support/batch-server.ts';
import { runFrustum } from '../support/run-command.ts';
import { bodiesOf, startBatch } from './batch-kit.ts';
import { differences, MODEL, outputsOf } from './job-kit.ts';

const FLAGS = ['--model', MODEL, '--bands', '2,3,4', '--threads', '1'];
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

let dir: string;
let scene: string;
let whole: string;
let server: BatchServer;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-batch-'));
  scene = (await synthesize({ width: 520, height: 460, seed: 3, outDir: join(dir, 'land') })).scenePath;
  whole = join(dir, 'whole', 'run');
  await segment({ scene, model: MODEL, outDir: whole, bands: [2, 3, 4], threads: 1 });
}, 180_000);
afterEach(async () => {
  vi.unstubAllEnvs();
  await server?.close();
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function planned(scenes: readonly string[], shards: number, ...more: readonly string[]) {
  const to = join(dir, `jobs-${count++}`);
  const file = join(to, 'plan.json');
  const flags = ['--shards-per-scene', String(shards), '--out', file, ...more];
  const result = await runFrustum('plan', ...scenes, ...FLAGS, ...flags);
  expect(result.status, JSON.stringify(result.failure)).toBe(0);
  return { file, to, job: await readJobPlan(file), result };
}

/** Lines of embedded metrics that jobs printed, each with its values alone. */
function metricsOf({ logs }: BatchServer): Record<string, number>[] {
  return [...logs.values()].flatMap((text) =>
    text
      .split('\n')
      .filter((line) => line.includes('"_aws"'))
      .map((line) => {
        const told = JSON.parse(line) as { _aws: { CloudWatchMetrics: { Metrics: { Name: string }[] }[] } };
        expect(told).toHaveProperty('job');
        const names = told._aws.CloudWatchMetrics[0]!.Metrics.map(({ Name }) => Name);
        for (const name of names) expect(Object.keys(METRICS.units)).toContain(name);
        return Object.fromEntries(
          names.map((name) => [name, (told as never as Record<string, number>)[name]!]),
        );
      }),
  );
}

const sum = (metrics: readonly Record<string, number>[], name: string) =>
  metrics.reduce((total, one) => total + (one[name] ?? 0), 0);

describe('a plan on AWS Batch (a stand-in that runs the jobs on this machine)', () => {
  it('plan --engine aws-batch plans and submits; the jobs make the bytes of one machine; again, there is nothing to do', async () => {
    server = await startBatch();
    const { file, to, job, result } = await planned([scene], 3, '--engine', 'aws-batch');
    const ids = result.stdout.match(UUID)!;
    expect(result.stdout).toMatch(
      /aws-batch 3 shards +[0-9a-f-]{36} +https:\/\/eu-central-1\.console.*\naws-batch merge/,
    );
    expect(result.lines.find(({ msg }) => msg === 'submitted')).toMatchObject({
      engine: 'aws-batch',
      jobs: ids,
    });

    const twice = await runFrustum('run', '--plan', file, '--engine', 'aws-batch');
    expect(twice).toMatchObject({ status: 2, failure: { tag: 'ConfigError' } });
    expect(twice.failure!.message).toMatch(
      new RegExp(`jobs of it are under way: ${ids[0]}, ${ids[1]}.*--again`),
    );

    await server.idle();
    expect(ids.map((id) => server.job(id).status)).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    expect(differences(await outputsOf(join(to, job.scenes[0]!.id)), await outputsOf(whole))).toEqual([]);
    const metrics = metricsOf(server);
    expect(sum(metrics, 'ShardsDone')).toBe(3);
    expect(sum(metrics, 'ScenesDone')).toBe(1);
    for (const name of ['Windows', 'BytesRead', 'PeakMemoryBytes', 'ShardSeconds']) {
      expect(sum(metrics, name)).toBeGreaterThan(0);
    }
    expect(sum(metrics, 'ShardsFailed') + sum(metrics, 'ScenesFailed')).toBe(0);

    const calls = server.calls.length;
    const again = await runFrustum('retry', '--plan', file, '--engine', 'aws-batch');
    expect(again.status).toBe(0);
    expect(again.lines.at(-1)).toMatchObject({ msg: 'nothing to submit: all of it is done' });
    expect(server.calls.length).toBe(calls);
    const status = await runFrustum('status', '--plan', file);
    expect(status.stdout).toContain(`aws-batch  shards ${ids[0]}: SUCCEEDED, 3 SUCCEEDED`);
  }, 180_000);

  it('reclaimed machines: the shard goes on where it was, to the same bytes', async () => {
    const reclaimed: string[] = [];
    server = await startBatch({
      onStart({ id, number, index, process: child, reclaim }: Attempt) {
        if (index === null || number > 2) return;
        // Once it has begun to map, so that there is something to keep.
        child.stderr!.once('data', () => {
          reclaimed.push(id);
          reclaim();
        });
      },
    });
    const { to, job } = await planned([scene], 2, '--stride', '16', '--engine', 'aws-batch');
    const expected = join(dir, 'whole', 'finer');
    await segment({ scene, model: MODEL, outDir: expected, bands: [2, 3, 4], stride: 16, threads: 1 });
    await server.idle();
    expect(reclaimed.length).toBeGreaterThanOrEqual(2);
    const children = server.jobs().filter(({ jobId }) => jobId!.includes(':'));
    for (const { attempts, status } of children) {
      expect(status).toBe('SUCCEEDED');
      expect(attempts!.length).toBeGreaterThan(1);
      expect(attempts![0]!.container!.exitCode).toBe(75);
    }
    expect(sum(metricsOf(server), 'ShardsStopped')).toBeGreaterThan(0);
    expect(sum(metricsOf(server), 'ShardsFailed')).toBe(0);
    expect(differences(await outputsOf(join(to, job.scenes[0]!.id)), await outputsOf(expected))).toEqual([]);
  }, 180_000);

  it('a scene that fails keeps no other from its end; the merge fails and says which; retry does only that', async () => {
    server = await startBatch();
    const other = join(dir, 'other.tif');
    await copyFile(scene, other);
    const { file, to, job } = await planned([other, scene], 2);
    const [bad, good] = job.scenes;
    // Its date stays, by which it is known again.
    await rename(other, `${other}.away`);
    const run = await runFrustum('run', '--plan', file, '--engine', 'aws-batch');
    expect(run.status, JSON.stringify(run.failure)).toBe(0);
    const [array, merge] = run.stdout.match(UUID)!;
    await server.idle();
    expect(server.job(array!).status).toBe('SUCCEEDED');
    expect(server.job(merge!).status).toBe('FAILED');
    const mergeLog = server.logs.get(server.job(merge!).attempts![0]!.container!.logStreamName!)!;
    expect(mergeLog).toMatch(new RegExp(`shards are missing.*${bad!.id}: shard 0 .*shard 1`));
    expect(differences(await outputsOf(join(to, good!.id)), await outputsOf(whole))).toEqual([]);
    expect(await readdir(to)).not.toContain(bad!.id);
    const metrics = metricsOf(server);
    expect(
      ['ShardsDone', 'ShardsFailed', 'ScenesDone', 'ScenesFailed'].map((name) => sum(metrics, name)),
    ).toEqual([2, 2, 1, 1]);

    const status = await runFrustum('status', '--plan', file);
    const stream = encodeURIComponent(
      encodeURIComponent(server.job(`${array}:0`).attempts![0]!.container!.logStreamName!),
    ).replaceAll('%', '$');
    expect(status.stdout).toMatch(/shard 0 failed, 0% of its rows are there, 1 attempt,.*other\.tif/);
    expect(status.stdout).toContain(`shard 0 (job ${array}:0): SUCCEEDED`);
    expect(status.stdout).toContain(`/log-events/${stream}`);
    expect(status.stdout).toMatch(new RegExp(`aws-batch  merge ${merge}: FAILED`));

    await rename(`${other}.away`, other);
    const retry = await runFrustum('retry', '--plan', file, '--engine', 'aws-batch');
    expect(retry.status, JSON.stringify(retry.failure)).toBe(0);
    await server.idle();
    const arrays = bodiesOf(server, 'submitjob').filter(
      ({ arrayProperties }) => arrayProperties !== undefined,
    );
    expect(arrays.map(({ arrayProperties }) => arrayProperties)).toEqual([{ size: 4 }, { size: 2 }]);
    expect((await runFrustum('status', '--plan', file)).stdout).toMatch(/4 done, 0 running/);
    expect(await readdir(to)).toContain(bad!.id);
    const records = await readdir(join(to, 'submissions', job.id));
    expect(records).toEqual(['0001.json', '0002.json']);
    expect(JSON.parse(await readFile(join(to, 'submissions', job.id, '0002.json'), 'utf8'))).toMatchObject({
      format: 'frustum-submission',
      jobs: [{ shards: '0-1' }, { shards: '' }],
    });
  }, 180_000);

  it('a child that dies without a word: the array fails, status says how often and why, a retry does that shard alone', async () => {
    server = await startBatch({
      onStart({ index, process: child }) {
        if (index === 2) child.kill('SIGKILL');
      },
    });
    const other = join(dir, 'beside.tif');
    await copyFile(scene, other);
    const { file, to, job } = await planned([scene, other], 3, '--engine', 'aws-batch');
    await server.idle();
    const standing = JSON.parse((await runFrustum('status', '--plan', file, '--json')).stdout);
    expect(standing.counts).toMatchObject({ done: 5, missing: 1 });
    const [array, merge] = standing.submission.jobs;
    expect(array).toMatchObject({ part: 'shards', status: 'FAILED', children: { SUCCEEDED: 5, FAILED: 1 } });
    expect(merge).toMatchObject({
      part: 'merge',
      status: 'FAILED',
      reason: 'Dependent Job failed',
      attempts: [],
    });
    expect(standing.submission.shards).toHaveLength(1);
    expect(standing.submission.shards[0]).toMatchObject({ shard: 2, id: `${array.id}:2`, status: 'FAILED' });
    expect(standing.submission.shards[0].attempts).toHaveLength(10);
    expect(standing.submission.shards[0].attempts[9]).toMatchObject({
      exitCode: 137,
      logs: expect.stringMatching(/^https:.*log-events\/job\$252Fdefault\$252F[0-9a-f]{32}$/),
    });

    // What the stack submits where an array failed: a merge with the array's own parameter.
    const rescue = await runFrustum('merge', '--plan', `${file}#0-5`);
    expect(rescue).toMatchObject({ status: 1, failure: { tag: 'SourceError' } });
    expect(rescue.failure!.message).toContain(`${job.scenes[0]!.id}: shard 2`);
    expect(await readdir(join(to, job.scenes[1]!.id))).toContain('landcover.tif');

    await server.close();
    server = await startBatch();
    // The other server knows nothing of the first jobs, as Batch after some days.
    const retry = await runFrustum('retry', '--plan', file, '--engine', 'aws-batch');
    expect(retry.status, JSON.stringify(retry.failure)).toBe(0);
    expect(bodiesOf(server, 'submitjob')[0]).toMatchObject({ parameters: { plan: `${file}#2` } });
    await server.idle();
    expect(differences(await outputsOf(join(to, job.scenes[0]!.id)), await outputsOf(whole))).toEqual([]);
  }, 180_000);

  it('without variables, or beside flags of the local engine: says what is wrong, and submits nothing', async () => {
    server = await startBatch();
    const { file, to } = await planned([scene], 2);
    const flags = await runFrustum('run', '--plan', file, '--engine', 'aws-batch', '--workers', '2');
    expect(flags).toMatchObject({ status: 2, failure: { tag: 'ConfigError' } });
    vi.stubEnv('FRUSTUM_BATCH_SHARD_QUEUE', '');
    const run = await runFrustum('run', '--plan', file, '--engine', 'aws-batch');
    expect(run).toMatchObject({ status: 2, failure: { tag: 'ConfigError' } });
    expect(run.failure!.message).toMatch(/FRUSTUM_BATCH_SHARD_QUEUE is not set.*EngineSettings/);
    expect(server.calls).toEqual([]);
    expect(await readdir(to)).toEqual(['plan.json']);
  }, 60_000);

  it('status speaks of the shards also where Batch does not answer', async () => {
    server = await startBatch({ slots: 0 });
    const { file } = await planned([scene], 2, '--engine', 'aws-batch');
    server.disturb(() => ({ status: 403, type: 'AccessDeniedException' }));
    const { status, stdout, lines } = await runFrustum('status', '--plan', file);
    expect(status).toBe(0);
    expect(stdout).toContain('0 done, 0 running, 0 stopped, 0 failed, 2 missing');
    expect(JSON.stringify(lines)).toMatch(/jobs of this plan are not shown: .*they need batch:DescribeJobs/);
  }, 60_000);
});
