import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AbortedError, reviveError } from '../core/errors.ts';
import { decodeJpegGroup, JPEG_GROUP } from './decode-jpeg-group.ts';
import { decodeInPool, isPoolStarted } from './decode-pool.ts';
import { decodeSpan, type ImageFacts, type StoredSpan } from './decode-span.ts';
import { samplesInBlock } from './image-layout.ts';
import type { SampleArray } from './sample-array.ts';

/** Decodes the spans of one image, in threads where that pays. */
export interface SpanDecoder {
  /**
   * @param bytes size of what comes out
   * @throws FormatError, WorkerError, AbortedError
   */
  decode(span: StoredSpan, bytes: number, signal?: AbortSignal): Promise<SampleArray>;
}

const JPEG = 7;

interface Waiting {
  readonly span: StoredSpan;
  readonly bytes: number;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (samples: SampleArray) => void;
  readonly reject: (error: unknown) => void;
}

/** Threads are started once an image has this much to decode; less is done sooner than they are up. */
const START_BYTES = 8 * 1024 * 1024;
/** Turns with less than this are decoded where they are: the way to a thread and back takes about as long. */
const HERE_BYTES = 128 * 1024;
/** A job is no smaller and no larger than this, so that neither messages nor waiting threads cost much. */
const JOB_BYTES = { least: 128 * 1024, most: 1024 * 1024 } as const;

/**
 * Spans whose bytes arrive in the same turn of the event loop (a joined read brings many) are shared out over the threads.
 * @param threads how many; 0 decodes on the calling thread
 */
export function createSpanDecoder(image: ImageFacts, threads: number): SpanDecoder {
  let queue: Waiting[] = [];
  let decodedBytes = 0;

  const flush = () => {
    const turn = queue.filter((waiting) => !dropAborted(image, waiting));
    queue = [];
    const bytes = turn.reduce((sum, waiting) => sum + waiting.bytes, 0);
    decodedBytes += bytes;
    if (image.layout.compression === JPEG) {
      void decodeGroups(image, turn);
      return;
    }
    const worthIt =
      threads > 0 && bytes > HERE_BYTES && (isPoolStarted(threads) || decodedBytes > START_BYTES);
    if (!worthIt) {
      void decodeHere(image, turn);
      return;
    }
    // Two jobs a thread even out what takes longer.
    const size = Math.min(JOB_BYTES.most, Math.max(JOB_BYTES.least, bytes / (2 * threads)));
    for (const job of splitJobs(turn, size)) void decodeThere(image, job, threads);
  };

  return {
    decode(span, bytes, signal) {
      return new Promise((resolve, reject) => {
        if (queue.length === 0) setImmediate(flush);
        queue.push({ span, bytes, signal, resolve, reject });
      });
    },
  };
}

function dropAborted(image: ImageFacts, waiting: Waiting): boolean {
  if (waiting.signal?.aborted !== true) return false;
  waiting.reject(new AbortedError(`reading ${image.url} was stopped`));
  return true;
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
  const size = Math.min(JPEG_GROUP, Math.ceil(wholes.length / availableParallelism()));
  const alone: Waiting[] = turn.filter((waiting) => !full(waiting));
  const groups = Array.from({ length: Math.ceil(wholes.length / Math.max(1, size)) }, (_, i) =>
    wholes.slice(i * size, (i + 1) * size),
  );
  const decodeGroup = async (group: readonly Waiting[]) => {
    const blocks = group.map(({ span }) => span.blocks[0]!.bytes!);
    const pixels = group.length === 1 ? null : await decodeJpegGroup(layout, blocks, image.tables.jpeg);
    if (pixels === null) await decodeHere(image, group);
    else {
      group.forEach(({ span, resolve }, i) => {
        // Of tiles that reach below the image, what lies in it.
        const needed = span.blocks[0]!.rows * layout.blockWidth * samplesInBlock(layout);
        resolve(needed === pixels[i]!.length ? pixels[i]! : pixels[i]!.slice(0, needed));
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

function* splitJobs(turn: readonly Waiting[], size: number): Generator<Waiting[]> {
  let job: Waiting[] = [];
  let bytes = 0;
  for (const waiting of turn) {
    job.push(waiting);
    bytes += waiting.bytes;
    if (bytes < size) continue;
    yield job;
    job = [];
    bytes = 0;
  }
  if (job.length > 0) yield job;
}
