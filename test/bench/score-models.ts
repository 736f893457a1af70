/**
 * Scores models on the validation scenes, through the product: `npx tsx test/bench/score-models.ts [FOLDER...]`.
 *
 * Each FOLDER is a model folder named `sfrnet-mini-{synth,dubai,earth}` (the committed ones by default) or with a suffix,
 * such as `sfrnet-mini-dubai-nocontext`. Prints one line a model and a table of its classes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createPairCounts } from '../../src/evaluate/confusion.ts';
import { formatEvaluation } from '../../src/evaluate/format-evaluation.ts';
import { scorePairs } from '../../src/evaluate/score.ts';
import { readModelManifest, segment } from '../../src/index.ts';
import { addPairs, VALIDATION_SETS } from '../support/validation-sets.ts';

const keys = ['synth', 'dubai', 'earth'] as const;
const folders = process.argv.slice(2);
if (folders.length === 0) folders.push(...keys.map((set) => `models/sfrnet-mini-${set}`));
const dir = await mkdtemp(join(tmpdir(), 'frustum-score-'));
try {
  for (const folder of folders) {
    const key = keys.find((name) => basename(folder).includes(name));
    if (key === undefined) throw new Error(`${folder}: its name says none of ${keys.join(', ')}`);
    const { ignore, reading, scenes } = VALIDATION_SETS[key];
    const { classes, distances } = await readModelManifest(folder, true);
    const counts = createPairCounts();
    let seconds = 0;
    for (const { name, scene, truth } of await scenes(dir)) {
      const outDir = join(dir, basename(folder), name);
      const report = await segment({ scene, model: folder, outDir, vector: [], preview: false, ...reading });
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
