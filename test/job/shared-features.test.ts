import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type JobPlan, mergeJob, runShard, segment, synthesize } from '../../src/index.ts';
import { decodeFeatures, encodeFeatures } from '../../src/job/long-store.ts';
import { differences, outputsOf, plan, SETTINGS } from './job-kit.ts';

/** Its far windows are 384 pixels wide, so that the scene has several. */
const MODEL = 'models/sfrnet-mini-earth';

let dir: string;
let scene: string;
const wholes = new Map<string, Map<string, Buffer>>();
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-features-'));
  scene = (await synthesize({ width: 500, height: 460, seed: 11, outDir: join(dir, 'land') })).scenePath;
  for (const mode of ['centred', 'reference'] as const) {
    const outDir = join(dir, mode, 'run');
    await segment({ ...SETTINGS, model: MODEL, scene, outDir, mode, stride: 32 });
    wholes.set(mode, await outputsOf(outDir));
  }
}, 120_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

const planned = (mode: 'centred' | 'reference', shards: number) =>
  plan([scene], join(dir, `jobs-${count++}`), shards, { model: MODEL, mode, stride: 32 });

/** Does a shard however fast the network is. */
const share = (job: JobPlan, index: number) => runShard({ plan: job, index, shareLongFromMs: 0 });

async function expectSame(job: JobPlan): Promise<void> {
  expect(await mergeJob({ plan: job })).toMatchObject([{ outcome: 'done' }]);
  const outputs = await outputsOf(join(job.to, job.scenes[0]!.id));
  expect(differences(outputs, wholes.get(job.settings.mode)!)).toEqual([]);
}

async function featureFiles(job: JobPlan): Promise<string[]> {
  const names = await readdir(job.to, { recursive: true });
  return names.filter((name) => name.endsWith('.features')).map((name) => join(job.to, name));
}

describe('far windows that several shards see', () => {
  it.each(['centred', 'reference'] as const)(
    'are encoded once, and the bytes stay the same (%s geometry)',
    async (mode) => {
      const job = await planned(mode, 4);
      const took = [];
      for (const index of [2, 0, 3, 1]) took.push((await share(job, index)).took);
      const [computed, fetched] = [
        took.reduce((sum, { longComputed }) => sum + longComputed, 0),
        took.reduce((sum, { longFetched }) => sum + longFetched, 0),
      ];
      const files = await featureFiles(job);
      const alone = await planned(mode, 1);
      const { took: whole } = await share(alone, 0);
      process.stderr.write(
        `${mode}: ${computed} encoded, ${fetched} fetched in 4 shards, ${files.length} kept; ${whole.longComputed} in one\n`,
      );
      expect(fetched).toBeGreaterThan(0);
      // Each far window of the scene went through the network once, in whichever shard.
      expect(computed).toBe(whole.longComputed);
      // Nobody to share with: nothing is put.
      expect(await featureFiles(alone)).toEqual([]);
      expect(files.length).toBeGreaterThan(0);
      await expectSame(job);
    },
    120_000,
  );

  it('are encoded again where what was put is damaged', async () => {
    const job = await planned('centred', 2);
    await share(job, 0);
    const files = await featureFiles(job);
    expect(files.length).toBeGreaterThan(1);
    for (const [i, file] of files.entries()) {
      const bytes = await readFile(file);
      bytes[bytes.length >> 1]! ^= 1;
      if (i % 2 === 0) await writeFile(file, bytes);
      else await truncate(file, (i * 37) % bytes.length);
    }
    const { took } = await share(job, 1);
    expect(took.longFetched).toBe(0);
    await expectSame(job);
  }, 120_000);

  it('may be encoded by several at once: that does no harm', async () => {
    const job = await planned('centred', 3);
    await Promise.all([0, 1, 2, 1].map((index) => share(job, index)));
    await expectSame(job);
  }, 120_000);

  it('are not shared where the network is faster than any store', async () => {
    const job = await planned('reference', 2);
    for (const index of [0, 1]) {
      const { took } = await runShard({ plan: job, index });
      expect(took.longFetched).toBe(0);
    }
    expect(await featureFiles(job)).toEqual([]);
  }, 60_000);
});

describe('a features file', () => {
  const features = {
    keys: { data: Float32Array.from([1, -0, 1e-40, Number.NaN, 5, 6]), dims: [1, 2, 3] },
    values: { data: Float32Array.from([7, 8]), dims: [2] },
  };
  const bytes = encodeFeatures(features, 'me', '0,0,9,9');

  it('gives back the very floats', () => {
    const back = decodeFeatures(bytes, 'me', '0,0,9,9')!;
    expect(Buffer.from(back.keys.data.buffer).equals(Buffer.from(features.keys.data.buffer))).toBe(true);
    expect(back).toEqual(features);
  });

  it("is refused where a byte differs, or where it is another's", () => {
    expect(decodeFeatures(bytes, 'you', '0,0,9,9')).toBeNull();
    expect(decodeFeatures(bytes, 'me', '0,0,9,8')).toBeNull();
    for (let at = 0; at < bytes.length; at++) {
      const other = Buffer.from(bytes);
      other[at]! ^= 1;
      expect(decodeFeatures(other, 'me', '0,0,9,9')).toBeNull();
      expect(decodeFeatures(bytes.subarray(0, at), 'me', '0,0,9,9')).toBeNull();
    }
  });
});
