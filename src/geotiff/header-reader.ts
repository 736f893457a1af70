import { FormatError } from '../core/errors.ts';
import type { ByteSource } from '../core/ports.ts';
import { LIMITS } from './limits.ts';

const CHUNK_BYTES = 64 * 1024;

/** Small reads of a file's directories, answered from aligned chunks so that a header costs few requests. */
export interface HeaderReader {
  readonly url: string;
  readonly sizeBytes: number;
  /** A copy of `[offset, offset + length)` in a buffer of its own; `what` names it in errors. */
  read(offset: number, length: number, what: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
}

/** @throws FormatError from `read` if a range reaches past the end of the file or is absurdly long. */
export function createHeaderReader(source: ByteSource): HeaderReader {
  const chunks = new Map<number, Promise<Uint8Array>>();
  const { url, sizeBytes } = source;

  const chunk = (index: number, signal?: AbortSignal): Promise<Uint8Array> => {
    let held = chunks.get(index);
    if (!held) {
      const offset = index * CHUNK_BYTES;
      held = source.read(offset, Math.min(CHUNK_BYTES, sizeBytes - offset), signal);
      held.catch(() => chunks.delete(index));
      chunks.set(index, held);
    }
    return held;
  };

  return {
    url,
    sizeBytes,
    async read(offset, length, what, signal) {
      if (!Number.isSafeInteger(offset) || offset < 0 || !(length >= 0) || offset + length > sizeBytes) {
        throw new FormatError(
          `${url}: ${what} lies at bytes ${offset} to ${offset + length}, but the file ends at ${sizeBytes}; it is cut short or damaged`,
          { url, what },
        );
      }
      if (length > LIMITS.tagBytes) {
        throw new FormatError(`${url}: ${what} claims ${length} bytes; no real TIFF needs that`, {
          url,
          what,
        });
      }
      const first = Math.floor(offset / CHUNK_BYTES);
      const last = Math.floor((offset + Math.max(length, 1) - 1) / CHUNK_BYTES);
      if (last - first > 1) return new Uint8Array(await source.read(offset, length, signal));
      const out = new Uint8Array(length);
      for (let index = first; index <= last && length > 0; index++) {
        const bytes = await chunk(index, signal);
        const from = Math.max(offset - index * CHUNK_BYTES, 0);
        const to = Math.min(offset + length - index * CHUNK_BYTES, bytes.length);
        out.set(bytes.subarray(from, to), index * CHUNK_BYTES + from - offset);
      }
      return out;
    },
  };
}
