import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type JobPlan, type PlanJobOptions, planJob, runShard } from '../../src/index.ts';

/** Small, and trained for synthetic scenes. */
export const MODEL = 'models/sfrnet-mini-synth';

/** What is mapped in these tests unless told: one thread, so that a run rounds as its shards do. */
export const SETTINGS = { model: MODEL, bands: [2, 3, 4], stride: 96, threads: 1 } as const;

/** Plans scenes as {@link SETTINGS} say, cut into so many shards each. */
export function plan(
  scenes: readonly string[],
  to: string,
  perScene: number,
  more: Partial<PlanJobOptions> = {},
): Promise<JobPlan> {
  return planJob({ ...SETTINGS, scenes, to, shards: { perScene }, ...more });
}

/** Does all shards of a plan, last first: order must not matter. */
export async function runShards(job: JobPlan): Promise<void> {
  for (let index = job.shardCount - 1; index >= 0; index--) await runShard({ plan: job, index });
}

/** The files of a finished run by name, all but its record, which has times. */
export async function outputsOf(folder: string): Promise<Map<string, Buffer>> {
  const names = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile());
  const files = new Map<string, Buffer>();
  for (const { name } of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (name !== 'run.json') files.set(name, await readFile(join(folder, name)));
  }
  return files;
}

/** Names of files that two runs do not have in common byte for byte. */
export function differences(a: Map<string, Buffer>, b: Map<string, Buffer>): string[] {
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names].filter((name) => !(a.get(name)?.equals(b.get(name) ?? Buffer.alloc(0)) ?? false));
}

/** A run's record without what differs from run to run: times, reads, memory, and how the network ran. */
export async function recordOf(folder: string): Promise<Record<string, unknown>> {
  const record = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'));
  for (const key of ['seconds', 'reads', 'network', 'peakResidentBytes', 'memory']) delete record[key];
  // Windows that reach two shards see their context twice.
  delete record.counts.longEncoderRuns;
  delete record.counts.shortEncoderRuns;
  return record;
}
