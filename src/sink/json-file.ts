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
  /** @throws SourceError, after removing the file */
  commit(): Promise<void>;
  abort(): Promise<void>;
}

/** @throws SourceError if the file cannot be made. */
export async function openJsonFile(path: string): Promise<JsonFile> {
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
  return {
    path: file.path,
    json,
    settle: () => (pending.length === 0 ? undefined : settle()),
    async commit() {
      json.flush();
      await settle();
      await file.commit();
    },
    abort: () => file.abort(),
  };
}
