import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { ConfigError, SourceError } from '../core/errors.ts';
import type { JobPlan } from '../job/plan-schema.ts';
import type { RunLocalReport } from '../job/run-local.ts';
import { addEngineFlags, type EngineFlags, slurmOf, submitByFlags } from './engine-flags.ts';
import { mergeProgress, tellScene } from './merge.ts';
import { addPlanFlags, type PlanFlags, readPlanOf, sourceFlagsOf } from './plan-file.ts';
import type { Progress } from './reporter.ts';
import { sourceOptionsOf } from './source-options.ts';
import { examples, parsePositive, type VerbContext } from './verb.ts';

interface RunFlags extends PlanFlags, EngineFlags {
  workers?: number;
}

export function addRun(program: Command, context: VerbContext): void {
  const command = program
    .command('run')
    .description(
      'do a plan: its shards in processes of their own or as jobs of a scheduler, then the merge; what is done already stays',
    );
  addRunFlags(command, context, [
    'run --plan out/plan.json --workers 2',
    'run --plan out/plan.json --workers 4 --partial',
    'run --plan s3://bucket/maps/plans/1f2e3d4c5b6a.json --engine aws-batch',
  ]);
}

export function addRetry(program: Command, context: VerbContext): void {
  const command = program
    .command('retry')
    .description(
      'do only the shards of a plan that failed, were stopped or are missing, on this machine or as jobs of a scheduler, then the merge',
    );
  addRunFlags(command, context, [
    'retry --plan out/plan.json',
    'retry --plan s3://bucket/maps/plans/1f2e3d4c5b6a.json --engine aws-batch',
    'retry --plan out/plan.json --engine slurm --sbatch "--partition=gpu --time=2:00:00"',
  ]);
}

function addRunFlags(command: Command, context: VerbContext, lines: readonly string[]): void {
  const { reporter, signal } = context;
  addEngineFlags(addPlanFlags(command), true)
    .option(
      '--workers <n>',
      'shards at once (default: as many as have the threads that the plan gives each)',
      parsePositive,
    )
    .option('--partial', 'also merge scenes of which shards failed; their results are marked')
    .addHelpText('after', examples(...lines))
    .action(async (flags: RunFlags) => {
      const { engine = 'local', workers, attempts } = flags;
      const { splitPlanUrl } = await import('../job/plan-url.ts');
      const plan = await readPlanOf(flags, signal);
      const planUrl = splitPlanUrl(flags.plan).url;
      if (engine !== 'local') {
        if (workers !== undefined) {
          throw new ConfigError(
            `--workers is of --engine local; how many shards of ${engine} run at once is the scheduler's`,
            { pointer: '--workers', value: workers },
          );
        }
        await submitByFlags({ ...flags, engine }, plan, planUrl, context);
        return;
      }
      slurmOf(flags);
      const { runLocal } = await import('../job/run-local.ts');
      const progress: Progress = reporter.startProgress('mapping', plan.shardCount, 'shards');
      const report = await runLocal(
        {
          plan,
          planUrl,
          workers: workers ?? Math.max(1, Math.floor(availableParallelism() / processorsOf(plan))),
          workerFlags: sourceFlagsOf(flags),
          ...sourceOptionsOf(flags),
          ...(attempts !== undefined && { attempts }),
          ...(flags.partial && { partial: true }),
        },
        { signal, ...mergeProgress(reporter), onShard: (ended) => progress.update(ended) },
      ).finally(() => progress.stop());
      for (const scene of report.scenes) tellScene(reporter, scene);
      if (report.outcome === 'partial') throw partialError(report);
    });
}

/** Processors that a shard keeps busy. */
function processorsOf({ settings: { threads, workers = 1 } }: JobPlan): number {
  return threads * workers;
}

/** A run of which a part failed ends as a failure, and says which part. */
function partialError({ scenes, failed, refused }: RunLocalReport): SourceError {
  const whole = scenes.filter(({ outcome }) => outcome === 'done').length;
  const words = [
    ...failed.map(({ index, scene, message }) => `${scene}: shard ${index}: ${message}`),
    ...refused.map(({ source, message }) => `${source}: ${message}`),
  ];
  return new SourceError(
    `the run is partial: ${whole} of ${scenes.length + refused.length} scenes are done. ${words.join('; ')}. frustum status shows what is missing, frustum retry does it again`,
    {
      url: scenes.find(({ outcome }) => outcome !== 'done')?.id ?? refused[0]?.source ?? '',
      status: 'partial',
    },
  );
}
