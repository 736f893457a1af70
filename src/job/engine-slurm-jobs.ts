import { runSlurmCommand } from './engine-slurm-command.ts';
import type { Submission } from './submission.ts';

/** `squeue` answers at once or not at all. */
const TIMEOUT_MS = 30_000;

/**
 * Numbers of jobs of a submission that are waiting or running. Slurm forgets jobs soon after their end, so all that wait or
 * run are asked for, not these.
 * @throws ConfigError if Slurm isn't there; SourceError if it doesn't answer
 */
export async function findLiveSlurmJobs({ jobs }: Submission): Promise<readonly string[]> {
  const output = await runSlurmCommand('squeue', ['--noheader', '--format=%F'], {
    what: 'jobs of the earlier submission',
    timeoutMs: TIMEOUT_MS,
  });
  const live = new Set(output.split(/\s+/));
  return jobs.map(({ id }) => id).filter((id) => live.has(id));
}
