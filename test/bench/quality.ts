/**
 * What approximations cost and save on the shipped models' validation scenes, through the product:
 * `npx tsx test/bench/quality.ts [--models synth,dubai,earth] [--modes NAME,...] [--write]`.
 *
 * One table a model, a line a mode. Agreement is with the exact map, pixel for pixel, and differences are from its scores.
 * Seams: how much more often classes change across window borders than elsewhere. Work: how many times as much the
 * published loop has the network do, which runs all three encoders for each of its windows, a quarter window apart, those at
 * the border repeatedly; each graph counts the time of a run of it in the exact mode, so that both are at the same speed. A
 * run of a graph in integers counts for less: for the part of the float32 graph's time that it takes, CPU time on one thread
 * by turns on windows of the validation scenes. Modes in integers take those in the model's `int8/`.
 * `--write` keeps the presets' figures in the models' folders, from where runs tell them.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createPairCounts } from '../../src/evaluate/confusion.ts';
import { scorePairs } from '../../src/evaluate/score.ts';
import { reportSeams, type SeamCounts } from '../../src/evaluate/seams.ts';
import { readModelManifest, type SegmentOptions, type SegmentReport, segment } from '../../src/index.ts';
import { INTEGER_FOLDER } from '../../src/model/manifest.ts';
import { modelChecksum } from '../../src/model/read-manifest.ts';
import { type MeasuredQuality, QUALITY_FILE } from '../../src/pipeline/measured-quality.ts';
import { addPairs, agreementOf, VALIDATION_SETS, type ValidationSet } from '../support/validation-sets.ts';
import { type GraphTimes, measureGraphs } from './graph-times.ts';

interface Mode extends Pick<SegmentOptions, 'quality' | 'blend' | 'shareContext' | 'tta'> {
  /** `float32` unless given. */
  readonly weights?: 'int8';
  /** Stride as a share of the window; the preset's unless given. */
  readonly share?: number;
}

const tapered = { blend: 'tapered' } as const;
const MODES: Readonly<Record<string, Mode>> = {
  published: { share: 1 / 4 },
  exact: { quality: 'exact' },
  balanced: { quality: 'balanced' },
  fast: { quality: 'fast' },
  'fast int8': { quality: 'fast', weights: 'int8' },
  'exact int8': { quality: 'exact', weights: 'int8' },
  '1/2 tapered': { share: 1 / 2, ...tapered },
  '1/2 tapered c2': { share: 1 / 2, ...tapered, shareContext: 2 },
  '1/2 tapered c4': { share: 1 / 2, ...tapered, shareContext: 4 },
  '3/4': { share: 3 / 4 },
  '3/4 tapered': { share: 3 / 4, ...tapered },
  '3/4 tapered c2': { share: 3 / 4, ...tapered, shareContext: 2 },
  '3/4 tapered c3': { share: 3 / 4, ...tapered, shareContext: 3 },
  '7/8': { share: 7 / 8 },
  '7/8 tapered': { share: 7 / 8, ...tapered },
  '7/8 tapered c2': { share: 7 / 8, ...tapered, shareContext: 2 },
  '7/8 tapered c3': { share: 7 / 8, ...tapered, shareContext: 3 },
  'no overlap': { share: 1 },
  'no overlap c3': { share: 1, shareContext: 3 },
  'exact d4': { quality: 'exact', tta: 'd4' },
  '7/8 tapered c2 d4': { share: 7 / 8, ...tapered, shareContext: 2, tta: 'd4' },
};

const SAME_SPEED: GraphTimes = { long: 1, short: 1, local: 1 };

interface ModeResult {
  readonly reports: readonly SegmentReport[];
  readonly maps: readonly string[];
  readonly measured: Omit<MeasuredQuality['modes'][number], 'quality'>;
}

