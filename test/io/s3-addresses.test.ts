import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { openByteSource } from '../../src/io/open-source.ts';
import { type FaultServer, startFaultServer } from '../support/http-fault-server.ts';

let server: FaultServer;
let dir: string;
beforeAll(async () => {
  server = await startFaultServer();
  dir = mkdtempSync(join(tmpdir(), 'frustum-s3-addresses-'));
});
afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true });
});
beforeEach(() => {
  for (const name of ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3', 'AWS_REGION', 'AWS_DEFAULT_REGION']) {
    vi.stubEnv(name, undefined);
  }
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'KEY');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'hush');
  server.seen.length = 0;
  server.files.clear();
});
afterEach(() => {
  vi.unstubAllEnvs();
});

test('the store of a profile has buckets in its paths, as those of options and of the environment do', async () => {
  server.files.set('/land/a.tif', { bytes: Uint8Array.of(1, 2, 3) });
  // Of addresses without a name the SDK itself knows that they have no host for each bucket.
  const store = server.url.replace('127.0.0.1', 'localhost');
  const config = join(dir, 'config');
  writeFileSync(config, `[profile mine]\nregion = here-1\nendpoint_url = ${store}\n`);
  const open = async (options = {}) => {
    const source = await openByteSource('s3://land/a.tif', { attempts: 1, s3: options });
    await source.close();
  };
  await open({ endpoint: store });
  vi.stubEnv('AWS_ENDPOINT_URL', store);
  await open();
  vi.stubEnv('AWS_ENDPOINT_URL', undefined);
  vi.stubEnv('AWS_CONFIG_FILE', config);
  vi.stubEnv('AWS_PROFILE', 'mine');
  vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(dir, 'credentials'));
  writeFileSync(join(dir, 'credentials'), '[mine]\naws_access_key_id = KEY\naws_secret_access_key = hush\n');
  await open();
  expect(server.seen.map(({ path }) => path.replace(/\?.*/, ''))).toEqual(Array(3).fill('/land/a.tif'));
  expect(server.seen[2]!.headers.authorization).toContain('/here-1/s3/');
});

test('a store may be said to have a host name for each bucket', async () => {
  const wanted = openByteSource('s3://no-such-bucket-of-frustum/a.tif', {
    attempts: 1,
    s3: { endpoint: server.url.replace('127.0.0.1', 'localhost'), pathStyle: false, region: 'here-1' },
  });
  await expect(wanted).rejects.toMatchObject({ tag: 'SourceError' });
  expect(server.seen.map(({ path }) => path)).not.toContainEqual(expect.stringContaining('no-such-bucket'));
});

test('an endpoint that is no URL is said to be none', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL', 'store.example.org');
  await expect(
    openByteSource('s3://land/a.tif', { attempts: 1, s3: { region: 'here-1' } }),
  ).rejects.toMatchObject({
    tag: 'SourceError',
    retryable: false,
    message: expect.stringMatching(/endpoint is no usable URL; check --s3-endpoint/),
  });
});

test.each(['scène ü 1.tif', 'a%20b+c.tif', 'a#b?c&d=e.tif', 'x//y/.tif', "q'(z)!*~.tif"])(
  'a key is taken as it is: %s',
  async (key) => {
    server.files.set(`/land/${key}`, { bytes: Uint8Array.of(7) });
    const source = await openByteSource(`s3://land/${key}`, { attempts: 1, s3: { endpoint: server.url } });
    expect(source).toMatchObject({ sizeBytes: 1, url: `s3://land/${key}` });
    await source.close();
  },
);

test('AWS_NO_SIGN_REQUEST leaves signatures out, whatever credentials there are', async () => {
  server.files.set('/land/a.tif', { bytes: Uint8Array.of(1) });
  const open = async (options = {}) =>
    (
      await openByteSource('s3://land/a.tif', { attempts: 1, s3: { endpoint: server.url, ...options } })
    ).close();
  vi.stubEnv('AWS_NO_SIGN_REQUEST', 'YES');
  await open();
  await open({ anonymous: false });
  vi.stubEnv('AWS_NO_SIGN_REQUEST', 'no');
  await open();
  expect(server.seen.map(({ headers }) => headers.authorization !== undefined)).toEqual([false, true, true]);
  vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
  vi.stubEnv('AWS_NO_SIGN_REQUEST', 'true');
  await open();
  expect(server.seen[3]!.headers.authorization).toBeUndefined();
});
