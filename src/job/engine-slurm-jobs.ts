import { runSlurmCommand } from './engine-slurm-command.ts';
import type { Submission, SubmissionStanding } from './submission.ts';

const TIMEOUT_MS = 60_000;

/**
 * Ids of jobs of a submission that are waiting or running.
 * @throws ConfigError, SourceError where Slurm isn't there or doesn't answer
 */
export async function findLiveSlurmJobs({ jobs }: Submission): Promise<readonly string[]> {
  const known = await readQueue();
  return jobs.map(({ id }) => id).filter((id) => known.has(id));
}

/**
 * How a submission stands, as far as the queue tells: how jobs ended is told by the shards' states and by the logs.
 * @throws ConfigError, SourceError where Slurm isn't there or doesn't answer
 */
export async function readSlurmStanding({ engine, jobs }: Submission): Promise<SubmissionStanding> {
  const known = await readQueue();
  return {
    engine,
    jobs: jobs.map(({ part, id, logs }) => ({
      part,
      id,
      logs,
      status: known.has(id) ? 'UNDER WAY' : 'ENDED',
      reason: `logs: ${logs}`,
      children: known.get(id) ?? {},
      attempts: [],
    })),
    shards: [],
  };
}

/** Tasks that wait or run, by state, of each job. */
async function readQueue(): Promise<ReadonlyMap<string, Readonly<Record<string, number>>>> {
  // Of all jobs, since squeue fails where one that it is asked for has been forgotten; %F is an array's own number.
  const output = await runSlurmCommand('squeue', ['--noheader', '--array', '--format=%F %T'], {
    what: 'the jobs that are under way',
    timeoutMs: TIMEOUT_MS,
  });
  const jobs = new Map<string, Record<string, number>>();
  for (const line of output.split('\n')) {
    const match = /^\s*(\d+) (\w+)/.exec(line);
    if (match === null) continue;
    const counts = jobs.get(match[1]!) ?? {};
    counts[match[2]!] = (counts[match[2]!] ?? 0) + 1;
    jobs.set(match[1]!, counts);
  }
  return jobs;
}
