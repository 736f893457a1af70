import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readJobPlan, segment, synthesize } from '../../src/index.ts';
import { openS3Store } from '../../src/job/s3-store.ts';
import { needTool } from '../support/need-tool.ts';
import { type S3Store, startS3Store } from '../support/radosgw.ts';
import { runFrustum } from '../support/run-command.ts';
import { differences, MODEL, outputsOf } from './job-kit.ts';

describe.skipIf(!needTool('radosgw'))('jobs in a real S3 store', () => {
  let store: S3Store;
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'frustum-s3-jobs-'));
    store = await startS3Store();
    vi.stubEnv('AWS_ACCESS_KEY_ID', store.owner.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', store.owner.secretAccessKey);
    vi.stubEnv('AWS_ENDPOINT_URL', store.endpoint);
    vi.stubEnv('AWS_REGION', 'us-east-1');
    for (const Bucket of ['scenes', 'maps']) await store.client.send(new CreateBucketCommand({ Bucket }));
  }, 120_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await store?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const keys = async (Prefix: string) => {
    const { Contents } = await store.client.send(new ListObjectsV2Command({ Bucket: 'maps', Prefix }));
    return (Contents ?? []).map(({ Key }) => Key!);
  };
  const uploads = async () =>
    (await store.client.send(new ListMultipartUploadsCommand({ Bucket: 'maps' }))).Uploads ?? [];

  it('scene, plan, shards and outputs there: the bytes of a run on this machine', async () => {
    const { scenePath } = await synthesize({ width: 420, height: 400, seed: 5, outDir: join(dir, 'land') });
    const Body = await readFile(scenePath);
    await store.client.send(new PutObjectCommand({ Bucket: 'scenes', Key: 'a/land.tif', Body }));
    const whole = join(dir, 'whole');
    const scene = 's3://scenes/a/land.tif';
    await segment({ scene, model: MODEL, outDir: whole, bands: [2, 3, 4], threads: 1 });

    const flags = ['--model', MODEL, '--bands', '2,3,4', '--threads', '1', '--shards-per-scene', '3'];
    const out = 's3://maps/run one';
    const planned = await runFrustum('plan', 's3://scenes/a/', ...flags, '--out', out);
    expect(planned.status, JSON.stringify(planned.failure)).toBe(0);
    const [key] = await keys('run one/plans/');
    const job = await readJobPlan(`s3://maps/${key}`);
    expect(job.scenes[0]).toMatchObject({ source: scene, shards: [{}, {}, {}] });
    const early = await runFrustum('merge', '--plan', `s3://maps/${key}`);
    expect(early).toMatchObject({ status: 1, failure: { tag: 'SourceError' } });
    const ran = await runFrustum('run', '--plan', `s3://maps/${key}`, '--workers', '2');
    expect(ran.status, JSON.stringify(ran.failure)).toBe(0);

    const folder = `run one/${job.scenes[0]!.id}/`;
    const files = new Map<string, Buffer>();
    for (const name of await keys(folder)) {
      const { Body: body } = await store.client.send(new GetObjectCommand({ Bucket: 'maps', Key: name }));
      files.set(name.slice(folder.length), Buffer.from(await body!.transformToByteArray()));
    }
    expect(files.delete('run.json')).toBe(true);
    const expected = await outputsOf(whole);
    expect(differences(files, expected)).toEqual(['stac-item.json']);
    // From a store, no link leads to the model's folder on this machine; else it is the same Item.
    const item = JSON.parse(expected.get('stac-item.json')!.toString());
    const links = item.links.filter(({ rel }: { rel: string }) => rel !== 'derived_from');
    expect(links).toHaveLength(item.links.length - 1);
    expect(JSON.parse(files.get('stac-item.json')!.toString())).toEqual({ ...item, links });

    const rows = (await keys('run one/shards/')).filter((name) => name.endsWith('.rows'));
    expect(rows).toHaveLength(3);
    const tags = await store.client.send(new GetObjectTaggingCommand({ Bucket: 'maps', Key: rows[0]! }));
    expect(tags.TagSet).toEqual([{ Key: 'frustum', Value: 'intermediate' }]);
    const again = await runFrustum('plan', 's3://scenes/a/', ...flags, '--out', out);
    expect(again.stdout).toMatch(/0 to do, 1 done already/);
  }, 180_000);

  it('sends large objects in parts, whole', async () => {
    const chunk = new Uint8Array(1 << 20);
    const draft = await openS3Store('s3://maps', {}).create('draft');
    for (let i = 0; i < 40; i++) await draft.write(chunk.slice().fill(i));
    await draft.commit('large/whole');
    const { Body } = await store.client.send(new GetObjectCommand({ Bucket: 'maps', Key: 'large/whole' }));
    const bytes = await Body!.transformToByteArray();
    expect(bytes.length).toBe(40 << 20);
    expect([0, 16 << 20, 32 << 20, (40 << 20) - 1].map((at) => bytes[at])).toEqual([0, 16, 32, 39]);

    expect(await keys('large/')).toEqual(['large/whole']);
    expect(await uploads()).toEqual([]);
  }, 120_000);
});
