import type { Command } from 'commander';
import type { JobStatus } from '../job/job-status.ts';
import { addPlanFlags, type PlanFlags, readPlanOf } from './plan-file.ts';
import { formatDuration } from './reporter.ts';
import { sourceOptionsOf } from './source-options.ts';
import { examples, type VerbContext } from './verb.ts';

export function addStatus(program: Command, { signal, print }: VerbContext): void {
  addPlanFlags(
    program
      .command('status')
      .description(
        'how far a plan is: done, running, stopped, failed and missing shards, and the cost so far',
      ),
  )
    .option('--json', 'everything, for programs')
    .addHelpText('after', examples('status --plan out/plan.json', 'status --plan out/plan.json --json'))
    .action(async (flags: PlanFlags & { json?: true }) => {
      const { readJobStatus } = await import('../job/job-status.ts');
      const plan = await readPlanOf(flags, signal);
      const status = await readJobStatus(plan, sourceOptionsOf(flags).source, signal);
      print(flags.json ? JSON.stringify(status, null, 2) : formatStatus(status));
    });
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
