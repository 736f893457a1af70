import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { RANGE_METHODS, type RangeMethod } from '../convert/quantize/ranges.ts';
import { INTEGER_FOLDER } from '../model/manifest.ts';
import type { BandChoice } from '../scene/select-bands.ts';
import type { Stretch } from '../scene/stretch.ts';
import type { Progress } from './reporter.ts';
import { addSourceOptions, type SourceFlags, sourceOptionsOf } from './source-options.ts';
import { parseStretch, STRETCH_HELP } from './stretch.ts';
import { BANDS_HELP, examples, parseBands, parsePositive, type VerbContext } from './verb.ts';

interface QuantizeFlags extends SourceFlags {
  scene: readonly string[];
  out?: string;
  windows?: number;
  agreement?: number;
  ranges?: RangeMethod;
  weightBits?: '7' | '8';
  name?: string;
  bands?: BandChoice;
  stretch?: Stretch;
  threads?: number;
}

const LABELS = {
  reading: ['reading', 'windows'],
  ranges: ['measuring ranges', 'runs'],
  checking: ['checking', 'runs'],
  ranking: ['ranking layers', 'runs'],
  writing: ['writing', 'bytes'],
} as const;

export function addQuantize(program: Command, { reporter, signal }: VerbContext): void {
  const command = program
    .command('quantize')
    .description(
      'a converted model in 8-bit integers, faster on CPUs; calibrated on scenes, and left in float32 where that loses too much',
    )
    .argument('<model>', 'folder of a float32 model, as frustum convert writes it')
    .addOption(
      new Option(
        '--scene <url>',
        'a GeoTIFF like those to be mapped, to calibrate on; again for more scenes (but not those you judge by)',
      )
        .argParser((url: string, before: readonly string[] = []) => [...before, url])
        .makeOptionMandatory(),
    )
    .option(
      '--out <dir>',
      `model folder to write; must be new (default: ${INTEGER_FOLDER} in the model's folder, where --quality fast finds it)`,
    )
    .option(
      '--windows <n>',
      'windows to measure ranges on; as many others judge the result (default: 32)',
      parsePositive,
    )
    .option(
      '--agreement <percent>',
      'least share of those whose class must stay; layers stay in float32 until it does (default: 99)',
      parseShare,
    )
    .addOption(
      new Option(
        '--ranges <how>',
        'what 8 bits of an activation span: all that was seen, or less (default: minmax)',
      ).choices(RANGE_METHODS),
    )
    .addOption(
      new Option(
        '--weight-bits <n>',
        '7 is right on any processor; 8, a little closer, needs VNNI (x86) or ARM wherever the model runs (default: 7)',
      ).choices(['7', '8']),
    )
    .option('--name <name>', "model name (default: the float32 model's, with -int8)")
    .option('--bands <r,g,b>', `${BANDS_HELP} (default: 1,2,3)`, parseBands)
    .option('--stretch <how>', STRETCH_HELP, parseStretch)
    .option('--threads <n>', 'threads of the network (default: all processors)', parsePositive)
    .addHelpText(
      'after',
      examples(
        'quantize models/sfrnet-gid --scene GF2_1.tif --scene GF2_2.tif',
        'quantize models/mine --scene s3://bucket/scene.tif --bands 3,2,1 --windows 64 --agreement 99.5 --out models/mine-int8',
      ),
    )
    .action(async (model: string, flags: QuantizeFlags) => {
      const { quantizeModel } = await import('../pipeline/quantize/quantize-model.ts');
      let progress: Progress | null = null;
      let last = { step: '', done: 0 };
      const manifest = await quantizeModel({
        model,
        scenes: flags.scene,
        ...(flags.out !== undefined && { outDir: flags.out }),
        ...(flags.windows !== undefined && { windows: flags.windows }),
        ...(flags.agreement !== undefined && { agreement: flags.agreement }),
        ...(flags.ranges && { ranges: flags.ranges }),
        ...(flags.weightBits && { weightBits: flags.weightBits === '8' ? 8 : 7 }),
        ...(flags.name !== undefined && { name: flags.name }),
        ...(flags.bands && { bands: flags.bands }),
        ...(flags.stretch && { stretch: flags.stretch }),
        ...(flags.threads !== undefined && { threads: flags.threads }),
        ...sourceOptionsOf(flags),
        signal,
        onWarning: (message) => reporter.warn(message),
        onProgress: ({ step, done, total }) => {
          // The same step may come again: it then counts from the start.
          if (step !== last.step || done < last.done) {
            progress?.stop();
            progress = reporter.startProgress(LABELS[step][0], total, LABELS[step][1]);
          }
          last = { step, done };
          progress?.update(done);
        },
      }).finally(() => progress?.stop());
      const { quantization } = manifest;
      reporter.info('quantized', {
        model: manifest.name,
        out: flags.out ?? join(model, INTEGER_FOLDER),
        agreement: quantization?.agreement,
        layers: quantization?.layers,
        work: quantization?.work,
        float32: quantization?.float32.map(({ layer }) => layer),
      });
    });
  addSourceOptions(command);
}

function parseShare(text: string): number {
  const percent = text.trim() === '' ? Number.NaN : Number(text);
  if (!(percent >= 0 && percent <= 100)) throw new InvalidArgumentError('expected a percentage, 0 to 100');
  return percent / 100;
}
