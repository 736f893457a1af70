import { join } from 'node:path';
import { createPairCounts, type PairCounts } from '../../src/evaluate/confusion.ts';
import { countRasters } from '../../src/evaluate/evaluate-rasters.ts';
import { synthesize } from '../../src/index.ts';
import { readClassRaster } from '../../src/scene/read-class-raster.ts';
import { type LabelledScene, writeDubaiScene, writeEarthScene } from './validation-scenes.ts';

/** What a shipped model is scored on. */
export interface ValidationSet {
  /** Truth values that are no part of the scores. */
  readonly ignore: readonly number[];
  /** Options that the scenes are read with. */
  readonly reading: { readonly bands?: readonly [number, number, number] };
  /** Writes the scenes into a folder. */
  scenes(dir: string): Promise<LabelledScene[]>;
}

/** The validation scenes of the shipped models, by the word in the model's name. */
export const VALIDATION_SETS: Readonly<Record<'synth' | 'dubai' | 'earth', ValidationSet>> = {
  synth: {
    ignore: [0],
    reading: { bands: [2, 3, 4] },
    scenes: (dir) => Promise.all([101, 102, 103, 104].map((seed) => writeSynthScene(seed, dir))),
  },
  dubai: {
    ignore: [0],
    reading: {},
    scenes: async (dir) => [await writeDubaiScene('Tile 1', dir), await writeDubaiScene('Tile 3', dir)],
  },
  // Land only, as the floors of this data set are given; water (5) is left out of the truth.
  earth: { ignore: [0, 5], reading: {}, scenes: async (dir) => [await writeEarthScene(dir)] },
};

async function writeSynthScene(seed: number, dir: string): Promise<LabelledScene> {
  const made = await synthesize({ width: 2048, height: 2048, seed, outDir: join(dir, `synth-${seed}`) });
  return { name: `synth-${seed}`, scene: made.scenePath, truth: made.truthPath };
}

/** Adds the pairs of two class rasters to `counts`. */
export async function addPairs(counts: PairCounts, predicted: string, truth: string): Promise<void> {
  const [map, labels] = [await readClassRaster(predicted), await readClassRaster(truth)];
  try {
    await countRasters(counts, map.rows(), labels.rows());
  } finally {
    await Promise.all([map.close(), labels.close()]);
  }
}

/** Share of the pixels with data whose classes are the same in both rasters. */
export async function agreementOf(pairs: readonly (readonly [string, string])[]): Promise<number> {
  const counts = createPairCounts();
  for (const [one, other] of pairs) await addPairs(counts, one, other);
  let same = 0;
  let all = 0;
  for (let i = 0; i < counts.length; i++) {
    all += counts[i]!;
    if (i >> 8 === (i & 255)) same += counts[i]!;
  }
  return same / all;
}
