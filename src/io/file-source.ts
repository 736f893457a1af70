import { type FileHandle, open } from 'node:fs/promises';
import { AbortedError, SourceError } from '../core/errors.ts';
import type { ByteSource } from '../core/ports.ts';

/**
 * A local file as a {@link ByteSource}. The handle stays open until `close`; reads may run side by side.
 *
 * @param url what messages call the file
 * @param path where it is on disk
 * @throws SourceError if it is missing, not a regular file, or may not be read
 */
export async function openFileSource(url: string, path: string): Promise<ByteSource> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    throw openFailure(url, cause);
  }
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) {
      throw new SourceError(`${url} is a directory, not a file; name one GeoTIFF in it`, {
        url,
        status: 'EISDIR',
      });
    }
    if (!stat.isFile()) {
      throw new SourceError(`${url} is not a regular file; pipes and devices cannot be read at random`, {
        url,
      });
    }
    return fileSource(url, handle, stat.size, stat.mtimeMs);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function fileSource(url: string, handle: FileHandle, sizeBytes: number, modifiedMs: number): ByteSource {
  let closed: Promise<void> | null = null;
  let requests = 0;
  let received = 0;
  const readInto = async (target: Uint8Array, offset: number, signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted) throw new AbortedError(`reading ${url} was stopped`);
    assertRange(url, offset, target.length, sizeBytes);
    let filled = 0;
    while (filled < target.length) {
      requests++;
      const got = await readSome(url, handle, target, filled, offset + filled);
      if (got === 0) throw shrunk(url, offset, target.length, filled);
      filled += got;
      received += got;
    }
    await assertUnchanged(url, handle, modifiedMs);
  };
  return {
    url,
    sizeBytes,
    modifiedMs,
    version: `${sizeBytes}-${modifiedMs}`,
    get stats() {
      return { requests, bytes: received, retries: 0, cacheHits: 0 };
    },
    readInto,
    async read(offset, length, signal) {
      // Before it allocates.
      assertRange(url, offset, length, sizeBytes);
      const bytes = new Uint8Array(length);
      await readInto(bytes, offset, signal);
      return bytes;
    },
    close() {
      closed ??= handle.close();
      return closed;
    },
  };
}

/**
 * The check every {@link ByteSource} makes before it allocates.
 * @throws SourceError if `[offset, offset + length)` is not within the source.
 */
export function assertRange(url: string, offset: number, length: number, sizeBytes: number): void {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (whole && offset + length <= sizeBytes) return;
  throw new SourceError(
    `${url}: bytes ${offset} to ${offset + length} were asked for, but the file ends at ${sizeBytes}; it may be cut short`,
    { url },
  );
}

async function readSome(url: string, handle: FileHandle, bytes: Uint8Array, at: number, offset: number) {
  try {
    return (await handle.read(bytes, at, bytes.length - at, offset)).bytesRead;
  } catch (cause) {
    const status = errnoOf(cause);
    throw new SourceError(`${url}: reading at byte ${offset} failed (${status ?? String(cause)})`, {
      url,
      status,
      cause,
    });
  }
}

/** What was read may be of two files if the file was written to since it was opened. */
async function assertUnchanged(url: string, handle: FileHandle, modifiedMs: number): Promise<void> {
  const now = (await handle.stat()).mtimeMs;
  if (now === modifiedMs) return;
  throw new SourceError(
    `${url} was changed while it was read (it was last written ${new Date(modifiedMs).toISOString()} and now ${new Date(now).toISOString()}); pixels of two files must not mix: run again once it stays as it is`,
    { url, retryable: true },
  );
}

function shrunk(url: string, offset: number, length: number, filled: number): SourceError {
  return new SourceError(
    `${url} became shorter while it was read: wanted ${length} bytes at ${offset}, got ${filled}; do not change inputs during a run`,
    { url },
  );
}

function openFailure(url: string, cause: unknown): SourceError {
  const status = errnoOf(cause);
  const words: Record<string, string> = {
    ENOENT: 'does not exist; check the path',
    ENOTDIR: 'does not exist; a part of the path is a file, not a directory',
    EACCES: 'may not be read by this user; check its permissions',
    EPERM: 'may not be read by this user; check its permissions',
    EISDIR: 'is a directory, not a file; name one GeoTIFF in it',
    EMFILE: 'cannot be opened because too many files are open; raise the limit (ulimit -n)',
  };
  const why = (status && words[status]) ?? `cannot be opened (${status ?? String(cause)})`;
  return new SourceError(`${url} ${why}`, { url, status, cause });
}

function errnoOf(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : null;
}
