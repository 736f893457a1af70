import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AbortedError, reviveError } from '../core/errors.ts';
import { decodeJpegGroup, JPEG_GROUP } from './decode-jpeg-group.ts';
import { decodeInPool, isPoolIdle, isPoolReady, startPool } from './decode-pool.ts';
import { decodeSpan, type ImageFacts, type StoredSpan } from './decode-span.ts';
import { type ImageLayout, imageBytes, samplesInBlock } from './image-layout.ts';
import { isSmallJpeg } from './jpeg-codec.ts';
import type { SampleArray } from './sample-array.ts';

/** Decodes the spans of one image, in threads where that pays. */
export interface SpanDecoder {
  /**
   * Starts a turn: spans that are wanted together.
   * @param whole whether to wait for the bytes of all of them, so that they can be shared out evenly: where bytes come soon
   * @param kept whether what comes out stays: then it keeps no larger buffer alive
   */
  startTurn(whole: boolean, kept: boolean): SpanTurn;
}

/** Spans that are wanted together. */
export interface SpanTurn {
  /**
   * Decodes what `read` gives. All spans of a turn are asked for in the same turn of the event loop.
   * @param bytes size of what comes out
   * @throws what `read` throws, FormatError, WorkerError, AbortedError
   */
  decode(read: () => Promise<StoredSpan>, bytes: number, signal?: AbortSignal): Promise<SampleArray>;
}

const JPEG = 7;
/** So many JPEG blocks that are wanted together are worth calls of libvips, and loading it. */
const LIBVIPS_BLOCKS = 16;

interface Waiting {
  readonly span: StoredSpan;
  readonly bytes: number;
  readonly kept: boolean;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (samples: SampleArray) => void;
  readonly reject: (error: unknown) => void;
}

/** Threads are started by images with this much to decode for each of them; less is done sooner than they are up. */
const START_BYTES = 8 * 1024 * 1024;
/** Turns with less than this are decoded where they are: the way to a thread and back takes about as long. */
const HERE_BYTES = 128 * 1024;
/** Up to this much for each thread is a window, of which the calling thread decodes its share. */
const SHARED_BYTES = 4 * 1024 * 1024;
/** A job is no smaller and no larger than this, so that neither messages nor waiting threads cost much. */
const JOB_BYTES = { least: 128 * 1024, most: 1024 * 1024 } as const;

/**
 * Spans whose bytes arrive in the same turn of the event loop (a joined read brings many) are shared out over the threads.
 * @param threads how many; 0 decodes on the calling thread
 */
export function createSpanDecoder(image: ImageFacts, threads: number): SpanDecoder {
  let queue: Waiting[] = [];
  const wanted = Math.min(threads, Math.floor(imageBytes(image.layout) / START_BYTES));

  const flush = () => {
    const turn = queue.filter((waiting) => !dropAborted(image, waiting));
    queue = [];
    if (isForLibvips(image.layout, turn.length)) {
      void decodeGroups(image, turn);
      return;
    }
    // The calling thread takes part: one fewer will do at first.
    if (wanted > 0) startPool(threads, Math.min(wanted, Math.max(1, threads - 1)), image.layout.compression);
    void decodeWhereBest(image, turn, wanted > 0 || isPoolReady(threads) ? threads : 0);
  };

  const add = (spans: readonly Waiting[]) => {
    if (queue.length === 0) setImmediate(flush);
    queue.push(...spans);
  };

  return {
    startTurn(whole, kept) {
      let reading = 0;
      let held: Waiting[] = [];
      const pass = () => {
        if (held.length === 0 || (whole && reading > 0)) return;
        add(held);
        held = [];
      };
      return {
        async decode(read, bytes, signal) {
          reading++;
          let span: StoredSpan;
          try {
            span = await read();
          } catch (error) {
            reading--;
            pass();
            throw error;
          }
          reading--;
          return new Promise((resolve, reject) => {
            held.push({ span, bytes, kept, signal, resolve, reject });
            pass();
          });
        },
      };
    },
  };
}

/** Whether JPEG blocks go to libvips, whose calls are dear and whose pixels are cheap. */
function isForLibvips(layout: ImageLayout, blocks: number): boolean {
  if (layout.compression !== JPEG) return false;
  const { blockWidth, blockHeight } = layout;
  return blocks >= LIBVIPS_BLOCKS || !isSmallJpeg(blockWidth, blockHeight, samplesInBlock(layout));
}

function dropAborted(image: ImageFacts, waiting: Waiting): boolean {
  if (waiting.signal?.aborted !== true) return false;
  waiting.reject(new AbortedError(`reading ${image.url} was stopped`));
  return true;
}

