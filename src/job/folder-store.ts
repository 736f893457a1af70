import { readdir, rename } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { openAtomicFile, writeError, writeFileAtomic } from '../io/atomic-file.ts';
import type { ObjectStore } from './object-store.ts';

/** A store in a folder, on a disk of this machine or one that several share; the folder is made once something is written. */
export function openFolderStore(folder: string): ObjectStore {
  const root = resolve(folder);
  const pathOf = (key: string) => join(root, ...key.split('/'));
  return {
    url: root,
    local: true,
    urlOf: pathOf,
    async create(draft) {
      const file = await openAtomicFile(pathOf(draft));
      return {
        write: file.write,
        async commit(key) {
          const path = pathOf(key);
          try {
            await file.flush();
            await rename(file.temporaryPath, path);
          } catch (cause) {
            throw writeError(path, cause);
          } finally {
            await file.abort();
          }
        },
        abort: file.abort,
      };
    },
    put: (key, text) => writeFileAtomic(pathOf(key), text),
    async list(prefix) {
      const top = pathOf(prefix);
      const entries = await readdir(top, { recursive: true, withFileTypes: true }).catch(
        (cause: NodeJS.ErrnoException) => {
          if (cause.code === 'ENOENT') return [];
          throw writeError(top, cause);
        },
      );
      return entries
        .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
        .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
        .sort();
    },
  };
}
