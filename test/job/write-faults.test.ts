import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type JobPlan, mergeJob, readJobStatus, runShard, segment, synthesize } from '../../src/index.ts';
import { openS3Store, type S3WriteOptions } from '../../src/job/s3-store.ts';
import { type FaultProxy, type ProxyFault, startFaultProxy } from '../support/fault-proxy.ts';
import { needTool } from '../support/need-tool.ts';
import { type S3Store, startS3Store } from '../support/radosgw.ts';
import { runFrustum } from '../support/run-command.ts';
import { differences, outputsOf, plan, SETTINGS } from './job-kit.ts';
import { createRandom, drawSeed } from './kill-kit.ts';

const MIB = 1 << 20;
const QUICK = { backoffMs: 5, attempts: 4 };
/** For stores that say nothing. On a busy machine others may seem so, too. */
const IMPATIENT = { backoffMs: 5, attempts: 3, stallMs: 4000 };
/** Three parts, the last one smaller. */
const SIZE = 40 * MIB;

const FAULTS: readonly (readonly [string, ProxyFault])[] = [
  ['500', { kind: 'status', status: 500 }],
  ['503', { kind: 'status', status: 503 }],
  ['a reset', { kind: 'reset' }],
  ['a body cut short', { kind: 'cut' }],
  ['a lost answer', { kind: 'lost' }],
  // Last: jobs are not to wait for it.
  ['silence', { kind: 'silence' }],
];
const STEPS: readonly (readonly [string, string, RegExp])[] = [
  ['beginning an upload', 'POST', /\?uploads/],
  ['sending a part', 'PUT', /partNumber=2/],
  ['completing an upload', 'POST', /\?uploadId=/],
];