/** In threads as soon as they are up, here until then. */
async function decodeWhereBest(image: ImageFacts, turn: readonly Waiting[], threads: number): Promise<void> {
  const bytes = turn.reduce((sum, waiting) => sum + waiting.bytes, 0);
  if (threads === 0 || bytes <= HERE_BYTES) return decodeHere(image, turn);
  let done = 0;
  for (; done < turn.length && !isPoolReady(threads); done++) {
    const waiting = turn[done]!;
    // What takes long would keep all else waiting, which the threads' start does not.
    if (waiting.bytes > JOB_BYTES.most) break;
    await decodeHere(image, [waiting]);
    await nextTurn();
  }
  const rest = turn.slice(done);
  const small = bytes <= SHARED_BYTES * threads && rest.every((one) => one.bytes <= JOB_BYTES.most);
  if (small && isPoolIdle(threads)) {
    // Who reads window by window has nothing else to do here until this one is there.
    const [own = [], ...parts] = splitJobs(rest, Math.max(2, threads));
    for (const part of parts) void decodeThere(image, part, threads);
    return decodeHere(image, own);
  }
  const jobs = splitJobs(rest, countJobs(rest, threads));
  for (const job of jobs) void decodeThere(image, job, threads);
}

/** As many for each thread, and no more messages than that takes. */
function countJobs(spans: readonly Waiting[], threads: number): number {
  const bytes = spans.reduce((sum, waiting) => sum + waiting.bytes, 0);
  const wanted = threads * Math.ceil(bytes / threads / JOB_BYTES.most);
  return Math.max(1, Math.min(wanted, Math.floor(bytes / JOB_BYTES.least)));
}

async function decodeHere(image: ImageFacts, turn: readonly Waiting[]): Promise<void> {
  let busyBytes = 0;
  for (const waiting of turn) {
    if (busyBytes > JOB_BYTES.most) {
      // Timers, sockets and abort signals get their turn too.
      await nextTurn();
      busyBytes = 0;
    }
    busyBytes += waiting.bytes;
    if (dropAborted(image, waiting)) continue;
    try {
      waiting.resolve(await decodeSpan(image, waiting.span));
    } catch (error) {
      waiting.reject(error);
    }
  }
}

/** JPEG blocks, several a call of libvips, which has threads of its own. */
async function decodeGroups(image: ImageFacts, turn: readonly Waiting[]): Promise<void> {
  const { layout } = image;
  const full = (waiting: Waiting) => {
    const [first] = waiting.span.blocks;
    return first!.bytes !== null && (layout.tiled || first!.rows === layout.blockHeight);
  };
  const wholes = turn.filter(full);
  // A call costs about as much as three blocks: fewer than that are not worth another.
  const calls = Math.max(1, Math.min(availableParallelism(), Math.floor(wholes.length / 3)));
  const size = Math.min(JPEG_GROUP, Math.ceil(wholes.length / calls));
  const alone: Waiting[] = turn.filter((waiting) => !full(waiting));
  const groups = Array.from({ length: Math.ceil(wholes.length / Math.max(1, size)) }, (_, i) =>
    wholes.slice(i * size, (i + 1) * size),
  );
  const decodeGroup = async (group: readonly Waiting[]) => {
    const blocks = group.map(({ span }) => span.blocks[0]!.bytes!);
    const pixels = group.length === 1 ? null : await decodeJpegGroup(layout, blocks, image.tables.jpeg);
    if (pixels === null) await decodeHere(image, group);
    else {
      group.forEach(({ span, kept, resolve }, i) => {
        // Of tiles that reach below the image, what lies in it.
        const needed = span.blocks[0]!.rows * layout.blockWidth * samplesInBlock(layout);
        const part = pixels[i]!.subarray(0, needed);
        resolve(kept ? new Uint8Array(part) : part);
      });
    }
  };
  await Promise.all([...groups.map(decodeGroup), decodeHere(image, alone)]);
}

async function decodeThere(image: ImageFacts, job: readonly Waiting[], threads: number): Promise<void> {
  try {
    const outcomes = await decodeInPool(threads, { image, spans: job.map(({ span }) => span) });
    outcomes.forEach((outcome, i) => {
      if ('samples' in outcome) job[i]!.resolve(outcome.samples);
      else job[i]!.reject(reviveError(outcome.error));
    });
  } catch (error) {
    for (const waiting of job) waiting.reject(error);
  }
}

/** Cuts spans that follow each other into about `count` parts of the same size. */
function* splitJobs(spans: readonly Waiting[], count: number): Generator<readonly Waiting[]> {
  const total = spans.reduce((sum, waiting) => sum + waiting.bytes, 0);
  let start = 0;
  let bytes = 0;
  let cut = 1;
  for (const [i, waiting] of spans.entries()) {
    bytes += waiting.bytes;
    // Cut where the middle of the next span would lie beyond.
    const next = spans[i + 1]?.bytes ?? 0;
    if (i + 1 < spans.length && bytes + next / 2 <= (total * cut) / count) continue;
    yield spans.slice(start, i + 1);
    start = i + 1;
    while ((total * cut) / count < bytes + next / 2) cut++;
  }
}
