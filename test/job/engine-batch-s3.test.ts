import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchClient, SubmitJobCommand } from '@aws-sdk/client-batch';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { segment, synthesize } from '../../src/index.ts';
import type { BatchServer } from '../support/batch-server.ts';
import { needTool } from '../support/need-tool.ts';
import { type S3Store, startS3Store } from '../support/radosgw.ts';
import { runFrustum } from '../support/run-command.ts';
import { bodiesOf, PLAN_JOB, startBatch } from './batch-kit.ts';
import { differences, MODEL, outputsOf } from './job-kit.ts';

describe.skipIf(!needTool('radosgw'))('a plan on AWS Batch, with all of it in an S3 store', () => {
  let store: S3Store;
  let server: BatchServer;
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'frustum-batch-s3-'));
    store = await startS3Store();
    server = await startBatch();
    vi.stubEnv('AWS_ACCESS_KEY_ID', store.owner.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', store.owner.secretAccessKey);
    for (const Bucket of ['scenes', 'maps']) await store.client.send(new CreateBucketCommand({ Bucket }));
  }, 120_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await server?.close();
    await store?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it('is planned, submitted, kept and merged there; jobs are told how to reach it, and find the model by its name', async () => {
    const { scenePath } = await synthesize({ width: 420, height: 400, seed: 5, outDir: join(dir, 'land') });
    const Body = await readFile(scenePath);
    await store.client.send(new PutObjectCommand({ Bucket: 'scenes', Key: 'a/land.tif', Body }));
    const reach = ['--s3-endpoint', store.endpoint];
    const whole = join(dir, 'whole');
    const source = { s3: { endpoint: store.endpoint } };
    await segment({
      ...{ scene: 's3://scenes/a/land.tif', model: MODEL, outDir: whole, bands: [2, 3, 4], threads: 1 },
      source,
    });
    // A folder that is on no other machine.
    const model = join(dir, MODEL);
    await cp(MODEL, model, { recursive: true });
    const flags = ['--model', model, '--bands', '2,3,4', '--threads', '1', '--shards-per-scene', '3'];
    const out = 's3://maps/run';
    const planned = await runFrustum(
      ...['plan', 's3://scenes/a/', ...flags, '--out', out, ...reach, '--engine', 'aws-batch'],
    );
    expect(planned.status, JSON.stringify(planned.failure)).toBe(0);
    await rm(model, { recursive: true });
    expect(planned.lines.filter(({ level }) => level === 'warn')).toEqual([]);
    const [array] = bodiesOf(server, 'submitjob');
    expect(array).toMatchObject({
      arrayProperties: { size: 3 },
      containerOverrides: { command: expect.arrayContaining(reach) },
      parameters: { plan: expect.stringMatching(/^s3:\/\/maps\/run\/plans\/[0-9a-f]{12}\.json$/) },
    });
    await server.idle();

    const { Contents } = await store.client.send(
      new ListObjectsV2Command({ Bucket: 'maps', Prefix: 'run/' }),
    );
    const keys = (Contents ?? []).map(({ Key }) => Key!);
    expect(keys.filter((key) => /^run\/submissions\/[0-9a-f]{12}\/0001\.json$/.test(key))).toHaveLength(1);
    const files = new Map<string, Buffer>();
    for (const Key of keys.filter((key) => /^run\/land-/.test(key))) {
      const { Body: body } = await store.client.send(new GetObjectCommand({ Bucket: 'maps', Key }));
      files.set(Key.split('/').at(-1)!, Buffer.from(await body!.transformToByteArray()));
    }
    expect(files.delete('run.json')).toBe(true);
    // From there, no link leads to the model's folder.
    expect(differences(files, await outputsOf(whole))).toEqual(['stac-item.json']);
    const url = (array!.parameters as { plan: string }).plan;
    const status = await runFrustum('status', '--plan', url, ...reach);
    expect(status.stdout).toMatch(/3 done, 0 running.*aws-batch {2}merge [0-9a-f-]{36}: SUCCEEDED/s);
  }, 180_000);

  it('is planned by a job too, as every night: that submits the others; the next night there is nothing to do', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', store.endpoint);
    const batch = new BatchClient({ region: 'eu-central-1' });
    const night = () =>
      batch.send(
        new SubmitJobCommand({
          jobName: 'Frustum-nightly',
          ...PLAN_JOB,
          parameters: { scenes: 's3://scenes/a/', pipeline: 'pipelines/demo.json', out: 's3://maps/nights/' },
        }),
      );
    const first = server.jobs().length;
    await night();
    await server.idle();
    const [plan, ...others] = server.jobs().slice(first);
    expect(plan!.status, [...server.logs.values()].at(-1)).toBe('SUCCEEDED');
    expect(others.map(({ jobName }) => jobName!.split('-').at(-1))).toEqual(['shards', 'merge']);
    expect(others.map(({ status }) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    await night();
    await server.idle();
    expect(server.jobs().length).toBe(first + 4);
    expect([...server.logs.values()].at(-1)).toMatch(/0 to do, 1 done already[\s\S]*nothing to submit/);
    batch.destroy();
  }, 180_000);
});
