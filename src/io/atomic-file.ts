import { type FileHandle, open as openFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isFrustumError, SourceError } from '../core/errors.ts';
import { makeFolder } from './make-folder.ts';
import { removeLeftovers, temporaryPathFor } from './remove-leftovers.ts';

/**
 * A file that appears under its name whole or not at all. Bytes go to a hidden temporary file in the same folder, so
 * that the final rename stays on one file system and is atomic.
 */
export interface AtomicFile {
  /** The final path, absolute. Nothing is there (or the former file still is) until {@link commit}. */
  readonly path: string;
  /** Where the bytes are until {@link commit}, for libraries that write files by name. */
  readonly temporaryPath: string;
  /** Bytes appended so far: where the next {@link write} begins. */
  readonly position: number;
  /**
   * Appends. The place is taken when the call is made, so calls need not be awaited one by one to keep their order.
   * `bytes` must not change before the promise settles.
   * @throws SourceError
   */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Overwrites bytes that were appended before, for headers that are known last.
   * @throws SourceError
   */
  writeAt(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * Waits for all writes and flushes to the disk: what is left to {@link commit} is the renaming. For outputs of several
   * files, which should appear together: flush each, then commit each.
   * @throws SourceError if any write failed
   */
  flush(): Promise<void>;
  /**
   * Flushes if that is still to be done, and renames into place, replacing a former file. If it fails, the temporary
   * file is removed.
   * @throws SourceError
   */
  commit(): Promise<void>;
  /** Removes the temporary file. May be called at any time and any number of times; does nothing after `commit`. */
  abort(): Promise<void>;
}

/** A nameless file for data that outgrows memory: it is unlinked at once, so that even a killed process leaves nothing. */
export interface ScratchFile {
  /** Bytes appended so far. */
  readonly position: number;
  /** Appends, under the rules of {@link AtomicFile.write}. */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Reads exactly `length` bytes from `offset`.
   * @param into memory to use again, with room for them
   * @throws SourceError
   */
  read(offset: number, length: number, into?: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
  /** Gives the space back. May be called any number of times. */
  close(): Promise<void>;
}

/**
 * Opens an {@link AtomicFile}, making its folder where there is none. What killed processes left of earlier attempts at
 * the same file is removed.
 * @throws SourceError if the folder cannot be made or written to.
 */
export async function openAtomicFile(path: string): Promise<AtomicFile> {
  const target = resolve(path);
  // A folder in the way would only be found by the rename, after all the work.
  const former = await stat(target).catch(() => null);
  if (former?.isDirectory()) throw writeError(target, Object.assign(new Error(), { code: 'EISDIR' }));
  const { handle, temporaryPath } = await createBeside(target);
  await removeLeftovers(target);
  const pending = new Set<Promise<void>>();
  let failure: Error | null = null;
  let position = 0;
  let flushed = false;
  let open = true;
  let committed = false;
  let discarding: Promise<void> | null = null;

  const removeAll = async () => {
    open = false;
    await Promise.allSettled(pending);
    await handle.close().catch(() => undefined);
    await rm(temporaryPath, { force: true }).catch(() => undefined);
  };
  const discard = () => {
    discarding ??= removeAll();
    return discarding;
  };
  const put = async (offset: number, bytes: Uint8Array) => {
    if (!open) throw closedError(target);
    if (failure !== null) throw failure;
    flushed = false;
    const write = writeFully(handle, offset, bytes, target);
    pending.add(write);
    try {
      await write;
    } catch (error) {
      failure ??= error as Error;
      throw error;
    } finally {
      pending.delete(write);
    }
  };

  const flush = async () => {
    try {
      await Promise.all(pending);
      if (failure !== null) throw failure;
      await handle.sync();
      flushed = true;
    } catch (cause) {
      throw writeError(target, cause);
    }
  };

  return {
    path: target,
    temporaryPath,
    get position() {
      return position;
    },
    async write(bytes) {
      const offset = position;
      position += bytes.length;
      await put(offset, bytes);
    },
    writeAt: put,
    async flush() {
      if (!open) throw closedError(target);
      await flush();
    },
    async commit() {
      if (!open) throw closedError(target);
      open = false;
      try {
        if (!flushed) await flush();
        await handle.close();
        await rename(temporaryPath, target);
        committed = true;
      } catch (cause) {
        await discard();
        throw writeError(target, cause);
      }
      await syncFolder(dirname(target));
    },
    async abort() {
      if (!committed) await discard();
    },
  };
}

/**
 * Opens a {@link ScratchFile} on the file system of `nearPath`: the disk that the result will need anyway, rather than
 * a temporary folder that may live in memory.
 * @throws SourceError
 */
export async function openScratchFile(nearPath: string): Promise<ScratchFile> {
  const target = resolve(nearPath);
  const { handle, temporaryPath } = await createBeside(target);
  await rm(temporaryPath, { force: true });
  let position = 0;
  let closed = false;
  return {
    get position() {
      return position;
    },
    async write(bytes) {
      const offset = position;
      position += bytes.length;
      await writeFully(handle, offset, bytes, target);
    },
    async read(offset, length, into) {
      const bytes = into === undefined ? new Uint8Array(length) : into.subarray(0, length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await handle
          .read(bytes, done, length - done, offset + done)
          .catch((cause: unknown) => Promise.reject(writeError(target, cause)));
        if (bytesRead === 0) {
          throw new SourceError(
            `Scratch data of ${target} is cut short: expected ${length} bytes at ${offset}, got ${done}. Run again.`,
            { url: target, retryable: true },
          );
        }
        done += bytesRead;
      }
      return bytes;
    },
    async close() {
      if (closed) return;
      closed = true;
      await handle.close().catch(() => undefined);
    },
  };
}

/**
 * Writes a whole file atomically; text is stored as UTF-8.
 * @throws SourceError
 */
export async function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  const file = await openAtomicFile(path);
  try {
    await file.write(typeof content === 'string' ? Buffer.from(content, 'utf8') : content);
    await file.commit();
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/** Opens a new file beside `target`. The name begins with a dot, so that a listing of results does not show it. */
async function createBeside(target: string): Promise<{ handle: FileHandle; temporaryPath: string }> {
  const temporaryPath = temporaryPathFor(target);
  try {
    await makeFolder(dirname(target));
    return { handle: await openFile(temporaryPath, 'wx+'), temporaryPath };
  } catch (cause) {
    throw writeError(target, cause);
  }
}

/** One write call may store less than it was given, e.g. on a disk that is about to be full. */
async function writeFully(
  handle: FileHandle,
  offset: number,
  bytes: Uint8Array,
  path: string,
): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
      done += bytesWritten;
    }
  } catch (cause) {
    throw writeError(path, cause);
  }
}