const { values } = parseArgs({
  options: {
    models: { type: 'string', default: 'synth,dubai,earth' },
    modes: { type: 'string', default: Object.keys(MODES).join(',') },
    write: { type: 'boolean', default: false },
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
  const set = VALIDATION_SETS[name];
  const manifest = await readModelManifest(model, true);
  const labelled = await set.scenes(dir);
  say(`\n${model}`);
  const speeds = await compareSpeeds(
    model,
    labelled.map(({ scene }) => scene),
    set.reading,
  );
  say('mode               windows    short     long  agreement     OA   mIoU  change  seams   work');
  let exact: ModeResult | null = null;
  let pixels = 0;
  const modes: MeasuredQuality['modes'] = [];
  for (const key of ['exact', ...values.modes.split(',').filter((mode) => mode !== 'exact')]) {
    const { share, weights = 'float32', ...choice } = MODES[key]!;
    const counts = createPairCounts();
    const reports: SegmentReport[] = [];
    const maps: string[] = [];
    for (const [i, { scene, truth }] of labelled.entries()) {
      const outDir = join(dir, name, key.replaceAll('/', '-'), String(i));
      const options = { scene, model, outDir, vector: [], preview: false, threads: 1, ...set.reading };
      const stride = share === undefined ? {} : { stride: share * manifest.window };
      reports.push(await segment({ ...options, ...stride, ...choice, weights }));
      maps.push(join(outDir, 'landcover.tif'));
      await addPairs(counts, maps.at(-1)!, truth);
    }
    const evaluation = scorePairs(counts, { classes: manifest.classes, ignore: set.ignore });
    pixels = evaluation.pixels;
    const { config } = reports[0]!;
    const result: ModeResult = {
      reports,
      maps,
      measured: {
        weights,
        stride: config.stride,
        blend: config.blend,
        shareContext: config.shareContext,
        tta: config.tta,
        windows: sum(reports, (report) => report.counts.networkRuns),
        agreement: five(await agreementOf(maps.map((map, i) => [map, (exact?.maps ?? maps)[i]!]))),
        overallAccuracy: five(evaluation.overallAccuracy!),
        meanIou: five(evaluation.meanIou!),
        seamExcess: seamsOf(reports),
        lessWork: lessWork(reports, exact?.reports ?? reports, weights === 'int8' ? speeds : SAME_SPEED),
      },
    };
    exact ??= result;
    say(lineOf(key, result, exact));
    if (share === undefined && choice.quality) {
      modes.push({ quality: choice.quality, ...result.measured });
    }
  }
  if (values.write) {
    const record = {
      format: 'frustum-quality',
      version: 2,
      model: modelChecksum(manifest),
      ...(modes.some(({ weights }) => weights === 'int8') && {
        int8: modelChecksum(await readModelManifest(join(model, INTEGER_FOLDER), true)),
      }),
      scenes: labelled.map((scene) => scene.name),
      pixels,
      modes,
    } satisfies MeasuredQuality;
    await writeFile(join(model, QUALITY_FILE), `${JSON.stringify(record, null, 2)}\n`);
  }
}

/** Parts of the float32 graphs' times that the graphs in integers take; not measured where no mode has integers. */
async function compareSpeeds(
  model: string,
  scenes: readonly string[],
  reading: ValidationSet['reading'],
): Promise<GraphTimes> {
  const integers = join(model, INTEGER_FOLDER);
  if (!values.modes.includes('int8')) return SAME_SPEED;
  const options = { scenes, reading, windows: 8, rounds: 10 };
  const [plain, whole] = (await measureGraphs([model, integers], options)) as [GraphTimes, GraphTimes];
  const part = (branch: keyof GraphTimes) => whole[branch] / plain[branch];
  const parts = { long: part('long'), short: part('short'), local: part('local') };
  const words = Object.entries(parts).map(([branch, value]) => `${branch} ${(1 / value).toFixed(2)}`);
  say(`in integers, times as fast: ${words.join(', ')}`);
  return parts;
}

/**
 * The published loop's work by that of a mode's runs, at the graphs' speeds in the exact mode.
 * @param parts of those times that the mode's own graphs take
 */
function lessWork(
  reports: readonly SegmentReport[],
  exact: readonly SegmentReport[],
  parts: GraphTimes,
): number {
  const costOf = (part: 'long' | 'short' | 'local', runs: (report: SegmentReport) => number) =>
    sum(exact, ({ seconds }) => seconds[part]) / sum(exact, runs);
  const long = costOf('long', ({ counts }) => counts.longEncoderRuns);
  const short = costOf('short', ({ counts }) => counts.shortEncoderRuns);
  const local = costOf('local', ({ counts }) => counts.networkRuns);
  const published = sum(reports, ({ model, plan: { frame } }) => {
    const stride = model.window / 4;
    return Math.ceil(frame.width / stride) * Math.ceil(frame.height / stride) * (long + short + local);
  });
  const done = sum(
    reports,
    ({ counts }) =>
      counts.longEncoderRuns * long * parts.long +
      counts.shortEncoderRuns * short * parts.short +
      counts.networkRuns * local * parts.local,
  );
  return Math.round((published / done) * 100) / 100;
}

function seamsOf(reports: readonly SegmentReport[]): number | null {
  const counts = { seamPairs: 0, seamChanges: 0, otherPairs: 0, otherChanges: 0 };
  const keys = Object.keys(counts) as (keyof SeamCounts)[];
  for (const { seams } of reports) for (const key of keys) counts[key] += seams[key];
  const { excess } = reportSeams(counts);
  return excess === null ? null : Math.round(excess * 100) / 100;
}

function lineOf(key: string, { reports, measured }: ModeResult, exact: ModeResult): string {
  const { windows, agreement, overallAccuracy, meanIou, seamExcess, lessWork: work } = measured;
  return [
    key.padEnd(18),
    String(windows).padStart(7),
    String(sum(reports, ({ counts }) => counts.shortEncoderRuns)).padStart(8),
    String(sum(reports, ({ counts }) => counts.longEncoderRuns)).padStart(8),
    percent(agreement).padStart(10),
    percent(overallAccuracy).padStart(6),
    percent(meanIou).padStart(6),
    ((meanIou - exact.measured.meanIou) * 100).toFixed(2).padStart(7),
    (seamExcess?.toFixed(2) ?? '-').padStart(6),
    work.toFixed(1).padStart(6),
  ].join(' ');
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function five(value: number): number {
  return Math.round(value * 1e5) / 1e5;
}

function percent(value: number): string {
  return (value * 100).toFixed(2);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
