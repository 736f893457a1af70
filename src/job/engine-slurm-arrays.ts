/** Shards that one job array does: task `t` does shard `offset + t`. */
export interface ShardArray {
  readonly offset: number;
  readonly shards: readonly number[];
}

/** What a cluster's arrays may be. */
export interface ArrayLimits {
  /** `MaxArraySize`: indices of tasks are below it. */
  readonly size: number;
  /** Most tasks of one array. */
  readonly tasks: number;
}

/** Slurm's own default of `MaxArraySize`. */
const DEFAULT_ARRAY_SIZE = 1001;

/** Reads the limits from what `scontrol show config` prints. */
export function arrayLimitsOf(config: string): ArrayLimits {
  const size = Number(/^MaxArraySize\s*=\s*(\d+)/m.exec(config)?.[1] ?? DEFAULT_ARRAY_SIZE);
  const tasks = /^SchedulerParameters\s*=.*\bmax_array_tasks=(\d+)/m.exec(config)?.[1];
  return { size, tasks: Math.min(size, Number(tasks ?? size)) };
}

/**
 * Cuts shards into as few arrays as the limits let.
 * @param shards ascending
 */
export function splitArrays(shards: readonly number[], limits: ArrayLimits): readonly ShardArray[] {
  const arrays: { offset: number; shards: number[] }[] = [];
  for (const shard of shards) {
    const last = arrays.at(-1);
    if (last === undefined || shard - last.offset >= limits.size || last.shards.length >= limits.tasks) {
      arrays.push({ offset: shard < limits.size ? 0 : shard, shards: [shard] });
    } else last.shards.push(shard);
  }
  return arrays;
}

/** The tasks of an array as `sbatch --array` takes them, e.g. `0-5,9,12-14`. */
export function rangesOf({ offset, shards }: ShardArray): string {
  const runs: [number, number][] = [];
  for (const shard of shards) {
    const task = shard - offset;
    const last = runs.at(-1);
    if (last !== undefined && last[1] === task - 1) last[1] = task;
    else runs.push([task, task]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}
