import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { synthesize } from '../../src/index.ts';
import { runFrustum, startFrustum } from '../support/run-command.ts';

const MODEL = 'models/sfrnet-mini-synth';

let dir: string;
let scene: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-cli-quantize-'));
  scene = (await synthesize({ width: 384, height: 384, seed: 1, outDir: join(dir, 'scene') })).scenePath;
});
afterAll(() => rm(dir, { recursive: true, force: true }));

it('quantizes a model that segment then runs, and tells what it did', async () => {
  const model = join(dir, 'model');
  const made = await runFrustum(
    ...['quantize', MODEL, '--scene', scene, '--bands', '2,3,4', '--windows', '2', '--agreement', '90'],
    ...['--ranges', 'mse', '--weight-bits', '8', '--name', 'mine', '--out', model],
  );
  expect(made.failure).toBeNull();
  expect(made.status).toBe(0);
  expect(made.lines.at(-1)).toMatchObject({ msg: 'quantized', model: 'mine', out: model, layers: 95 });
  const steps = made.lines.map(({ msg }) => msg);
  for (const step of ['reading', 'measuring ranges', 'checking', 'writing']) expect(steps).toContain(step);
  const manifest = JSON.parse(await readFile(join(model, 'manifest.json'), 'utf8'));
  expect(manifest).toMatchObject({
    name: 'mine',
    dtype: 'int8',
    quantization: { ranges: 'mse', weightBits: 8 },
  });

  const out = join(dir, 'map');
  const mapped = await runFrustum(
    ...['segment', scene, '--model', model, '--bands', '2,3,4', '--out', out, '--no-preview', '--no-report'],
  );
  expect(mapped.status).toBe(0);
  const run = JSON.parse(await readFile(join(out, 'run.json'), 'utf8'));
  expect(run.model).toMatchObject({ name: 'mine', dtype: 'int8', quantization: manifest.quantization });

  const again = await runFrustum('quantize', model, '--scene', scene, '--out', join(dir, 'twice'));
  expect(again.failure).toMatchObject({ tag: 'ModelError' });
  expect(again.failure?.message).toMatch(/is quantized already/);
  expect(again.status).toBe(1);

  const taken = await runFrustum('quantize', MODEL, '--scene', scene, '--out', model);
  expect(taken.failure).toMatchObject({ tag: 'ConfigError' });
  expect(taken.status).toBe(2);
});

it.each([
  ['no scene', [MODEL, '--out', 'x']],
  ['a default folder that is taken', [MODEL, '--scene', 'x.tif']],
  ['a share above all', [MODEL, '--scene', 'x.tif', '--out', 'x', '--agreement', '101']],
  ['no windows', [MODEL, '--scene', 'x.tif', '--out', 'x', '--windows', '0']],
  ['other bits', [MODEL, '--scene', 'x.tif', '--out', 'x', '--weight-bits', '4']],
] as const)('%s is wrong usage', async (_, args) => {
  const result = await runFrustum('quantize', ...args);
  expect(result.status).toBe(2);
});

it('stops on request with nothing left behind', async () => {
  const out = join(dir, 'stopped', 'model');
  const command = startFrustum([
    ...['quantize', MODEL, '--scene', scene, '--bands', '2,3,4', '--windows', '4000', '--out', out],
  ]);
  // In the middle of the work, which begins when its folder is there.
  const parent = join(dir, 'stopped');
  for (let i = 0; i < 1000 && (await readdir(parent).catch(() => [])).length === 0; i++) await delay(20);
  expect(await readdir(parent)).toHaveLength(1);
  command.process.kill('SIGTERM');
  const { status, failure } = await command.result;
  expect(status).toBe(75);
  expect(failure?.tag).toBe('AbortedError');
  expect(await readdir(parent)).toEqual([]);
});

it('shows how in its help', async () => {
  const { stdout, status } = await runFrustum('quantize', '--help');
  expect(status).toBe(0);
  expect(stdout).toMatch(/Examples:\n {2}\$ frustum quantize models\/sfrnet-gid --scene/);
  expect(stdout).toMatch(/--agreement <percent>/);
});
