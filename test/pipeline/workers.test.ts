import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { areaOfRows, windowArea } from '../../src/core/area.ts';
import type { ScenePixels } from '../../src/core/ports.ts';
import { planFrusta } from '../../src/frustum/plan.ts';
import { createFrustumReader } from '../../src/frustum/read-frustum.ts';
import { selectFrusta } from '../../src/frustum/select-frusta.ts';
import { type Model, type ModelOptions, openModel } from '../../src/index.ts';
import type { Augmentation } from '../../src/pipeline/ask-network.ts';
import { createTally, type InferTally, inferRows } from '../../src/pipeline/infer-rows.ts';
import { reportNetwork } from '../../src/pipeline/report-network.ts';
import { shareLong } from '../../src/pipeline/share-long.ts';
import { createMemoryScene, noiseImage } from '../support/memory-scene.ts';
import { makeSeededModel } from '../support/seeded-model.ts';

const WIDTH = 448;
const HEIGHT = 320;

let dir: string;
/** Of float32 and of float16 weights. */
let models: Readonly<Record<'float32' | 'float16', string>>;
const scene = createMemoryScene(WIDTH, HEIGHT, blots(WIDTH, HEIGHT));
/** The same without data in the middle, and with rows of windows in which nothing goes through the network. */
const holed: ScenePixels = {
  ...scene,
  async readValidity({ y, width, height }) {
    const valid = new Uint8Array(width * height).fill(1);
    for (let row = 0; row < height; row++) {
      if (y + row >= 64 && y + row < 256) valid.fill(0, row * width, (row + 1) * width);
    }
    return valid;
  },
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-workers-'));
  models = {
    float32: await makeSeededModel(dir),
    float16: await makeSeededModel(dir, { dtype: 'float16' }),
  };
}, 60_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Noise that is alike over a few pixels, so that windows differ. */
function blots(width: number, height: number): Uint8Array {
  const coarse = noiseImage(width, height, 3);
  const at = (x: number, y: number, band: number) => coarse[((y >> 4) * width + (x >> 4)) * 3 + band]!;
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return (at(pixel % width, Math.floor(pixel / width), i % 3) + coarse[i]! / 8) % 256;
  });
}

interface How extends Partial<ModelOptions> {
  readonly dtype?: 'float32' | 'float16';
  readonly mode?: 'reference' | 'centred';
  readonly stride?: number;
  readonly shareContext?: number;
  readonly tta?: Augmentation;
  readonly rows?: readonly [y0: number, y1: number];
  /** Whether the scene has no data in its middle. */
  readonly holes?: boolean;
  /** Far windows are encoded once and handed round. */
  readonly handRound?: boolean;
  readonly onWindow?: (model: Model, done: number) => void;
}

interface Mapped {
  readonly classes: Buffer;
  readonly confidence: Buffer;
  readonly tally: InferTally;
  readonly network: ReturnType<typeof reportNetwork>;
  readonly pids: readonly number[];
}

async function map(how: How = {}): Promise<Mapped> {
  const { dtype = 'float32', mode = 'centred', stride = 64, shareContext = 1, tta = 'none' } = how;
  const { rows, holes = false, handRound = false, onWindow, ...options } = how;
  const pixels = holes ? holed : scene;
  const opened = await openModel(models[dtype], { provider: 'cpu', threads: 1, ...options });
  try {
    const { window, distances, padTo } = opened.manifest;
    const size = { width: WIDTH, height: HEIGHT };
    const whole = planFrusta({ ...size, window, distances, padTo, stride, mode, shareContext });
    const all = windowArea({ x: 0, y: 0, ...size });
    const area = rows === undefined ? all : areaOfRows(all, ...rows);
    const plan = rows === undefined ? whole : selectFrusta(whole, area);
    const reader = createFrustumReader({ scene: pixels, plan });
    const shared = shareLong(opened, { store: null, isShared: () => false, fromMs: 0 });
    const tally = createTally();
    const parts: { classes: Uint8Array; confidence: Uint8Array }[] = [];
    for await (const part of inferRows({
      plan,
      area,
      scene: pixels,
      reader: handRound ? shared.watch(reader) : reader,
      model: handRound ? shared.model : opened,
      blend: 'uniform',
      tta,
      tally,
      onWindow: (done) => onWindow?.(opened, done),
    })) {
      parts.push(part);
    }
    return {
      classes: Buffer.concat(parts.map(({ classes }) => classes)),
      confidence: Buffer.concat(parts.map(({ confidence }) => confidence)),
      tally,
      network: reportNetwork(opened),
      pids: opened.pids,
    };
  } finally {
    await opened.close();
  }
}

