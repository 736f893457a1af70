import type { JobPlan } from './plan-schema.ts';

/** What an engine that hands work to a scheduler is told. */
export interface SubmitOptions {
  readonly plan: JobPlan;
  /** Where the plan file is, as every machine of the scheduler reaches it. */
  readonly planUrl: string;
  /** Shards that are to be done, ascending; none where only the merge is left. */
  readonly shards: readonly number[];
  /** Also merges scenes of which shards failed; their results are marked partial. */
  readonly partial?: boolean;
  /** What is added to the workers' command line, e.g. how stores are reached. */
  readonly workerFlags?: readonly string[];
  /** Told of each job once the scheduler has it, before the next one is handed over; a failure here undoes the submission. */
  readonly onJob?: (job: SubmittedJob) => Promise<void>;
  readonly onWarning?: (message: string) => void;
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
  /** What the engine needs to find the jobs again, e.g. their region. */
  readonly place?: Readonly<Record<string, string>>;
}

/** One attempt at a job, and its own log. */
export interface JobAttempt {
  /** `null` where its machine was lost, or it never began. */
  readonly exitCode: number | null;
  readonly reason: string;
  /** `null` if it wrote none. */
  readonly logs: string | null;
}

/** How a submitted job stands. */
export interface JobStanding extends Omit<SubmittedJob, 'shards'> {
  /** In the scheduler's words; `FORGOTTEN` where it no longer knows the job. */
  readonly status: string;
  readonly reason: string;
  /** Children by status, of an array. */
  readonly children: Readonly<Record<string, number>>;
  /** Of the merge, or a job that does one shard. */
  readonly attempts: readonly JobAttempt[];
}

/** A shard as the scheduler saw it. */
export interface ShardJob {
  readonly shard: number;
  readonly id: string;
  readonly status: string;
  readonly reason: string;
  readonly attempts: readonly JobAttempt[];
}

/** How a submission stands. */
export interface SubmissionStanding {
  readonly engine: Submission['engine'];
  readonly jobs: readonly JobStanding[];
  /** Shards whose job failed, and those that were asked for; of a great many, some. */
  readonly shards: readonly ShardJob[];
}
