import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test, vi } from 'vitest';
import { openByteSource } from '../../src/io/open-source.ts';
import { startFaultServer } from '../support/http-fault-server.ts';
import { needTool } from '../support/need-tool.ts';
import { startS3Store } from '../support/radosgw.ts';
import { testByteSource } from './byte-source-conformance.ts';

testByteSource('a local disk', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'frustum-bytes-'));
  const urlOf = (name: string) => join(dir, name);
  return {
    urlOf,
    async put(name, bytes) {
      await mkdir(dirname(urlOf(name)), { recursive: true });
      await writeFile(urlOf(name), bytes);
      return urlOf(name);
    },
    options: {},
    close: () => rm(dir, { recursive: true }),
  };
});

test('a local file stays open for the reads that were asked for before it was closed', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'frustum-bytes-'));
  const bytes = new Uint8Array(1_000_000).map((_, i) => i >> 8);
  await writeFile(join(dir, 'a'), bytes);
  const source = await openByteSource(join(dir, 'a'));
  const reads = Array.from({ length: 20 }, (_, i) => source.read(i * 1000, 500_000));
  await source.close();
  for (const [i, read] of (await Promise.all(reads)).entries()) {
    expect(Buffer.compare(read, bytes.subarray(i * 1000, i * 1000 + 500_000))).toBe(0);
  }
  await expect(source.read(0, 1)).rejects.toMatchObject({ tag: 'SourceError', status: 'EBADF' });
  await rm(dir, { recursive: true });
});

testByteSource('an HTTP server', async () => {
  const server = await startFaultServer();
  const urlOf = (name: string) => `${server.url}/${name.split('/').map(encodeURIComponent).join('/')}`;
  return {
    urlOf,
    async put(name, bytes) {
      server.files.set(`/${name}`, { bytes, lastModified: new Date().toUTCString() });
      return urlOf(name);
    },
    options: {},
    close: () => server.stop(),
  };
});

describe.skipIf(!needTool('radosgw'))('with a real S3 server', () => {
  testByteSource(
    'an S3 store',
    async () => {
      const store = await startS3Store();
      await store.client.send(new CreateBucketCommand({ Bucket: 'scenes' }));
      vi.stubEnv('AWS_ACCESS_KEY_ID', store.owner.accessKeyId);
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', store.owner.secretAccessKey);
      const urlOf = (name: string) => `s3://scenes/${name}`;
      return {
        urlOf,
        async put(name, bytes) {
          await store.client.send(new PutObjectCommand({ Bucket: 'scenes', Key: name, Body: bytes }));
          return urlOf(name);
        },
        options: { s3: { endpoint: store.endpoint } },
        async close() {
          vi.unstubAllEnvs();
          await store.stop();
        },
      };
    },
    120_000,
  );
});
