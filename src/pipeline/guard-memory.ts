import { readFile } from 'node:fs/promises';
import { ResourceError } from '../core/errors.ts';
import { readLimits } from '../doctor/read-limits.ts';

/** What a run may take, and what it can do without. */
export interface MemoryGuardOptions {
  /** What was promised, in bytes; the control group's limit also counts, promised or not. */
  readonly promisedBytes?: number;
  /** Processes beside this one. */
  readonly children: readonly number[];
  /** Gives up what only makes the run faster. */
  readonly shed: () => void;
  readonly everyMs?: number;
  /** Resident bytes of a process of ours; 0 if it is gone. */
  readonly measure?: (pid: number) => Promise<number>;
}

/** Watches over a run's memory. Stop it. */
export interface MemoryGuard {
  /** Fires, with a ResourceError as its reason, once the promise can't be kept. */
  readonly signal: AbortSignal;
  /** Most that was seen of all processes together. */
  readonly peakBytes: number;
  /** @throws the ResourceError, instead of `error`, which is what came of it */
  rethrow(error: unknown): never;
  stop(): Promise<void>;
}

/** At this part of what is allowed, caches go. */
const SHED_AT = 0.85;
/** The kernel ends a control group's processes where its limit is reached: the run ends itself a little before. */
const GROUP_PART = 0.97;

/**
 * Watches what a run's processes hold together: pages in memory, those that they share counted for each, so rather more
 * than the machine sees. Near what is allowed caches are given up; above it the run is ended, before the kernel kills it.
 */
export async function guardMemory(options: MemoryGuardOptions): Promise<MemoryGuard> {
  const { promisedBytes, children, shed, everyMs = 200, measure = residentBytes } = options;
  const { groupBytes } = await readLimits();
  const allowed = Math.min(
    promisedBytes ?? Number.POSITIVE_INFINITY,
    groupBytes === null ? Number.POSITIVE_INFINITY : groupBytes * GROUP_PART,
  );
  const over = new AbortController();
  let peakBytes = 0;
  let shedAlready = false;
  let stopped = false;

  const look = async () => {
    const sizes = await Promise.all([process.pid, ...children].map(measure));
    const used = sizes.reduce((sum, size) => sum + size, 0);
    peakBytes = Math.max(peakBytes, used);
    if (used > allowed * SHED_AT && !shedAlready) {
      shedAlready = true;
      shed();
    }
    if (used > allowed) over.abort(brokenPromise(used, allowed, promisedBytes));
  };
  let looking = look();
  const timer = setInterval(() => {
    looking = looking.then(() => (stopped || over.signal.aborted ? undefined : look()));
  }, everyMs).unref();
  return {
    signal: over.signal,
    get peakBytes() {
      return peakBytes;
    },
    rethrow(error) {
      throw over.signal.aborted ? over.signal.reason : error;
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      await looking;
    },
  };
}

function brokenPromise(used: number, allowed: number, promised: number | undefined): ResourceError {
  const mib = (bytes: number) => Math.round(bytes / 1024 / 1024);
  const whose =
    promised === allowed ? 'promised (--memory)' : 'what this container or control group may take';
  return new ResourceError(
    `the run takes ${mib(used)} MiB of memory, and ${mib(allowed)} MiB are ${whose}; finished rows are kept. Go on where there is more memory, or plan again with a larger stride`,
    { resource: 'memory', allowed, used },
  );
}

/** Resident bytes by the system's books (Linux); elsewhere those of this process alone are known. */
async function residentBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(text) ?? [];
  if (kib !== undefined) return Number(kib) * 1024;
  return pid === process.pid ? process.memoryUsage.rss() : 0;
}
