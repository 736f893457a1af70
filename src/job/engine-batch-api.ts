import {
  BatchClient,
  DescribeJobsCommand,
  type JobDetail,
  ListJobsCommand,
  SubmitJobCommand,
  type SubmitJobCommandInput,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import { SourceError } from '../core/errors.ts';
import { createProxyAgents, namedProxies } from '../io/proxies.ts';
import { Hiccup, retry } from '../io/retry.ts';

/** The calls of AWS Batch that the engine makes. */
export interface BatchApi {
  /**
   * Submits a job, once: where an answer is lost, the queue is asked for a job of that name before anything is sent again.
   * @param input its name must be no other job's
   * @returns the job's id
   */
  submit(input: SubmitJobCommandInput): Promise<string>;
  /** Jobs by id; ids that Batch has forgotten (it does so some days after their end) are left out. */
  describe(ids: readonly string[]): Promise<readonly JobDetail[]>;
  /** Ids of an array's children that failed, at most `most`. */
  failedChildren(arrayId: string, most: number): Promise<readonly string[]>;
  /** Ends a job, or all children of an array. */
  terminate(id: string, reason: string): Promise<void>;
  close(): void;
}

const ATTEMPTS = 8;
/** Ids that one DescribeJobs takes. */
const PAGE = 100;

/**
 * Asks AWS Batch in a region, with credentials from the AWS environment. Calls that change nothing are tried again by the SDK,
 * which slows down as a whole where Batch asks for it (`adaptive`).
 * @throws (its calls) SourceError, retryable where the same call may work later
 */
export function openBatch(region: string): BatchApi {
  // See createS3Client: the SDK's wish for a newer Node.js would break the lines of JSON on standard error.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const common = {
    region,
    requestHandler: {
      connectionTimeout: 5000,
      requestTimeout: 30_000,
      throwOnRequestTimeout: true,
      ...(namedProxies().length > 0 && createProxyAgents()),
    },
  };
  const client = new BatchClient({ ...common, retryMode: 'adaptive', maxAttempts: ATTEMPTS });
  const careful = new BatchClient({ ...common, maxAttempts: 1 });
  const url = `AWS Batch in ${region}`;

  const ask = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw explain(error, url, what);
    }
  };
  const findByName = async (jobQueue: string, name: string): Promise<string | null> => {
    const { jobSummaryList } = await ask('batch:ListJobs', () =>
      client.send(new ListJobsCommand({ jobQueue, filters: [{ name: 'JOB_NAME', values: [name] }] })),
    );
    return jobSummaryList?.find((job) => job.jobName === name)?.jobId ?? null;
  };

  return {
    submit(input) {
      let lost = false;
      const attempt = async () => {
        const made = lost ? await findByName(input.jobQueue!, input.jobName!) : null;
        if (made !== null) return made;
        try {
          const { jobId } = await careful.send(new SubmitJobCommand(input));
          return jobId!;
        } catch (error) {
          const known = explain(error, url, 'batch:SubmitJob');
          if (!known.retryable) throw known;
          lost ||= !isThrottled(error);
          throw new Hiccup('no job was taken', { status: known.status, cause: error });
        }
      };
      return retry(attempt, {
        url,
        attempts: ATTEMPTS,
        backoffMs: 300,
        signal: undefined,
        onRetry: () => undefined,
      });
    },
    async describe(ids) {
      const found: JobDetail[] = [];
      for (let i = 0; i < ids.length; i += PAGE) {
        const { jobs } = await ask('batch:DescribeJobs', () =>
          client.send(new DescribeJobsCommand({ jobs: ids.slice(i, i + PAGE) })),
        );
        found.push(...(jobs ?? []));
      }
      return found;
    },
    async failedChildren(arrayJobId, most) {
      const ids: string[] = [];
      let nextToken: string | undefined;
      do {
        const page = await ask('batch:ListJobs', () =>
          client.send(
            new ListJobsCommand({
              arrayJobId,
              jobStatus: 'FAILED',
              maxResults: Math.min(1000, most - ids.length),
              ...(nextToken !== undefined && { nextToken }),
            }),
          ),
        );
        ids.push(...(page.jobSummaryList ?? []).map(({ jobId }) => jobId!));
        nextToken = page.nextToken;
      } while (nextToken !== undefined && ids.length < most);
      return ids.slice(0, most);
    },
    async terminate(jobId, reason) {
      await ask('batch:TerminateJob', () => client.send(new TerminateJobCommand({ jobId, reason })));
    },
    close() {
      client.destroy();
      careful.destroy();
    },
  };
}

/** What the SDK throws, as far as it is used here. */
interface Failure {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $fault?: 'client' | 'server';
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Batch refused to look at the request at all. */
function isThrottled(error: unknown): boolean {
  const { name = '', $metadata } = error as Failure;
  return $metadata?.httpStatusCode === 429 || /^(TooManyRequests|Throttl|RequestLimit)/.test(name);
}

/** What a failed call means, and what to do. */
function explain(error: unknown, url: string, action: string): SourceError {
  const { name = '', message = '', code, $fault, $metadata } = error as Failure;
  const status = $metadata?.httpStatusCode ?? code ?? (name || null);
  const fail = (words: string, retryable = false) =>
    new SourceError(`${url}: ${words}`, { url, status, retryable, cause: error });
  if (isThrottled(error)) return fail(`too many calls (${action}); try again later`, true);
  if (/Credentials|ExpiredToken|UnrecognizedClient|InvalidSignature|IncompleteSignature/.test(name)) {
    return fail(
      `these AWS credentials are missing, expired or unknown (${name}); frustum doctor says what is wrong`,
    );
  }
  if (/AccessDenied|NotAuthorized/.test(name) || $metadata?.httpStatusCode === 403) {
    return fail(`these AWS credentials may not do this; they need ${action}`);
  }
  if ($fault === 'client') return fail(`${action} was refused: ${message}`);
  return fail(
    $metadata?.httpStatusCode === undefined
      ? `no answer (${code ?? name}); check the network and the region, and try again`
      : `it failed (${$metadata.httpStatusCode} ${name}); try again later`,
    true,
  );
}
