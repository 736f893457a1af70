/**
 * What runs outside and the code inside agree on: names of environment variables, of command lines and of exit codes. The infrastructure imports
 * this file and nothing else of the project, so it imports nothing itself but the exit codes.
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
  /** One shard, by the environment's index, or by `--index`. */
  runShard: (plan: string) => ['run-shard', '--plan', plan],
  /** All scenes of a plan that are complete, into their outputs. */
  merge: (plan: string) => ['merge', '--plan', plan],
} as const;

/** How a job's process ends: done, failed for good, wrong usage, or worth another attempt. */
export const JOB_EXIT = EXIT;

/** Seconds between a scheduler's SIGTERM and its SIGKILL that the code counts on. */
export const STOP_SECONDS = 20;

/** Most children that one array job of AWS Batch can have, and the fewest. */
export const BATCH_ARRAY_SIZE = { min: 2, max: 10_000 } as const;
