import { readFile } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join, posix } from 'node:path';

/** What this process may use of the machine. */
export interface Limits {
  /** Memory of the machine. */
  readonly machineBytes: number;
  /** Free and reclaimable memory of the machine. */
  readonly availableBytes: number;
  /** The tightest memory limit of the control groups that this process is in; `null`: none. */
  readonly groupBytes: number | null;
  readonly processors: number;
  /** Processors' worth of time that control groups allow; `null`: all. */
  readonly groupProcessors: number | null;
}

/**
 * Reads the limits of this process.
 * @param root where `proc` and `sys` are; `/` but in tests
 */
export async function readLimits(root = '/'): Promise<Limits> {
  const groups = await findGroups(root);
  const memory = await Promise.all(
    groups.flatMap((dir) => [
      readNumber(join(dir, 'memory.max')),
      readNumber(join(dir, 'memory.limit_in_bytes')),
    ]),
  );
  const quotas = await Promise.all(groups.map((dir) => readQuota(dir)));
  const machineBytes = totalmem();
  return {
    machineBytes,
    availableBytes: (await readAvailable(root)) ?? freemem(),
    // Version 1 says "no limit" by a number beyond all memory.
    groupBytes: smallest(memory.map((bytes) => (bytes !== null && bytes < machineBytes ? bytes : null))),
    processors: availableParallelism(),
    groupProcessors: smallest(quotas),
  };
}

/** The folders of this process's control groups and all above them: each may limit. */
async function findGroups(root: string): Promise<string[]> {
  const text = await readText(join(root, 'proc/self/cgroup'));
  const dirs = new Set<string>();
  for (const line of (text ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    const base = join(root, 'sys/fs/cgroup', controllers === '' ? '' : controllers!);
    // In a container the path is often the host's, and the group itself is mounted at the top.
    for (let at = path; ; at = posix.dirname(at)) {
      dirs.add(join(base, at));
      if (at === '/' || at === '.') break;
    }
  }
  return [...dirs];
}

/** Processors' worth of time: version 2 `cpu.max` holds quota and period, version 1 two files. */
async function readQuota(dir: string): Promise<number | null> {
  const [quota, period] = ((await readText(join(dir, 'cpu.max'))) ?? '').trim().split(' ').map(Number);
  if (quota !== undefined && period !== undefined && quota > 0) return quota / period;
  const oldQuota = await readNumber(join(dir, 'cpu.cfs_quota_us'));
  const oldPeriod = await readNumber(join(dir, 'cpu.cfs_period_us'));
  return oldQuota !== null && oldPeriod !== null && oldQuota > 0 ? oldQuota / oldPeriod : null;
}

async function readAvailable(root: string): Promise<number | null> {
  const text = await readText(join(root, 'proc/meminfo'));
  const [, kib] = /^MemAvailable:\s+(\d+) kB$/m.exec(text ?? '') ?? [];
  return kib === undefined ? null : Number(kib) * 1024;
}

async function readNumber(path: string): Promise<number | null> {
  const text = (await readText(path))?.trim();
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : null;
}

/** A file's text; `undefined` where there is none: most machines have only some of them. */
function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

function smallest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.min(...known);
}
