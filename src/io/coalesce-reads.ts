import { AbortedError } from '../core/errors.ts';
import type { ByteSource } from '../core/ports.ts';
import { assertRange } from './file-source.ts';

/** How far adjacent reads are joined. */
export interface CoalesceOptions {
  /** Ranges this close are read as one, the gap included; default 16 KiB. */
  readonly maxGapBytes?: number;
  /** No joined range grows beyond this; default 4 MiB. A single longer read stays whole. */
  readonly maxRangeBytes?: number;
}

/** What a source has been asked for. */
export interface ReadStats {
  /** Calls to `read` of the coalescing source. */
  readonly requests: number;
  /** Reads that reached the source beneath. */
  readonly reads: number;
  /** Bytes of those reads. */
  readonly bytesRead: number;
}

/** A {@link ByteSource} that joins adjacent reads, and counts. */
export interface CoalescingSource extends ByteSource {
  readonly reads: ReadStats;
}

interface Pending {
  readonly offset: number;
  readonly length: number;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Joins reads that are asked for in the same turn of the event loop and lie next to each other in the file. One-row
 * strips become ranges of megabytes that way, without their reader knowing. The arrays handed out may share a buffer.
 */
export function coalesceReads(source: ByteSource, options: CoalesceOptions = {}): CoalescingSource {
  const maxGapBytes = options.maxGapBytes ?? 16 * 1024;
  const maxRangeBytes = options.maxRangeBytes ?? 4 * 1024 * 1024;
  let queue: Pending[] = [];
  let requests = 0;
  let reads = 0;
  let bytesRead = 0;

  const flush = () => {
    const batch = queue.sort((p, q) => p.offset - q.offset);
    queue = [];
    for (const group of groupAdjacent(batch, maxGapBytes, maxRangeBytes)) void readGroup(group);
  };

  const readGroup = async (group: readonly Pending[]) => {
    const start = group[0]!.offset;
    const end = Math.max(...group.map((p) => p.offset + p.length));
    reads++;
    bytesRead += end - start;
    try {
      const bytes = await source.read(start, end - start, abortedByAll(group));
      for (const p of group) p.resolve(bytes.subarray(p.offset - start, p.offset - start + p.length));
    } catch (error) {
      for (const p of group) p.reject(error);
    }
  };

  const { readInto } = source;
  return {
    ...(readInto && {
      async readInto(target: Uint8Array, offset: number, signal?: AbortSignal) {
        requests++;
        reads++;
        bytesRead += target.length;
        await readInto(target, offset, signal);
      },
    }),
    url: source.url,
    sizeBytes: source.sizeBytes,
    modifiedMs: source.modifiedMs,
    version: source.version,
    get stats() {
      return source.stats;
    },
    get reads() {
      return { requests, reads, bytesRead };
    },
    async read(offset, length, signal) {
      if (signal?.aborted) throw new AbortedError(`reading ${source.url} was stopped`);
      // Before it joins others: a range past the end must fail alone.
      assertRange(source.url, offset, length, source.sizeBytes);
      requests++;
      return new Promise<Uint8Array>((resolve, reject) => {
        if (queue.length === 0) setImmediate(flush);
        queue.push({ offset, length, signal, resolve, reject });
      });
    },
    close: () => source.close(),
  };
}

/** Splits reads in order of offset into runs that one range covers. */
function groupAdjacent(batch: readonly Pending[], maxGapBytes: number, maxRangeBytes: number): Pending[][] {
  const groups: Pending[][] = [];
  let start = 0;
  let end = 0;
  for (const p of batch) {
    const group = groups.at(-1);
    const joined = Math.max(end, p.offset + p.length);
    if (group && p.offset - end <= maxGapBytes && joined - start <= maxRangeBytes) {
      group.push(p);
      end = joined;
    } else {
      groups.push([p]);
      start = p.offset;
      end = p.offset + p.length;
    }
  }
  return groups;
}

/** A signal that fires once each caller of a joined read wants it stopped; none if one of them cannot. */
function abortedByAll(group: readonly Pending[]): AbortSignal | undefined {
  if (group.length === 1) return group[0]!.signal;
  const signals = new Set(group.map((p) => p.signal));
  if (signals.has(undefined)) return undefined;
  const controller = new AbortController();
  let waiting = signals.size;
  for (const signal of signals) {
    signal!.addEventListener('abort', () => --waiting === 0 && controller.abort(), { once: true });
  }
  return controller.signal;
}
