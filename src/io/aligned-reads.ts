import { setMaxListeners } from 'node:events';
import { AbortedError } from '../core/errors.ts';
import { assertRange } from './file-source.ts';

/** Remote bytes are asked for in whole chunks of this size, counted from the file's start. */
export const CHUNK_BYTES = 64 * 1024;
/** No request is longer: 4 MiB. Longer reads become several, side by side. */
const MOST_CHUNKS = 64;
/** Chunks kept, 16 MiB: what neighbours will want next, not a second cache of the scene. */
const HELD_CHUNKS = 256;
/** The most that is read ahead of a reader that goes on where it stopped: 1 MiB. */
const MOST_AHEAD = 16;
/** Chunks between two wanted ones that are fetched along rather than asked around. */
const MOST_GAP = 1;
/** Readers that are known to go on, e.g. one for each row of tiles that a window touches. */
const MOST_STREAMS = 64;

export interface AlignedReadsOptions {
  readonly url: string;
  readonly sizeBytes: number;
  /** The file's first bytes, as the opening request brought them. */
  readonly head: Uint8Array;
  /** Fetches a range within the file. */
  fetch(offset: number, length: number, signal: AbortSignal): Promise<Uint8Array>;
}

/** Reads at any place, from few requests. */
export interface AlignedReads {
  /** Reads that needed no request of their own. */
  readonly hits: number;
  /** See `ByteSource.read`. */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** Stops what is under way. */
  close(): void;
}

/** A request under way for `count` chunks from `first`. */
interface Load {
  readonly first: number;
  readonly count: number;
  readonly promise: Promise<Uint8Array>;
  readonly abort: AbortController;
  waiters: number;
  settled: boolean;
}

interface Pending {
  readonly offset: number;
  readonly end: number;
  readonly missing: readonly number[];
  readonly resolve: (loads: readonly Load[]) => void;
}

/**
 * Turns reads into aligned requests: those of one turn of the event loop that lie side by side become one. A reader that
 * goes on where an earlier request ended gets more than it asked for, twice as much each time; this never adds a request.
 * Chunks that one read used up are not kept.
 */
