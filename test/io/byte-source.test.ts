import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, vi } from 'vitest';
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
