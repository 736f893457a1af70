import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readJobPlan, readModelManifest, synthesize } from '../../src/index.ts';
import { modelChecksum } from '../../src/model/read-manifest.ts';
import { type MeasuredQuality, readMeasuredQuality } from '../../src/pipeline/measured-quality.ts';
import { differences, outputsOf, recordOf } from '../job/job-kit.ts';
import { runFrustum } from '../support/run-command.ts';

const MODEL = 'models/sfrnet-mini-synth';
const INTEGERS = join(MODEL, 'int8');

let dir: string;
let scene: string;
/** The shipped model's float32 weights alone. */
let bare: string;
let measured: MeasuredQuality;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-cli-weights-'));
  scene = (await synthesize({ width: 384, height: 320, seed: 1, outDir: join(dir, 'scene') })).scenePath;
  bare = join(dir, 'bare');
  await cp(MODEL, bare, { recursive: true, filter: (path) => !path.endsWith('int8') });
  measured = (await readMeasuredQuality(MODEL))!;
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const reading = ['--bands', '2,3,4', '--threads', '1'];

async function map(out: string, model: string, ...flags: string[]) {
  const outDir = join(dir, out, 'run');
  const result = await runFrustum(
    ...['segment', scene, '--model', model, '--out', outDir, ...reading, '--no-preview', '--no-report'],
    ...flags,
  );
  const { failure, status } = result;
  if (failure !== null) return { failure, status, lines: result.lines, run: null, outDir };
  const run = JSON.parse(await readFile(join(outDir, 'run.json'), 'utf8'));
  return { failure, status, lines: result.lines, run, outDir };
}

/** The figures of a row as run.json tells them. */
function costOf(quality: string, weights: string) {
  const row = measured.modes.find(
    (mode) => mode.quality === quality && mode.weights === weights && mode.tta === 'none',
  )!;
  const { agreement, overallAccuracy, meanIou, lessWork } = row;
  return { scenes: measured.scenes, agreement, overallAccuracy, meanIou, lessWork };
}

describe('segment', { timeout: 120_000 }, () => {
  it('takes the integers with --quality fast, says so, and records what ran and what it costs', async () => {
    const { run, lines, outDir } = await map('fast', MODEL, '--quality', 'fast');
    const integers = await readModelManifest(INTEGERS, true);
    expect(run.config).toMatchObject({ quality: 'fast', weights: 'int8', stride: 112 });
    expect(run.model).toMatchObject({
      name: 'sfrnet-mini-synth-int8',
      checksum: modelChecksum(integers),
      dtype: 'int8',
      quantization: { source: { checksum: modelChecksum(await readModelManifest(MODEL, false)) } },
    });
    expect(run.measuredCost).toMatchObject(costOf('fast', 'int8'));
    expect(run.measuredCost.meanIouChange).toBeGreaterThan(-0.01);
    const told = lines.find(({ msg }) => msg === 'weights');
    expect(told).toMatchObject({ weights: 'int8', model: INTEGERS, reason: 'quality fast on processors' });
    // The STAC Item links to the model that ran.
    const item = JSON.parse(await readFile(join(outDir, 'stac-item.json'), 'utf8'));
    const link = item.links.find(({ href }: { href: string }) => href.endsWith('stac-item.json'));
    expect(resolve(outDir, link.href)).toBe(resolve(INTEGERS, 'stac-item.json'));

    const again = await map('fast', MODEL, '--quality', 'fast', '--weights', 'int8');
    expect(again.lines.at(-1)!.msg).toMatch(/already done/);
    // The same weights, named by themselves, are the same run.
    const direct = await map('fast', INTEGERS, '--quality', 'fast');
    expect(direct.lines.at(-1)!.msg).toMatch(/already done/);
  });

  it('takes float32 otherwise, and knows what each choice costs', async () => {
    const exact = await map('exact', MODEL);
    expect(exact.run.config.weights).toBe('float32');
    expect(exact.run.measuredCost).toMatchObject({ ...costOf('exact', 'float32'), meanIouChange: 0 });
    expect(exact.lines.map(({ msg }) => msg)).not.toContain('weights');

    const asked = await map('asked', MODEL, '--quality', 'fast', '--weights', 'float32');
    expect(asked.run.config.weights).toBe('float32');
    expect(asked.run.measuredCost).toMatchObject(costOf('fast', 'float32'));

    const whole = await map('whole', INTEGERS);
    expect(whole.run.config.weights).toBe('int8');
    expect(whole.run.measuredCost).toMatchObject(costOf('exact', 'int8'));
    const classes = async (outDir: string) => (await outputsOf(outDir)).get('landcover.tif')!;
    expect((await classes(whole.outDir)).equals(await classes(exact.outDir))).toBe(false);
  });

  it('without integers takes float32, and says how to make them where they are asked for', async () => {
    const fast = await map('bare', bare, '--quality', 'fast');
    expect(fast.run.config).toMatchObject({ quality: 'fast', weights: 'float32' });
    const refused = await map('none', bare, '--weights', 'int8');
    expect(refused).toMatchObject({ status: 2, failure: { tag: 'ConfigError' } });
    expect(refused.failure!.message).toContain(`frustum quantize ${bare} --scene`);
    const unknown = await runFrustum('segment', scene, '--weights', 'int4', '--out', join(dir, 'x'));
    expect(unknown.status).toBe(2);
  });

  it('takes what quantize writes unless told where to, and says that its cost was not measured', async () => {
    const own = join(dir, 'own');
    await cp(bare, own, { recursive: true });
    const flags = ['--scene', scene, '--bands', '2,3,4', '--windows', '2', '--agreement', '0'];
    const made = await runFrustum('quantize', own, ...flags);
    expect(made.lines.at(-1)).toMatchObject({ msg: 'quantized', out: join(own, 'int8') });
    expect((await readdir(join(own, 'int8'))).sort()).toEqual([
      'local.onnx',
      'long.onnx',
      'manifest.json',
      'short.onnx',
      'stac-item.json',
    ]);
    const { run, lines } = await map('own-map', own, '--quality', 'fast');
    expect(run.config.weights).toBe('int8');
    expect(run.measuredCost).toBeNull();
    expect(lines.find(({ msg }) => msg === 'weights')!.reason).toMatch(/not measured/);

    const twice = await runFrustum('quantize', own, ...flags);
    expect(twice).toMatchObject({ status: 2, failure: { tag: 'ConfigError' } });
    expect(twice.failure!.message).toContain(join(own, 'int8'));
  });
});

