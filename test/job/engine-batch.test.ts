import { afterEach, describe, expect, it, vi } from 'vitest';
import { BATCH_VARIABLES } from '../../src/job/contract.ts';
import { submitToBatch } from '../../src/job/engine-batch.ts';
import { logsPage } from '../../src/job/engine-batch-settings.ts';
import type { JobPlan } from '../../src/job/plan-schema.ts';
import type { BatchServer } from '../support/batch-server.ts';
import { bodiesOf, startBatch, VARIABLES } from './batch-kit.ts';

const PLAN = { id: '1f2e3d4c5b6a', frustum: '0.1.0', to: 's3://maps/a', scenes: [] } as unknown as JobPlan;
const URL = 's3://maps/a/plans/1f2e3d4c5b6a.json';
const count = (n: number, from = 0) => Array.from({ length: n }, (_, i) => from + i);

let server: BatchServer;
afterEach(async () => {
  vi.unstubAllEnvs();
  await server?.close();
});

const submit = (shards: readonly number[], more: Partial<Parameters<typeof submitToBatch>[0]> = {}) =>
  submitToBatch({ plan: PLAN, planUrl: URL, shards, env: VARIABLES, ...more });

describe('what is submitted to AWS Batch', () => {
  it('an array of all shards and the merge that waits for it, with tags, by the job definitions commands', async () => {
    server = await startBatch({ slots: 0 });
    const submission = await submit(count(12));
    const [array, merge] = bodiesOf(server, 'submitjob');
    const tags = { 'frustum:plan': PLAN.id, 'frustum:version': '0.1.0' };
    expect(array).toEqual({
      jobName: expect.stringMatching(/^frustum-1f2e3d4c5b6a-[0-9a-f]{8}-shards$/),
      jobQueue: VARIABLES[BATCH_VARIABLES.shardQueue],
      jobDefinition: VARIABLES[BATCH_VARIABLES.shardDefinition],
      arrayProperties: { size: 12 },
      parameters: { plan: URL },
      tags: { ...tags, 'frustum:part': 'shards' },
      propagateTags: true,
    });
    expect(merge).toEqual({
      jobName: (array!.jobName as string).replace('shards', 'merge'),
      jobQueue: VARIABLES[BATCH_VARIABLES.mergeQueue],
      jobDefinition: VARIABLES[BATCH_VARIABLES.mergeDefinition],
      dependsOn: [{ jobId: submission.jobs[0]!.id }],
      parameters: { plan: URL },
      tags: { ...tags, 'frustum:part': 'merge' },
      propagateTags: true,
    });
    expect(submission).toMatchObject({
      engine: 'aws-batch',
      plan: PLAN.id,
      jobs: [
        { part: 'shards', shards: count(12) },
        { part: 'merge', shards: [] },
      ],
    });
    expect(submission.jobs[0]!.logs).toBe(
      'https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:log-groups/log-group/$252Ffrustum$252Fjobs',
    );
  });

  it.each([
    ['one shard: a plain job', [7], [[undefined, `${URL}#7`]]],
    ['some shards: the URL lists them', [3, 7, 8, 9], [[4, `${URL}#3,7-9`]]],
    ['the first shards: as they are counted', [0, 1, 2], [[3, URL]]],
    [
      'more than an array has: several arrays',
      count(20_001),
      [
        [10_000, URL],
        [10_000, `${URL}#10000-19999`],
        [undefined, `${URL}#20000`],
      ],
    ],
    ['none: the merge alone', [], []],
  ])('%s', async (_, shards, expected) => {
    server = await startBatch({ slots: 0 });
    const { jobs } = await submit(shards);
    const bodies = bodiesOf(server, 'submitjob');
    const arrays = bodies
      .slice(0, -1)
      .map(({ arrayProperties, parameters }) => [
        (arrayProperties as { size: number } | undefined)?.size,
        (parameters as { plan: string }).plan,
      ]);
    expect(arrays).toEqual(expected);
    expect(jobs.flatMap((job) => job.shards)).toEqual(shards);
    const dependencies = bodies.at(-1)!.dependsOn as { jobId: string }[] | undefined;
    expect(dependencies?.map(({ jobId }) => jobId) ?? []).toEqual(jobs.slice(0, -1).map(({ id }) => id));
    expect(new Set(bodies.map(({ jobName }) => jobName)).size).toBe(bodies.length);
  });

  it('flags of the workers and --partial: as a command, with the plan in it', async () => {
    server = await startBatch({ slots: 0 });
    const flags = ['--s3-endpoint', 'https://store.example.org'];
    await submit([4, 5], { workerFlags: flags, partial: true });
    const commands = bodiesOf(server, 'submitjob').map(({ containerOverrides }) => containerOverrides);
    expect(commands).toEqual([
      { command: ['run-shard', '--plan', `${URL}#4-5`, '--leave-failure', ...flags] },
      { command: ['merge', '--plan', URL, ...flags, '--partial'] },
    ]);
  });

  it('nothing, where more jobs would have to be waited for than a job can', async () => {
    server = await startBatch({ slots: 0 });
    await expect(submit(count(200_001))).rejects.toMatchObject({
      tag: 'ConfigError',
      message: expect.stringMatching(/200001 shards make 21 array jobs, and a merge can wait for 20/),
    });
    await expect(submit(count(20_000).map((i) => 2 * i))).rejects.toMatchObject({ tag: 'ConfigError' });
    expect(server.calls).toEqual([]);
  });
});

