import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readJobPlan, segment, synthesize } from '../../src/index.ts';
import { needTool } from '../support/need-tool.ts';
import { runFrustum } from '../support/run-command.ts';
import { type SlurmCluster, startSlurm } from '../support/slurm.ts';
import { differences, MODEL, outputsOf } from './job-kit.ts';

describe.skipIf(!needTool('slurm'))('--engine slurm', () => {
  let cluster: SlurmCluster;
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'frustum-slurm-cli-'));
    cluster = await startSlurm({ maxArraySize: 100 });
    vi.stubEnv('SLURM_CONF', cluster.configuration);
  }, 120_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await cluster?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it('plan submits, not twice; the jobs make the bytes of one machine; then there is nothing to do', async () => {
    const { scenePath } = await synthesize({ width: 340, height: 300, seed: 7, outDir: join(dir, 'land') });
    const whole = join(dir, 'whole', 'run');
    await segment({ scene: scenePath, model: MODEL, outDir: whole, bands: [2, 3, 4], threads: 1 });
    const file = join(dir, 'maps', 'plan.json');
    const flags = ['--model', MODEL, '--bands', '2,3,4', '--threads', '1', '--shards-per-scene', '2'];
    const engine = ['--engine', 'slurm', '--sbatch', '--nice=1 --comment=maps', '--limit', '1'];
    const planned = await runFrustum('plan', scenePath, ...flags, '--out', file, ...engine);
    expect(planned.status, JSON.stringify(planned.failure)).toBe(0);
    const ids = [...planned.stdout.matchAll(/^slurm +(?:2 shards|merge) +(\d+) /gm)].map(
      (match) => match[1]!,
    );
    expect(ids).toHaveLength(2);
    const twice = await runFrustum('run', '--plan', file, '--engine', 'slurm');
    expect(twice).toMatchObject({ status: 2, failure: { tag: 'ConfigError' } });
    expect(twice.failure!.message).toMatch(
      new RegExp(`submitted to slurm, .* under way: ${ids.join(', ')}\\.`),
    );
    const under = await runFrustum('status', '--plan', file);
    expect(under.stdout).toMatch(
      new RegExp(`slurm {6}merge ${ids[1]}: UNDER WAY, 1 PENDING, logs: .*${ids[1]}\\.log`),
    );
    await cluster.untilEnded(ids, 120_000);
    const [scene] = (await readJobPlan(file)).scenes;
    expect(differences(await outputsOf(join(dir, 'maps', scene!.id)), await outputsOf(whole))).toEqual([]);
    const retry = await runFrustum('retry', '--plan', file, '--engine', 'slurm');
    expect(retry.lines.at(-1)).toMatchObject({ msg: 'nothing to submit: all of it is done' });
    expect((await runFrustum('status', '--plan', file)).stdout).toMatch(
      /2 done, 0 running[\s\S]*slurm {6}merge \d+: ENDED/,
    );
  }, 180_000);

  it('where only the merge is left, it submits that alone', async () => {
    const file = join(dir, 'maps', 'plan.json');
    const [scene] = (await readJobPlan(file)).scenes;
    await rm(join(dir, 'maps', scene!.id), { recursive: true });
    const { status, stdout } = await runFrustum('run', '--plan', file, '--engine', 'slurm');
    expect(status).toBe(0);
    const ids = [...stdout.matchAll(/^slurm +(\w+) +(\d+) /gm)].map((match) => [match[1]!, match[2]!]);
    expect(ids.map(([part]) => part)).toEqual(['merge']);
    await cluster.untilEnded([ids[0]![1]!], 60_000);
    expect(await readdir(join(dir, 'maps', scene!.id))).toContain('landcover.tif');
  }, 120_000);

  it('flags of another engine are refused', async () => {
    const file = join(dir, 'maps', 'plan.json');
    for (const flags of [
      ['--engine', 'local', '--sbatch', '--nice'],
      ['--engine', 'slurm', '--workers', '2'],
      ['--engine', 'aws-batch', '--limit', '2'],
    ]) {
      expect(await runFrustum('run', '--plan', file, ...flags)).toMatchObject({
        status: 2,
        failure: { tag: 'ConfigError' },
      });
    }
  }, 60_000);
});
