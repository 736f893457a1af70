import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { synthesize } from '../../src/index.ts';
import { runFrustum, startFrustum } from '../support/run-command.ts';
import { fixBatch } from '../support/seeded-model.ts';

const MODEL = 'models/sfrnet-mini-synth';

let dir: string;
let scene: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-network-'));
  scene = (await synthesize({ width: 400, height: 300, seed: 4, bits: 8, outDir: join(dir, 'land') }))
    .scenePath;
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const segmentArgs = (out: string, ...more: readonly string[]) => [
  ...['segment', scene, '--model', MODEL, '--out', join(dir, out), '--stretch', 'none', '--stride', '64'],
  ...['--no-vector', '--no-preview', '--no-report', '--threads', '1', ...more],
];

/** Inference processes of a command. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8');
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      return status.includes(`PPid:\t${pid}\n`) && command.includes('model/child') ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

describe('flags of who runs the network', () => {
  it.skipIf(availableParallelism() < 2)(
    '--workers 2 makes the bytes of one, and says how busy they were',
    async () => {
      const one = await runFrustum(...segmentArgs('one'));
      const two = await runFrustum(...segmentArgs('two', '--workers', '2'));
      expect([one.status, two.status]).toEqual([0, 0]);
      for (const file of ['landcover.tif', 'confidence.tif', 'stac-item.json']) {
        const [a, b] = await Promise.all(['one', 'two'].map((out) => readFile(join(dir, out, file))));
        expect(a!.equals(b!)).toBe(true);
      }
      const { network, identity } = JSON.parse(await readFile(join(dir, 'two/run.json'), 'utf8'));
      expect(network).toMatchObject({ batch: 1, workers: [{ device: 'cpu' }, { device: 'cpu' }] });
      expect(network.busyShare).toBeGreaterThan(0);
      expect(network.busyShare).toBeLessThanOrEqual(1);
      expect(two.lines.at(-1)).toMatchObject({ msg: 'done', networkBusyShare: network.busyShare });
      expect(identity).toBe(JSON.parse(await readFile(join(dir, 'one/run.json'), 'utf8')).identity);
    },
    120_000,
  );

  it.skipIf(process.platform !== 'linux' || availableParallelism() < 2)(
    'one that is killed ends the run with 75, and nothing is left of it',
    async () => {
      const { process: run, result } = startFrustum(segmentArgs('killed', '--workers', '2', '--stride', '8'));
      const out = join(dir, 'killed');
      const begun = () => existsSync(out) && readdirSync(out).length > 0 && childrenOf(run.pid!).length === 2;
      while (!begun()) {
        expect(run.exitCode).toBeNull();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const [first, second] = childrenOf(run.pid!);
      await new Promise((resolve) => setTimeout(resolve, 500));
      process.kill(second!, 'SIGKILL');
      const { status, failure } = await result;
      expect(status).toBe(75);
      expect(failure).toMatchObject({
        tag: 'WorkerError',
        message: expect.stringMatching(/SIGKILL.*run it again/),
      });
      expect(() => process.kill(first!, 0)).toThrow();
      expect(readdirSync(out)).toEqual([]);
    },
    120_000,
  );

  it('are refused where they mean nothing', async () => {
    const most = availableParallelism();
    const old = await fixBatch(MODEL, join(dir, 'old'));
    for (const [args, status, words] of [
      [segmentArgs('none', '--workers', String(most + 1)), 2, /--workers/],
      [segmentArgs('none', '--gpus', '0'), 2, /only --provider cuda/],
      [segmentArgs('none', '--gpus', '0,0', '--provider', 'cuda'), 2, /^$/],
      [segmentArgs('none', '--model', old, '--batch', '2'), 1, /convert the checkpoint again/],
      [
        ['plan', scene, '--model', MODEL, '--out', join(dir, 'plan.json'), '--gpus', '0'],
        2,
        /CUDA_VISIBLE_DEVICES/,
      ],
    ] as const) {
      const result = await runFrustum(...args);
      expect([args.slice(-2), result.status]).toEqual([args.slice(-2), status]);
      expect(result.failure?.message ?? '').toMatch(words);
    }
  }, 120_000);
});
