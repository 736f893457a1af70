import { setMaxListeners } from 'node:events';
import PQueue from 'p-queue';
import { AbortedError, SourceError } from '../core/errors.ts';
import type { ByteSource } from '../core/ports.ts';
import { createAlignedReads } from './aligned-reads.ts';
import { type ReceivedRange, receiveRange } from './receive-range.ts';
import { Hiccup, retry } from './retry.ts';
import type { SourceOptions } from './source-options.ts';
import type { ObjectState, Transport } from './transport.ts';

/** The opening request brings these first bytes: the whole header of most cloud-optimised GeoTIFFs. */
const HEAD_BYTES = 128 * 1024;
/** A request that brings less than this within the stall time counts as stalled, so that a trickle ends, too. */
const STALL_BYTES = 16 * 1024;

/** Node takes longer times for 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Opened extends ObjectState {
  readonly sizeBytes: number;
  readonly versionId: string | null;
}

/**
 * A remote object as a {@link ByteSource}: one request opens it and brings its head; later ones are aligned and joined
 * ({@link createAlignedReads}), bounded in number, tried again when they fail for now, and bound to the state in which the
 * object was opened.
 * @throws SourceError, AbortedError
 */
export async function openRemoteSource(
  transport: Transport,
  options: SourceOptions & { readonly signal?: AbortSignal },
): Promise<ByteSource> {
  const { url, counters } = transport;
  const stallMs = Math.min(options.stallMs ?? 30_000, LONGEST_TIMER_MS);
  const queue = new PQueue({ concurrency: options.parallel ?? 8 });
  const closing = new AbortController();

  const fetchRange = async (
    offset: number,
    length: number,
    opened: Opened | null,
    signal: AbortSignal | undefined,
  ): Promise<ReceivedRange & Opened> => {
    const stop = new AbortController();
    const unlink = linkSignals([closing.signal, signal], stop);
    const attempt = () => requestOnce(transport, { offset, length, opened, stallMs, stop: stop.signal });
    try {
      return await retry(attempt, {
        url,
        attempts: options.attempts ?? 6,
        backoffMs: options.backoffMs ?? 200,
        signal: stop.signal,
        onRetry: () => {
          counters.retries++;
        },
      });
    } finally {
      unlink();
    }
  };

  let head: ReceivedRange & Opened;
  try {
    head = await fetchRange(0, HEAD_BYTES, null, options.signal);
  } catch (error) {
    transport.close();
    throw error;
  }
  const { sizeBytes, etag, lastModified, versionId } = head;
  const reads = createAlignedReads({
    url,
    sizeBytes,
    head: head.bytes,
    async fetch(offset, length, signal) {
      if (closing.signal.aborted) {
        throw new SourceError(`${url} was closed before it was read; open it again`, { url });
      }
      try {
        return await queue.add(async () => (await fetchRange(offset, length, head, signal)).bytes, {
          signal,
        });
      } catch (error) {
        throw signal.aborted ? new AbortedError(`reading ${url} was stopped`, { cause: error }) : error;
      }
    },
  });
  const modifiedMs = lastModified === null ? Number.NaN : Date.parse(lastModified);

  return {
    url,
    sizeBytes,
    modifiedMs: Number.isNaN(modifiedMs) ? null : modifiedMs,
    version:
      etag === null && versionId === null
        ? lastModified
        : `${etag ?? ''}${versionId === null ? '' : ` ${versionId}`}`,
    get stats() {
      return { ...counters, cacheHits: reads.hits };
    },
    read: (offset, length, signal) => reads.read(offset, length, signal),
    async close() {
      closing.abort();
      reads.close();
      transport.close();
    },
  };
}

/**
 * Aborts `target` with the first of several signals, until the returned function is called. `AbortSignal.any` would do,
 * but in Node 20 what it makes stays in memory as long as its longest-lived signal.
 */
function linkSignals(signals: readonly (AbortSignal | undefined)[], target: AbortController): () => void {
  const stop = () => target.abort();
  const given = signals.filter((signal) => signal !== undefined);
  for (const signal of given) {
    if (signal.aborted) stop();
    // One listener a request under way is no leak.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', stop, { once: true });
  }
  return () => {
    for (const signal of given) signal.removeEventListener('abort', stop);
  };
}

interface Attempt {
  readonly offset: number;
  readonly length: number;
  readonly opened: Opened | null;
  readonly stallMs: number;
  /** Fired by whoever wants the request no more. */
  readonly stop: AbortSignal;
}

/** One request, from its first byte to its last, that ends in any case. */
async function requestOnce(
  transport: Transport,
  { offset, length, opened, stallMs, stop }: Attempt,
): Promise<ReceivedRange & Opened> {
  const { url, counters } = transport;
  const request = new AbortController();
  let stalled = false;
  const stall = () => {
    stalled = true;
    request.abort();
  };
  const cancel = () => request.abort();
  let timer = setTimeout(stall, stallMs);
  let received = 0;
  const onProgress = (bytes: number) => {
    received += bytes;
    if (received < STALL_BYTES) return;
    received = 0;
    clearTimeout(timer);
    timer = setTimeout(stall, stallMs);
  };
  stop.addEventListener('abort', cancel, { once: true });
  try {
    if (stop.aborted) throw new AbortedError(`reading ${url} was stopped`);
    const { signal } = request;
    const answer = await orAborted(transport.request({ offset, length, expected: opened, signal }), signal);
    const range = await orAborted(
      receiveRange({ url, offset, length, opened }, answer, counters, onProgress),
      signal,
    );
    const { etag, lastModified, versionId } = answer;
    return { ...range, etag, lastModified, versionId };
  } catch (error) {
    if (stop.aborted) throw new AbortedError(`reading ${url} was stopped`, { cause: error });
    if (stalled) {
      throw new Hiccup(`the server sent nothing, or hardly anything, for ${stallMs / 1000} s`, {
        status: 'ETIMEDOUT',
        cause: error,
      });
    }
    throw error;
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', cancel);
    // Whatever is left of the request, such as a body that was refused, goes with it.
    request.abort();
  }
}

/** Settles as `work` does, or as soon as `signal` fires, for work that does not heed it at every step. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}
