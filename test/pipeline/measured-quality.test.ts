import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModelManifest } from '../../src/index.ts';
import { modelChecksum } from '../../src/model/read-manifest.ts';
import { chooseWindows, QUALITIES } from '../../src/pipeline/choose-quality.ts';
import {
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

describe('what approximations cost a model', () => {
  it.each(MODELS)('is known for every preset of %s, as the presets are now', async (folder) => {
    const manifest = await readModelManifest(folder, false);
    const checksum = modelChecksum(manifest);
    for (const quality of QUALITIES) {
      const cost = await readMeasuredCost(folder, checksum, chooseWindows({ quality }, manifest));
      expect(cost).not.toBeNull();
      expect(cost!.meanIou).toBeGreaterThan(0.4);
      if (quality === 'exact') expect([cost!.agreement, cost!.meanIouChange]).toEqual([1, 0]);
      // What a preset promises: less than one point of mIoU.
      else expect(cost!.meanIouChange).toBeGreaterThan(-0.01);
    }
    const other = { ...chooseWindows({}, manifest), stride: 4 };
    expect(await readMeasuredCost(folder, checksum, other)).toBeNull();
    expect(await readMeasuredCost(folder, 'f'.repeat(64), chooseWindows({}, manifest))).toBeNull();
  });

  it('is not known where no file says it, and a broken file is refused', async () => {
    const choice = chooseWindows({}, { window: 128 });
    expect(await readMeasuredCost(join(dir, 'none'), '', choice)).toBeNull();
    const record = JSON.parse(await readFile(join(MODELS[0]!, QUALITY_FILE), 'utf8'));
    expect(measuredQualitySchema.safeParse(record).success).toBe(true);
    for (const text of ['{', JSON.stringify({ ...record, version: 2 })]) {
      await writeFile(join(dir, QUALITY_FILE), text);
      await expect(readMeasuredCost(dir, '', choice)).rejects.toMatchObject({ tag: 'FormatError' });
    }
  });
});
