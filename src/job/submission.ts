import type { JobPlan } from './plan-schema.ts';

/** What an engine that hands work to a scheduler is told. */
export interface SubmitOptions {
  readonly plan: JobPlan;
  /** Where the plan file is, as every machine of the scheduler reaches it. */
  readonly planUrl: string;
  /** Shards that are to be done, ascending, at least one. */
  readonly shards: readonly number[];
  /** Also merges scenes of which shards failed; their results are marked partial. */
  readonly partial?: boolean;
  /** What is added to the workers' command line, e.g. how stores are reached. */
  readonly workerFlags?: readonly string[];
  readonly signal?: AbortSignal;
}

/** A job as the scheduler knows it. */
export interface SubmittedJob {
  readonly part: 'shards' | 'merge';
  /** The scheduler's id: an AWS Batch job id, a Slurm job number. */
  readonly id: string;
  /** Shards that it does; none for a merge. */
  readonly shards: readonly number[];
  /** Where its logs are, for people. */
  readonly logs: string;
}

/** What was handed to a scheduler. */
export interface Submission {
  readonly engine: 'aws-batch' | 'slurm';
  /** The plan's id. */
  readonly plan: string;
  /** Arrays of shards first, then the merge that waits for all of them. */
  readonly jobs: readonly SubmittedJob[];
}
