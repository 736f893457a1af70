import type { Command } from 'commander';
import { isFrustumError } from '../core/errors.ts';
import type { JobStatus } from '../job/job-status.ts';
import type { JobAttempt, SubmissionStanding } from '../job/submission.ts';
import { addPlanFlags, type PlanFlags, readPlanOf } from './plan-file.ts';
import { formatDuration } from './reporter.ts';
import { sourceOptionsOf } from './source-options.ts';
import { examples, type VerbContext } from './verb.ts';

export function addStatus(program: Command, { reporter, signal, print }: VerbContext): void {
  addPlanFlags(
    program
      .command('status')
      .description(
        'how far a plan is: done, running, stopped, failed and missing shards, and the cost so far; where it was submitted to a scheduler, also its jobs, why they failed and where their logs are',
      ),
  )
    .option('--json', 'everything, for programs')
    .addHelpText('after', examples('status --plan out/plan.json', 'status --plan out/plan.json --json'))
    .action(async (flags: PlanFlags & { json?: true }) => {
      const { readJobStatus } = await import('../job/job-status.ts');
      const plan = await readPlanOf(flags, signal);
      const { source } = sourceOptionsOf(flags);
      const { readSubmissionStanding } = await import('../job/submit-plan.ts');
      const status = await readJobStatus(plan, source, signal);
      const submission = await readSubmissionStanding(plan, status, source).catch((error: unknown) => {
        // What the store says is worth telling also where the scheduler can't be asked.
        if (!isFrustumError(error)) throw error;
        reporter.warn(`the jobs of this plan are not shown: ${error.message}`);
        return null;
      });
      if (flags.json) {
        print(JSON.stringify({ ...status, submission }, null, 2));
        return;
      }
      print(formatStatus(status));
      if (submission !== null) print(formatSubmission(submission));
    });
}

/** A line a job, and one an attempt of jobs that ended badly. */
function formatSubmission({ engine, jobs, shards }: SubmissionStanding): string {
  const attemptsOf = (attempts: readonly JobAttempt[]) =>
    attempts.map(
      ({ exitCode, reason, logs }, i) =>
        `           attempt ${i + 1}: exit code ${exitCode ?? 'none'}${reason === '' ? '' : `, ${reason}`}  ${logs ?? 'no log'}`,
    );
  return [
    ...jobs.flatMap(({ part, id, status, reason, children, attempts }) => {
      const counts = Object.entries(children).map(([name, n]) => `${n} ${name}`);
      const words = [status, ...counts, ...(reason === '' ? [] : [reason])].join(', ');
      const shown = part === 'merge' && status === 'FAILED' ? attemptsOf(attempts) : [];
      return [`${engine.padEnd(10)} ${part} ${id}: ${words}`, ...shown];
    }),
    ...shards.flatMap(({ shard, id, status, reason, attempts }) => [
      `           shard ${shard} (job ${id}): ${status}${reason === '' ? '' : `, ${reason}`}`,
      ...attemptsOf(attempts),
    ]),
  ].join('\n');
}

/** A line a scene, and one a shard that asks for attention. */
function formatStatus({ scenes, counts, refused, spent }: JobStatus): string {
  const lines = scenes.flatMap(({ id, standing, shards }) => {
    const done = shards.filter((shard) => shard.standing === 'done').length;
    const open = shards.filter((shard) => shard.attempts > 0 && shard.standing !== 'done');
    return [
      `${standing.padEnd(10)} ${id}  ${done}/${shards.length} shards`,
      ...open.map(
        ({ index, standing: how, share, attempts, seenAt, error }) =>
          `           shard ${index} ${how}, ${Math.floor(share * 100)}% of its rows are there, ${attempts} attempt${attempts === 1 ? '' : 's'}, last seen ${seenAt}${error === null ? '' : `: ${error.message}`}`,
      ),
    ];
  });
  const words = Object.entries(counts).map(([standing, n]) => `${n} ${standing}`);
  return [
    ...lines,
    ...refused.map(({ source, message }) => `left out   ${source}: ${message}`),
    `shards: ${words.join(', ')}`,
    `so far: ${formatDuration(spent.hours * 3600)} of machines, ${spent.money.toFixed(2)} ${spent.currency}`,
  ].join('\n');
}