describe.skipIf(!needTool('radosgw'))('writing to a store that fails', () => {
  let store: S3Store;
  let proxy: FaultProxy;
  let dir: string;
  beforeAll(async () => {
    vi.stubEnv('SOURCE_DATE_EPOCH', '1700000000');
    dir = await mkdtemp(join(tmpdir(), 'frustum-write-faults-'));
    store = await startS3Store();
    proxy = await startFaultProxy(store.endpoint);
    vi.stubEnv('AWS_ACCESS_KEY_ID', store.owner.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', store.owner.secretAccessKey);
    vi.stubEnv('AWS_ENDPOINT_URL', proxy.url);
    vi.stubEnv('AWS_REGION', 'us-east-1');
    await store.client.send(new CreateBucketCommand({ Bucket: 'maps' }));
  }, 120_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await proxy?.stop();
    await store?.stop();
    await rm(dir, { recursive: true, force: true });
  });
  beforeEach(() => {
    proxy.fault = () => null;
    proxy.seen.length = 0;
  });

  const uploads = async () =>
    (await store.client.send(new ListMultipartUploadsCommand({ Bucket: 'maps' }))).Uploads ?? [];
  const read = async (Key: string) => {
    const { Body } = await store.client.send(new GetObjectCommand({ Bucket: 'maps', Key }));
    return Buffer.from(await Body!.transformToByteArray());
  };
  const keysBelow = async (Prefix: string) => {
    const { Contents } = await store.client.send(new ListObjectsV2Command({ Bucket: 'maps', Prefix }));
    return (Contents ?? []).map(({ Key }) => Key!);
  };
  const write = async (key: string, size: number, options: S3WriteOptions = QUICK) => {
    const draft = await openS3Store('s3://maps', {}, options).create('draft');
    for (let at = 0; at < size; at += MIB)
      await draft.write(Buffer.alloc(Math.min(MIB, size - at), at / MIB));
    await draft.commit(key);
  };
  const expectWhole = async (key: string, size: number) => {
    const bytes = await read(key);
    expect(bytes.length).toBe(size);
    for (let at = 0; at < size; at += MIB) expect(bytes[at]).toBe(at / MIB);
    expect(await uploads()).toEqual([]);
  };

  describe.each(FAULTS)('%s', (name, fault) => {
    const patience = fault.kind === 'silence' ? IMPATIENT : QUICK;
    // Each costs all of the patience.
    const steps = fault.kind === 'silence' ? STEPS.slice(1, 2) : STEPS;
    it('passes: objects come whole, and no upload stays open', async () => {
      proxy.fault = ({ method }, spoilt) => (method === 'PUT' && spoilt < 2 ? fault : null);
      await write(`small ${name}`, 3000, patience);
      await expectWhole(`small ${name}`, 3000);
      for (const [step, method, path] of steps) {
        let left = 1;
        proxy.fault = (seen) => (seen.method === method && path.test(seen.path) && left-- > 0 ? fault : null);
        await write(`${step} ${name}`, SIZE, patience);
        expect(left, step).toBeLessThan(1);
        // An upload whose beginning was answered to nobody is open, and empty: nobody knows of it but the next one.
        if (step === 'beginning an upload' && fault.kind === 'lost')
          await write(`${step} ${name}`, SIZE, patience);
        await expectWhole(`${step} ${name}`, SIZE);
      }
    }, 60_000);

    it('lasts: it is told, nothing is there, and the upload is taken back', async () => {
      for (const [step, method, path] of steps.filter((_, i) => steps.length === 1 || i > 0)) {
        const key = `lasting ${step} ${name}`;
        proxy.fault = (seen) => (seen.method === method && path.test(seen.path) ? fault : null);
        const failure = await write(key, SIZE, patience).then(
          () => null,
          (error: unknown) => error,
        );
        // Where the store did as it was told and only its answers are lost, the object may be there, whole.
        if (fault.kind === 'lost' && (await keysBelow(key)).length > 0) await expectWhole(key, SIZE);
        else expect(await keysBelow(key)).toEqual([]);
        expect(failure).toMatchObject({ tag: 'SourceError', message: expect.stringContaining(key) });
        expect(await uploads()).toEqual([]);
      }
    }, 60_000);
  });

  /** Begins an upload in a process of its own, which stands still at the second part. */
  async function uploadElsewhere(key: string) {
    let halted!: () => void;
    const atPart = new Promise<void>((done) => {
      halted = done;
    });
    proxy.fault = ({ path }) => {
      if (!/partNumber=2/.test(path)) return null;
      halted();
      return { kind: 'silence' };
    };
    const module = pathToFileURL(resolve('dist/job/s3-store.js')).href;
    const script = `import { openS3Store } from ${JSON.stringify(module)};
      const stop = new AbortController();
      process.on('SIGTERM', () => stop.abort());
      const draft = await openS3Store('s3://maps', {}, { signal: stop.signal }).create('draft');
      for (let i = 0; i < 40; i++) await draft.write(Buffer.alloc(1 << 20, i));
      await draft.commit(${JSON.stringify(key)}).catch((error) => {
        process.exitCode = error.tag === 'AbortedError' ? 75 : 1;
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
    await atPart;
    return { child, ended };
  }

  it('stopped by SIGTERM takes its upload back; of a killed one, the next does', async () => {
    const stopped = await uploadElsewhere('stopped');
    expect(await uploads()).toHaveLength(1);
    stopped.child.kill('SIGTERM');
    expect(await stopped.ended).toEqual([75, null]);
    expect(await uploads()).toEqual([]);

    const killed = await uploadElsewhere('killed');
    killed.child.kill('SIGKILL');
    await killed.ended;
    proxy.fault = () => null;
    expect(await uploads()).toMatchObject([{ Key: 'killed' }]);
    // Uploads of other objects are none of its business.
    await store.client.send(new CreateMultipartUploadCommand({ Bucket: 'maps', Key: 'killed too' }));
    await write('killed', SIZE);
    expect(await uploads()).toMatchObject([{ Key: 'killed too' }]);
    await write('killed too', SIZE);
    await expectWhole('killed', SIZE);
    await expectWhole('killed too', SIZE);
  }, 60_000);

  it('beside another that sends the same: both end, and one whole object is there', async () => {
    await Promise.all([write('both', SIZE), wait(30).then(() => write('both', SIZE)), write('both', SIZE)]);
    await expectWhole('both', SIZE);
  }, 60_000);

  describe('jobs', () => {
    const VECTOR = ['geojson', 'gpkg', 'fgb'];
    let scene: string;
    let expected: Map<string, Buffer>;
    beforeAll(async () => {
      scene = (await synthesize({ width: 330, height: 300, seed: 5, outDir: join(dir, 'land') })).scenePath;
      const whole = join(dir, 'whole', 'run');
      await segment({ ...SETTINGS, scene, outDir: whole, vector: VECTOR });
      expected = await outputsOf(whole);
      // The STAC Item links to the model, which lies elsewhere as seen from there.
      expected.delete('stac-item.json');
    });

    async function expectSame(job: JobPlan): Promise<void> {
      const prefix = `${job.to.slice('s3://maps/'.length)}/${job.scenes[0]!.id}/`;
      const outputs = new Map<string, Buffer>();
      for (const key of await keysBelow(prefix)) outputs.set(key.slice(prefix.length), await read(key));
      expect(outputs.delete('run.json')).toBe(true);
      outputs.delete('stac-item.json');
      expect(differences(outputs, expected)).toEqual([]);
      expect(await uploads()).toEqual([]);
    }

    it('come to the same bytes where one request in six fails', async () => {
      const random = createRandom(drawSeed());
      const job = await plan([scene], 's3://maps/storm', 3, { vector: VECTOR });
      proxy.fault = () => (random() < 1 / 6 ? FAULTS[Math.floor(random() * (FAULTS.length - 1))]![1] : null);
      const source = { ...IMPATIENT, attempts: 12 };
      for (const index of [2, 0, 1]) await runShard({ plan: job, index, source, checkpointSeconds: 0 });
      expect(await mergeJob({ plan: job, source })).toMatchObject([{ outcome: 'done' }]);
      await expectSame(job);
    }, 120_000);

    it('with two workers on each shard have one result', async () => {
      const job = await plan([scene], 's3://maps/twice', 2, { vector: VECTOR });
      await Promise.all(
        [0, 0, 1, 1].map((index, i) =>
          runShard({ plan: job, index, checkpointSeconds: i % 2 === 0 ? 0 : 120 }),
        ),
      );
      expect(await Promise.all([mergeJob({ plan: job }), mergeJob({ plan: job })])).toMatchObject([
        [{ outcome: 'done' }],
        [{ outcome: 'done' }],
      ]);
      await expectSame(job);
    }, 120_000);

    it('of workers whose clocks are hours ahead and behind come to the same bytes', async () => {
      const to = 's3://maps/clocks';
      const file = join(dir, 'clocks.json');
      const flags = ['--model', SETTINGS.model, '--bands', '2,3,4', '--stride', '96', '--threads', '1'];
      const all = [...flags, '--shards-per-scene', '2', '--vector', VECTOR.join(',')];
      expect((await runFrustum('plan', scene, ...all, '--out', file, '--to', to)).status).toBe(0);
      const { readJobPlan } = await import('../../src/index.ts');
      const job = await readJobPlan(file);
      await atAnotherTime(+7, 'run-shard', '--plan', file, '--index', '0');
      await atAnotherTime(-30, 'run-shard', '--plan', file, '--index', '1');
      const status = await readJobStatus(job);
      expect(status.counts).toEqual({ done: 2, running: 0, stopped: 0, failed: 0, missing: 0 });
      expect(status.spent.hours).toBeLessThan(0.1);
      await atAnotherTime(+100, 'merge', '--plan', file);
      await expectSame(job);
    }, 120_000);

    it('that may not write there say so, and that it is no use to try again', async () => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', store.stranger.accessKeyId);
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', store.stranger.secretAccessKey);
      try {
        const job = { ...(await plan([scene], join(dir, 'elsewhere'), 2)), to: 's3://maps/forbidden' };
        await expect(runShard({ plan: job, index: 0 })).rejects.toMatchObject({
          tag: 'SourceError',
          retryable: false,
          message: expect.stringContaining('these credentials need s3:PutObject, s3:ListBucket'),
        });
      } finally {
        vi.stubEnv('AWS_ACCESS_KEY_ID', store.owner.accessKeyId);
        vi.stubEnv('AWS_SECRET_ACCESS_KEY', store.owner.secretAccessKey);
      }
      expect(await keysBelow('forbidden')).toEqual([]);
    });
  });
});

/** Runs a command whose clock is so many hours off. */
async function atAnotherTime(hours: number, ...args: readonly string[]): Promise<void> {
  const shift = `const Real = Date; const by = ${hours * 3_600_000};
    globalThis.Date = class extends Real {
      constructor(...parts) { if (parts.length === 0) super(Real.now() + by); else super(...parts); }
      static now() { return Real.now() + by; }
    };`;
  const child = spawn(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(shift)}`, resolve('bin/frustum.js'), ...args],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [status] = await once(child, 'close');
  expect(status, stderr).toBe(0);
}
