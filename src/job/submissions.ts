import { z } from 'zod';
import type { SourceOptions } from '../io/source-options.ts';
import type { ObjectStore } from './object-store.ts';
import { formatShardList, parseShardList } from './plan-url.ts';
import { readText } from './read-plan.ts';
import type { Submission } from './submission.ts';

/** A submission as it is kept in `submissions/<plan id>/<number>.json` of a plan's store. */
const recordSchema = z.object({
  format: z.literal('frustum-submission'),
  version: z.literal(1),
  engine: z.enum(['aws-batch', 'slurm']),
  plan: z.string(),
  /** By the submitter's clock, for people: numbers say which is the newest. */
  submittedAt: z.string(),
  jobs: z.array(
    z.object({
      part: z.enum(['shards', 'merge']),
      id: z.string(),
      /** As `3,7-9`. */
      shards: z.string(),
      logs: z.string(),
    }),
  ),
  place: z.record(z.string(), z.string()).optional(),
});

/** Records that are looked at, the newest ones: older jobs have long been forgotten by their schedulers. */
const MOST_RECORDS = 20;
/** More than a plan has, so that no file makes a list without end. */
const MOST_SHARDS = 10_000_000;

const folderOf = (plan: string) => `submissions/${plan}`;

/** Keeps a submission, replacing what the same writer kept before. */
export interface SubmissionWriter {
  write(submission: Submission): Promise<void>;
}

/**
 * Begins a record of a submission, numbered after those that are there.
 * @throws SourceError
 */
export async function keepSubmission(store: ObjectStore, plan: string): Promise<SubmissionWriter> {
  const last = numbersOf(await store.list(folderOf(plan))).at(-1) ?? 0;
  const key = `${folderOf(plan)}/${String(last + 1).padStart(4, '0')}.json`;
  const submittedAt = new Date().toISOString();
  return {
    async write({ jobs, ...submission }) {
      const record: z.infer<typeof recordSchema> = {
        format: 'frustum-submission',
        version: 1,
        submittedAt,
        ...submission,
        jobs: jobs.map((job) => ({ ...job, shards: formatShardList(job.shards) })),
      };
      await store.put(key, `${JSON.stringify(record, null, 2)}\n`);
    },
  };
}

/**
 * The submissions of a plan, oldest first. Files that are no such records are left out.
 * @throws SourceError
 */
export async function readSubmissions(
  store: ObjectStore,
  plan: string,
  source: SourceOptions = {},
): Promise<readonly Submission[]> {
  const folder = folderOf(plan);
  const numbers = numbersOf(await store.list(folder)).slice(-MOST_RECORDS);
  const found: Submission[] = [];
  for (const number of numbers) {
    const text = await readText(store.urlOf(`${folder}/${String(number).padStart(4, '0')}.json`), source);
    const submission = parse(text);
    if (submission !== null) found.push(submission);
  }
  return found;
}

function numbersOf(keys: readonly string[]): readonly number[] {
  return keys
    .flatMap((key) => /\/(\d{4,9})\.json$/.exec(key)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

function parse(text: string): Submission | null {
  try {
    const {
      format: _f,
      version: _v,
      submittedAt: _s,
      jobs,
      place,
      ...rest
    } = recordSchema.parse(JSON.parse(text));
    return {
      ...rest,
      jobs: jobs.map((job) => ({ ...job, shards: shardsOf(job.shards) })),
      ...(place !== undefined && { place }),
    };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return null;
    throw error;
  }
}

function shardsOf(list: string): readonly number[] {
  return list === '' ? [] : (parseShardList(list, MOST_SHARDS) ?? []);
}
