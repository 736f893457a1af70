import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { AbortedError, FormatError, SourceError } from '../../core/errors.ts';
import type { ByteSource } from '../../core/ports.ts';

const CHUNK_BYTES = 4 << 20;

/** Turns an errno of the file system into a {@link SourceError} that names the path and what was tried. */
export function fileError(action: string, path: string, cause: unknown): SourceError {
  const errno = (cause as NodeJS.ErrnoException).code ?? null;
  const reason =
    errno === 'ENOENT'
      ? 'no such file'
      : errno === 'EACCES' || errno === 'EPERM'
        ? 'permission denied'
        : errno === 'ENOSPC'
          ? 'the disk is full'
          : cause instanceof Error
            ? cause.message
            : String(cause);
  return new SourceError(`cannot ${action} ${path}: ${reason}`, { url: path, status: errno, cause });
}

/** @throws AbortedError if `signal` has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortedError('conversion stopped on request', { cause: signal.reason });
}

/** Random access to a local file through one handle. */
export async function openFileSource(path: string): Promise<ByteSource> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    throw fileError('open', path, cause);
  }
  const status = await handle.stat();
  if (!status.isFile()) {
    await handle.close();
    throw new SourceError(`cannot read ${path}: expected a checkpoint file, got something else (a folder?)`, {
      url: path,
      status: 'EISDIR',
    });
  }
  const sizeBytes = status.size;
  let requests = 0;
  let received = 0;
  return {
    url: path,
    sizeBytes,
    modifiedMs: status.mtimeMs,
    version: `${sizeBytes}-${status.mtimeMs}`,
    get stats() {
      return { requests, bytes: received, retries: 0, cacheHits: 0 };
    },
    async read(offset, length, signal) {
      throwIfAborted(signal);
      if (offset < 0 || length < 0 || offset + length > sizeBytes) {
        throw new FormatError(
          `${path} is cut short: bytes ${offset} to ${offset + length} are needed, the file has ${sizeBytes}; fetch it again`,
          { url: path, what: 'file size' },
        );
      }
      // A fresh buffer, not a slice of Node's pool, so that typed arrays of any element size can view it.
      const bytes = new Uint8Array(new ArrayBuffer(length));
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done).catch((cause) => {
          throw fileError('read', path, cause);
        });
        if (bytesRead === 0) {
          throw new FormatError(`${path} became shorter while it was read`, { url: path, what: 'file size' });
        }
        requests++;
        received += bytesRead;
        done += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

/** SHA-256 of a whole source in lower-case hex, read in pieces. */
export async function hashSource(
  source: ByteSource,
  onBytes: (doneBytes: number) => void,
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256');
  for (let offset = 0; offset < source.sizeBytes; offset += CHUNK_BYTES) {
    const chunk = await source.read(offset, Math.min(CHUNK_BYTES, source.sizeBytes - offset), signal);
    hash.update(chunk);
    onBytes(offset + chunk.length);
  }
  return hash.digest('hex');
}
