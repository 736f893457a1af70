import type { Command } from 'commander';
import { examples, type VerbContext } from './verb.ts';

interface StacFlags {
  out: string;
  id?: string;
  title?: string;
  description?: string;
}

export function addStac(program: Command, { reporter }: VerbContext): void {
  program
    .command('stac')
    .description('make a STAC Collection of finished runs: collection.json, and an item a run beside it')
    .argument('<runs...>', 'output folders of frustum segment')
    .requiredOption('--out <file>', "the collection's file, e.g. out/collection.json")
    .option('--id <id>', "the collection's id (default: the name of its folder)")
    .option('--title <text>', 'for people (default: the id)')
    .option('--description <text>', 'what the scenes have in common')
    .addHelpText(
      'after',
      examples(
        'stac out/GF2-1 out/GF2-2 --out out/collection.json',
        'stac out/*/ --out out/collection.json --id delta-2024 --title "Delta, 2024"',
      ),
    )
    .action(async (runs: string[], { out, ...texts }: StacFlags) => {
      const { collectRuns } = await import('../pipeline/collect-runs.ts');
      const { collection } = await collectRuns({ runs, out, ...texts });
      reporter.info('collected', { runs: runs.length, id: collection.id, out });
    });
}
