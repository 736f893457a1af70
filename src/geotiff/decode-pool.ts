import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import worker_threads, { type Worker } from 'node:worker_threads';
import { WorkerError } from '../core/errors.ts';
import type { ImageFacts } from './decode-span.ts';
import type { DecodeAnswer, DecodeJob, DecodeOutcome, GatheredJob, ThreadData } from './decode-thread.ts';
import { shareCompiledJpeg } from './jpeg-codec.ts';

const JPEG = 7;

/** More threads than this rarely help one reader, whose own thread hands the bytes round. */
const MOST_THREADS = 8;
/** Jobs at a thread: the next waits there while one is decoded, so that no thread waits for the main one to come round. */
const MOST_JOBS = 2;
/** Threads that have had nothing to do for this long end, and give their memory back. */
const IDLE_MS = 5000;

/** Decode threads where nobody chose a number: one a processor. */
export function defaultDecodeThreads(): number {
  return Math.min(availableParallelism(), MOST_THREADS);
}

interface Job {
  readonly job: DecodeJob;
  readonly resolve: (outcomes: readonly DecodeOutcome[]) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
  /** Whether it has said that it can decode; it gets no job before. */
  ready: boolean;
  /** The last image that it was told of, and keeps. */
  image: ImageFacts | null;
  idle: NodeJS.Timeout | null;
}

/**
 * Threads for the whole process, so that many open files do not mean many threads. Written here because the pools at hand
 * leave waiting jobs unanswered when their threads die while they start.
 */
interface Pool {
  readonly threads: Set<Thread>;
  readonly queue: Job[];
}

const pools = new Map<number, Pool>();
let nextId = 0;

/** Whether threads of such a pool can decode. */
export function isPoolReady(threads: number): boolean {
  for (const thread of pools.get(threads)?.threads ?? []) if (thread.ready) return true;
  return false;
}

/** Whether no thread of such a pool has anything to do. */
export function isPoolIdle(threads: number): boolean {
  const pool = poolOf(threads);
  if (pool.queue.length > 0) return false;
  for (const thread of pool.threads) if (thread.jobs.size > 0) return false;
  return true;
}

/**
 * Starts threads that will be wanted soon, so that nobody waits for them.
 * @param threads the pool's
 * @param count how many of them
 * @param compression what they get to decode
 */
export function startPool(threads: number, count: number, compression: number): void {
  const pool = poolOf(threads);
  while (pool.threads.size < Math.min(threads, count))
    holdProcess(pool, startThread(pool, threads, compression));
}

/**
 * Decodes spans on one of `threads` threads. They are started as jobs come, keep no process alive without a job, and end
 * when idle.
 * @throws WorkerError if the job's thread died; others take over what waits
 */
export function decodeInPool(threads: number, job: DecodeJob): Promise<readonly DecodeOutcome[]> {
  const pool = poolOf(threads);
  return new Promise((resolve, reject) => {
    pool.queue.push({ job, resolve, reject });
    handOut(pool, threads);
  });
}

function poolOf(threads: number): Pool {
  const pool = pools.get(threads) ?? { threads: new Set<Thread>(), queue: [] };
  pools.set(threads, pool);
  return pool;
}

/** Gives waiting jobs to the threads with the least to do; new threads are started for jobs that have to wait. */
function handOut(pool: Pool, most: number): void {
  while (pool.queue.length > 0) {
    let thread: Thread | null = null;
    let starting = 0;
    for (const other of pool.threads) {
      if (!other.ready) starting++;
      else if (other.jobs.size < (thread?.jobs.size ?? MOST_JOBS)) thread = other;
    }
    const waits = pool.queue.length - (thread?.jobs.size === 0 ? 1 : 0);
    if (waits > starting && pool.threads.size < most) {
      startThread(pool, most, pool.queue[0]!.job.image.layout.compression);
      continue;
    }
    if (thread === null) break;
    post(thread, pool.queue.shift()!);
  }
  for (const thread of pool.threads) holdProcess(pool, thread);
}

