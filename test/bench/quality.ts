/**
 * What approximations cost and save on the shipped models' validation scenes, through the product:
 * `npx tsx test/bench/quality.ts [--models synth,dubai,earth] [--modes NAME,...]`.
 *
 * One table a model. Agreement is with the map at the published stride (a quarter window), pixel for pixel. Work is what
 * the network does, next to the published loop, which runs all three encoders for each of its windows: runs of each graph
 * times its time a run, the median over all modes, so that both sides are at the same speed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createPairCounts } from '../../src/evaluate/confusion.ts';
import { scorePairs } from '../../src/evaluate/score.ts';
import { reportSeams, type SeamCounts } from '../../src/evaluate/seams.ts';
import { readModelManifest, type SegmentOptions, type SegmentReport, segment } from '../../src/index.ts';
import { addPairs, agreementOf, VALIDATION_SETS } from '../support/validation-sets.ts';

type Choice = Pick<SegmentOptions, 'blend'> & { readonly windowShare?: number };

const MODES: Readonly<Record<string, Choice>> = {
  '1/4': { windowShare: 1 / 4 },
  '1/4 tapered': { windowShare: 1 / 4, blend: 'tapered' },
  '1/2': { windowShare: 1 / 2 },
  '1/2 tapered': { windowShare: 1 / 2, blend: 'tapered' },
  '5/8 tapered': { windowShare: 5 / 8, blend: 'tapered' },
  '3/4': { windowShare: 3 / 4 },
  '3/4 tapered': { windowShare: 3 / 4, blend: 'tapered' },
  '7/8': { windowShare: 7 / 8 },
  '7/8 tapered': { windowShare: 7 / 8, blend: 'tapered' },
  '1': { windowShare: 1 },
};

interface ModeResult {
  readonly mode: string;
  readonly reports: readonly SegmentReport[];
  readonly maps: readonly string[];
  readonly overallAccuracy: number;
  readonly meanIou: number;
}

const { values } = parseArgs({
  options: {
    models: { type: 'string', default: 'synth,dubai,earth' },
    modes: { type: 'string', default: Object.keys(MODES).join(',') },
  },
});
const dir = await mkdtemp(join(tmpdir(), 'frustum-quality-'));
try {
  for (const name of values.models.split(',')) await measureModel(name as keyof typeof VALIDATION_SETS);
} finally {
  await rm(dir, { recursive: true, force: true });
}

async function measureModel(name: keyof typeof VALIDATION_SETS): Promise<void> {
  const model = `models/sfrnet-mini-${name}`;
  const { ignore, reading, scenes } = VALIDATION_SETS[name];
  const { classes, window } = await readModelManifest(model, true);
  const labelled = await scenes(dir);
  const results: ModeResult[] = [];
  for (const mode of values.modes.split(',')) {
    const { windowShare = 1 / 2, ...choice } = MODES[mode]!;
    const counts = createPairCounts();
    const reports: SegmentReport[] = [];
    const maps: string[] = [];
    for (const [i, { scene, truth }] of labelled.entries()) {
      const outDir = join(dir, name, String(results.length), String(i));
      const stride = windowShare * window;
      reports.push(
        await segment({
          scene,
          model,
          outDir,
          vector: [],
          preview: false,
          threads: 1,
          ...reading,
          stride,
          ...choice,
        }),
      );
      maps.push(join(outDir, 'landcover.tif'));
      await addPairs(counts, maps.at(-1)!, truth);
    }
    const { overallAccuracy, meanIou } = scorePairs(counts, { classes, ignore });
    process.stderr.write(`${name} ${mode}: mIoU ${percent(meanIou!)}\n`);
    results.push({ mode, reports, maps, overallAccuracy: overallAccuracy!, meanIou: meanIou! });
  }
  process.stdout.write(`\n${model}\n${await formatTable(results)}\n`);
}

async function formatTable(results: readonly ModeResult[]): Promise<string> {
  const exact = results[0]!;
  const lines = ['mode          windows  agreement      OA    mIoU   change  seams'];
  for (const { mode, reports, maps, overallAccuracy, meanIou } of results) {
    const windows = sum(reports, ({ counts }) => counts.windowsRun);
    const agreement = await agreementOf(maps.map((map, i) => [map, exact.maps[i]!]));
    const seams = reportSeams(
      reports
        .map((report) => report.seams)
        .reduce<SeamCounts>(addSeams, {
          seamPairs: 0,
          seamChanges: 0,
          otherPairs: 0,
          otherChanges: 0,
        }),
    );
    const cells = [
      mode.padEnd(12),
      String(windows).padStart(8),
      percent(agreement).padStart(10),
      percent(overallAccuracy).padStart(7),
      percent(meanIou).padStart(7),
      ((meanIou - exact.meanIou) * 100).toFixed(2).padStart(8),
      (seams.excess?.toFixed(2) ?? '-').padStart(6),
    ];
    lines.push(cells.join(' '));
  }
  return lines.join('\n');
}

function addSeams(a: SeamCounts, b: SeamCounts): SeamCounts {
  return {
    seamPairs: a.seamPairs + b.seamPairs,
    seamChanges: a.seamChanges + b.seamChanges,
    otherPairs: a.otherPairs + b.otherPairs,
    otherChanges: a.otherChanges + b.otherChanges,
  };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function percent(value: number): string {
  return (value * 100).toFixed(2);
}
