import { ConfigError } from '../core/errors.ts';
import type { SourceOptions } from '../io/source-options.ts';
import type { SubmitToSlurmOptions } from './engine-slurm.ts';
import { type JobStatus, openShards, readJobStatus } from './job-status.ts';
import { openObjectStore } from './object-store.ts';
import type { JobPlan } from './plan-schema.ts';
import type { Submission, SubmissionStanding, SubmitOptions, SubmittedJob } from './submission.ts';
import { keepSubmission, readSubmissions } from './submissions.ts';

/** What hands work to a scheduler. */
interface Engine {
  submit(options: SubmitOptions & { readonly slurm?: SlurmSettings }): Promise<Submission>;
  /** Ids of jobs of an earlier submission that are waiting or running. */
  findLive(submission: Submission): Promise<readonly string[]>;
  /** How a submission stands; `shards` are told of besides those whose job failed. */
  readStanding(submission: Submission, shards: readonly number[]): Promise<SubmissionStanding>;
}

type EngineName = Submission['engine'];

/** What only Slurm is told. */
export type SlurmSettings = Pick<
  SubmitToSlurmOptions,
  'limit' | 'attempts' | 'sbatch' | 'mergeSbatch' | 'logsIn'
>;

/** Engines by name; each is loaded when it is used. */
const ENGINES: Readonly<Record<EngineName, () => Promise<Engine>>> = {
  'aws-batch': async () => {
    const { submitToBatch } = await import('./engine-batch.ts');
    const { findLiveBatchJobs, readBatchStanding } = await import('./engine-batch-jobs.ts');
    return {
      readStanding: readBatchStanding,
      submit: (options) => submitToBatch({ ...options, env: process.env }),
      findLive: findLiveBatchJobs,
    };
  },
  slurm: async () => {
    const { submitToSlurm } = await import('./engine-slurm.ts');
    const { findLiveSlurmJobs, readSlurmStanding } = await import('./engine-slurm-jobs.ts');
    return {
      submit: ({ slurm, ...options }) => submitToSlurm({ ...options, ...slurm }),
      findLive: findLiveSlurmJobs,
      readStanding: readSlurmStanding,
    };
  },
};

/** Names of the engines that plans can be submitted to. */
export const SUBMIT_ENGINES = Object.keys(ENGINES) as readonly EngineName[];

export interface SubmitPlanOptions extends Omit<SubmitOptions, 'shards' | 'onJob'> {
  readonly engine: EngineName;
  /** Submits although jobs of an earlier submission of this plan are under way. */
  readonly again?: boolean;
  readonly slurm?: SlurmSettings;
  readonly source?: SourceOptions;
}

/**
 * Hands what is open of a plan to a scheduler: shards that are not done, then the merge. What was handed over is kept in the
 * plan's store, job by job, so that it is known even if this process ends on the way.
 * @returns `null` if all of it is done
 * @throws ConfigError if jobs of this plan are under way; SourceError; what the engine throws
 */
export async function submitPlan(options: SubmitPlanOptions): Promise<Submission | null> {
  const { plan, engine: name, source, signal } = options;
  const status = await readJobStatus(plan, source, signal);
  if (isDone(status)) return null;
  const engine = await ENGINES[name]();
  const store = await openObjectStore(plan.to, source);
  if (!options.again) await refuseTwice(plan, await readSubmissions(store, plan.id, source));
  const record = await keepSubmission(store, plan.id);
  const jobs: SubmittedJob[] = [];
  const submission = await engine.submit({
    plan,
    planUrl: options.planUrl,
    shards: openShards(status),
    ...(options.partial && { partial: true }),
    ...(options.workerFlags && { workerFlags: options.workerFlags }),
    ...(options.slurm && { slurm: options.slurm }),
    ...(options.onWarning && { onWarning: options.onWarning }),
    ...(signal && { signal }),
    onJob: async (job) => {
      jobs.push(job);
      await record.write({ engine: name, plan: plan.id, jobs });
    },
  });
  await record.write(submission);
  return submission;
}

function isDone({ scenes }: JobStatus): boolean {
  return scenes.every(({ standing }) => standing === 'merged');
}

/** @throws ConfigError naming the jobs that would do the same work */
async function refuseTwice(plan: JobPlan, submissions: readonly Submission[]): Promise<void> {
  for (const submission of submissions) {
    const engine = await ENGINES[submission.engine]();
    const live = await engine.findLive(submission);
    if (live.length === 0) continue;
    const cut = submission.jobs.some(({ part }) => part === 'merge')
      ? ''
      : ' (its submission was cut short: no merge waits for them)';
    throw new ConfigError(
      `plan ${plan.id} was submitted to ${submission.engine}, and jobs of it are under way${cut}: ${live.join(', ')}. frustum status shows how far they are; --again submits what is open a second time all the same`,
      { pointer: '--again', value: live },
    );
  }
}

/**
 * How the newest submission of a plan stands, as its scheduler says.
 * @returns `null` if it was never submitted
 * @throws SourceError where the store or the scheduler does not answer
 */
export async function readSubmissionStanding(
  plan: JobPlan,
  status: JobStatus,
  source: SourceOptions = {},
): Promise<SubmissionStanding | null> {
  const submission = (await readSubmissions(await openObjectStore(plan.to, source), plan.id, source)).at(-1);
  if (submission === undefined) return null;
  const engine = await ENGINES[submission.engine]();
  const troubled = status.scenes.flatMap(({ shards }) =>
    shards
      .filter(({ standing }) => standing === 'failed' || standing === 'stopped')
      .map(({ index }) => index),
  );
  return engine.readStanding(submission, troubled);
}