export function createAlignedReads(options: AlignedReadsOptions): AlignedReads {
  const { url, sizeBytes } = options;
  const total = Math.ceil(sizeBytes / CHUNK_BYTES);
  /** Insertion order is age. */
  const held = new Map<number, { readonly bytes: Uint8Array; used: boolean }>();
  const loads = new Map<number, Load>();
  /** Chunk where a request ended -> how far it read ahead. */
  const streams = new Map<number, number>();
  let mostAhead = MOST_AHEAD;
  let pending: Pending[] = [];
  let hits = 0;

  const keep = (index: number, bytes: Uint8Array, used: boolean) => {
    held.set(index, { bytes, used });
    if (held.size <= HELD_CHUNKS) return;
    const [oldest, { used: wasUsed }] = held.entries().next().value!;
    held.delete(oldest);
    // Bytes read ahead were dropped before anyone came for them: too many readers for the room there is.
    if (!wasUsed) mostAhead = Math.floor(mostAhead / 2);
  };

  const start = (first: number, count: number, usedUp: ReadonlySet<number>, wanted: ReadonlySet<number>) => {
    const abort = new AbortController();
    const offset = first * CHUNK_BYTES;
    const length = Math.min(count * CHUNK_BYTES, sizeBytes - offset);
    const promise = options.fetch(offset, length, abort.signal);
    const load: Load = { first, count, promise, abort, waiters: 0, settled: false };
    for (let index = first; index < first + count; index++) loads.set(index, load);
    promise.then(
      (bytes) => {
        forget(load);
        for (let index = first; index < first + count; index++) {
          const from = (index - first) * CHUNK_BYTES;
          // A copy: a view would keep the whole request's bytes alive.
          if (!usedUp.has(index)) keep(index, bytes.slice(from, from + CHUNK_BYTES), wanted.has(index));
        }
      },
      () => forget(load),
    );
  };

  const forget = (load: Load) => {
    load.settled = true;
    for (let index = load.first; index < load.first + load.count; index++) {
      if (loads.get(index) === load) loads.delete(index);
    }
  };

  /**
   * How many chunks to ask for: the wanted ones, and more where a reader goes on.
   * @param before how far the request that ended here read ahead, if there was one
   */
  const withAhead = (first: number, count: number, before: number | undefined): number => {
    const ahead = before === undefined ? 0 : Math.min(mostAhead, Math.max(count, before * 2));
    let end = first + count;
    const last = Math.min(total, first + MOST_CHUNKS, end + ahead);
    while (end < last && !held.has(end) && !loads.has(end)) end++;
    streams.set(end, ahead);
    if (streams.size > MOST_STREAMS) streams.delete(streams.keys().next().value!);
    return end - first;
  };

  const flush = () => {
    const batch = pending;
    pending = [];
    const wanted = new Set(batch.flatMap((read) => read.missing));
    const usedUp = new Set(
      batch.flatMap((read) =>
        read.missing.filter(
          (i) => read.offset <= i * CHUNK_BYTES && read.end >= Math.min(sizeBytes, (i + 1) * CHUNK_BYTES),
        ),
      ),
    );
    const isFree = (index: number) => !held.has(index) && !loads.has(index);
    const groups = groupChunks(
      [...wanted].sort((p, q) => p - q),
      isFree,
    ).map((group) => {
      const before = streams.get(group.first);
      streams.delete(group.first);
      return { ...group, before };
    });
    for (const { first, count, before } of groups) {
      // An earlier group may have read ahead into this one.
      let from = first;
      while (from < first + count && loads.has(from)) from++;
      const left = first + count - from;
      if (left > 0) start(from, withAhead(from, left, before), usedUp, wanted);
    }
    for (const read of batch) {
      const needed = new Set(read.missing.map((index) => loads.get(index)!));
      for (const load of needed) load.waiters++;
      read.resolve([...needed]);
    }
  };

  const leave = (load: Load) => {
    if (--load.waiters > 0 || load.settled) return;
    forget(load);
    load.abort.abort();
  };

  for (let index = 0; index * CHUNK_BYTES < options.head.length; index++) {
    const from = index * CHUNK_BYTES;
    const to = Math.min(from + CHUNK_BYTES, sizeBytes);
    if (to <= options.head.length) held.set(index, { bytes: options.head.subarray(from, to), used: true });
  }

  return {
    get hits() {
      return hits;
    },
    async read(offset, length, signal) {
      if (signal?.aborted) throw new AbortedError(`reading ${url} was stopped`);
      assertRange(url, offset, length, sizeBytes);
      const out = new Uint8Array(length);
      if (length === 0) return out;
      const end = offset + length;
      const missing: number[] = [];
      const joined = new Set<Load>();
      for (let index = Math.floor(offset / CHUNK_BYTES); index * CHUNK_BYTES < end; index++) {
        const chunk = held.get(index);
        const load = loads.get(index);
        if (chunk !== undefined) {
          copyOverlap(chunk.bytes, index * CHUNK_BYTES, out, offset);
          held.delete(index);
          held.set(index, { bytes: chunk.bytes, used: true });
        } else if (load !== undefined) {
          joined.add(load);
        } else {
          missing.push(index);
        }
      }
      for (const load of joined) load.waiters++;
      if (missing.length === 0) hits++;
      const started =
        missing.length === 0
          ? []
          : await new Promise<readonly Load[]>((resolve) => {
              if (pending.length === 0) setImmediate(flush);
              pending.push({ offset, end, missing, resolve });
            });
      const needed = [...joined, ...started];
      try {
        await untilStopped(
          url,
          signal,
          Promise.all(
            needed.map(async (load) =>
              copyOverlap(await load.promise, load.first * CHUNK_BYTES, out, offset),
            ),
          ),
        );
      } finally {
        for (const load of needed) leave(load);
      }
      return out;
    },
    close() {
      for (const load of new Set(loads.values())) load.abort.abort();
      held.clear();
    },
  };
}

/** Splits chunk numbers in rising order into runs that one request covers. */
function groupChunks(
  sorted: readonly number[],
  isFree: (index: number) => boolean,
): { readonly first: number; readonly count: number }[] {
  const groups: { first: number; count: number }[] = [];
  for (const index of sorted) {
    const group = groups.at(-1);
    const end = group === undefined ? 0 : group.first + group.count;
    const near = index - end <= MOST_GAP && (index === end || isFree(end));
    if (group !== undefined && near && index < group.first + MOST_CHUNKS) {
      group.count = index + 1 - group.first;
    } else {
      groups.push({ first: index, count: 1 });
    }
  }
  return groups;
}

/** Copies what `bytes` (at `at` in the file) and `out` (at `offset`) share. */
function copyOverlap(bytes: Uint8Array, at: number, out: Uint8Array, offset: number): void {
  const from = Math.max(at, offset);
  const to = Math.min(at + bytes.length, offset + out.length);
  if (from < to) out.set(bytes.subarray(from - at, to - at), from - offset);
}

/** Waits for `work`, but no longer than the caller does. */
async function untilStopped(
  url: string,
  signal: AbortSignal | undefined,
  work: Promise<unknown>,
): Promise<void> {
  if (signal === undefined) {
    await work;
    return;
  }
  await new Promise<void>((resolve, reject) => {
    const stop = () => reject(new AbortedError(`reading ${url} was stopped`));
    if (signal.aborted) stop();
    // One listener a read under way is no leak.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', stop, { once: true });
    work.then(() => resolve(), reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
