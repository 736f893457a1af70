import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseModel, readModelManifest } from '../../src/index.ts';
import { chooseWindows, QUALITIES } from '../../src/pipeline/choose-quality.ts';
import {
  type MeasuredCost,
  measuredQualitySchema,
  QUALITY_FILE,
  readMeasuredCost,
} from '../../src/pipeline/measured-quality.ts';

const MODELS = ['synth', 'dubai', 'earth'].map((name) => `models/sfrnet-mini-${name}`);

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-measured-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const PRESETS = [
  ...QUALITIES.map((quality) => ({ quality, weights: 'float32' as const })),
  { quality: 'fast', weights: 'int8' },
  { quality: 'exact', weights: 'int8' },
  { quality: 'exact', weights: 'float32', tta: 'd4' },
] as const;

describe('what approximations cost a model', () => {
  it.each(MODELS)('is known for every preset of %s, as presets and weights are now', async (folder) => {
    const costs = [];
    for (const { quality, weights, ...tta } of PRESETS) {
      const { dir: ran, manifest } = await chooseModel({ model: folder, weights });
      const choice = chooseWindows({ quality, ...tta }, manifest);
      const cost = (await readMeasuredCost(ran, manifest, choice))!;
      expect(cost).not.toBeNull();
      costs.push(cost);
      expect(cost.meanIou).toBeGreaterThan(0.4);
    }
    const [exact, balanced, fast, fastIntegers, integers, d4] = costs as [
      MeasuredCost,
      MeasuredCost,
      MeasuredCost,
      MeasuredCost,
      MeasuredCost,
      MeasuredCost,
    ];
    expect([exact.agreement, exact.meanIouChange, exact.overallAccuracyChange]).toEqual([1, 0, 0]);
    for (const cost of [balanced, fast, fastIntegers, integers, d4]) expect(cost.agreement).toBeLessThan(1);
    // What presets promise, in integers as well: less than one point of mIoU. Eight orientations promise nothing.
    for (const cost of [balanced, fast, fastIntegers, integers]) {
      expect(cost.meanIouChange).toBeGreaterThan(-0.01);
    }
    expect(balanced.lessWork).toBeGreaterThan(exact.lessWork);
    expect(fast.lessWork).toBeGreaterThan(balanced.lessWork);
    expect(fastIntegers.lessWork).toBeGreaterThan(fast.lessWork);
    expect(integers.lessWork).toBeGreaterThan(exact.lessWork);
    expect(exact.lessWork / d4.lessWork).toBeCloseTo(8, 0);
  });

  it('is not known for other choices, and not of other weights', async () => {
    const folder = MODELS[0]!;
    const plain = await readModelManifest(folder, false);
    const { dir: ran, manifest } = await chooseModel({ model: folder, weights: 'int8' });
    const choice = chooseWindows({}, plain);
    expect(await readMeasuredCost(ran, manifest, choice)).not.toBeNull();
    expect(await readMeasuredCost(folder, plain, { ...choice, stride: 4 })).toBeNull();
    expect(await readMeasuredCost(folder, { ...plain, name: 'other' }, choice)).toBeNull();
    expect(await readMeasuredCost(ran, { ...manifest, name: 'other' }, choice)).toBeNull();
    const balanced = chooseWindows({ quality: 'balanced' }, plain);
    expect(await readMeasuredCost(ran, manifest, balanced)).toBeNull();
    // The same integers elsewhere have no float32 model beside them that would know.
    const elsewhere = join(dir, 'integers');
    await cp(ran, elsewhere, { recursive: true });
    expect(await readMeasuredCost(elsewhere, manifest, choice)).toBeNull();
  });

  it('is not known where no file says it, and a broken file is refused', async () => {
    const plain = await readModelManifest(MODELS[0]!, false);
    const choice = chooseWindows({}, { window: 128 });
    expect(await readMeasuredCost(join(dir, 'none'), plain, choice)).toBeNull();
    const record = JSON.parse(await readFile(join(MODELS[0]!, QUALITY_FILE), 'utf8'));
    expect(measuredQualitySchema.safeParse(record).success).toBe(true);
    for (const text of ['{', JSON.stringify({ ...record, version: 1 })]) {
      await writeFile(join(dir, QUALITY_FILE), text);
      await expect(readMeasuredCost(dir, plain, choice)).rejects.toMatchObject({ tag: 'FormatError' });
    }
  });
});
