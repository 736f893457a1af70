import { parentPort, workerData } from 'node:worker_threads';
import { type ErrorData, serializeError } from '../core/errors.ts';
import { loadCodec } from './decode-block.ts';
import { decodeSpan, type ImageFacts, type StoredSpan } from './decode-span.ts';
import { type CompiledJpeg, useCompiledJpeg } from './jpeg-codec.ts';
import type { SampleArray } from './sample-array.ts';

/** What a thread is started with. */
export interface ThreadData {
  /** What it gets to decode. */
  readonly compression: number;
  readonly jpeg: CompiledJpeg | null;
}

/** Spans of one image for a thread to decode. */
export interface DecodeJob {
  readonly image: ImageFacts;
  readonly spans: readonly StoredSpan[];
}

/** A {@link DecodeJob} as it crosses to a thread: all stored bytes lie in one buffer. */
export interface GatheredJob {
  readonly id: number;
  /** `null` for that of the job before. */
  readonly image: ImageFacts | null;
  readonly spans: readonly StoredSpan[];
  readonly buffer: ArrayBuffer;
}

/** What became of one span. */
export type DecodeOutcome = { readonly samples: SampleArray } | { readonly error: ErrorData };

/** What a thread gives back for a {@link GatheredJob}. */
export interface DecodeAnswer {
  readonly id: number;
  /** One a span, in order. */
  readonly outcomes: readonly DecodeOutcome[];
  /** The memory that the job's stored bytes came in, for the next job: memory new to a process is slow. */
  readonly buffer: ArrayBuffer;
}

let current: ImageFacts | null = null;

/** What runs on a decode thread: one corrupt span spoils no other. */
async function answerJob({ id, image, spans, buffer }: GatheredJob): Promise<void> {
  current = image ?? current;
  const outcomes: DecodeOutcome[] = [];
  const buffers: ArrayBuffer[] = [buffer];
  for (const span of spans) {
    try {
      const samples = await decodeSpan(current!, span);
      outcomes.push({ samples });
      buffers.push(samples.buffer);
    } catch (error) {
      outcomes.push({ error: serializeError(error) });
    }
  }
  const answer: DecodeAnswer = { id, outcomes, buffer };
  parentPort?.postMessage(answer, buffers);
}

// One job after the other: a job that waits, for a module to load, is not to be mixed with the next. A codec that cannot be
// loaded fails the blocks that need it, by their names.
const { compression, jpeg } = workerData as ThreadData;
if (jpeg !== null) useCompiledJpeg(jpeg);
let last: Promise<void> = loadCodec(compression).then(
  () => parentPort?.postMessage('ready'),
  () => parentPort?.postMessage('ready'),
);
parentPort?.on('message', (job: GatheredJob) => {
  last = last.then(() => answerJob(job));
});
