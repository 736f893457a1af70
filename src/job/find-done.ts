import { openOptionalByteSource } from '../io/open-source.ts';
import type { SourceOptions } from '../io/source-options.ts';
import { findFinishedRun, RUN_FILE, type RunRecord } from '../pipeline/run-record.ts';
import type { ObjectStore } from './object-store.ts';

/**
 * The record of a finished run in a folder of a store, if it has this identity. Where the store is a folder, its files are
 * compared with the record; elsewhere a record that is there says so, since it is put there last.
 * @throws SourceError where the store can't be read
 */
export async function findDone<T extends RunRecord>(
  store: ObjectStore,
  folder: string,
  identity: string,
  options: SourceOptions,
): Promise<T | null> {
  if (store.local) return findFinishedRun<T>(store.urlOf(folder), identity);
  const source = await openOptionalByteSource(store.urlOf(`${folder}/${RUN_FILE}`), options);
  if (source === null) return null;
  try {
    const text = Buffer.from(await source.read(0, source.sizeBytes)).toString('utf8');
    const record = JSON.parse(text) as T;
    return record.identity === identity ? record : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  } finally {
    await source.close();
  }
}
