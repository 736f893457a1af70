import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type JobPlan,
  openShards,
  readJobStatus,
  runLocal,
  segment,
  synthesize,
  writePlan,
} from '../../src/index.ts';
import { type SubmitToSlurmOptions, submitToSlurm } from '../../src/job/engine-slurm.ts';
import { findLiveSlurmJobs } from '../../src/job/engine-slurm-jobs.ts';
import { folderOfShard } from '../../src/job/find-rows.ts';
import type { PlanShard } from '../../src/job/plan-schema.ts';
import type { Submission } from '../../src/job/submission.ts';
import { needTool } from '../support/need-tool.ts';
import { type S3Store, startS3Store } from '../support/radosgw.ts';
import { runFrustum } from '../support/run-command.ts';
import { type SlurmCluster, startSlurm } from '../support/slurm.ts';
import { differences, outputsOf, plan, SETTINGS } from './job-kit.ts';

const MAX_ARRAY_SIZE = 3;

describe.skipIf(!needTool('slurm'))('Slurm', () => {
  let cluster: SlurmCluster;
  let dir: string;
  let scene: string;
  let count = 0;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'frustum-slurm-jobs-'));
    cluster = await startSlurm({ maxArraySize: MAX_ARRAY_SIZE });
    vi.stubEnv('SLURM_CONF', cluster.configuration);
    // As if submitted from a job that Slurm restarted.
    vi.stubEnv('SLURM_RESTART_COUNT', '7');
    scene = (await synthesize({ width: 340, height: 300, seed: 7, outDir: join(dir, 'land') })).scenePath;
  }, 120_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await cluster?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  /** Plans the scene in a folder whose name needs every care, and writes the plan there. */
  async function planned(shards: number, more: Parameters<typeof plan>[3] = {}) {
    const to = join(dir, `ma ps 'ü" $HOME %x;${count++}`);
    const job = await plan([scene], to, shards, more);
    return { job, to, planUrl: await writePlan(job, to) };
  }

  const all = (job: JobPlan) => Array.from({ length: job.shardCount }, (_, i) => i);
  const idsOf = ({ jobs }: Submission) => jobs.map(({ id }) => id);
  const queued = async () => (await cluster.ask('squeue', '--noheader', '--format=%i')).trim();

  /** A command of one's own in place of `frustum`, as a container would be. */
  async function writeCommand(lines: string): Promise<readonly string[]> {
    const path = join(dir, `it's a "command" ${count++}`);
    await writeFile(
      path,
      `#!/bin/bash\n${lines}\nexec '${process.execPath}' '${resolve('bin/frustum.js')}' "$@"\n`,
    );
    await chmod(path, 0o755);
    return [path];
  }

  describe.skipIf(!needTool('radosgw'))('with an S3 store', () => {
    let store: S3Store;
    beforeAll(async () => {
      store = await startS3Store();
      vi.stubEnv('AWS_ACCESS_KEY_ID', store.owner.accessKeyId);
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', store.owner.secretAccessKey);
      vi.stubEnv('AWS_REGION', 'us-east-1');
      for (const Bucket of ['scenes', 'maps']) await store.client.send(new CreateBucketCommand({ Bucket }));
    }, 120_000);
    afterAll(() => store?.stop());

    async function filesBelow(Prefix: string): Promise<Map<string, Buffer>> {
      const { Contents } = await store.client.send(new ListObjectsV2Command({ Bucket: 'maps', Prefix }));
      const files = new Map<string, Buffer>();
      for (const { Key } of Contents ?? []) {
        const name = Key!.slice(Prefix.length);
        // The one file that tells times.
        if (name === 'run.json') continue;
        const { Body } = await store.client.send(new GetObjectCommand({ Bucket: 'maps', Key: Key! }));
        files.set(name, Buffer.from(await Body!.transformToByteArray()));
      }
      return files;
    }

    it('does more shards than an array may have, then merges; a poisoned scene keeps no other from its end, and is done once it is repaired', async () => {
      const source = { s3: { endpoint: store.endpoint } };
      const Body = await readFile(scene);
      await store.client.send(new PutObjectCommand({ Bucket: 'scenes', Key: 'good.tif', Body }));
      const disk = join(dir, 'poisoned.tif');
      await copyFile(scene, disk);
      const names = ['s3://scenes/good.tif', disk];

      const local = await plan(names, 's3://maps/local', 1, { source });
      const localUrl = await writePlan(local, local.to, source);
      const workerFlags = ['--s3-endpoint', store.endpoint];
      const reference = await runLocal({ plan: local, planUrl: localUrl, workers: 2, workerFlags, source });
      expect(reference.outcome).toBe('done');

      const job = await plan(names, 's3://maps/slurm', 2, { source });
      const planUrl = await writePlan(job, job.to, source);
      const [good, poisoned] = job.scenes;
      await rename(disk, `${disk}.away`);
      const logsIn = join(dir, 'logs of s3');
      const submit = (shards: readonly number[]) =>
        submitToSlurm({ plan: job, planUrl, shards, workerFlags, logsIn });
      const first = await submit(all(job));
      expect(first).toMatchObject({
        engine: 'slurm',
        plan: job.id,
        jobs: [
          { part: 'shards', shards: [0, 1, 2] },
          { part: 'shards', shards: [3] },
          { part: 'merge', shards: [] },
        ],
      });
      const [a, b, merge] = idsOf(first);
      expect(await cluster.untilEnded(idsOf(first), 90_000)).toEqual(
        [
          ...[`${a}_0 COMPLETED`, `${a}_1 COMPLETED`, `${a}_2 FAILED`],
          ...[`${b}_0 FAILED`, `${merge} FAILED`],
        ].sort(),
      );

      const expected = await filesBelow(`local/${good!.id}/`);
      expect(expected.size).toBeGreaterThan(6);
      expect(differences(await filesBelow(`slurm/${good!.id}/`), expected)).toEqual([]);
      expect(await filesBelow(`slurm/${poisoned!.id}/`)).toEqual(new Map());
      const said = await readFile(first.jobs.at(-1)!.logs, 'utf8');
      expect(said).toContain(`${poisoned!.id}: shard 2 (rows 0 to `);
      expect(said).not.toContain(`${good!.id}: shard`);
      expect(await readFile(join(logsIn, 'logs', `${b}_0.log`), 'utf8')).toMatch(
        /frustum: shard 3, attempt 1 on .*: start\n.*poisoned\.tif/s,
      );
      const status = await runFrustum('status', '--plan', planUrl, '--s3-endpoint', store.endpoint);
      expect(status.stdout).toContain('2 done, 0 running, 0 stopped, 2 failed, 0 missing');

      await rename(`${disk}.away`, disk);
      const second = await submit(openShards(await readJobStatus(job, source)));
      expect(second.jobs.map(({ shards }) => shards)).toEqual([[2], [3], []]);
      const ended = await cluster.untilEnded(idsOf(second), 90_000);
      expect(ended.filter((line) => !line.endsWith(' COMPLETED'))).toEqual([]);
      expect(
        differences(await filesBelow(`slurm/${poisoned!.id}/`), await filesBelow(`local/${poisoned!.id}/`)),
      ).toEqual([]);
    }, 240_000);
  });

  it.concurrent('goes on with the rows that are there after SIGTERM, from Slurm or before a time limit: the same bytes', async () => {
    const more = { stride: 20 };
    const { job, to, planUrl } = await planned(2, more);
    const whole = join(dir, `whole ${count++}`, 'run');
    await segment({ ...SETTINGS, ...more, scene, outDir: whole });
    // Rows are put away as soon as they are finished, so that it can be seen when an attempt has some.
    const command = await writeCommand('[ "$1" = run-shard ] && set -- "$@" --checkpoint-seconds 0');
    const submission = await submitToSlurm({ plan: job, planUrl, shards: [0, 1], command });
    const array = submission.jobs[0]!.id;
    const begun = async (shard: PlanShard) => {
      const folder = join(to, folderOfShard(job.scenes[0]!, shard));
      return (await readdir(folder).catch(() => [])).some((name) => name.endsWith('.rows'));
    };
    const reclaim = [
      () => cluster.ask('scontrol', 'requeue', `${array}_0`),
      // What Slurm sends before a time limit goes to the script alone.
      () => cluster.ask('scancel', '--batch', '--signal=TERM', `${array}_1`),
    ];
    await Promise.all(
      job.scenes[0]!.shards.map(async (shard, i) => {
        while (!(await begun(shard))) await wait(20);
        await reclaim[i]!();
      }),
    );
    const ended = await cluster.untilEnded(idsOf(submission), 100_000);
    expect(ended.filter((line) => !line.endsWith(' COMPLETED'))).toEqual([]);
    const logs = await Promise.all(
      [0, 1].map((task) => readFile(join(to, 'logs', `${array}_${task}.log`), 'utf8')),
    );
    for (const [shard, log] of logs.entries()) {
      // Told once or twice, the first attempt came to its own end.
      expect(log).toContain('"tag":"AbortedError"');
      expect(log).toContain(`frustum: shard ${shard}, attempt 2 on `);
      const last = log.split('\n').findLast((line) => line.includes('"msg":"done"'))!;
      const { from, y0 } = JSON.parse(last) as { from: number; y0: number };
      expect(from).toBeGreaterThan(y0);
    }
    expect(logs[0]).toContain('attempt 1 on');
    expect(logs[0]).toContain(': stopped from outside\n');
    expect(logs[1]).toContain(': ended with 75: back into the queue\n');
    expect(differences(await outputsOf(join(to, job.scenes[0]!.id)), await outputsOf(whole))).toEqual([]);
  }, 240_000);

  it.concurrent('tries again after exit code 75, as often as it may, and after nothing else', async () => {
    const { job, to, planUrl } = await planned(4);
    const marker = join(dir, `cancel me ${count++}`);
    const command = await writeCommand(
      `case "$*" in
*'--index 0') [ -n "$SLURM_RESTART_COUNT" ] || exit 75 ;;
*'--index 1') exit 75 ;;
*'--index 2') exit 3 ;;
*'--index 3') touch '${marker}'; exec sleep 300 ;;
esac`,
    );
    const submission = await submitToSlurm({ plan: job, planUrl, shards: all(job), attempts: 2, command });
    const [array, other, merge] = idsOf(submission);
    while (!(await readdir(dir)).some((name) => marker.endsWith(name))) await wait(20);
    await cluster.ask('scancel', `${other}_0`);
    expect(await cluster.untilEnded(idsOf(submission), 90_000)).toEqual(
      [
        ...[`${array}_0 COMPLETED`, `${array}_1 FAILED`, `${array}_2 FAILED`],
        ...[`${other}_0 CANCELLED`, `${merge} FAILED`],
      ].sort(),
    );
    const attempts = await Promise.all(
      [`${array}_0`, `${array}_1`, `${array}_2`, `${other}_0`].map(async (task) => {
        const log = await readFile(join(to, 'logs', `${task}.log`), 'utf8');
        return [...log.matchAll(/attempt (\d) on [^:]*: (.*)/g)].map(([, n, said]) => `${n} ${said}`);
      }),
    );
    expect(attempts).toEqual([
      ['1 start', '1 ended with 75: back into the queue', '2 start'],
      [
        '1 start',
        '1 ended with 75: back into the queue',
        '2 start',
        '2 ended with 75, and this was the last of 2 attempts',
      ],
      ['1 start'],
      ['1 start', '1 stopped from outside'],
    ]);
    // The merge waited for the second attempts.
    const merged = await readFile(submission.jobs[2]!.logs, 'utf8');
    expect(merged).toMatch(/shard 1 \(.*not begun\).*shard 2 \(/);
    expect(merged).not.toContain('shard 0 (');
  }, 240_000);

  it('asks for what the plan says, and hands on what the user says', async () => {
    const { job, to, planUrl } = await planned(6);
    const gpu: JobPlan = { ...job, settings: { ...job.settings, provider: 'cuda', threads: 2 } };
    const submission = await submitToSlurm({
      plan: gpu,
      planUrl,
      shards: [0, 2, 3, 4, 5],
      limit: 2,
      partial: true,
      sbatch: ['--hold --comment=two words', '--mem=300M'],
      mergeSbatch: ['--mem=200M'],
    });
    const [first, second, merge] = await Promise.all(idsOf(submission).map((id) => cluster.show(id)));
    const [a, b, c] = idsOf(submission);
    expect(Object.fromEntries(first!)).toMatchObject({
      ArrayTaskId: '0,2%2',
      ArrayTaskThrottle: '2',
      'CPUs/Task': '2',
      NumTasks: '1',
      MinMemoryNode: '300M',
      TresPerNode: 'gres:gpu:1',
      Comment: 'two words',
      Requeue: '1',
      Dependency: '(null)',
    });
    expect(second!.get('ArrayTaskId')).toBe('0-2%2');
    expect(second!.get('Dependency')).toMatch(new RegExp(`^afterany:${a}_\\*`));
    expect(merge!.get('Dependency')).toMatch(new RegExp(`^afterany:${a}_\\*.*,afterany:${b}_\\*`));
    expect(merge!.get('KillOInInvalidDependent')).toBe('Yes');
    expect(merge!.get('MinMemoryNode')).toBe('200M');
    expect(merge!.has('TresPerNode')).toBe(false);
    const names = [first!, second!, merge!].map((job) => job.get('JobName'));
    expect(new Set(names).size).toBe(1);
    expect(names[0]).toMatch(new RegExp(`^frustum-${job.id}-[0-9a-f]{8}$`));
    const script = await cluster.ask('scontrol', 'write', 'batch_script', c!, '-');
    expect(script).toContain(` merge --plan '${planUrl.replace("'", `'\\''`)}' --partial\n`);
    expect(submission.jobs.map(({ logs }) => logs)).toEqual(
      [`${a}_*.log`, `${b}_*.log`, `${c}.log`].map((name) => join(to, 'logs', name)),
    );
    expect(await findLiveSlurmJobs(submission)).toEqual([a, b, c]);
    await cluster.ask('scancel', `--name=${names[0]}`);
    await cluster.untilEnded(idsOf(submission), 20_000);
    expect(await findLiveSlurmJobs(submission)).toEqual([]);

    const told: unknown[] = [];
    const onJob = async (one: unknown) => void told.push(one);
    const plain = await submitToSlurm({ plan: job, planUrl, shards: [1], sbatch: ['--hold'], onJob });
    expect(told).toEqual(plain.jobs);
    const last = await submitToSlurm({ plan: job, planUrl, shards: [], sbatch: ['--hold'] });
    expect(last.jobs.map(({ part }) => part)).toEqual(['merge']);
    expect((await cluster.show(last.jobs[0]!.id)).get('Dependency')).toBe('(null)');
    await cluster.ask('scancel', ...idsOf(last));
    const shown = await cluster.show(plain.jobs[0]!.id);
    expect(shown.get('MinMemoryNode')).toBe(`${Math.ceil(job.estimate.memoryBytes / 2 ** 20)}M`);
    expect([shown.get('CPUs/Task'), shown.has('TresPerNode')]).toEqual(['1', false]);
    await cluster.ask('scancel', ...idsOf(plain));
  }, 60_000);

  describe('that does not take the work', () => {
    let options: SubmitToSlurmOptions;
    beforeAll(async () => {
      const { job, planUrl } = await planned(6);
      options = { plan: job, planUrl, shards: all(job), sbatch: ['--hold'] };
    });

    it('refuses: says what, and which options there are', async () => {
      await expect(submitToSlurm({ ...options, sbatch: ['--partition=nowhere'] })).rejects.toMatchObject({
        tag: 'ConfigError',
        pointer: '--sbatch',
        message: expect.stringMatching(
          /^the array of shards 0 to 2: sbatch refused: .*partition.*nowhere.*--account=NAME/,
        ),
      });
      expect(await queued()).toBe('');
    });

    it('refuses the merge: the arrays are taken back', async () => {
      await expect(submitToSlurm({ ...options, mergeSbatch: ['--partition=nowhere'] })).rejects.toMatchObject(
        {
          tag: 'ConfigError',
          message: expect.stringMatching(/^the merge: sbatch refused/),
        },
      );
      expect(await queued()).toBe('');
    });

    it('is not installed: says so', async () => {
      const path = process.env.PATH;
      vi.stubEnv('PATH', dir);
      try {
        await expect(submitToSlurm(options)).rejects.toMatchObject({
          tag: 'ConfigError',
          pointer: '--engine',
          message: expect.stringMatching(/^scontrol is not on this machine's PATH.*login node/),
        });
      } finally {
        vi.stubEnv('PATH', path);
      }
    });

    it('does not answer: worth another attempt', async () => {
      vi.stubEnv('SLURM_CONF', cluster.unreachable);
      try {
        await expect(submitToSlurm(options)).rejects.toMatchObject({
          tag: 'SourceError',
          retryable: true,
          message: expect.stringMatching(
            /does not reach Slurm: .*unable to contact slurm controller.*sinfo/i,
          ),
        });
      } finally {
        vi.stubEnv('SLURM_CONF', cluster.configuration);
      }
    }, 60_000);

    it.each(['its time is up', 'the user stops'])(
      'hangs at the second array until %s: the first is taken back',
      async (what) => {
        const folder = join(dir, `slow ${count++}`);
        await mkdir(folder);
        const real = (process.env.PATH ?? '').split(delimiter);
        await writeFile(
          join(folder, 'sbatch'),
          `#!/bin/bash
mkdir '${folder}/once' 2>/dev/null && exec /usr/bin/sbatch "$@"
touch '${folder}/hangs'
exec sleep 60
`,
        );
        await chmod(join(folder, 'sbatch'), 0o755);
        vi.stubEnv('PATH', [folder, ...real].join(delimiter));
        const stop = new AbortController();
        try {
          const submission =
            what === 'the user stops'
              ? submitToSlurm({ ...options, signal: stop.signal })
              : submitToSlurm({ ...options, timeoutMs: 3000 });
          const caught = submission.then(
            () => null,
            (error: unknown) => error,
          );
          while (!(await readdir(folder)).includes('hangs')) await wait(20);
          expect(await queued()).not.toBe('');
          stop.abort();
          expect(await caught).toMatchObject(
            what === 'the user stops'
              ? { tag: 'AbortedError' }
              : {
                  tag: 'SourceError',
                  retryable: true,
                  message: expect.stringMatching(
                    /^the array of shards 3 to 5: sbatch had not ended after 3 s/,
                  ),
                },
          );
        } finally {
          vi.stubEnv('PATH', real.join(delimiter));
        }
        expect(await queued()).toBe('');
      },
      60_000,
    );

    it('has a folder of logs that cannot be made', async () => {
      const file = join(dir, 'a file');
      await writeFile(file, '');
      await expect(submitToSlurm({ ...options, logsIn: file })).rejects.toMatchObject({ tag: 'SourceError' });
      await expect(submitToSlurm({ ...options, logsIn: join(dir, 'a\\b') })).rejects.toMatchObject({
        tag: 'ConfigError',
        message: expect.stringContaining('backslash'),
      });
    });
  });
});
