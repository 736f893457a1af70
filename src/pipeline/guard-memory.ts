import { readFile } from 'node:fs/promises';
import { ResourceError } from '../core/errors.ts';
import type { AllowedMemory } from './plan-memory.ts';

/** What a run may take, and what it can do without. */
export interface MemoryGuardOptions {
  /** See `allowMemory`. */
  readonly allowed: AllowedMemory;
  /** Processes beside this one. */
  readonly children: readonly number[];
  /** Gives up what only makes the run faster. */
  readonly shed: () => void;
  /** What to do about a broken promise; what suits a run with a network unless told. */
  readonly advice?: string;
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
  /** Looks once more, and gives the most that was seen. */
  measurePeak(): Promise<number>;
  /** @throws the ResourceError, instead of `error`, which is what came of it */
  rethrow(error: unknown): never;
  stop(): Promise<void>;
}

const ADVICE = "Go on where there is more memory (a shard's finished rows are kept), or take a larger stride";
/** At this part of what is allowed, caches go. */
const SHED_AT = 0.85;

/**
 * Watches what a run's processes hold together: pages in memory, those that they share counted for each, so rather more
 * than the machine sees. Near what is allowed caches are given up; above it the run is ended, before the kernel kills it.
 */
export function guardMemory(options: MemoryGuardOptions): MemoryGuard {
  const { allowed, children, shed, advice = ADVICE, everyMs = 200, measure = residentBytes } = options;
  const over = new AbortController();
  let peakBytes = 0;
  let shedAlready = false;
  let stopped = false;

  const look = async () => {
    const sizes = await Promise.all([process.pid, ...children].map(measure));
    const used = sizes.reduce((sum, size) => sum + size, 0);
    peakBytes = Math.max(peakBytes, used);
    if (used > allowed.bytes * SHED_AT && !shedAlready) {
      shedAlready = true;
      shed();
    }
    if (used > allowed.bytes) over.abort(brokenPromise(used, allowed, advice));
  };
  let looking = look();
  const lookAgain = () => {
    looking = looking.then(() => (stopped || over.signal.aborted ? undefined : look()));
    return looking;
  };
  const timer = setInterval(lookAgain, everyMs).unref();
  return {
    signal: over.signal,
    get peakBytes() {
      return peakBytes;
    },
    rethrow(error) {
      throw over.signal.aborted ? over.signal.reason : error;
    },
    async measurePeak() {
      await lookAgain();
      return peakBytes;
    },
    async stop() {
      clearInterval(timer);
      stopped = true;
      await looking;
    },
  };
}

function brokenPromise(
  used: number,
  { bytes: allowed, promisedBytes }: AllowedMemory,
  advice: string,
): ResourceError {
  const mib = (bytes: number) => Math.round(bytes / 1024 / 1024);
  const whose =
    promisedBytes === allowed ? 'promised (--memory)' : 'what this container or control group may take';
  return new ResourceError(
    `the run takes ${mib(used)} MiB of memory, and ${mib(allowed)} MiB are ${whose}. ${advice}`,
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
