import { createHmac } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SourceError } from '../../src/core/errors.ts';
import { evaluate, polygonize, type SegmentOptions, segment, synthesize } from '../../src/index.ts';
import { openByteSource, openOptionalByteSource } from '../../src/io/open-source.ts';
import { type FaultServer, startFaultServer } from '../support/http-fault-server.ts';
import { needTool } from '../support/need-tool.ts';
import { type S3Store, type StoreUser, startS3Store } from '../support/radosgw.ts';
import { runFrustum } from '../support/run-command.ts';

let dir: string;
let scene: string;
let truth: string;
let server: FaultServer;
let local: Awaited<ReturnType<typeof map>>;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-remote-'));
  const made = await synthesize({ width: 300, height: 260, seed: 4, outDir: join(dir, 'land') });
  scene = made.scenePath;
  truth = made.truthPath;
  server = await startFaultServer();
  server.files.set('/land/scene.tif', { bytes: await readFile(scene) });
  server.files.set('/land/truth.tif', { bytes: await readFile(truth) });
  local = await map(scene, 'local');
}, 120_000);
afterAll(async () => {
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
});
afterEach(() => {
  server.seen.length = 0;
  server.fault = () => null;
});

function map(url: string, out: string, options: Partial<SegmentOptions> = {}) {
  const outDir = join(dir, out);
  return segment({
    scene: url,
    model: 'models/sfrnet-mini-synth',
    outDir,
    bands: [2, 3, 4],
    preview: false,
    ...options,
  });
}
/** Maps, polygons and styles; report and STAC Item name the run by its identity, of which the URL is a part. */
const outputsOf = ({ outputs }: { outputs: readonly { file: string; sha256: string }[] }) =>
  outputs
    .filter(({ file }) => file !== 'report.html' && file !== 'stac-item.json')
    .map(({ file, sha256 }) => `${file} ${sha256}`);

