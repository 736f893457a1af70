import { randomUUID } from 'node:crypto';
import type { SubmitJobCommandInput } from '@aws-sdk/client-batch';
import { AbortedError, ConfigError, isFrustumError, SourceError } from '../core/errors.ts';
import { localPathOf } from '../io/urls.ts';
import { BATCH_DEPENDENCIES, BATCH_PLAN_PARAMETER, JOB_COMMANDS, JOB_TAG_PREFIX } from './contract.ts';
import { type BatchApi, openBatch } from './engine-batch-api.ts';
import { type BatchSettings, logsPage, readBatchSettings } from './engine-batch-settings.ts';
import type { JobPlan } from './plan-schema.ts';
import { cutShardLists, joinPlanUrl } from './plan-url.ts';
import type { Submission, SubmitOptions, SubmittedJob } from './submission.ts';

export interface SubmitToBatchOptions extends SubmitOptions {
  /** Where {@link BATCH_VARIABLES} are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Hands shards and their merge to AWS Batch: an array job for every 10,000 shards (a plain job for a single one), and a merge
 * that waits for all of them. The queues say which machines come (spot, on demand behind it), the job definitions what runs
 * and how often it is tried again. If anything fails on the way, what was submitted is taken back.
 * @throws ConfigError if variables are missing, or the shards are too many or too scattered; SourceError where Batch refuses or
 *   does not answer; AbortedError
 */
export async function submitToBatch(options: SubmitToBatchOptions): Promise<Submission> {
  const { plan, planUrl, shards, workerFlags = [], partial } = options;
  const settings = readBatchSettings(options.env);
  const lists = cutShardLists(shards);
  if (lists.length > BATCH_DEPENDENCIES) {
    throw new ConfigError(
      `${shards.length} shards make ${lists.length} array jobs, and a merge can wait for ${BATCH_DEPENDENCIES}: an array does 10,000 shards, or fewer where they are scattered. Plan fewer scenes at once`,
      { pointer: '--plan', value: lists.length },
    );
  }
  warnOfLocalPaths(plan, planUrl, options.onWarning);
  const api = openBatch(settings.region);
  const submitted: SubmittedJob[] = [];
  const submit = async (job: Omit<SubmittedJob, 'id' | 'logs'>, input: SubmitJobCommandInput) => {
    if (options.signal?.aborted) throw new AbortedError('the submission was stopped');
    const id = await api.submit(input);
    const made = { ...job, id, logs: logsPage(settings) };
    submitted.push(made);
    await options.onJob?.(made);
  };
  // No two submissions have jobs of one name, so that a job can be found by it.
  const name = `frustum-${plan.id}-${randomUUID().slice(0, 8)}`;
  try {
    for (const [i, list] of lists.entries()) {
      const url = joinPlanUrl({ url: planUrl, shards: isCounted(list) ? null : list });
      await submit(
        { part: 'shards', shards: list },
        {
          ...jobOf(
            plan,
            'shards',
            url,
            workerFlags.length > 0 && JOB_COMMANDS.runShardOfArray(url),
            workerFlags,
          ),
          jobName: lists.length === 1 ? `${name}-shards` : `${name}-shards-${i + 1}`,
          jobQueue: settings.shardQueue,
          jobDefinition: settings.shardDefinition,
          ...(list.length > 1 && { arrayProperties: { size: list.length } }),
        },
      );
    }
    const flags = [...workerFlags, ...(partial ? ['--partial'] : [])];
    await submit(
      { part: 'merge', shards: [] },
      {
        ...jobOf(plan, 'merge', planUrl, flags.length > 0 && JOB_COMMANDS.merge(planUrl), flags),
        jobName: `${name}-merge`,
        jobQueue: settings.mergeQueue,
        jobDefinition: settings.mergeDefinition,
        ...(submitted.length > 0 && { dependsOn: submitted.map(({ id }) => ({ jobId: id })) }),
      },
    );
    return { engine: 'aws-batch', plan: plan.id, jobs: submitted, place: placeOf(settings) };
  } catch (error) {
    throw submitted.length === 0 ? error : await takeBack(api, submitted, error);
  } finally {
    api.close();
  }
}

/** What {@link Submission}.place says of a submission to Batch. */
export type BatchPlace = Readonly<Record<'region' | 'partition' | 'logGroup', string>>;

function placeOf({ region, partition, logGroup }: BatchSettings): BatchPlace {
  return { region, partition, logGroup };
}

/** Whether child `i` of an array does shard `i`. */
function isCounted(list: readonly number[]): boolean {
  return list.length > 1 && list.every((shard, i) => shard === i);
}

/** @param command instead of the job definition's own, which takes the plan's URL and no flags */
function jobOf(
  plan: JobPlan,
  part: SubmittedJob['part'],
  url: string,
  command: readonly string[] | false,
  flags: readonly string[],
) {
  return {
    parameters: { [BATCH_PLAN_PARAMETER]: url },
    ...(command !== false && { containerOverrides: { command: [...command, ...flags] } }),
    tags: {
      [`${JOB_TAG_PREFIX}plan`]: plan.id,
      [`${JOB_TAG_PREFIX}version`]: plan.frustum,
      [`${JOB_TAG_PREFIX}part`]: part,
    },
    propagateTags: true,
  };
}

function warnOfLocalPaths(plan: JobPlan, planUrl: string, warn: SubmitOptions['onWarning']): void {
  const places = [planUrl, plan.to, ...plan.scenes.map(({ source }) => source)];
  const local = places.filter((place) => !place.startsWith('@') && localPathOf(place) !== null);
  if (local.length === 0) return;
  warn?.(
    `${local[0]}${local.length > 1 ? ` and ${local.length - 1} more` : ''}: a path of this machine; jobs on AWS Batch find it only where a shared file system has it under the same name, so give s3: URLs`,
  );
}

/** Ends what was submitted before something failed, and says whether that worked. */
async function takeBack(api: BatchApi, jobs: readonly SubmittedJob[], failure: unknown): Promise<Error> {
  const ended = await Promise.allSettled(
    jobs.map(({ id }) => api.terminate(id, 'frustum: the submission that this job is part of failed')),
  );
  const left = jobs.filter((_, i) => ended[i]!.status === 'rejected').map(({ id }) => id);
  const gone = jobs.filter((_, i) => ended[i]!.status === 'fulfilled').map(({ id }) => id);
  const what = failure instanceof Error ? failure.message : String(failure);
  const told = gone.length === 0 ? '' : `; submitted before and cancelled: ${gone.join(', ')}`;
  const rest =
    left.length === 0
      ? '; nothing is under way'
      : `; still under way, since it could not be cancelled: ${left.join(', ')}: aws batch terminate-job --reason cancelled --job-id ID ends it`;
  const message = `${what}${told}${rest}`;
  if (isFrustumError(failure) && failure.tag === 'AbortedError')
    return new AbortedError(message, { cause: failure });
  const known = isFrustumError(failure) && failure.tag === 'SourceError' ? failure : null;
  return new SourceError(message, {
    url: known?.url ?? 'AWS Batch',
    status: known?.status ?? null,
    // Once more only by someone who has looked: jobs may still be under way.
    retryable: left.length === 0 && (known?.retryable ?? false),
    cause: failure,
  });
}
