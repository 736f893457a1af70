import type { Command } from 'commander';
import { metricsOfFailure, tellMetrics } from './job-metrics.ts';
import { addPlanFlags, type PlanFlags, readPlanOf } from './plan-file.ts';
import type { Progress } from './reporter.ts';
import { sourceOptionsOf } from './source-options.ts';
import { examples, parseCount, parseMemory, type VerbContext } from './verb.ts';

interface RunShardFlags extends PlanFlags {
  index?: number;
  checkpointSeconds?: number;
  memory?: number;
  leaveFailure?: true;
}

export function addRunShard(program: Command, { reporter, signal, print }: VerbContext): void {
  addPlanFlags(
    program.command('run-shard').description('do one shard of a plan, or go on with it; for array jobs'),
  )
    .option(
      '--index <n>',
      'which one, from 0 (default: AWS_BATCH_JOB_ARRAY_INDEX, SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX)',
      parseCount,
    )
    .option(
      '--checkpoint-seconds <n>',
      'finished rows are put away so often, so that a killed attempt loses no more (default: 120)',
      parseCount,
    )
    .option('--memory <MiB>', 'what it may take (default: what the plan says)', parseMemory)
    .option(
      '--leave-failure',
      'end well also where the shard failed for good and its state in the store says so: frustum merge then names it. For arrays whose merge is only started if no child fails (AWS Batch)',
    )
    .addHelpText(
      'after',
      examples(
        'run-shard --plan out/plan.json --index 3',
        'run-shard --plan s3://bucket/maps/plans/1f2e3d4c5b6a.json',
      ),
    )
    .action(async (flags: RunShardFlags) => {
      const { isFailureKept, runShard } = await import('../job/run-shard.ts');
      const { chooseShardIndex } = await import('../job/read-plan.ts');
      const { splitPlanUrl } = await import('../job/plan-url.ts');
      const index = chooseShardIndex(flags.index, process.env, splitPlanUrl(flags.plan).shards);
      const plan = await readPlanOf(flags, signal);
      let progress: Progress | null = null;
      const shard = { plan, index, ...sourceOptionsOf(flags) };
      const report = await runShard(
        {
          ...shard,
          ...(flags.checkpointSeconds !== undefined && { checkpointSeconds: flags.checkpointSeconds }),
          ...(flags.memory !== undefined && { memoryBytes: flags.memory }),
        },
        {
          signal,
          onStart: (windows) => {
            progress = reporter.startProgress('mapping', windows, 'windows');
          },
          onWindow: (done) => progress?.update(done),
          onWarning: (message) => reporter.warn(message),
        },
      )
        .catch(async (error: unknown) => {
          const metrics = metricsOfFailure(error, signal.aborted);
          tellMetrics(print, metrics, { plan: plan.id, shard: index });
          const left =
            flags.leaveFailure && metrics.ShardsFailed === 1 && (await isFailureKept(shard, error));
          if (!left) throw error;
          reporter.error('failed; the merge will say so', error);
          return null;
        })
        .finally(() => progress?.stop());
      if (report === null) return;
      tellMetrics(
        print,
        {
          ShardsDone: 1,
          ShardSeconds: report.seconds,
          Windows: report.windows,
          BytesRead: report.bytesRead,
          PeakMemoryBytes: report.took.peakMemoryBytes,
        },
        { plan: plan.id, scene: report.scene, shard: index },
      );
      reporter.info(report.alreadyDone ? 'already done; nothing changed' : 'done', { ...report });
    });
}
