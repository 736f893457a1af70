import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseModel, evaluate, openModel, readModelManifest, segment } from '../../src/index.ts';
import { modelChecksum } from '../../src/model/read-manifest.ts';
import { type LabelledScene, writeDubaiScene, writeEarthScene } from '../support/validation-scenes.ts';

const MODELS = ['sfrnet-mini-dubai', 'sfrnet-mini-earth', 'sfrnet-mini-synth'];

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-shipped-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Whole-scene scores of a shipped model, with windows side by side: quick, and a little below overlapping ones. */
async function score(model: string, { name, scene, truth }: LabelledScene, ignore: readonly number[]) {
  const manifest = await readModelManifest(join('models', model), true);
  const outDir = join(dir, name);
  await segment({
    scene,
    model: join('models', model),
    outDir,
    stride: manifest.window,
    vector: [],
    preview: false,
  });
  return evaluate({ predicted: join(outDir, 'landcover.tif'), truth, ignore });
}

describe('shipped models', () => {
  it('are these, each whole, of at most 12 MB, with a card, and under 40 MB in all', async () => {
    const folders = (await readdir('models')).filter((name) => name !== 'training');
    expect(folders.sort()).toEqual(MODELS);
    let total = 0;
    for (const name of MODELS) {
      const manifest = await readModelManifest(join('models', name), true);
      expect(manifest.name).toBe(name);
      let sizeBytes = 0;
      for (const file of await readdir(join('models', name), { recursive: true })) {
        const found = await stat(join('models', name, file));
        if (found.isFile()) sizeBytes += found.size;
      }
      expect(sizeBytes).toBeLessThanOrEqual(12e6);
      total += sizeBytes;
      const card = await readFile(join('models', name, 'README.md'), 'utf8');
      for (const word of [/licence/i, /validation/i, /context/i, /recipes\//, /limits/i]) {
        expect(card).toMatch(word);
      }
    }
    expect(total).toBeLessThan(40e6);
  });

  it.each(MODELS)('take batches, in integers too: %s', async (name) => {
    for (const folder of [join('models', name), join('models', name, 'int8')]) {
      const opened = await openModel(folder, { provider: 'cpu', threads: 1, batch: 2 });
      await opened.close();
      expect(opened.batch).toBe(2);
    }
  });

  it('hold integers that were made of their weights and are right on any processor, under 8 MB in all', async () => {
    let total = 0;
    for (const name of MODELS) {
      const folder = join('models', name);
      const integers = await readModelManifest(join(folder, 'int8'), true);
      expect(integers).toMatchObject({
        name: `${name}-int8`,
        dtype: 'int8',
        quantization: {
          weightBits: 7,
          source: { name, checksum: modelChecksum(await readModelManifest(folder, false)) },
        },
      });
      expect(integers.quantization!.agreement).toBeGreaterThanOrEqual(0.99);
      expect((await chooseModel({ model: folder, quality: 'fast' })).dir).toBe(join(folder, 'int8'));
      for (const file of await readdir(join(folder, 'int8')))
        total += (await stat(join(folder, 'int8', file))).size;
    }
    expect(total).toBeLessThan(8e6);
  });

  it('know Dubai better than colours alone do', { timeout: 300_000 }, async () => {
    const scores = await score('sfrnet-mini-dubai', await writeDubaiScene('Tile 3', dir), [0]);
    // What calling all land and water by its commonest class would give on this tile is below 0.5.
    expect(scores.overallAccuracy).toBeGreaterThan(0.8);
    expect(scores.meanIou).toBeGreaterThan(0.45);
  });

  it('know the land of another continent than they were trained on', { timeout: 300_000 }, async () => {
    const scores = await score('sfrnet-mini-earth', await writeEarthScene(dir), [0, 5]);
    // What gradient-boosted trees on widely filtered colours were recorded at; their mean is over six groups (see the card).
    expect(scores.overallAccuracy).toBeGreaterThan(0.85);
    const builtUp = 1;
    const ious = scores.classes.filter(({ id, truthPixels }) => truthPixels > 0 && id !== builtUp);
    expect(ious).toHaveLength(6);
    expect(ious.reduce((sum, { iou }) => sum + (iou ?? 0), 0) / 6).toBeGreaterThan(0.48);
  });
});