/** A thread keeps the process alive while a job is with it, or waits for it. */
function holdProcess(pool: Pool, thread: Thread): void {
  const busy = thread.jobs.size > 0 || (!thread.ready && pool.queue.length > 0);
  if (busy) thread.worker.ref();
  else thread.worker.unref();
  if (busy && thread.idle !== null) {
    clearTimeout(thread.idle);
    thread.idle = null;
  } else if (!busy) {
    thread.idle ??= setTimeout(() => {
      // Ending takes a while, and a job that comes meanwhile must not be given to it.
      pool.threads.delete(thread);
      void thread.worker.terminate();
    }, IDLE_MS).unref();
  }
}

function post(thread: Thread, waiting: Job): void {
  const id = nextId++;
  thread.jobs.set(id, waiting);
  const { image, spans } = waiting.job;
  const gathered = gather(id, image === thread.image ? null : image, spans);
  thread.image = image;
  thread.worker.postMessage(gathered, [gathered.buffer]);
}

function startThread(pool: Pool, most: number, compression: number): Thread {
  const worker = newWorker(compression);
  const thread: Thread = { worker, jobs: new Map(), ready: false, image: null, idle: null };
  let why = '';
  worker.on('message', (answer: DecodeAnswer | 'ready') => {
    if (answer === 'ready') thread.ready = true;
    else {
      if (spare.length < MOST_SPARE) spare.push(answer.buffer);
      thread.jobs.get(answer.id)?.resolve(answer.outcomes);
      thread.jobs.delete(answer.id);
    }
    handOut(pool, most);
  });
  worker.on('error', (error) => {
    why = `: ${error instanceof Error ? error.message : String(error)}`;
  });
  worker.on('exit', (exitCode) => {
    const died = pool.threads.delete(thread);
    if (thread.idle !== null) clearTimeout(thread.idle);
    const lost = [...thread.jobs.values()];
    // Each thread takes a job along when it dies, also one that never came up: this ends.
    if (died && !thread.ready) lost.push(...pool.queue.splice(0, 1));
    for (const { job, reject } of lost) {
      const message = `${job.image.url}: a decode thread died (exit code ${exitCode}${why}); run it again`;
      reject(new WorkerError(message, { exitCode }));
    }
    thread.jobs.clear();
    handOut(pool, most);
  });
  pool.threads.add(thread);
  return thread;
}

function newWorker(compression: number): Worker {
  const extension = extname(import.meta.url);
  const module = new URL(`./decode-thread${extension}`, import.meta.url);
  // Flags of this process may mean nothing to a thread, and end it.
  const workerData: ThreadData = { compression, jpeg: compression === JPEG ? shareCompiledJpeg() : null };
  const settings = { execArgv: [] as string[], workerData };
  if (extension !== '.ts') return new worker_threads.Worker(module, settings);
  // From source (the tests) the thread is TypeScript too and needs the same loader.
  const loader = createRequire(import.meta.url).resolve('tsx/cjs/api');
  const entry = `require(${JSON.stringify(loader)}).register(); require(${JSON.stringify(fileURLToPath(module))})`;
  return new worker_threads.Worker(entry, { eval: true, ...settings });
}

/** Buffers that came back from threads; as many as are under way at once. */
const spare: ArrayBuffer[] = [];
const MOST_SPARE = MOST_JOBS * MOST_THREADS;
/** Sizes of buffers are multiples of this, so that one fits the next job. */
const SPARE_UNIT = 512 * 1024;

/** Stored bytes side by side in a buffer that is handed over: the originals share theirs with others. */
function gather(id: number, image: ImageFacts | null, spans: DecodeJob['spans']): GatheredJob {
  let size = 0;
  for (const { blocks } of spans) for (const { bytes } of blocks) size += bytes?.length ?? 0;
  const fits = spare.findIndex((buffer) => buffer.byteLength >= size);
  const held = fits < 0 ? undefined : spare.splice(fits, 1)[0];
  const buffer =
    held ?? (Buffer.allocUnsafeSlow(Math.ceil(size / SPARE_UNIT) * SPARE_UNIT).buffer as ArrayBuffer);
  let at = 0;
  const moved = spans.map(({ blocks }) => ({
    blocks: blocks.map(({ block, rows, bytes }) => {
      if (bytes === null) return { block, rows, bytes };
      const part = new Uint8Array(buffer, at, bytes.length);
      part.set(bytes);
      at += bytes.length;
      return { block, rows, bytes: part };
    }),
  }));
  return { id, image, spans: moved, buffer };
}
