import { type Command, Option } from 'commander';
import { ConfigError } from '../core/errors.ts';
import type { JobPlan } from '../job/plan-schema.ts';
import type { Submission } from '../job/submission.ts';
import { type SlurmSettings, SUBMIT_ENGINES } from '../job/submit-plan.ts';
import { sourceFlagsOf } from './plan-file.ts';
import { type SourceFlags, sourceOptionsOf } from './source-options.ts';
import { parsePositive, type VerbContext } from './verb.ts';

/** Flags of verbs that may hand work to a scheduler. */
export interface EngineFlags {
  engine?: 'local' | Submission['engine'];
  partial?: true;
  again?: true;
  attempts?: number;
  limit?: number;
  sbatch?: readonly string[];
  mergeSbatch?: readonly string[];
  logs?: string;
}

/**
 * Adds {@link EngineFlags} to a verb.
 * @param local whether the verb can do the work on this machine too, which it then does unless told
 */
export function addEngineFlags(command: Command, local: boolean): Command {
  const engine = new Option(
    '--engine <name>',
    local
      ? 'where the shards run; schedulers get all of it at once, and this command does not wait'
      : 'also hands the plan to a scheduler, and does not wait for it',
  ).choices([...(local ? ['local'] : []), ...SUBMIT_ENGINES]);
  return command
    .addOption(local ? engine.default('local') : engine)
    .option('--again', 'with a scheduler: also while jobs of the same plan are under way')
    .option(
      '--attempts <n>',
      'attempts at a shard that was killed or asked to try again (default: local 3, slurm 10; aws-batch: as its job definition says)',
      parsePositive,
    )
    .option(
      '--limit <n>',
      'slurm: shards under way at once (default: as many as the cluster lets)',
      parsePositive,
    )
    .option('--sbatch <options>', 'slurm: options of sbatch, e.g. "--partition=gpu --account=x"', gather)
    .option('--merge-sbatch <options>', 'slurm: further ones for the merge, which needs no GPU', gather)
    .option(
      '--logs <folder>',
      'slurm: folder that all nodes write to, for logs/ (default: where the outputs are)',
    );
}

/** Hands what is open of a plan to the engine that the flags name, and says what became of it. */
export async function submitByFlags(
  flags: EngineFlags & SourceFlags & { readonly engine: Submission['engine'] },
  plan: JobPlan,
  planUrl: string,
  { reporter, signal, print }: VerbContext,
): Promise<void> {
  const slurm = slurmOf(flags);
  const { submitPlan } = await import('../job/submit-plan.ts');
  const submission = await submitPlan({
    engine: flags.engine,
    plan,
    planUrl,
    workerFlags: sourceFlagsOf(flags),
    ...sourceOptionsOf(flags),
    ...(flags.partial && { partial: true }),
    ...(flags.again && { again: true }),
    ...(flags.engine === 'slurm' && { slurm }),
    onWarning: (message) => reporter.warn(message),
    signal,
  });
  if (submission === null) {
    reporter.info('nothing to submit: all of it is done', { plan: planUrl });
    return;
  }
  const { engine, jobs } = submission;
  reporter.info('submitted', { engine, jobs: jobs.map(({ id }) => id) });
  for (const { part, id, shards, logs } of jobs) {
    const what = part === 'merge' ? 'merge' : `${shards.length} shard${shards.length === 1 ? '' : 's'}`;
    print(`${engine.padEnd(9)} ${what.padEnd(13)} ${id}  ${logs}`);
  }
}

/**
 * What the flags say to Slurm.
 * @throws ConfigError where they are given for another engine
 */
export function slurmOf({ engine, attempts, limit, sbatch, mergeSbatch, logs }: EngineFlags): SlurmSettings {
  const own = { limit, sbatch, 'merge-sbatch': mergeSbatch, logs };
  const given = Object.entries(own).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`]));
  if (engine === 'aws-batch' && attempts !== undefined) given.push('--attempts');
  if (given.length > 0 && engine !== 'slurm') {
    throw new ConfigError(
      engine === 'aws-batch'
        ? `${given.join(', ')}: with --engine aws-batch its queue and its job definition say that; leave it out`
        : `${given.join(', ')}: only --engine slurm takes that; leave it out`,
      { pointer: given[0]! },
    );
  }
  return {
    ...(attempts !== undefined && { attempts }),
    ...(limit !== undefined && { limit }),
    ...(sbatch && { sbatch }),
    ...(mergeSbatch && { mergeSbatch }),
    ...(logs !== undefined && { logsIn: logs }),
  };
}

/** An option that may be given several times. */
function gather(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
