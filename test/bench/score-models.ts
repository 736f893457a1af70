/**
 * Scores models on the validation scenes, through the product: `npx tsx test/bench/score-models.ts [FOLDER...]`.
 *
 * Each FOLDER is a model folder named `sfrnet-mini-{synth,dubai,earth}` (the committed ones by default) or with a suffix,
 * such as `sfrnet-mini-dubai-nocontext`. Prints one line a model and a table of its classes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createPairCounts, type PairCounts } from '../../src/evaluate/confusion.ts';
import { countRasters } from '../../src/evaluate/evaluate-rasters.ts';
import { formatEvaluation } from '../../src/evaluate/format-evaluation.ts';
import { scorePairs } from '../../src/evaluate/score.ts';
import { readModelManifest, segment, synthesize } from '../../src/index.ts';
import { readClassRaster } from '../../src/scene/read-class-raster.ts';
import { type LabelledScene, writeDubaiScene, writeEarthScene } from '../support/validation-scenes.ts';

const SETS: Readonly<
  Record<string, { readonly ignore: readonly number[]; scenes(dir: string): Promise<LabelledScene[]> }>
> = {
  synth: {
    ignore: [0],
    scenes: (dir) => Promise.all([101, 102, 103, 104].map((seed) => writeSynthScene(seed, dir))),
  },
  dubai: {
    ignore: [0],
    scenes: async (dir) => [await writeDubaiScene('Tile 1', dir), await writeDubaiScene('Tile 3', dir)],
  },
  // Land only, as the floors of this data set are given; water (5) is left out of the truth.
  earth: { ignore: [0, 5], scenes: async (dir) => [await writeEarthScene(dir)] },
};

async function writeSynthScene(seed: number, dir: string): Promise<LabelledScene> {
  const made = await synthesize({ width: 2048, height: 2048, seed, outDir: join(dir, `synth-${seed}`) });
  return { name: `synth-${seed}`, scene: made.scenePath, truth: made.truthPath };
}

async function addPairs(counts: PairCounts, predicted: string, truth: string): Promise<void> {
  const [map, labels] = [await readClassRaster(predicted), await readClassRaster(truth)];
  try {
    await countRasters(counts, map.rows(), labels.rows());
  } finally {
    await Promise.all([map.close(), labels.close()]);
  }
}

const folders = process.argv.slice(2);
if (folders.length === 0) folders.push(...Object.keys(SETS).map((set) => `models/sfrnet-mini-${set}`));
const dir = await mkdtemp(join(tmpdir(), 'frustum-score-'));
try {
  for (const folder of folders) {
    const key = Object.keys(SETS).find((name) => basename(folder).includes(name));
    if (key === undefined)
      throw new Error(`${folder}: its name says none of ${Object.keys(SETS).join(', ')}`);
    const { ignore, scenes } = SETS[key]!;
    const { classes, distances } = await readModelManifest(folder, true);
    const counts = createPairCounts();
    let seconds = 0;
    for (const { name, scene, truth } of await scenes(dir)) {
      const outDir = join(dir, basename(folder), name);
      const bands = key === 'synth' ? { bands: [2, 3, 4] as const } : {};
      const report = await segment({ scene, model: folder, outDir, vector: [], preview: false, ...bands });
      seconds += report.seconds.total;
      await addPairs(counts, join(outDir, 'landcover.tif'), truth);
    }
    const evaluation = scorePairs(counts, { classes, ignore });
    const percent = (v: number | null) => (v === null ? '-' : `${(v * 100).toFixed(2)} %`);
    process.stdout.write(
      `\n${basename(folder)} (distances ${distances.join('/')}): OA ${percent(evaluation.overallAccuracy)}, ` +
        `mIoU ${percent(evaluation.meanIou)}, mF1 ${percent(evaluation.meanF1)}, ${seconds.toFixed(0)} s\n`,
    );
    process.stdout.write(formatEvaluation(evaluation));
  }
} finally {
  await rm(dir, { recursive: true, force: true });
}
