import { openAtomicFile } from '../io/atomic-file.ts';
import { JsonBytes } from './json-bytes.ts';

/** JSON text on its way into an atomic file. */
export interface JsonFile {
  /** Absolute. */
  readonly path: string;
  readonly json: JsonBytes;
  /**
   * A promise to wait for if chunks are being written, so that memory stays within a few of them.
   * @throws SourceError, after removing the file
   */
  settle(): Promise<void> | undefined;
  /**
   * Ends the text and waits until all of it is written; once, however often it is called.
   * @throws SourceError, after removing the file
   */
  finish(): Promise<void>;
  /** @throws SourceError, after removing the file */
  commit(): Promise<void>;
  abort(): Promise<void>;
}

/**
 * @param tail gives the last text, when all else is written.
 * @throws SourceError if the file cannot be made.
 */
export async function openJsonFile(path: string, tail: () => string): Promise<JsonFile> {
  const file = await openAtomicFile(path);
  let pending: Promise<void>[] = [];
  const json = new JsonBytes((bytes) => pending.push(file.write(bytes)));
  const settle = async () => {
    const writes = pending;
    pending = [];
    try {
      await Promise.all(writes);
    } catch (error) {
      await file.abort();
      throw error;
    }
  };
  let finished = false;
  const finish = async () => {
    if (finished) return;
    finished = true;
    json.text(tail());
    json.flush();
    await settle();
  };
  return {
    path: file.path,
    json,
    settle: () => (pending.length === 0 ? undefined : settle()),
    finish,
    async commit() {
      await finish();
      await file.commit();
    },
    abort: () => file.abort(),
  };
}
