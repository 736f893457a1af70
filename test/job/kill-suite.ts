import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { segment, synthesize } from '../../src/index.ts';
import { needTool } from '../support/need-tool.ts';
import { type S3Store, startS3Store } from '../support/radosgw.ts';
import { differences, outputsOf, plan, SETTINGS } from './job-kit.ts';
import { drawSeed, killAgain, leftoversIn } from './kill-kit.ts';

const LIMIT_MS = 1_100_000;

/** Kills so many processes over shards, merges and writers of a small plan, and compares with a run that nobody disturbed. */
export function describeKills(kills: { folder: number; pyramid: number; s3: number }): void {
  const seed = drawSeed();
  const vector = ['geojson', 'gpkg', 'fgb'];
  let dir: string;
  let tmp: string;
  let scene: string;
  beforeAll(async () => {
    // GeoPackage says when it was made.
    vi.stubEnv('SOURCE_DATE_EPOCH', '1700000000');
    dir = await mkdtemp(join(tmpdir(), 'frustum-kills-'));
    tmp = join(dir, 'tmp');
    await mkdir(tmp);
    scene = (await synthesize({ width: 330, height: 300, seed: 5, outDir: join(dir, 'land') })).scenePath;
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(dir, { recursive: true, force: true });
  });

  it.each(['exact', 'pyramid'] as const)(
    'come to the same bytes and leave nothing, with sampling %s',
    async (sampling) => {
      const whole = join(dir, sampling, 'run');
      await segment({ ...SETTINGS, scene, outDir: whole, vector, sampling });
      const expected = await outputsOf(whole);
      const job = await plan([scene], join(dir, 'planned'), 2, { vector, sampling });
      await killAgain({
        plan: job,
        placeOf: (round) => join(dir, `${sampling}-${round}`),
        dir: await mkdtemp(join(dir, 'plans-')),
        tmp,
        seed,
        kills: sampling === 'exact' ? kills.folder : kills.pyramid,
        check: async (place) => {
          const outputs = await outputsOf(join(place, job.scenes[0]!.id));
          expect(differences(outputs, expected)).toEqual([]);
          expect(await leftoversIn(place)).toEqual([]);
          expect(await leftoversIn(tmp)).toEqual([]);
        },
      });
    },
    LIMIT_MS,
  );

  describe.skipIf(!needTool('radosgw'))('where all lies in an S3 store', () => {
    let store: S3Store;
    beforeAll(async () => {
      store = await startS3Store();
      vi.stubEnv('AWS_ACCESS_KEY_ID', store.owner.accessKeyId);
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', store.owner.secretAccessKey);
      vi.stubEnv('AWS_ENDPOINT_URL', store.endpoint);
      vi.stubEnv('AWS_REGION', 'us-east-1');
      await store.client.send(new CreateBucketCommand({ Bucket: 'maps' }));
    }, 120_000);
    afterAll(() => store?.stop());

    it(
      'come to the same bytes and leave nothing, no upload either',
      async () => {
        const whole = join(dir, 'whole-s3', 'run');
        await segment({ ...SETTINGS, scene, outDir: whole, vector });
        const expected = await outputsOf(whole);
        // The STAC Item links to the model, which lies elsewhere as seen from there.
        expected.delete('stac-item.json');
        const job = await plan([scene], 's3://maps/planned', 2, { vector });
        await killAgain({
          plan: job,
          placeOf: (round) => `s3://maps/round ${round}`,
          dir: await mkdtemp(join(dir, 'plans-')),
          tmp,
          seed,
          kills: kills.s3,
          check: async (place) => {
            const prefix = `${place.slice('s3://maps/'.length)}/${job.scenes[0]!.id}/`;
            const outputs = await objectsBelow(store, prefix);
            expect(outputs.has('run.json')).toBe(true);
            for (const name of ['run.json', 'stac-item.json']) outputs.delete(name);
            expect(differences(outputs, expected)).toEqual([]);
            const uploads = await store.client.send(new ListMultipartUploadsCommand({ Bucket: 'maps' }));
            expect(uploads.Uploads ?? []).toEqual([]);
            expect(await leftoversIn(tmp)).toEqual([]);
          },
        });
      },
      LIMIT_MS,
    );
  });
}

async function objectsBelow({ client }: S3Store, prefix: string): Promise<Map<string, Buffer>> {
  const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: 'maps', Prefix: prefix }));
  const objects = new Map<string, Buffer>();
  for (const { Key } of Contents ?? []) {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: 'maps', Key: Key! }));
    objects.set(Key!.slice(prefix.length), Buffer.from(await Body!.transformToByteArray()));
  }
  return objects;
}
