import { fstatSync, read as readCallback, readSync } from 'node:fs';
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

/**
 * Reads up to this size are made here and now: what the system holds in memory is there sooner than another thread is awake.
 * A read that takes long shows that this disk is not so: then the next ones go to other threads.
 */
const AT_ONCE = { bytes: 128 * 1024, longMs: 0.2, pauseReads: 64 } as const;
/** After so many reads in a row one goes to another thread all the same: timers and sockets get their turn. */
const MOST_IN_A_ROW = 16;

function fileSource(url: string, handle: FileHandle, sizeBytes: number, modifiedMs: number): ByteSource {
  let closed: Promise<void> | null = null;
  let requests = 0;
  let received = 0;
  // Calls under way by descriptor, which the handle does not know of: another file may get the number once it is closed.
  let running = 0;
  let lastEnded = (): void => {};
  /** Reads in a row that were made at once; below zero, as many are not to be. */
  let atOnce = 0;
  const readSome = (target: Uint8Array, at: number, offset: number): number | Promise<number> => {
    if (atOnce < 0 || atOnce >= MOST_IN_A_ROW || target.length > AT_ONCE.bytes) {
      atOnce = Math.min(atOnce + 1, 0);
      return readElsewhere(url, handle.fd, target, at, offset);
    }
    const started = performance.now();
    try {
      return readSync(handle.fd, target, at, target.length - at, offset);
    } catch (cause) {
      throw readFailure(url, offset, cause);
    } finally {
      atOnce = performance.now() - started > AT_ONCE.longMs ? -AT_ONCE.pauseReads : atOnce + 1;
    }
  };
  const readInto = async (target: Uint8Array, offset: number, signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted) throw new AbortedError(`reading ${url} was stopped`);
    assertRange(url, offset, target.length, sizeBytes);
    if (closed !== null)
      throw readFailure(url, offset, Object.assign(new Error('closed'), { code: 'EBADF' }));
    running++;
    try {
      let filled = 0;
      while (filled < target.length) {
        requests++;
        const got = await readSome(target, filled, offset + filled);
        if (got === 0) throw shrunk(url, offset, target.length, filled);
        filled += got;
        received += got;
      }
      assertUnchanged(url, handle.fd, modifiedMs);
    } finally {
      if (--running === 0) lastEnded();
    }
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
      const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
      await readInto(bytes, offset, signal);
      return bytes;
    },
    close() {
      closed ??= new Promise<void>((resolve) => {
        if (running === 0) resolve();
        else lastEnded = resolve;
      }).then(() => handle.close());
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

/** By descriptor and callback: half of what a call of the handle costs, and windows are many calls. */
function readElsewhere(
  url: string,
  fd: number,
  bytes: Uint8Array,
  at: number,
  offset: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    readCallback(fd, bytes, at, bytes.length - at, offset, (cause, got) => {
      if (cause) reject(readFailure(url, offset, cause));
      else resolve(got);
    });
  });
}

function readFailure(url: string, offset: number, cause: unknown): SourceError {
  const status = errnoOf(cause);
  return new SourceError(`${url}: reading at byte ${offset} failed (${status ?? String(cause)})`, {
    url,
    status,
    cause,
  });
}

/**
 * What was read may be of two files if the file was written to since it was opened. Asked at once: the way to another
 * thread and back takes many times as long as the answer.
 */
function assertUnchanged(url: string, fd: number, modifiedMs: number): void {
  const now = fstatSync(fd).mtimeMs;
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
