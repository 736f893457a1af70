/**
 * What runs outside and the code inside agree on: names of environment variables, of command lines, of exit codes and of
 * metrics. The infrastructure imports this file and nothing else of the project, so it imports nothing itself but the exit codes.
 */
import { EXIT } from '../core/errors.ts';

/** Environment variables that tell an array child which shard is its own, in the order in which they are asked. */
export const SHARD_INDEX_VARIABLES = [
  'AWS_BATCH_JOB_ARRAY_INDEX',
  'SLURM_ARRAY_TASK_ID',
  'JOB_COMPLETION_INDEX',
] as const;

/** Command lines (arguments of `frustum`) that engines start; `plan` is the URL of a plan file. */
export const JOB_COMMANDS = {
  /** Plans what is not done yet of `scenes` (a URL or a prefix), and hands the plan to AWS Batch. */
  planOnBatch: ({ scenes, pipeline, out, provider, threads }: PlanOnBatch) => [
    ...['plan', scenes, '--pipeline', pipeline, '--out', out],
    ...['--provider', provider, '--threads', String(threads), '--engine', 'aws-batch'],
  ],
  /** One shard, by the environment's index, or by `--index`. */
  runShard: (plan: string) => ['run-shard', '--plan', plan],
  /**
   * One shard, where a merge waits for the whole array and a scheduler that starts it only if every child succeeded (AWS
   * Batch): a shard that failed for good, and whose state in the store says so, ends well, and the merge fails in its place.
   */
  runShardOfArray: (plan: string) => ['run-shard', '--plan', plan, '--leave-failure'],
  /** All scenes of a plan that are complete, into their outputs. */
  merge: (plan: string) => ['merge', '--plan', plan],
} as const;

/** What {@link JOB_COMMANDS}.planOnBatch is told. */
export interface PlanOnBatch {
  readonly scenes: string;
  /** A pipeline file where the job runs. */
  readonly pipeline: string;
  /** URL of the folder that plans and outputs go to. */
  readonly out: string;
  /** Execution provider of the shards. */
  readonly provider: string;
  /** Threads of the shards, which have other machines than the plan. */
  readonly threads: number;
}

/** How a job's process ends: done, failed for good, wrong usage, or worth another attempt. */
export const JOB_EXIT = EXIT;

/** Seconds between a scheduler's SIGTERM and its SIGKILL that the code counts on. */
export const STOP_SECONDS = 20;

/** Most children that one array job of AWS Batch can have, and the fewest. */
export const BATCH_ARRAY_SIZE = { min: 2, max: 10_000 } as const;

/** Most jobs that one job of AWS Batch can wait for. */
export const BATCH_DEPENDENCIES = 20;

/** Environment variables that tell the AWS Batch engine where it submits to: ARNs of queues and job definitions, a log group's name. */
export const BATCH_VARIABLES = {
  shardQueue: 'FRUSTUM_BATCH_SHARD_QUEUE',
  shardDefinition: 'FRUSTUM_BATCH_SHARD_DEFINITION',
  mergeQueue: 'FRUSTUM_BATCH_MERGE_QUEUE',
  mergeDefinition: 'FRUSTUM_BATCH_MERGE_DEFINITION',
  logGroup: 'FRUSTUM_BATCH_LOG_GROUP',
} as const;

/** The parameter of the job definitions that names the plan: their commands say `Ref::plan`, a submission gives `parameters: { plan }`. */
export const BATCH_PLAN_PARAMETER = 'plan';

/** Keys of tags that submitted jobs may carry begin so. */
export const JOB_TAG_PREFIX = 'frustum:';

/** The tag of objects that a later step makes superfluous (shard rasters, shared features); the bucket forgets them after some days. */
export const INTERMEDIATE_TAG = { key: 'frustum', value: 'intermediate' } as const;

/** CloudWatch metrics of jobs, written as embedded metrics; they have no dimensions, so that a run costs no new metric. */
export const METRICS = {
  namespace: 'Frustum',
  /** Unit of each metric by its name. */
  units: {
    RunsPlanned: 'Count',
    ScenesPlanned: 'Count',
    ShardsPlanned: 'Count',
    ShardsDone: 'Count',
    /** Ended with "try again": reclaimed machines, stores that did not answer. */
    ShardsStopped: 'Count',
    ShardsFailed: 'Count',
    ShardSeconds: 'Seconds',
    Windows: 'Count',
    BytesRead: 'Bytes',
    PeakMemoryBytes: 'Bytes',
    ScenesDone: 'Count',
    ScenesPartial: 'Count',
    ScenesFailed: 'Count',
  },
} as const;

export type MetricName = keyof typeof METRICS.units;
