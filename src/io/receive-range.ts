import { SourceError } from '../core/errors.ts';
import { Hiccup } from './retry.ts';
import type { Counters, ObjectState, RangeAnswer } from './transport.ts';

/** Files up to this size are read whole from servers that do not know ranges. */
export const LARGEST_WHOLE_BYTES = 16 * 1024 * 1024;

/** What was asked for. */
export interface AskedRange {
  readonly url: string;
  readonly offset: number;
  readonly length: number;
  /** What the object was when it was opened; `null` for the opening request. */
  readonly opened: (ObjectState & { readonly sizeBytes: number }) | null;
}

/** A range that came, or the whole object where the server knows no ranges. */
export interface ReceivedRange {
  readonly bytes: Uint8Array;
  /** Size of the whole object. */
  readonly sizeBytes: number;
  readonly isWhole: boolean;
}

/**
 * Takes in an answer's body after making sure that it holds just what was asked for, of the object that was opened.
 * @param onProgress called with each piece's size
 * @throws Hiccup if the body is cut short or the answer is another range's; SourceError if the object was changed
 */
export async function receiveRange(
  asked: AskedRange,
  answer: RangeAnswer,
  counters: Counters,
  onProgress: (bytes: number) => void,
): Promise<ReceivedRange> {
  try {
    return await receive(asked, answer, counters, onProgress);
  } finally {
    answer.discard();
  }
}

async function receive(
  asked: AskedRange,
  answer: RangeAnswer,
  counters: Counters,
  onProgress: (bytes: number) => void,
): Promise<ReceivedRange> {
  const { url, offset, opened } = asked;
  checkState(asked, answer);
  const onPiece = (bytes: number) => {
    counters.bytes += bytes;
    onProgress(bytes);
  };
  if (answer.status === 416) {
    if (opened !== null) throw changed(url, `it ended at ${opened.sizeBytes} and now ends before ${offset}`);
    return { bytes: new Uint8Array(0), sizeBytes: 0, isWhole: true };
  }
  checkEncoding(url, answer);
  if (answer.status === 200) {
    if (opened !== null)
      throw new Hiccup('the server answered a range with the whole file', { status: 200, lasting: true });
    const bytes = await collectWhole(url, answer, onPiece);
    return { bytes, sizeBytes: bytes.length, isWhole: true };
  }
  const { length, sizeBytes } = checkContentRange(asked, answer);
  const bytes = await collect(answer, length, onPiece);
  return { bytes, sizeBytes, isWhole: length === sizeBytes };
}

/** The object must be the one that was opened; of servers that ignore `If-Match`, this is the only check. */
function checkState({ url, opened }: AskedRange, answer: RangeAnswer): void {
  if (opened === null) return;
  if (opened.etag !== null && answer.etag !== null) {
    if (opened.etag !== answer.etag) throw changed(url, `its ETag was ${opened.etag} and is ${answer.etag}`);
    return;
  }
  const { lastModified } = opened;
  if (lastModified !== null && answer.lastModified !== null && lastModified !== answer.lastModified) {
    throw changed(url, `it was last changed ${lastModified} and now ${answer.lastModified}`);
  }
}

/** The error for an object that is no longer the one that was opened. Running again reads the new one. */
export function changed(url: string, how: string): SourceError {
  return new SourceError(
    `${url} was changed while it was read (${how}); pixels of two files must not mix: run again once it stays as it is`,
    { url, status: 412, retryable: true },
  );
}

function checkEncoding(url: string, { contentEncoding }: RangeAnswer): void {
  if (contentEncoding === null || contentEncoding === 'identity') return;
  throw new SourceError(
    `${url}: the server sends it compressed (Content-Encoding: ${contentEncoding}), so that ranges of it mean nothing; serve it as it is, or copy it to a local disk`,
    { url },
  );
}

/** @returns how many bytes are to come, and the object's size */
function checkContentRange(asked: AskedRange, answer: RangeAnswer): { length: number; sizeBytes: number } {
  const { url, offset, opened } = asked;
  const match = /^bytes\s+(\d+)-(\d+)\/(\d+|\*)$/i.exec(answer.contentRange?.trim() ?? '');
  const fault = (got: string) =>
    new Hiccup(`asked for bytes ${offset} to ${offset + asked.length}, the server answered ${got}`, {
      status: 206,
      lasting: true,
    });
  if (match === null) throw fault(`with Content-Range "${answer.contentRange ?? ''}"`);
  const [first, last, total] = [Number(match[1]), Number(match[2]), match[3]];
  if (total === '*' && opened === null) {
    throw new SourceError(
      `${url}: the server does not tell how large it is (Content-Range: ${answer.contentRange}); copy it to a local disk`,
      { url },
    );
  }
  const sizeBytes = total === '*' ? opened!.sizeBytes : Number(total);
  if (opened !== null && sizeBytes !== opened.sizeBytes) {
    throw changed(url, `it had ${opened.sizeBytes} bytes and now has ${sizeBytes}`);
  }
  const length = Math.min(asked.length, sizeBytes - offset);
  if (first !== offset || last !== offset + length - 1)
    throw fault(`with ${first} to ${last + 1} of ${sizeBytes}`);
  if (answer.contentLength !== null && answer.contentLength !== length) {
    throw fault(`with ${answer.contentLength} of ${length} bytes`);
  }
  return { length, sizeBytes };
}

async function collect(answer: RangeAnswer, length: number, onPiece: (bytes: number) => void) {
  const bytes = new Uint8Array(length);
  let filled = 0;
  for await (const piece of pieces(answer, () => `${filled} of ${length} bytes`)) {
    onPiece(piece.length);
    if (filled + piece.length > length) {
      throw new Hiccup(`more than the ${length} bytes asked for came`, { lasting: true });
    }
    bytes.set(piece, filled);
    filled += piece.length;
  }
  if (filled < length) throw cutShort(`${filled} of ${length} bytes`, null);
  return bytes;
}

async function collectWhole(url: string, answer: RangeAnswer, onPiece: (bytes: number) => void) {
  const { contentLength } = answer;
  const refuse = (size: string) =>
    new SourceError(
      `${url}: the server cannot send parts of a file (it ignores Range), and ${size} is too much to read whole (at most ${LARGEST_WHOLE_BYTES / 2 ** 20} MiB); copy it to a local disk or to an object store`,
      { url, status: 200 },
    );
  if (contentLength !== null && contentLength > LARGEST_WHOLE_BYTES) {
    throw refuse(`${(contentLength / 2 ** 20).toFixed(1)} MiB`);
  }
  const parts: Uint8Array[] = [];
  let filled = 0;
  for await (const piece of pieces(answer, () => `${filled} bytes`)) {
    onPiece(piece.length);
    filled += piece.length;
    if (filled > LARGEST_WHOLE_BYTES) throw refuse('what it sends');
    parts.push(piece);
  }
  if (contentLength !== null && filled !== contentLength) {
    throw cutShort(`${filled} of ${contentLength} bytes`, null);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** The body's pieces; a connection that breaks is a {@link Hiccup}. */
async function* pieces(answer: RangeAnswer, sofar: () => string): AsyncGenerator<Uint8Array> {
  const body = answer.body[Symbol.asyncIterator]();
  for (;;) {
    const next = await body.next().catch((cause: unknown) => Promise.reject(cutShort(sofar(), cause)));
    if (next.done) return;
    yield next.value;
  }
}

function cutShort(got: string, cause: unknown): Hiccup {
  return new Hiccup(`the answer was cut short after ${got}`, { status: 'ECONNRESET', cause });
}
