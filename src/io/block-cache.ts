import { setMaxListeners } from 'node:events';
import { AbortedError } from '../core/errors.ts';

/** Anything with a size in bytes: typed arrays are. */
export interface Sized {
  readonly byteLength: number;
}

/** What a cache has done so far. */
export interface BlockCacheStats {
  /** Answered from memory. */
  readonly hits: number;
  /** Answered by joining a load that was already under way. */
  readonly joined: number;
  /** Loads started. */
  readonly misses: number;
  readonly evictions: number;
  /** Held now; never above the budget. */
  readonly bytes: number;
  readonly peakBytes: number;
  readonly budgetBytes: number;
}

interface Load<V> {
  readonly promise: Promise<V>;
  readonly abort: AbortController;
  waiters: number;
}

/**
 * Least-recently-used cache of decoded blocks with a byte budget, shared by all readers of a run. Two callers who want
 * the same block at once cause one load; a load is aborted when the last of its callers has left. A block larger than
 * the whole budget is handed out but not kept.
 */
export class BlockCache<V extends Sized> {
  #budgetBytes: number;
  /** Insertion order is age: a hit moves its entry to the end. */
  readonly #entries = new Map<string, V>();
  readonly #loads = new Map<string, Load<V>>();
  #bytes = 0;
  #peakBytes = 0;
  #hits = 0;
  #joined = 0;
  #misses = 0;
  #evictions = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  get stats(): BlockCacheStats {
    return {
      hits: this.#hits,
      joined: this.#joined,
      misses: this.#misses,
      evictions: this.#evictions,
      bytes: this.#bytes,
      peakBytes: this.#peakBytes,
      budgetBytes: this.#budgetBytes,
    };
  }

  /**
   * The block of `key`, loaded by `load` if it is not held. A failed load is not remembered: the next call tries again.
   * @throws whatever `load` throws; AbortedError once `signal` fires.
   */
  async get(key: string, load: (signal: AbortSignal) => Promise<V>, signal?: AbortSignal): Promise<V> {
    if (signal?.aborted) throw new AbortedError('reading blocks was stopped');
    const held = this.#entries.get(key);
    if (held !== undefined) {
      this.#hits++;
      this.#entries.delete(key);
      this.#entries.set(key, held);
      return held;
    }
    let under = this.#loads.get(key);
    if (under) {
      this.#joined++;
      under.waiters++;
    } else {
      under = this.#start(key, load);
    }
    return signal ? this.#waitOrLeave(key, under, signal) : under.promise;
  }

  /** Takes a smaller budget from now on, and forgets the oldest blocks beyond it. */
  shrink(budgetBytes: number): void {
    this.#budgetBytes = Math.min(this.#budgetBytes, budgetBytes);
    while (this.#bytes > this.#budgetBytes) this.#evictOldest();
  }

  /** Forgets every held block whose key starts with `prefix`. */
  drop(prefix: string): void {
    for (const [key, value] of this.#entries) {
      if (!key.startsWith(prefix)) continue;
      this.#entries.delete(key);
      this.#bytes -= value.byteLength;
    }
  }

  #start(key: string, load: (signal: AbortSignal) => Promise<V>): Load<V> {
    this.#misses++;
    const abort = new AbortController();
    const promise = load(abort.signal).then(
      (value) => {
        this.#forgetLoad(key, abort);
        this.#keep(key, value);
        return value;
      },
      (error: unknown) => {
        this.#forgetLoad(key, abort);
        throw error;
      },
    );
    const started = { promise, abort, waiters: 1 };
    this.#loads.set(key, started);
    return started;
  }

  #forgetLoad(key: string, abort: AbortController): void {
    if (this.#loads.get(key)?.abort === abort) this.#loads.delete(key);
  }

  #waitOrLeave(key: string, under: Load<V>, signal: AbortSignal): Promise<V> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        if (--under.waiters === 0) {
          this.#forgetLoad(key, under.abort);
          under.abort.abort();
        }
        reject(new AbortedError('reading blocks was stopped'));
      };
      // One listener a block under way is no leak.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', leave, { once: true });
      under.promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  #keep(key: string, value: V): void {
    if (value.byteLength > this.#budgetBytes) return;
    const before = this.#entries.get(key);
    if (before !== undefined) {
      this.#entries.delete(key);
      this.#bytes -= before.byteLength;
    }
    while (this.#bytes + value.byteLength > this.#budgetBytes) this.#evictOldest();
    this.#entries.set(key, value);
    this.#bytes += value.byteLength;
    this.#peakBytes = Math.max(this.#peakBytes, this.#bytes);
  }

  #evictOldest(): void {
    const oldest = this.#entries.entries().next().value;
    if (oldest === undefined) return;
    this.#entries.delete(oldest[0]);
    this.#bytes -= oldest[1].byteLength;
    this.#evictions++;
  }
}
