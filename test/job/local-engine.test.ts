import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readJobPlan, segment, synthesize } from '../../src/index.ts';
import { runFrustum, startFrustum } from '../support/run-command.ts';
import { differences, MODEL, outputsOf, recordOf } from './job-kit.ts';

const SIZE = { width: 520, height: 460 };
const FLAGS = ['--model', MODEL, '--bands', '2,3,4', '--stride', '16', '--threads', '1'];

let dir: string;
let scene: string;
let whole: string;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-engine-'));
  scene = (await synthesize({ ...SIZE, seed: 3, outDir: join(dir, 'land') })).scenePath;
  whole = join(dir, 'whole', 'run');
  await segment({ scene, model: MODEL, outDir: whole, bands: [2, 3, 4], stride: 16, threads: 1 });
}, 180_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

async function planned(scenes: readonly string[], shards: number) {
  const to = join(dir, `jobs-${count++}`);
  const file = join(to, 'plan.json');
  const { status, stdout } = await runFrustum(
    ...['plan', ...scenes, ...FLAGS, '--shards-per-scene', String(shards), '--out', file],
  );
  expect(status).toBe(0);
  expect(stdout).toContain(
    `shards    ${shards * scenes.filter((name) => !name.includes('poisoned')).length}`,
  );
  return { file, to, job: await readJobPlan(file) };
}

async function expectSame(folder: string): Promise<void> {
  expect(differences(await outputsOf(folder), await outputsOf(whole))).toEqual([]);
  expect(await recordOf(folder)).toEqual(await recordOf(whole));
}

describe('the verbs of jobs', () => {
  it.each(['plan', 'run-shard', 'merge', 'status', 'run', 'retry'])(
    '%s --help shows how, with examples',
    async (verb) => {
      const { status, stdout } = await runFrustum(verb, '--help');
      expect(status).toBe(0);
      expect(stdout).toContain(`frustum ${verb}`);
      expect(stdout).toContain('Examples:');
    },
  );
});

describe('frustum run-shard', () => {
  it.each([
    ['AWS_BATCH_JOB_ARRAY_INDEX', '0'],
    ['SLURM_ARRAY_TASK_ID', '1'],
    ['JOB_COMPLETION_INDEX', '2'],
  ])(
    'does the shard that %s names',
    async (variable, index) => {
      const { file, job } = await planned([scene], 12);
      const { status, stderr } = await withEnvironment({ [variable]: index }, ['run-shard', '--plan', file]);
      expect(status, stderr).toBe(0);
      const json = JSON.parse((await runFrustum('status', '--plan', file, '--json')).stdout);
      const standings = json.scenes[0].shards.map((shard: { standing: string }) => shard.standing);
      expect(standings).toEqual(
        job.scenes[0]!.shards.map((_, i) => (i === Number(index) ? 'done' : 'missing')),
      );
    },
    60_000,
  );

  it('says what it misses: an index, a plan, a plan that is one', async () => {
    const { file, to } = await planned([scene], 2);
    const none = await runFrustum('run-shard', '--plan', file);
    expect(none).toMatchObject({ status: 2, failure: { tag: 'ConfigError' } });
    expect(none.failure!.message).toMatch(/which shard\? Give --index N/);
    const odd = await withEnvironment({ SLURM_ARRAY_TASK_ID: 'x1' }, ['run-shard', '--plan', file]);
    expect(odd.status).toBe(2);
    const text = join(to, 'text.json');
    await writeFile(text, '{"format":"frustum-plan"}');
    const other = await runFrustum('run-shard', '--plan', text, '--index', '0');
    expect(other).toMatchObject({ status: 1, failure: { tag: 'FormatError' } });
    expect((await runFrustum('run-shard', '--plan', join(to, 'gone.json'), '--index', '0')).status).toBe(1);
  });
});

describe('frustum run --engine local', () => {
  it('does all shards in processes of their own, then the merge; again, it does nothing', async () => {
    const { file, to, job } = await planned([scene], 3);
    const { status } = await runFrustum('run', '--plan', file, '--engine', 'local', '--workers', '2');
    expect(status).toBe(0);
    const folder = join(to, job.scenes[0]!.id);
    await expectSame(folder);
    const again = await runFrustum('run', '--plan', file);
    expect(again.status).toBe(0);
    expect(again.lines.at(-1)).toMatchObject({ msg: 'done', alreadyDone: true });
    const replan = await runFrustum('plan', scene, ...FLAGS, '--out', file);
    expect(replan.stdout).toMatch(/0 to do, 1 done already/);
  }, 120_000);

  it('finishes the good scenes where one is poisoned, and says which; retry does what is left', async () => {
    const poisoned = join(dir, 'poisoned.tif');
    await writeFile(poisoned, 'no raster');
    const other = join(dir, 'other.tif');
    await copyFile(scene, other);
    const { file, to, job } = await planned([poisoned, other, scene], 2);
    const [bad, good] = job.scenes;
    await rm(other);
    const { status, failure } = await runFrustum('run', '--plan', file, '--workers', '2');
    expect(status).toBe(1);
    expect(failure!.message).toMatch(/the run is partial: 1 of 3 scenes are done/);
    expect(failure!.message).toContain(bad!.id);
    expect(failure!.message).toContain(poisoned);
    expect(await readdir(to)).not.toContain(bad!.id);
    await expectSame(join(to, good!.id));
    const text = await runFrustum('status', '--plan', file);
    expect(text.stdout).toMatch(/merged +scene-.*\n/);
    expect(text.stdout).toContain('2 done, 0 running, 0 stopped, 2 failed, 0 missing');
    const merge = await runFrustum('merge', '--plan', file);
    expect(merge).toMatchObject({ status: 1, failure: { tag: 'SourceError' } });
    expect(merge.failure!.message).toContain(`${bad!.id}: shard 0`);
  }, 120_000);

  it('stopped by SIGTERM ends with 75 within 20 s, and retry brings it to the same end', async () => {
    const { file, to, job } = await planned([scene], 3);
    const { process: child, result } = startFrustum(['run', '--plan', file, '--workers', '2']);
    // In the middle of the work: a shard's state is there from its first rows on.
    const begun = async () =>
      (await readdir(to, { recursive: true })).some((name) => name.endsWith('state.json'));
    while (!(await begun())) await wait(20);
    const asked = performance.now();
    child.kill('SIGTERM');
    const ended = await result;
    expect(ended.status).toBe(75);
    expect(performance.now() - asked).toBeLessThan(20_000);
    expect((await runFrustum('retry', '--plan', file, '--workers', '2')).status).toBe(0);
    await expectSame(join(to, job.scenes[0]!.id));
  }, 120_000);
});

function withEnvironment(environment: Record<string, string>, args: readonly string[]) {
  return new Promise<{ status: number | null; stderr: string }>((done) => {
    const child = spawn(process.execPath, [resolve('bin/frustum.js'), ...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('close', (status) => done({ status, stderr }));
  });
}
