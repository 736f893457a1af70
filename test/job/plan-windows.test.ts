import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeJob, segment, synthesize } from '../../src/index.ts';
import { jobPlanSchema } from '../../src/job/plan-schema.ts';
import { differences, MODEL, outputsOf, plan, recordOf, runShards, SETTINGS } from './job-kit.ts';

let dir: string;
let scene: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-plan-windows-'));
  scene = (await synthesize({ width: 500, height: 400, seed: 3, outDir: join(dir, 'land') })).scenePath;
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('a plan and how windows are run', () => {
  it('counts eight times the time for eight orientations, and the memory of what they keep', async () => {
    const plain = await plan([scene], dir, 2, { windowsPerSecond: 2 });
    const d4 = await plan([scene], dir, 2, { windowsPerSecond: 2, tta: 'd4' });
    expect(d4.estimate.windows).toBe(plain.estimate.windows);
    for (const key of ['hours', 'cpuHours', 'money'] as const) {
      expect(d4.estimate[key]).toBeCloseTo(8 * plain.estimate[key], 12);
    }
    expect(d4.estimate.memoryBytes).toBeGreaterThan(plain.estimate.memoryBytes);
    expect(d4.settings.tta).toBe('d4');
    expect(jobPlanSchema.parse(JSON.parse(JSON.stringify(d4)))).toEqual(d4);
  });

  it('cuts shards by the work, not by the windows', async () => {
    const count = async (tta: 'none' | 'd4') => {
      // 25 windows at one in four seconds are two shards of a minute, and eight times as much work is more of them.
      const job = await plan([scene], dir, 1, { shards: { minutes: 1 }, windowsPerSecond: 0.25, tta });
      return job.shardCount;
    };
    expect(await count('d4')).toBeGreaterThan(await count('none'));
  });

  it('makes shards that are, byte for byte, the scene in one piece', async () => {
    const windows = { blend: 'tapered', shareContext: 2, vector: [] } as const;
    const whole = join(dir, 'whole', 'run');
    await segment({ ...SETTINGS, ...windows, scene, outDir: whole });
    const job = await plan([scene], join(dir, 'job'), 2, windows);
    await runShards(job);
    const [merged] = await mergeJob({ plan: job });
    const folder = join(job.to, merged!.id);
    expect(merged).toMatchObject({ outcome: 'done', missing: [] });
    expect(differences(await outputsOf(folder), await outputsOf(whole))).toEqual([]);
    expect(await recordOf(folder)).toEqual(await recordOf(whole));
  }, 240_000);

  it('holds what a preset picks, so that shards pick nothing', async () => {
    const { planJob } = await import('../../src/index.ts');
    const job = await planJob({
      model: MODEL,
      bands: [2, 3, 4],
      threads: 1,
      scenes: [scene],
      to: dir,
      quality: 'fast',
    });
    expect(job.settings).toMatchObject({
      quality: 'fast',
      stride: 112,
      blend: 'tapered',
      shareContext: 1,
      weights: 'int8',
    });
  });
});