describe('a scene behind http', () => {
  it('is mapped as the local file is, byte for byte, and run.json tells what that cost', async () => {
    const url = `${server.url.replace('//', '//user:hush@')}/land/scene.tif?X-Amz-Signature=hush`;
    server.fault = (_, nth) => (nth === 1 ? { kind: 'cut', after: 5000 } : null);
    const report = await map(url, 'http', { source: { backoffMs: 5 } });
    expect(outputsOf(report)).toEqual(outputsOf(local));
    const { traffic, cache } = report.reads;
    expect(traffic).toMatchObject({ requests: server.seen.length, retries: 1 });
    expect(traffic.bytes).toBeGreaterThan(0);
    expect(cache.hits).toBeGreaterThan(0);
    const text = await readFile(join(dir, 'http/run.json'), 'utf8');
    expect(JSON.parse(text)).toMatchObject({
      reads: { traffic: { retries: 1 } },
      scene: { url: `${server.url}/land/scene.tif` },
    });
    expect(text).not.toMatch(/hush|user:/);
    for (const file of ['report.html', 'stac-item.json']) {
      expect(await readFile(join(dir, 'http', file), 'utf8')).not.toMatch(/hush|user:/);
    }
    expect((await readFile(join(dir, 'http/landcover.geojson'), 'utf8')).slice(0, 2000)).not.toContain(
      'hush',
    );
  });

  it('is known again by its tag, under another signature, and not once it was changed', async () => {
    const url = (signature: string) => `${server.url}/land/scene.tif?sig=${signature}`;
    await map(url('1'), 'known');
    expect((await map(url('2'), 'known')).alreadyDone).toBe(true);
    const { bytes } = server.files.get('/land/scene.tif')!;
    server.files.set('/land/scene.tif', { bytes, etag: '"new"' });
    expect((await map(url('2'), 'known')).alreadyDone).toBeUndefined();
    server.files.set('/land/scene.tif', { bytes, etag: null, lastModified: null });
    await map(url('2'), 'known');
    expect((await map(url('2'), 'known')).alreadyDone).toBeUndefined();
    server.files.set('/land/scene.tif', { bytes });
  });

  it('that changes during the run ends it, and leaves nothing', async () => {
    const { bytes } = server.files.get('/land/scene.tif')!;
    server.fault = (_, nth) => (nth === 0 ? null : { kind: 'headers', headers: { etag: '"other"' } });
    await expect(map(`${server.url}/land/scene.tif`, 'changed')).rejects.toMatchObject({
      tag: 'SourceError',
      retryable: true,
    });
    await expect(readFile(join(dir, 'changed/run.json'))).rejects.toThrow(/ENOENT/);
    expect(bytes.length).toBeGreaterThan(131_072);
  });

  it('that comes corrupted is an error of its format that names it', async () => {
    server.fault = (_, nth) => (nth === 0 ? null : { kind: 'corrupt' });
    await expect(map(`${server.url}/land/scene.tif`, 'corrupted')).rejects.toMatchObject({
      tag: 'FormatError',
      message: expect.stringContaining(`${server.url}/land/scene.tif`),
    });
  });

  it('is traced and scored, too', async () => {
    const out = [join(dir, 'truth.geojson'), join(dir, 'local.geojson')];
    const url = `${server.url}/land/truth.tif?sig=hush`;
    const traced = await polygonize({ raster: url, outputs: [out[0]!] });
    expect(traced.validPixels).toBe((await polygonize({ raster: truth, outputs: [out[1]!] })).validPixels);
    expect(await readFile(out[0]!, 'utf8')).not.toContain('hush');
    expect((await evaluate({ predicted: url, truth })).overallAccuracy).toBe(1);
    await expect(
      polygonize({ raster: `${server.url}/land/scene.tif?sig=hush`, outputs: [out[0]!] }),
    ).rejects.toThrow(/^(?!.*hush)/);
  });

  it('on the command line: described, and its failures end with the right code', async () => {
    const url = `${server.url}/land/scene.tif`;
    const shown = await runFrustum('info', `${url}?sig=hush`);
    expect(shown.status).toBe(0);
    expect(shown.stdout).toContain('300 x 260');
    expect(shown.stdout).toContain(url);
    expect(shown.stdout).not.toContain('hush');
    const missing = await runFrustum('info', `${server.url}/none.tif?sig=hush`);
    expect(missing.status).toBe(1);
    expect(missing.failure?.message).toMatch(/none\.tif does not exist; check the URL \(404\)$/);
    server.fault = () => ({ kind: 'answer', status: 503 });
    const busy = await runFrustum('info', url, '--read-attempts', '2');
    expect(busy.status).toBe(75);
    expect(busy.failure?.message).toContain('503');
    server.fault = () => ({ kind: 'silence' });
    const silent = await runFrustum('info', url, '--read-attempts', '1', '--read-timeout', '1');
    expect(silent.status).toBe(75);
  });
});

