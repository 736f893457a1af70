import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFolderStore } from '../../src/job/folder-store.ts';
import type { JobPlan } from '../../src/job/plan-schema.ts';
import { locateModel } from '../../src/job/read-plan.ts';
import type { Submission } from '../../src/job/submission.ts';
import { keepSubmission, readSubmissions } from '../../src/job/submissions.ts';
import { MODEL } from './job-kit.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-submissions-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const submission = (id: string, shards: readonly number[]): Submission => ({
  engine: 'aws-batch',
  plan: 'abc',
  jobs: [{ part: 'shards', id, shards, logs: 'https://logs' }],
  place: { region: 'eu-central-1' },
});

describe('submissions of a plan', () => {
  it('come back in the order in which they were begun, each as it was last written', async () => {
    const store = openFolderStore(join(dir, 'order'));
    expect(await readSubmissions(store, 'abc')).toEqual([]);
    const scattered = Array.from({ length: 15_000 }, (_, i) => 3 * i);
    for (let i = 0; i < 25; i++) {
      const record = await keepSubmission(store, 'abc');
      await record.write(submission('begun', []));
      await record.write(submission(`job-${i}`, i === 24 ? scattered : [i]));
    }
    await (await keepSubmission(store, 'other')).write(submission('of another plan', [1]));
    const found = await readSubmissions(store, 'abc');
    // The newest ones: a plan may be tried again for years.
    expect(found).toHaveLength(20);
    expect(found.at(-1)).toEqual(submission('job-24', scattered));
    expect(found.at(-2)).toEqual(submission('job-23', [23]));
  });

  it('leave out files that are none', async () => {
    const store = openFolderStore(join(dir, 'odd'));
    await (await keepSubmission(store, 'abc')).write(submission('job', [2]));
    await store.put('submissions/abc/0002.json', 'no JSON');
    await store.put('submissions/abc/0003.json', '{"format":"frustum-submission","version":1}');
    await store.put('submissions/abc/notes.txt', 'mine');
    expect(await readSubmissions(store, 'abc')).toEqual([submission('job', [2])]);
    await (await keepSubmission(store, 'abc')).write(submission('later', [2]));
    expect((await store.list('submissions/abc')).at(-2)).toBe('submissions/abc/0004.json');
  });
});

describe('the model of a plan on another machine', () => {
  const plan = (folder: string) => ({ model: { dir: folder, name: 'n', checksum: 'c' } }) as JobPlan;

  it('is the one of that name that lies beside the code, where the folder of the plan is not there', async () => {
    const shipped = resolve(MODEL);
    expect((await locateModel(plan(join('/home/you', basename(MODEL))))).model.dir).toBe(shipped);
  });

  it('is the one of the plan where that is there, or where there is no other', async () => {
    const mine = join(dir, basename(MODEL));
    await mkdir(mine);
    await writeFile(join(mine, 'manifest.json'), '{}');
    for (const folder of [mine, '/home/you/other-model']) {
      expect((await locateModel(plan(folder))).model.dir).toBe(folder);
    }
  });
});
