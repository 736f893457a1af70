import { type Command, Option } from 'commander';
import type { JobPlan } from '../job/plan-schema.ts';
import type { Submission } from '../job/submission.ts';
import { SUBMIT_ENGINES } from '../job/submit-plan.ts';
import { sourceFlagsOf } from './plan-file.ts';
import { type SourceFlags, sourceOptionsOf } from './source-options.ts';
import type { VerbContext } from './verb.ts';

/** Flags of verbs that may hand work to a scheduler. */
export interface EngineFlags {
  engine?: 'local' | Submission['engine'];
  partial?: true;
  again?: true;
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
    .option('--again', 'with a scheduler: also while jobs of the same plan are under way');
}

/** Hands what is open of a plan to the engine that the flags name, and says what became of it. */
export async function submitByFlags(
  flags: EngineFlags & SourceFlags & { readonly engine: Submission['engine'] },
  plan: JobPlan,
  planUrl: string,
  { reporter, signal, print }: VerbContext,
): Promise<void> {
  const { submitPlan } = await import('../job/submit-plan.ts');
  const submission = await submitPlan({
    engine: flags.engine,
    plan,
    planUrl,
    workerFlags: sourceFlagsOf(flags),
    ...sourceOptionsOf(flags),
    ...(flags.partial && { partial: true }),
    ...(flags.again && { again: true }),
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
