import type { Command } from 'commander';
import { formatEvaluation } from '../evaluate/format-evaluation.ts';
import { writeFileAtomic } from '../io/atomic-file.ts';
import { readClasses } from '../pipeline/read-classes.ts';
import { addSourceOptions, type SourceFlags, sourceOptionsOf } from './source-options.ts';
import { examples, parseClassIds, type VerbContext } from './verb.ts';

interface EvaluateFlags extends SourceFlags {
  pred: string;
  truth: string;
  classes?: string;
  ignore?: number[];
  average?: number[];
  json?: string | true;
}

export function addEvaluate(program: Command, { print, signal }: VerbContext): void {
  const command = program
    .command('evaluate')
    .description(
      'score a class raster against the truth: confusion matrix, OA, kappa, mIoU, mF1, every class',
    )
    .requiredOption('--pred <raster>', 'the map')
    .requiredOption('--truth <raster>', 'what is really there: a raster of the same size')
    .option(
      '--ignore <ids>',
      'truth values that stand for no knowledge, e.g. 0 (255 always does)',
      parseClassIds,
    )
    .option(
      '--average <ids>',
      'classes that the means are taken over (default: those in the truth)',
      parseClassIds,
    )
    .option(
      '--classes <file>',
      "JSON with class names, e.g. a model's manifest.json (default: the rasters' own)",
    )
    .option('--json [file]', 'the result as JSON, to a file or (without one) to standard output')
    .addHelpText(
      'after',
      examples(
        'evaluate --pred out/landcover.tif --truth truth.tif --ignore 0',
        'evaluate --pred out/landcover.tif --truth truth.tif --json scores.json',
      ),
    )
    .action(async (flags: EvaluateFlags) => {
      const { evaluate } = await import('../pipeline/evaluate.ts');
      const evaluation = await evaluate({
        predicted: flags.pred,
        truth: flags.truth,
        ...(flags.ignore && { ignore: flags.ignore }),
        ...(flags.average && { averageOver: flags.average }),
        ...(flags.classes !== undefined && { classes: await readClasses(flags.classes) }),
        ...sourceOptionsOf(flags),
        signal,
      });
      const json = JSON.stringify(evaluation, null, 2);
      if (flags.json === true) print(json);
      else print(formatEvaluation(evaluation).trimEnd());
      if (typeof flags.json === 'string') await writeFileAtomic(flags.json, `${json}\n`);
    });
  addSourceOptions(command);
}