describe('plan, run-shard and merge', { timeout: 180_000 }, () => {
  it('run the weights that the plan chose, byte for byte what segment makes of them', async () => {
    const settings = ['--quality', 'fast', '--vector', 'fgb'];
    const whole = join(dir, 'planned', 'run');
    await runFrustum('segment', scene, '--model', MODEL, '--out', whole, ...reading, ...settings);
    const to = join(dir, 'job');
    const file = join(to, 'plan.json');
    const planned = await runFrustum(
      ...['plan', scene, '--model', MODEL, ...reading, ...settings, '--shards-per-scene', '2', '--out', file],
    );
    expect(planned.status).toBe(0);
    expect(planned.stdout).toContain('model     sfrnet-mini-synth-int8, weights in int8');
    expect(planned.lines.find(({ msg }) => msg === 'weights')).toMatchObject({ weights: 'int8' });
    const job = await readJobPlan(file);
    expect(job.settings.weights).toBe('int8');
    expect(job.model).toEqual({
      dir: resolve(MODEL),
      name: 'sfrnet-mini-synth-int8',
      checksum: modelChecksum(await readModelManifest(INTEGERS, false)),
    });
    expect(job.shardCount).toBe(2);
    for (const index of ['1', '0']) {
      expect((await runFrustum('run-shard', '--plan', file, '--index', index)).status).toBe(0);
    }
    expect((await runFrustum('merge', '--plan', file)).status).toBe(0);
    const merged = join(to, job.scenes[0]!.id);
    expect(differences(await outputsOf(merged), await outputsOf(whole))).toEqual([]);
    const record = await recordOf(merged);
    expect(record).toEqual(await recordOf(whole));
    expect(record).toMatchObject({ config: { weights: 'int8' }, measuredCost: costOf('fast', 'int8') });
  });

  it('keep to float32 where the plan did, whatever lies beside it later', async () => {
    const later = join(dir, 'later');
    await cp(bare, later, { recursive: true });
    const file = join(dir, 'later-job', 'plan.json');
    const plan = ['plan', scene, '--model', later, ...reading, '--no-vector', '--quality', 'fast'];
    await runFrustum(...plan, '--shards-per-scene', '1', '--out', file);
    await cp(INTEGERS, join(later, 'int8'), { recursive: true });
    expect((await runFrustum('run-shard', '--plan', file, '--index', '0')).status).toBe(0);
    expect((await runFrustum('merge', '--plan', file)).status).toBe(0);
    const { id } = (await readJobPlan(file)).scenes[0]!;
    const run = JSON.parse(await readFile(join(dir, 'later-job', id, 'run.json'), 'utf8'));
    expect(run).toMatchObject({ config: { weights: 'float32' }, model: { dtype: 'float32' } });
  });
});
