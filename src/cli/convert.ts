import { type Command, Option } from 'commander';
import { examples, type VerbContext } from './verb.ts';

interface ConvertFlags {
  out: string;
  preset: string;
  dtype: 'float32' | 'float16';
  labels?: true;
  fullScores?: true;
  name?: string;
}

export function addConvert(program: Command, { reporter, signal }: VerbContext): void {
  program
    .command('convert')
    .description(
      'SFR-Net checkpoint (.pth) to ONNX graphs and manifest.json; nothing in the checkpoint is executed',
    )
    .argument('<checkpoint>', 'checkpoint as mmengine or torch.save writes it')
    .requiredOption('--out <dir>', 'model folder to write')
    .requiredOption(
      '--preset <name|file>',
      "gid, fbps, inria, or a JSON file with what the weights' shapes don't tell",
    )
    .addOption(
      new Option('--dtype <type>', 'weights and arithmetic')
        .choices(['float32', 'float16'])
        .default('float32'),
    )
    .option('--labels', 'also put the class decision (first maximum) into the local graph')
    .option(
      '--full-scores',
      "upsample scores to the window's size inside the graph (default: the head's quarter size)",
    )
    .option('--name <name>', "model name (default: the output folder's name)")
    .addHelpText(
      'after',
      examples(
        'convert iter_320000_gid.pth --out models/sfrnet-gid --preset gid',
        'convert mine.pth --out models/mine --preset mine.json --dtype float16',
      ),
    )
    .action(async (checkpointPath: string, flags: ConvertFlags) => {
      const { convertCheckpoint } = await import('../convert/convert.ts');
      const manifest = await convertCheckpoint({
        checkpointPath,
        outDir: flags.out,
        preset: flags.preset,
        dtype: flags.dtype,
        labels: flags.labels ?? false,
        scoreStride: flags.fullScores ? 1 : 4,
        ...(flags.name === undefined ? {} : { name: flags.name }),
        signal,
      });
      reporter.info('converted', {
        model: manifest.name,
        parameters: manifest.parameters,
        out: flags.out,
        // The weights can't confirm these: a wrong preset shows only in the map.
        fromPreset: {
          classes: manifest.classes.length,
          window: manifest.window,
          distances: manifest.distances,
          padTo: manifest.padTo,
          geometry: manifest.geometry,
        },
      });
    });
}
