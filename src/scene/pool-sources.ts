import { AbortedError, SourceError } from '../core/errors.ts';
import type { ByteSource, SourceStats } from '../core/ports.ts';
import { type OpenSourceOptions, openByteSource } from '../io/open-source.ts';
import { localPathOf } from '../io/urls.ts';
import { addCounters } from './add-counters.ts';

/** Opens sources that share a limit of open files. */
export interface SourcePool {
  /**
   * As `openByteSource`; the source may be shut between reads and opened again for the next.
   * @throws SourceError, also from a read that finds another file than was opened first
   */
  open(url: string, options?: OpenSourceOptions): Promise<ByteSource>;
}

interface Lease {
  source: Promise<ByteSource> | null;
  users: number;
}

const NO_COST: SourceStats = { requests: 0, bytes: 0, retries: 0, cacheHits: 0 };

/**
 * A pool that keeps at most `mostOpen` local files open, and more only while more are read at once. Remote sources hold no
 * file and stay as they are.
 */
export function createSourcePool(mostOpen: number): SourcePool {
  /** Open and idle or in use; the least recently used first. */
  const open = new Set<Lease>();

  const shutIdle = async () => {
    for (const lease of open) {
      if (open.size <= mostOpen) return;
      if (lease.users > 0) continue;
      open.delete(lease);
      const { source } = lease;
      lease.source = null;
      await (await source)?.close();
    }
  };

  return {
    async open(url, options) {
      const first = await openByteSource(url, options);
      if (localPathOf(url) === null) return first;
      const lease: Lease = { source: Promise.resolve(first), users: 0 };
      let earlier = NO_COST;
      let current = first;
      let closed = false;

      const reopen = async () => {
        const again = await openByteSource(url, options);
        if (again.sizeBytes !== first.sizeBytes || again.version !== first.version) {
          await again.close();
          throw new SourceError(
            `${first.url} was changed while it was read; do not change inputs during a run`,
            {
              url: first.url,
            },
          );
        }
        earlier = addCounters(earlier, current.stats);
        current = again;
        return again;
      };
      const acquire = async (): Promise<ByteSource> => {
        lease.users++;
        open.delete(lease);
        open.add(lease);
        lease.source ??= reopen().catch((error: unknown) => {
          lease.source = null;
          open.delete(lease);
          throw error;
        });
        return lease.source;
      };
      open.add(lease);
      await shutIdle();
      return {
        url: first.url,
        sizeBytes: first.sizeBytes,
        modifiedMs: first.modifiedMs,
        version: first.version,
        get stats() {
          return addCounters(earlier, current.stats);
        },
        async read(offset, length, signal) {
          if (closed) throw new AbortedError(`${first.url} was closed`);
          try {
            return await (await acquire()).read(offset, length, signal);
          } finally {
            lease.users--;
            await shutIdle();
          }
        },
        async close() {
          closed = true;
          open.delete(lease);
          const { source } = lease;
          lease.source = null;
          await (await source)?.close();
        },
      };
    },
  };
}
