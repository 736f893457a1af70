import { move, transferableSymbol, valueSymbol } from 'piscina';
import { type ErrorData, serializeError } from '../core/errors.ts';
import { decodeSpan, type ImageFacts, type StoredSpan } from './decode-span.ts';
import type { SampleArray } from './sample-array.ts';

/** Spans of one image for a thread to decode. */
export interface DecodeJob {
  readonly image: ImageFacts;
  readonly spans: readonly StoredSpan[];
}

/** A {@link DecodeJob} whose stored bytes all lie in one buffer. */
export interface GatheredJob extends DecodeJob {
  readonly buffer: ArrayBuffer;
}

/** What became of one span. */
export type DecodeOutcome = { readonly samples: SampleArray } | { readonly error: ErrorData };

/** What a thread gives back for a {@link DecodeJob}. */
export interface DecodeAnswer {
  /** One a span, in order. */
  readonly outcomes: readonly DecodeOutcome[];
  /** The memory that the job's stored bytes came in, for the next job: memory new to a process is slow. */
  readonly buffer: ArrayBuffer;
}

/** What runs on a decode thread: one corrupt span spoils no other. */
export default async function decodeOnThread({ image, spans, buffer }: GatheredJob): Promise<unknown> {
  const outcomes: DecodeOutcome[] = [];
  for (const span of spans) {
    try {
      outcomes.push({ samples: await decodeSpan(image, span) });
    } catch (error) {
      outcomes.push({ error: serializeError(error) });
    }
  }
  const answer: DecodeAnswer = { outcomes, buffer };
  const buffers = outcomes.flatMap((outcome) => ('samples' in outcome ? [outcome.samples.buffer] : []));
  // Handed over, not copied.
  return move({ [transferableSymbol]: [...buffers, buffer], [valueSymbol]: answer });
}
