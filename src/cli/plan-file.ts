import { type Command, Option } from 'commander';
import type { JobPlan } from '../job/plan-schema.ts';
import { addSourceOptions, type SourceFlags, sourceOptionsOf } from './source-options.ts';

/** Flags of every verb that works off a plan. */
export interface PlanFlags extends SourceFlags {
  plan: string;
}

/** Adds {@link PlanFlags} to a verb. */
export function addPlanFlags(command: Command): Command {
  command.addOption(
    new Option('--plan <file>', 'plan that frustum plan wrote: a path or an s3: URL').makeOptionMandatory(),
  );
  return addSourceOptions(command);
}

/** Reads the plan that the flags name. */
export async function readPlanOf(flags: PlanFlags, signal: AbortSignal): Promise<JobPlan> {
  const { locateModel, readJobPlan } = await import('../job/read-plan.ts');
  return locateModel(await readJobPlan(flags.plan, { ...sourceOptionsOf(flags).source, signal }));
}

/** The flags that say how stores are reached, for a worker's command line. */
export function sourceFlagsOf(flags: SourceFlags): readonly string[] {
  const pairs: readonly (readonly [string, string | number | true | undefined])[] = [
    ['--s3-endpoint', flags.s3Endpoint],
    ['--s3-region', flags.s3Region],
    ['--s3-anonymous', flags.s3Anonymous],
    ['--s3-requester-pays', flags.s3RequesterPays],
    ['--read-attempts', flags.readAttempts],
    ['--read-timeout', flags.readTimeout],
  ];
  return pairs.flatMap(([flag, value]) =>
    value === undefined ? [] : value === true ? [flag] : [flag, String(value)],
  );
}
