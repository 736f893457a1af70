import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import worker_threads, { type Worker } from 'node:worker_threads';
import { WorkerError } from '../core/errors.ts';
import type { DecodeAnswer, DecodeJob, DecodeOutcome, GatheredJob } from './decode-thread.ts';

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

/** Whether threads of such a pool are up. */
export function isPoolStarted(threads: number): boolean {
  return (pools.get(threads)?.threads.size ?? 0) > 0;
}

/**
 * Decodes spans on one of `threads` threads. They are started as jobs come, keep no process alive without a job, and end
 * when idle.
 * @throws WorkerError if the job's thread died; others take over what waits
 */
export function decodeInPool(threads: number, job: DecodeJob): Promise<readonly DecodeOutcome[]> {
  const pool = pools.get(threads) ?? { threads: new Set<Thread>(), queue: [] };
  pools.set(threads, pool);
  return new Promise((resolve, reject) => {
    pool.queue.push({ job, resolve, reject });
    handOut(pool, threads);
  });
}

/** Gives waiting jobs to the threads with the least to do; a new thread is started for a job that would have to wait. */
function handOut(pool: Pool, most: number): void {
  while (pool.queue.length > 0) {
    let thread: Thread | null = null;
    for (const other of pool.threads) if (other.jobs.size < (thread?.jobs.size ?? MOST_JOBS)) thread = other;
    if ((thread === null || thread.jobs.size > 0) && pool.threads.size < most)
      thread = startThread(pool, most);
    if (thread === null) return;
    post(thread, pool.queue.shift()!);
  }
}

function post(thread: Thread, waiting: Job): void {
  const id = nextId++;
  if (thread.idle !== null) clearTimeout(thread.idle);
  thread.idle = null;
  thread.worker.ref();
  thread.jobs.set(id, waiting);
  const gathered = gather(id, waiting.job);
  thread.worker.postMessage(gathered, [gathered.buffer]);
}

function startThread(pool: Pool, most: number): Thread {
  const worker = newWorker();
  const thread: Thread = { worker, jobs: new Map(), idle: null };
  let why = '';
  worker.on('message', ({ id, outcomes, buffer }: DecodeAnswer) => {
    if (spare.length < MOST_SPARE) spare.push(buffer);
    thread.jobs.get(id)?.resolve(outcomes);
    thread.jobs.delete(id);
    handOut(pool, most);
    if (thread.jobs.size > 0) return;
    worker.unref();
    thread.idle = setTimeout(() => void worker.terminate(), IDLE_MS).unref();
  });
  worker.on('error', (error) => {
    why = `: ${error instanceof Error ? error.message : String(error)}`;
  });
  worker.on('exit', (exitCode) => {
    pool.threads.delete(thread);
    for (const { job, reject } of thread.jobs.values()) {
      reject(
        new WorkerError(
          `${job.image.url}: a decode thread died (exit code ${exitCode}${why}); run it again`,
          {
            exitCode,
          },
        ),
      );
    }
    thread.jobs.clear();
    // Each thread takes a job along when it dies: this ends.
    handOut(pool, most);
  });
  pool.threads.add(thread);
  return thread;
}

function newWorker(): Worker {
  const extension = extname(import.meta.url);
  const module = new URL(`./decode-thread${extension}`, import.meta.url);
  // Flags of this process may mean nothing to a thread, and end it.
  const execArgv: string[] = [];
  if (extension !== '.ts') return new worker_threads.Worker(module, { execArgv });
  // From source (the tests) the thread is TypeScript too and needs the same loader.
  const loader = createRequire(import.meta.url).resolve('tsx/cjs/api');
  const entry = `require(${JSON.stringify(loader)}).register(); require(${JSON.stringify(fileURLToPath(module))})`;
  return new worker_threads.Worker(entry, { eval: true, execArgv });
}

/** Buffers that came back from threads; as many as are under way at once. */
const spare: ArrayBuffer[] = [];
const MOST_SPARE = MOST_JOBS * MOST_THREADS;
/** Sizes of buffers are multiples of this, so that one fits the next job. */
const SPARE_UNIT = 512 * 1024;

/** Stored bytes side by side in a buffer that is handed over: the originals share theirs with others. */
function gather(id: number, { image, spans }: DecodeJob): GatheredJob {
  let size = 0;
  for (const { blocks } of spans) for (const { bytes } of blocks) size += bytes?.length ?? 0;
  const fits = spare.findIndex((buffer) => buffer.byteLength >= size);
  const held = fits < 0 ? undefined : spare.splice(fits, 1)[0];
  const buffer = held ?? new ArrayBuffer(Math.ceil(size / SPARE_UNIT) * SPARE_UNIT);
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