describe('where to submit to', () => {
  it('is told by variables, each of which is named if it is missing or wrong, and where they are from', async () => {
    const env = {
      ...VARIABLES,
      [BATCH_VARIABLES.mergeQueue]: 'Steps',
      [BATCH_VARIABLES.logGroup]: undefined,
    };
    await expect(submit([0], { env })).rejects.toMatchObject({
      tag: 'ConfigError',
      message: expect.stringMatching(
        /FRUSTUM_BATCH_MERGE_QUEUE is "Steps", expected arn:.*:job-queue\/NAME; FRUSTUM_BATCH_LOG_GROUP is not set\. .*EngineSettings/,
      ),
    });
    const swapped = {
      ...VARIABLES,
      [BATCH_VARIABLES.shardQueue]: VARIABLES[BATCH_VARIABLES.shardDefinition],
    };
    await expect(submit([0], { env: swapped })).rejects.toThrow(/FRUSTUM_BATCH_SHARD_QUEUE is/);
    await expect(submit([0], { env: {} })).rejects.toThrow(/(is not set.*){5}/);
  });

  it('log pages lie where the partition has its console', () => {
    const place = { region: 'cn-north-1', partition: 'aws-cn', logGroup: '/frustum' };
    expect(logsPage(place, 'job/default/0a[1]')).toBe(
      'https://cn-north-1.console.amazonaws.cn/cloudwatch/home?region=cn-north-1#logsV2:log-groups/log-group/$252Ffrustum/log-events/job$252Fdefault$252F0a$255B1$255D',
    );
  });
});

describe('what goes wrong on the way', () => {
  const arrays = () =>
    server.jobs().filter(({ jobId, jobName }) => !jobId!.includes(':') && jobName!.includes('shards'));

  it('throttled calls are made again, and no job twice', async () => {
    server = await startBatch({ slots: 0 });
    let left = 3;
    server.disturb(() => (left-- > 0 ? { status: 429, type: 'TooManyRequestsException' } : null));
    await submit(count(3));
    expect(server.calls.filter(({ status }) => status === 429)).toHaveLength(3);
    expect(arrays()).toHaveLength(1);
    expect(bodiesOf(server, 'listjobs')).toEqual([]);
  });

  it.each(['answer lost', 'no answer'] as const)(
    '%s: the job is looked for before it is submitted again',
    async (fault) => {
      server = await startBatch({ slots: 0 });
      let left = 1;
      server.disturb((path) => (path === 'submitjob' && left-- > 0 ? fault : null));
      const { jobs } = await submit(count(3));
      expect(arrays().map(({ jobId }) => jobId)).toEqual([jobs[0]!.id]);
      expect(bodiesOf(server, 'listjobs')).toHaveLength(1);
    },
  );

  it('the merge is refused: the arrays are taken back, and the error says so', async () => {
    server = await startBatch({ slots: 0 });
    const told: string[] = [];
    server.disturb((path, body) =>
      path === 'submitjob' && String(body.jobName).endsWith('merge')
        ? { status: 403, type: 'AccessDeniedException' }
        : null,
    );
    const failure = await submit(count(20_000), { onJob: async ({ id }) => void told.push(id) }).catch(
      (e) => e,
    );
    expect(failure).toMatchObject({ tag: 'SourceError', retryable: false, status: 403 });
    expect(told).toHaveLength(2);
    expect(failure.message).toBe(
      `AWS Batch in eu-central-1: these AWS credentials may not do this; they need batch:SubmitJob; submitted before and cancelled: ${told.join(', ')}; nothing is under way`,
    );
    expect(arrays().map(({ status }) => status)).toEqual(['FAILED', 'FAILED']);
    expect(
      bodiesOf(server, 'terminatejob')
        .map(({ jobId }) => jobId)
        .sort(),
    ).toEqual(told.sort());
  });

  it('the arrays cannot be taken back either: the error names them', async () => {
    server = await startBatch({ slots: 0 });
    server.disturb((path, body) =>
      path === 'terminatejob' || String(body.jobName).endsWith('merge')
        ? { status: 400, type: 'ClientException' }
        : null,
    );
    await expect(submit(count(5))).rejects.toMatchObject({
      tag: 'SourceError',
      retryable: false,
      message: expect.stringMatching(
        /batch:SubmitJob was refused: ClientException; still under way, since it could not be cancelled: [0-9a-f-]{36}: aws batch terminate-job/,
      ),
    });
  });

  it('a submission that cannot be kept, or that is stopped, is taken back', async () => {
    server = await startBatch({ slots: 0 });
    const full = () => Promise.reject(new Error('no space is left'));
    await expect(submit(count(5), { onJob: full })).rejects.toThrow(
      /^no space is left; submitted before and cancelled/,
    );
    const stop = new AbortController();
    const onJob = async () => stop.abort();
    await expect(submit(count(5), { onJob, signal: stop.signal })).rejects.toMatchObject({
      tag: 'AbortedError',
      message: expect.stringMatching(/nothing is under way$/),
    });
    expect(arrays().map(({ status }) => status)).toEqual(['FAILED', 'FAILED']);
  });

  it('credentials that nobody knows: what to do', async () => {
    server = await startBatch({ slots: 0 });
    server.disturb(() => ({ status: 403, type: 'UnrecognizedClientException' }));
    await expect(submit([0])).rejects.toMatchObject({
      retryable: false,
      message: expect.stringMatching(/credentials are missing, expired or unknown.*frustum doctor/),
    });
  });
});
