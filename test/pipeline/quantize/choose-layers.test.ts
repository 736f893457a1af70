import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { synthesize } from '../../../src/index.ts';
import { readModelManifest } from '../../../src/model/read-manifest.ts';
import { chooseLayers } from '../../../src/pipeline/quantize/choose-layers.ts';
import {
  type CalibrationWindows,
  readCalibrationWindows,
  spreadPlaces,
} from '../../../src/pipeline/quantize/choose-windows.ts';
import { type Observed, observeModel } from '../../../src/pipeline/quantize/observe-model.ts';
import { openSourceGraphs, type SourceGraphs } from '../../../src/pipeline/quantize/open-source-model.ts';
import { byBranch } from '../../../src/pipeline/quantize/run-graphs.ts';
import { openScene } from '../../../src/scene/open-scene.ts';

const MODEL = 'models/sfrnet-mini-synth';
const OPTIONS = { ranges: 'minmax', weightBits: 8, leastAgreement: 1 } as const;

let dir: string;
let trials: string;
let source: SourceGraphs;
let windows: CalibrationWindows;
let observed: Observed;
const workshop = () => ({ dir: trials, threads: 1, externalThresholdBytes: Number.POSITIVE_INFINITY });
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-layers-'));
  trials = await mkdtemp(join(dir, 'trials-'));
  const { scenePath } = await synthesize({ width: 1024, height: 1024, seed: 3, outDir: join(dir, 'scene') });
  const manifest = await readModelManifest(MODEL, false);
  const scene = await openScene(scenePath, { bands: [2, 3, 4] });
  windows = await readCalibrationWindows([scene], manifest, 4);
  await scene.close();
  source = await openSourceGraphs(MODEL, manifest);
  observed = await observeModel(source, windows.ranges, workshop());
});
afterAll(async () => {
  await source.close();
  await rm(dir, { recursive: true, force: true });
});

/** What was seen, but of some tensors nothing but zeros: layers that read them lose everything. */
function spoil(isSpoiled: (tensor: string) => boolean): Observed {
  const seen = byBranch(
    (branch) =>
      new Map(
        [...observed.seen[branch]].map(([tensor, what]) => [
          tensor,
          isSpoiled(tensor) ? { ...what, min: 0, max: 0 } : what,
        ]),
      ),
  );
  return { ...observed, seen };
}

describe('the choice of layers', { timeout: 300_000 }, () => {
  it('finds the one that loses much, and leaves it and little else in float32', async () => {
    const bad = source.layers.local.find(({ name }) => name === 'decode_head.fpn_bottleneck.conv')!;
    const choice = await chooseLayers(
      source,
      spoil((tensor) => tensor === bad.result),
      windows,
      { ...OPTIONS, leastAgreement: 0.98 },
      workshop(),
    );
    expect(choice.kept).toContain(bad);
    expect(choice.kept.length).toBeLessThanOrEqual(4);
    expect(choice.agreement).toBeGreaterThanOrEqual(0.98);
    const names = choice.graphs.local.initializers.map(({ name }) => name);
    expect(names).toContain(bad.weight.name);
    expect(names).not.toContain(`${bad.weight.name}/int8`);
    expect(await readdir(trials)).toEqual([]);
  });

  it('is an error where every layer loses too much', async () => {
    const names = ['decode_head.fpn_bottleneck.conv', 'decode_head.fpn_convs.0.conv'];
    const local = source.layers.local.filter(({ name }) => names.includes(name));
    expect(local).toHaveLength(2);
    const few = { ...source, layers: { long: [], short: [], local } };
    const nothing = spoil(() => true);
    await expect(chooseLayers(few, nothing, windows, OPTIONS, workshop())).rejects.toMatchObject({
      tag: 'ModelError',
      message: expect.stringMatching(/no layer of this model can be quantized: fewer than 100\.00 %/),
    });
    expect(await readdir(trials)).toEqual([]);
  });

  it('knows the work of a layer: positions times outputs times what each takes', () => {
    // 3 x 3 from 48 to 48 channels on 32 x 32 cells; 48 to 432 on 16 x 16; 128 to 32 on 256 tokens.
    expect(observed.work.get('decode_head.fpn_bottleneck.conv')).toBe(48 * 48 * 9 * 32 * 32);
    expect(observed.work.get('decode_head.fpn_bottleneck.taps.1')).toBe(48 * 432 * 16 * 16);
    expect(observed.work.get('neck.ccsf1.query')).toBe(128 * 32 * 256);
  });
});

describe('calibration windows', () => {
  it('come in an order whose every beginning is spread out, each place once', () => {
    for (const count of [1, 2, 7, 100, 3021]) {
      const places = [...spreadPlaces(count)];
      expect([...places].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      const first = places.slice(0, 16).sort((a, b) => a - b);
      const gaps = first.slice(1).map((place, i) => place - first[i]!);
      if (count > 100) expect(Math.max(...gaps)).toBeLessThan((count / 16) * 2.5);
    }
  });

  it('are two halves without a window in common', () => {
    const key = ({ local }: { readonly local: Uint8Array }) => Buffer.from(local).toString('base64');
    const checks = new Set(windows.checks.map(key));
    expect(checks.size).toBe(4);
    expect(windows.ranges).toHaveLength(4);
    for (const views of windows.ranges) expect(checks.has(key(views))).toBe(false);
  });
});