const same = (a: Mapped, b: Mapped) => a.classes.equals(b.classes) && a.confidence.equals(b.confidence);

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('several workers', () => {
  it.each<How>([
    { mode: 'centred' },
    { mode: 'reference', stride: 48 },
    { mode: 'centred', stride: 48, shareContext: 2 },
    { mode: 'reference', stride: 40, shareContext: 3 },
    { mode: 'reference', stride: 128, shareContext: 2, tta: 'd4' },
    { mode: 'centred', dtype: 'float16' },
    { holes: true },
  ])(
    'make the map of one, byte for byte, and encode no short window twice: %j',
    async (how) => {
      const one = await map(how);
      expect(new Set(one.classes).size).toBeGreaterThan(1);
      expect(one.network.workers).toHaveLength(1);
      for (const workers of [2, 3]) {
        const several = await map({ ...how, workers });
        expect(same(several, one)).toBe(true);
        expect(several.tally.shortEncoderRuns).toBe(one.tally.shortEncoderRuns);
        expect(several.tally.windows).toBe(one.tally.windows);
        const windows = several.network.workers.map((worker) => worker.windows);
        expect(Math.min(...windows)).toBeGreaterThan(0);
        expect(windows.reduce((sum, n) => sum + n, 0)).toBe(
          one.network.workers.reduce((sum, worker) => sum + worker.windows, 0),
        );
      }
    },
    240_000,
  );

  it('take far windows that another has encoded, to the same map, of either kind of weights', async () => {
    for (const dtype of ['float32', 'float16'] as const) {
      const plain = await map({ dtype, mode: 'centred', stride: 96 });
      const handed = await map({ dtype, mode: 'centred', stride: 96, workers: 2, handRound: true });
      expect(same(handed, plain)).toBe(true);
    }
    expect(same(await map({ dtype: 'float16' }), await map({ dtype: 'float32' }))).toBe(false);
  }, 120_000);

  it('end the run as soon as one of them dies, and with it', async () => {
    const seen: number[] = [];
    const run = map({
      workers: 3,
      onWindow(model, done) {
        seen.push(...model.pids);
        if (done === 5) process.kill(model.pids[1]!, 'SIGKILL');
      },
    });
    await expect(run).rejects.toMatchObject({ tag: 'WorkerError', signal: 'SIGKILL' });
    expect(seen.length).toBeLessThan(3 * 35);
    expect(seen.filter(isAlive)).toEqual([]);
  }, 60_000);

  it('all end with an abort', async () => {
    const stop = new AbortController();
    const seen = new Set<number>();
    const run = map({
      workers: 2,
      signal: stop.signal,
      onWindow(model, done) {
        for (const pid of model.pids) seen.add(pid);
        if (done === 3) stop.abort();
      },
    });
    await expect(run).rejects.toMatchObject({ tag: 'AbortedError' });
    expect(seen.size).toBe(2);
    expect([...seen].filter(isAlive)).toEqual([]);
  }, 60_000);
});

describe('batches', () => {
  it.each<How>([
    { mode: 'centred', stride: 96 },
    { mode: 'reference', threads: 2 },
    { mode: 'centred', stride: 48, shareContext: 2, threads: 2 },
    { mode: 'reference', stride: 128, tta: 'd4' },
    { holes: true },
  ])(
    'of one size make one map, whoever does them and whatever rows are asked for: %j',
    async (how) => {
      const single = await map(how);
      const batch = 4;
      const one = await map({ ...how, batch });
      expect(one.network).toMatchObject({ batch });
      const { windows, batches } = one.network.workers[0]!;
      expect(batches).toBeGreaterThanOrEqual(windows / batch);
      expect(batches).toBeLessThan(windows);
      // Other shapes may round otherwise, which can only decide between scores that are next to equal.
      const differing = one.classes.reduce((sum, value, i) => sum + (value === single.classes[i] ? 0 : 1), 0);
      expect(differing).toBeLessThanOrEqual(WIDTH * HEIGHT * 1e-4);

      expect(same(await map({ ...how, batch, workers: 2 }), one)).toBe(true);
      const [y0, y1] = [100, 230];
      const band = await map({ ...how, batch, rows: [y0, y1] });
      expect(band.classes.equals(one.classes.subarray(y0 * WIDTH, y1 * WIDTH))).toBe(true);
      expect(band.confidence.equals(one.confidence.subarray(y0 * WIDTH, y1 * WIDTH))).toBe(true);
    },
    240_000,
  );

  it('of which one is lost with its worker are no hole but a failure', async () => {
    const run = map({
      workers: 2,
      batch: 3,
      onWindow(model, done) {
        if (done === 4) process.kill(model.pids[0]!, 'SIGKILL');
      },
    });
    await expect(run).rejects.toMatchObject({ tag: 'WorkerError' });
  }, 60_000);
});