/** Makes the rename itself survive a power cut. Some file systems (and Windows) do not sync folders: then it is up to them. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await openFile(folder, 'r').catch(() => null);
  if (handle === null) return;
  await handle.sync().catch(() => undefined);
  await handle.close().catch(() => undefined);
}

function closedError(path: string): SourceError {
  return new SourceError(
    `Cannot write ${path}: the file was committed or aborted before. Open it again to write it anew.`,
    { url: path },
  );
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on the device. Free some space, or write to another disk',
  EDQUOT: 'your disk quota is used up. Free some space, or write to another disk',
  EFBIG: 'the file grew beyond what this file system or your limits (ulimit -f) allow. Write to another disk',
  EACCES: 'permission denied. Choose an output folder that you may write to, or change its permissions',
  EPERM: 'the operation is not permitted. Choose an output folder that you may write to',
  EROFS: 'the file system is read-only. Choose an output folder on another one',
  ENOTDIR: 'a part of the path is a file, not a folder. Remove that file, or choose another output folder',
  EEXIST: 'a part of the path is a file, not a folder. Remove that file, or choose another output folder',
  EISDIR: 'a folder has this name. Remove it, or choose another output path',
  ELOOP: 'the links of the path lead round in a circle. Remove them, or choose another output folder',
  ENAMETOOLONG: 'the name is too long for this file system. Choose a shorter one',
  ENOENT:
    'nothing can be made in its folder, or the folder was removed during the run. Choose another output folder',
  EMFILE: 'too many files are open. Raise the limit (ulimit -n), or run again',
  ENFILE: 'too many files are open on this machine. Run again later',
};

const RETRYABLE = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'ESTALE', 'ETIMEDOUT']);

/** Any failure of the file system, as a {@link SourceError} that names `path` and says what to do. */
export function writeError(path: string, cause: unknown): Error {
  if (isFrustumError(cause)) return cause;
  const code = (cause as NodeJS.ErrnoException | null)?.code ?? null;
  const reason =
    (code !== null && REASONS[code]) || `${cause instanceof Error ? cause.message : String(cause)}`;
  return new SourceError(`Cannot write ${path}: ${reason}${code === null ? '' : ` (${code})`}.`, {
    url: path,
    status: code,
    retryable: code !== null && RETRYABLE.has(code),
    cause,
  });
}
