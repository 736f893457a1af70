import {
  CreateBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { checkBucket } from '../../src/doctor/check-bucket.ts';
import { needTool } from '../support/need-tool.ts';
import { type S3Store, type StoreUser, startS3Store } from '../support/radosgw.ts';

describe.skipIf(!needTool('radosgw'))('checkBucket, at a real S3 server', () => {
  let store: S3Store;
  beforeAll(async () => {
    store = await startS3Store();
    await store.client.send(new CreateBucketCommand({ Bucket: 'maps' }));
    await store.client.send(new PutObjectCommand({ Bucket: 'maps', Key: 'out/a.tif', Body: 'abc' }));
  }, 120_000);
  afterAll(() => store?.stop());
  afterEach(() => vi.unstubAllEnvs());

  const check = (user: StoreUser, url: string, write: boolean) => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', user.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', user.secretAccessKey);
    return checkBucket(url, write, { endpoint: store.endpoint });
  };

  it('lists and reads what is there', async () => {
    expect(await check(store.owner, 's3://maps/out/', false)).toMatchObject({
      state: 'ok',
      found: 'can be listed, read',
    });
    expect(await check(store.owner, 's3://maps/none/', false)).toMatchObject({
      state: 'ok',
      found: 'can be listed, nothing is there yet',
    });
  });

  it('tries writing without leaving anything', async () => {
    expect(await check(store.owner, 's3://maps/out/', true)).toMatchObject({
      state: 'ok',
      found: 'can be listed, read, written',
    });
    const { Contents } = await store.client.send(new ListObjectsV2Command({ Bucket: 'maps' }));
    expect(Contents?.map(({ Key }) => Key)).toEqual(['out/a.tif']);
    const { Uploads } = await store.client.send(new ListMultipartUploadsCommand({ Bucket: 'maps' }));
    expect(Uploads ?? []).toEqual([]);
  });

  it('names what is not allowed', async () => {
    expect(await check(store.stranger, 's3://maps/out/', true)).toMatchObject({
      state: 'problem',
      found: expect.stringContaining('s3:ListBucket failed'),
      advice: expect.stringContaining('s3:ListBucket'),
    });
  });

  it('names a bucket that does not exist, a key that is not known, a URL that is none', async () => {
    expect((await check(store.owner, 's3://mops/', false)).found).toContain('does not exist');
    const unknown = { accessKeyId: 'NOBODY', secretAccessKey: 'none' };
    expect((await check(unknown, 's3://maps/', false)).found).toContain('does not know this access key');
    expect(await check(store.owner, 'https://example.org/maps', false)).toMatchObject({ state: 'problem' });
  });
});

describe('checkBucket', () => {
  it('names a store that cannot be reached', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    const finding = await checkBucket('s3://maps/', false, { endpoint: 'http://127.0.0.1:1' });
    vi.unstubAllEnvs();
    expect(finding).toMatchObject({
      state: 'problem',
      found: expect.stringContaining('the store refuses connections'),
    });
  });
});
