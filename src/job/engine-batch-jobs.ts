import type { AttemptDetail, JobDetail } from '@aws-sdk/client-batch';
import type { BatchPlace } from './engine-batch.ts';
import { openBatch } from './engine-batch-api.ts';
import { logsPage } from './engine-batch-settings.ts';
import type { JobAttempt, Submission, SubmissionStanding } from './submission.ts';

/** Children of arrays that are looked at one by one. */
export const MOST_CHILDREN = 200;

const ENDED: ReadonlySet<string> = new Set(['SUCCEEDED', 'FAILED']);

/**
 * Ids of jobs of a submission that are waiting or running.
 * @throws SourceError where Batch refuses or does not answer
 */
export async function findLiveBatchJobs({ jobs, place }: Submission): Promise<readonly string[]> {
  const api = openBatch((place as BatchPlace).region);
  try {
    const known = await api.describe(jobs.map(({ id }) => id));
    return known.filter(({ status }) => !ENDED.has(status ?? '')).map(({ jobId }) => jobId!);
  } finally {
    api.close();
  }
}

/**
 * Asks Batch how a submission stands, in a bounded number of calls.
 * @param wanted shards to tell of besides those whose job failed: a shard may have failed without its job failing
 * @throws SourceError where Batch refuses or does not answer
 */
export async function readBatchStanding(
  submission: Submission,
  wanted: readonly number[],
): Promise<SubmissionStanding> {
  const place = submission.place as BatchPlace;
  const api = openBatch(place.region);
  try {
    const known = new Map(
      (await api.describe(submission.jobs.map(({ id }) => id))).map((job) => [job.jobId!, job]),
    );
    const children = new Map<string, number>();
    for (const { id, shards } of submission.jobs) {
      const job = known.get(id);
      if (job === undefined || shards.length === 0) continue;
      if (shards.length === 1) {
        if (wanted.includes(shards[0]!) || job.status === 'FAILED') children.set(id, shards[0]!);
        continue;
      }
      const failed = await api.failedChildren(id, MOST_CHILDREN);
      for (const child of failed) children.set(child, shards[Number(child.slice(id.length + 1))]!);
      for (const shard of wanted) {
        const position = shards.indexOf(shard);
        if (position >= 0) children.set(`${id}:${position}`, shard);
      }
    }
    const ids = [...children.keys()].slice(0, MOST_CHILDREN);
    const shards = (await api.describe(ids)).map((job) => ({
      shard: children.get(job.jobId!)!,
      id: job.jobId!,
      ...factsOf(job, place),
    }));
    return {
      engine: submission.engine,
      jobs: submission.jobs.map(({ part, id, logs }) => {
        const job = known.get(id);
        const facts = job && factsOf(job, place);
        const summary = Object.entries(job?.arrayProperties?.statusSummary ?? {}).filter(([, n]) => n > 0);
        return {
          part,
          id,
          logs,
          ...(facts ?? { status: 'FORGOTTEN', reason: '', attempts: [] }),
          children: Object.fromEntries(summary),
        };
      }),
      shards: shards.sort((a, b) => a.shard - b.shard),
    };
  } finally {
    api.close();
  }
}

function factsOf({ status, statusReason, attempts }: JobDetail, place: BatchPlace) {
  return {
    status: status ?? '',
    reason: statusReason ?? '',
    attempts: (attempts ?? []).map((attempt) => attemptOf(attempt, place)),
  };
}

function attemptOf({ container, statusReason }: AttemptDetail, place: BatchPlace): JobAttempt {
  const { exitCode, reason, logStreamName } = container ?? {};
  return {
    exitCode: exitCode ?? null,
    reason: reason ?? statusReason ?? '',
    logs: logStreamName === undefined ? null : logsPage(place, logStreamName),
  };
}
