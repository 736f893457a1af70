import { UnsupportedError } from '../core/errors.ts';
import type { OpenSourceOptions } from '../io/open-source.ts';
import { localPathOf, schemeOf, withoutSecrets } from '../io/urls.ts';
import { openFolderStore } from './folder-store.ts';

/**
 * Where plans, shards and states lie: objects by key (`a/b/c`), whole or not there at all. Reading is `openByteSource` of
 * {@link ObjectStore.urlOf}.
 */
export interface ObjectStore {
  /** Of the folder or prefix, without a slash at its end. */
  readonly url: string;
  /** Whether it is a folder that this machine reaches as such. */
  readonly local: boolean;
  urlOf(key: string): string;
  /**
   * Begins an object whose bytes come one after the other and whose key may be known only at their end.
   * @param draft a key in the folder of the final one, under which leftovers of killed processes are found again
   * @throws SourceError
   */
  create(draft: string): Promise<ObjectDraft>;
  /**
   * Writes a small object, replacing a former one.
   * @throws SourceError
   */
  put(key: string, text: string): Promise<void>;
  /**
   * Keys that begin with the folder `prefix` (without a slash at its end), in order of their code units.
   * @throws SourceError
   */
  list(prefix: string): Promise<readonly string[]>;
}

/** An object under way. */
export interface ObjectDraft {
  /** Appends; `bytes` must not change before the promise settles. */
  write(bytes: Uint8Array): Promise<void>;
  /** Puts the object in its place, whole, replacing a former one. */
  commit(key: string): Promise<void>;
  /** Removes what was written; does nothing after `commit`. */
  abort(): Promise<void>;
}

/**
 * Opens the store at a folder's path or URL. Once the signal fires, what is being sent over a network is given up and taken
 * back; a folder takes what is written to it either way.
 * @throws UnsupportedError for schemes that can't be written to
 */
export async function openObjectStore(url: string, options: OpenSourceOptions = {}): Promise<ObjectStore> {
  const path = localPathOf(url);
  if (path !== null) return openFolderStore(path);
  if (schemeOf(url) === 's3') {
    const { openS3Store } = await import('./s3-store.ts');
    return openS3Store(url, options.s3 ?? {}, options);
  }
  const shown = withoutSecrets(url);
  throw new UnsupportedError(`${shown}: jobs are kept in folders and in s3: URLs; give one of these`, {
    feature: `${schemeOf(url)}: stores`,
    hint: 'give a folder or an s3: URL',
  });
}
