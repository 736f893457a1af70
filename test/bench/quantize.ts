/**
 * What 8-bit integers cost and save: `npx tsx test/bench/quantize.ts [--models synth,dubai,earth] [--qualities exact,fast]
 * [--variants NAME,...] [--rounds 5]`.
 *
 * Each shipped model is quantized on scenes that it learned from, and maps its validation scenes through the product. One
 * table a model, a line a variant and quality. Agreement is with the float32 model's map at the same quality, pixel for
 * pixel. CPU time is that of one window through all three graphs on one thread, float32 and int8 by turns, the least of the
 * rounds each, graph by graph. With `--model FOLDER --scenes FILE,...` only sizes and times of any other model are told.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createPairCounts } from '../../src/evaluate/confusion.ts';
import { scorePairs } from '../../src/evaluate/score.ts';
import { type QuantizeOptions, quantizeModel, readModelManifest, segment } from '../../src/index.ts';
import type { ModelManifest } from '../../src/model/manifest.ts';
import type { Quality } from '../../src/pipeline/choose-quality.ts';
import { CALIBRATION_SCENES } from '../support/calibration-scenes.ts';
import type { LabelledScene } from '../support/validation-scenes.ts';
import { addPairs, agreementOf, VALIDATION_SETS, type ValidationSet } from '../support/validation-sets.ts';
import { measureGraphs } from './graph-times.ts';

const VARIANTS: Readonly<Record<string, Partial<QuantizeOptions>>> = {
  int8: {},
  'all layers': { agreement: 0 },
  '8-bit weights': { weightBits: 8 },
  percentile: { ranges: 'percentile', agreement: 0 },
  mse: { ranges: 'mse', agreement: 0 },
  '99.5 %': { agreement: 0.995 },
  '99.8 %': { agreement: 0.998 },
};

const { values } = parseArgs({
  options: {
    models: { type: 'string', default: 'synth,dubai,earth' },
    qualities: { type: 'string', default: 'exact,fast' },
    variants: { type: 'string', default: Object.keys(VARIANTS).join(',') },
    rounds: { type: 'string', default: '5' },
    windows: { type: 'string', default: '32' },
    model: { type: 'string' },
    scenes: { type: 'string', default: '' },
  },
});
const qualities = values.qualities.split(',') as Quality[];
const dir = await mkdtemp(join(tmpdir(), 'frustum-quantize-'));
try {
  if (values.model !== undefined) await measureOther(values.model, values.scenes.split(','));
  else
    for (const name of values.models.split(',')) await measureShipped(name as keyof typeof VALIDATION_SETS);
} finally {
  await rm(dir, { recursive: true, force: true });
}

async function measureShipped(name: keyof typeof VALIDATION_SETS): Promise<void> {
  const model = `models/sfrnet-mini-${name}`;
  const set = VALIDATION_SETS[name];
  const labelled = await set.scenes(dir);
  const scenes = await CALIBRATION_SCENES[name](dir);
  const { classes } = await readModelManifest(model, true);
  say(`\n${model}`);
  say('variant        quality   agreement     OA   mIoU  change  float32 kept   MB   CPU ms  ratio');
  const plain = new Map<Quality, MapResult>();
  for (const quality of qualities) {
    const result = await mapScenes(model, join(dir, name, 'float32'), set, labelled, quality);
    plain.set(quality, result);
    say(lineOf('float32', quality, result, result, classes, set, await sizeOf(model), null));
  }
  for (const variant of values.variants.split(',')) {
    const outDir = join(dir, name, variant.replaceAll(/\W+/g, '-'));
    const windows = Number(values.windows);
    const manifest = await quantizeModel({
      model,
      scenes,
      outDir,
      windows,
      ...set.reading,
      ...VARIANTS[variant],
    });
    const times = await compareTimes(model, outDir, scenes, set.reading);
    for (const quality of qualities) {
      const result = await mapScenes(outDir, join(outDir, 'maps'), set, labelled, quality);
      const truth = plain.get(quality)!;
      result.agreement = await agreementOf(result.maps.map((map, i) => [map, truth.maps[i]!]));
      const line = lineOf(variant, quality, result, truth, classes, set, await sizeOf(outDir), manifest);
      say(`${line} ${times}`);
    }
  }
}

async function measureOther(model: string, scenes: readonly string[]): Promise<void> {
  const outDir = join(dir, 'int8');
  const windows = Number(values.windows);
  const { quantization } = await quantizeModel({ model, scenes, outDir, windows, agreement: 0 });
  say(`${model}: all layers in integers, agreement ${percent(quantization!.agreement)} %`);
  say(`MB ${(await sizeOf(model)).toFixed(1)} -> ${(await sizeOf(outDir)).toFixed(1)}`);
  say(`CPU ms a window, float32 / int8: ${await compareTimes(model, outDir, scenes, {})}`);
}

interface MapResult {
  readonly maps: readonly string[];
  readonly counts: ReturnType<typeof createPairCounts>;
  agreement: number;
}

async function mapScenes(
  model: string,
  parent: string,
  set: ValidationSet,
  labelled: readonly LabelledScene[],
  quality: Quality,
): Promise<MapResult> {
  const { dtype } = await readModelManifest(model, false);
  const counts = createPairCounts();
  const maps: string[] = [];
  for (const { name, scene, truth } of labelled) {
    const outDir = join(parent, `${quality}-${name}`);
    await segment({
      scene,
      model,
      outDir,
      quality,
      // Of the folder itself, whatever lies in it.
      weights: dtype === 'int8' ? 'int8' : 'float32',
      vector: [],
      preview: false,
      report: false,
      threads: 1,
      ...set.reading,
    });
    maps.push(join(outDir, 'landcover.tif'));
    await addPairs(counts, maps.at(-1)!, truth);
  }
  return { maps, counts, agreement: 1 };
}

/** CPU milliseconds of a window with all three graphs, float32 and int8, and their ratio. */
async function compareTimes(
  plain: string,
  quantized: string,
  scenes: readonly string[],
  reading: ValidationSet['reading'],
): Promise<string> {
  const times = await measureGraphs([plain, quantized], {
    scenes,
    reading,
    windows: Math.min(8, Number(values.windows)),
    rounds: Number(values.rounds),
  });
  const [one, other] = times.map(({ long, short, local }) => long + short + local) as [number, number];
  return `${one.toFixed(2)}/${other.toFixed(2)} ${(one / other).toFixed(2)}`;
}

function lineOf(
  variant: string,
  quality: Quality,
  result: MapResult,
  plain: MapResult,
  classes: ModelManifest['classes'],
  { ignore }: ValidationSet,
  megabytes: number,
  manifest: ModelManifest | null,
): string {
  const score = scorePairs(result.counts, { classes, ignore });
  const before = scorePairs(plain.counts, { classes, ignore });
  const kept = manifest?.quantization?.float32.filter(({ reason }) => reason === 'loses accuracy').length;
  return [
    variant.padEnd(14),
    quality.padEnd(9),
    percent(result.agreement).padStart(9),
    percent(score.overallAccuracy!).padStart(6),
    percent(score.meanIou!).padStart(6),
    ((score.meanIou! - before.meanIou!) * 100).toFixed(2).padStart(7),
    `${kept ?? '-'}`.padStart(13),
    megabytes.toFixed(1).padStart(4),
  ].join(' ');
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const { file, sizeBytes } of Object.values((await readModelManifest(folder, false)).graphs)) {
    bytes += sizeBytes;
    if ((await stat(join(folder, file))).size !== sizeBytes) throw new Error(`${folder}: ${file} changed`);
  }
  return bytes / 1e6;
}

function percent(value: number): string {
  return (value * 100).toFixed(2);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