describe.skipIf(!needTool('radosgw'))('a scene in a real S3 store', () => {
  let store: S3Store;
  const as = ({ accessKeyId, secretAccessKey }: StoreUser) => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
  };
  const put = async (Key: string, options: object = {}) =>
    store.client.send(new PutObjectCommand({ Bucket: 'land', Key, Body: await readFile(scene), ...options }));
  const s3 = () => ({ endpoint: store.endpoint });
  const failureOf = (url: string, options = s3()): Promise<SourceError> =>
    openByteSource(url, { s3: options }).then(
      () => Promise.reject(new Error(`${url} was opened`)),
      (error: SourceError) => error,
    );
  beforeAll(async () => {
    store = await startS3Store();
    await store.client.send(new CreateBucketCommand({ Bucket: 'land' }));
    await put('a/scene.tif');
    await put('public.tif', { ACL: 'public-read' });
  }, 120_000);
  afterAll(() => store?.stop());
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('is mapped as the local file is, byte for byte', async () => {
    as(store.owner);
    const report = await map('s3://land/a/scene.tif', 's3', { source: { s3: s3() } });
    expect(outputsOf(report)).toEqual(outputsOf(local));
    expect(report.scene.url).toBe('s3://land/a/scene.tif');
    expect(report.reads.traffic).toMatchObject({ retries: 0 });
    expect((await map('s3://land/a/scene.tif', 's3', { source: { s3: s3() } })).alreadyDone).toBe(true);
    expect(await readFile(join(dir, 's3/run.json'), 'utf8')).not.toContain(store.owner.secretAccessKey);
  });

  it('is described on the command line, by its options and by the environment', async () => {
    as(store.owner);
    const told = await runFrustum('info', 's3://land/a/scene.tif', '--s3-endpoint', store.endpoint);
    expect(told.failure).toBeNull();
    expect(told.stdout).toContain('300 x 260');
    vi.stubEnv('AWS_ENDPOINT_URL', store.endpoint);
    const known = await runFrustum('info', 's3://land/a/scene.tif');
    expect(known.stdout).toBe(told.stdout);
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    const open = await runFrustum('info', 's3://land/public.tif', '--s3-anonymous');
    expect(open.stdout).toContain('300 x 260');
    const closed = await runFrustum('info', 's3://land/a/scene.tif', '--s3-anonymous');
    expect(closed).toMatchObject({ status: 1, failure: { tag: 'SourceError' } });
    expect(closed.failure?.message).toMatch(/may not be read without credentials/);
  });

  it('refuses strangers, wrong secrets, unknown keys and unknown names, each in its own words', async () => {
    as(store.stranger);
    expect(await failureOf('s3://land/a/scene.tif')).toMatchObject({ status: 403, retryable: false });
    as({ ...store.owner, secretAccessKey: 'wrong' });
    expect((await failureOf('s3://land/a/scene.tif')).message).toMatch(
      /secret key is not the one.*SignatureDoesNotMatch/,
    );
    await expect(openOptionalByteSource('s3://land/a/scene.tif', { s3: s3() })).rejects.toMatchObject({
      tag: 'SourceError',
    });
    as({ accessKeyId: 'NOBODY', secretAccessKey: 'wrong' });
    expect((await failureOf('s3://land/a/scene.tif')).message).toMatch(/does not know this access key/);
    as(store.owner);
    expect((await failureOf('s3://land/a')).message).toMatch(/does not exist; check the key/);
    expect((await failureOf('s3://nobucket/a')).message).toMatch(/bucket that does not exist/);
  });

  it('with a signed URL is read over http, until the signature expires', async () => {
    const sign = (seconds: number) => {
      const expires = Math.floor(Date.now() / 1000) + seconds;
      const signature = createHmac('sha1', store.owner.secretAccessKey)
        .update(`GET\n\n\n${expires}\n/land/a/scene.tif`)
        .digest('base64');
      const query = new URLSearchParams({
        AWSAccessKeyId: store.owner.accessKeyId,
        Expires: String(expires),
        Signature: signature,
      });
      return `${store.endpoint}/land/a/scene.tif?${query}`;
    };
    const report = await map(sign(600), 'signed');
    expect(outputsOf(report)).toEqual(outputsOf(local));
    const text = await readFile(join(dir, 'signed/run.json'), 'utf8');
    expect(text).not.toMatch(/Signature|Expires|OWNERKEY/);
    const error = await failureOf(sign(-5));
    expect(error).toMatchObject({
      status: 403,
      message: expect.stringMatching(/signature may have expired/),
    });
    expect(error.message).not.toMatch(/Signature=|OWNERKEY/);
  });

  it('in a bucket with versions is read in the version that is asked for', async () => {
    as(store.owner);
    await store.client.send(new CreateBucketCommand({ Bucket: 'versions' }));
    await store.client.send(
      new PutBucketVersioningCommand({ Bucket: 'versions', VersioningConfiguration: { Status: 'Enabled' } }),
    );
    const put = (Body: string) =>
      store.client.send(new PutObjectCommand({ Bucket: 'versions', Key: 'k', Body }));
    const { VersionId } = await put('old');
    await put('newer');
    const old = await openByteSource(`s3://versions/k?versionId=${VersionId}`, { s3: s3() });
    expect(old).toMatchObject({ url: 's3://versions/k', sizeBytes: 3 });
    const now = await openByteSource('s3://versions/k', { s3: s3() });
    expect(now.sizeBytes).toBe(5);
    expect(now.version).not.toBe(old.version);
    await old.close();
    await now.close();
  });
});
