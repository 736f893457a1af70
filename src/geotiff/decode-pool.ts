import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Piscina } from 'piscina';
import { WorkerError } from '../core/errors.ts';
import type { DecodeAnswer, DecodeJob, DecodeOutcome, GatheredJob } from './decode-thread.ts';

/** More threads than this rarely help one reader, whose own thread hands the bytes round. */
const MOST_THREADS = 8;

/** Threads that have had nothing to do for this long end, and give their memory back. */
const IDLE_MS = 5000;

/** Decode threads where nobody chose a number: one a processor. */
export function defaultDecodeThreads(): number {
  return Math.min(availableParallelism(), MOST_THREADS);
}

/** One pool a size serves the whole process, so that many open files do not mean many threads. */
const pools = new Map<number, Promise<Piscina>>();

/** Buffers that came back from threads; as many as are under way at once. */
const spare: ArrayBuffer[] = [];
const MOST_SPARE = 2 * MOST_THREADS;
/** Sizes of buffers are multiples of this, so that one fits the next job. */
const SPARE_UNIT = 512 * 1024;

/** Whether threads of such a pool were started before. */
export function isPoolStarted(threads: number): boolean {
  return pools.has(threads);
}

/**
 * Decodes spans on one of `threads` threads; they are started on the first call, keep no process alive, and end when idle.
 * @throws WorkerError if the thread died; the pool starts another for the next job
 */
export async function decodeInPool(threads: number, job: DecodeJob): Promise<readonly DecodeOutcome[]> {
  let pool = pools.get(threads);
  if (pool === undefined) {
    pool = startPool(threads);
    pools.set(threads, pool);
  }
  const gathered = gather(job);
  try {
    const running = (await pool).run(gathered, { transferList: [gathered.buffer] });
    const { outcomes, buffer } = (await running) as DecodeAnswer;
    if (spare.length < MOST_SPARE) spare.push(buffer);
    return outcomes;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WorkerError(`${job.image.url}: a decode thread died (${why}); run it again`, { cause });
  }
}

async function startPool(threads: number): Promise<Piscina> {
  // Only readers of many blocks pay for loading it.
  const { Piscina } = await import('piscina');
  // From source (the tests) the thread is TypeScript too and needs the same loader.
  const extension = extname(import.meta.url);
  const pool = new Piscina({
    filename: fileURLToPath(new URL(`./decode-thread${extension}`, import.meta.url)),
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: IDLE_MS,
    // The next job waits at the thread while one is decoded: no thread waits for the main one to come round.
    concurrentTasksPerWorker: 2,
    execArgv: extension === '.ts' ? ['--import', 'tsx'] : [],
  });
  // Jobs are told of their thread's death themselves; a thread that dies idle is nobody's concern.
  pool.on('error', () => undefined);
  return pool;
}

/** Stored bytes side by side in a buffer that is handed over: the originals share theirs with others. */
function gather({ image, spans }: DecodeJob): GatheredJob {
  let size = 0;
  for (const { blocks } of spans) for (const { bytes } of blocks) size += bytes?.length ?? 0;
  const fits = spare.findIndex((buffer) => buffer.byteLength >= size);
  const buffer =
    spare.splice(fits, fits < 0 ? 0 : 1)[0] ?? new ArrayBuffer(Math.ceil(size / SPARE_UNIT) * SPARE_UNIT);
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
  return { image, spans: moved, buffer };
}
