import { runSlurmCommand } from './engine-slurm-command.ts';
import type { Submission } from './submission.ts';

/**
 * Numbers of a submission's jobs that are waiting or running.
 * @throws ConfigError, SourceError as `submitToSlurm` does where Slurm isn't there or doesn't answer
 */
export async function findLiveSlurmJobs({ jobs }: Submission): Promise<readonly string[]> {
  // Asked for one's own jobs rather than by number: those that Slurm has forgotten would be an error.
  const listed = await runSlurmCommand('squeue', ['--me', '--noheader', '--format=%F'], {
    what: 'jobs of an earlier submission',
    timeoutMs: 60_000,
  });
  const live = new Set(listed.split('\n').map((line) => line.trim()));
  return jobs.map(({ id }) => id).filter((id) => live.has(id));
}
