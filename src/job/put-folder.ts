import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SourceError } from '../core/errors.ts';
import { writeError } from '../io/atomic-file.ts';
import { removeLeftovers, temporaryPathFor } from '../io/remove-leftovers.ts';
import { RUN_FILE, type RunRecord } from '../pipeline/run-record.ts';
import type { ObjectStore } from './object-store.ts';

/** A folder of a store that a run writes its outputs to, as a folder of this machine. */
export interface OutputFolder {
  readonly path: string;
  /** Puts the run's files into the store, `run.json` last; nothing is left to do where the store is a folder itself. */
  commit(record: RunRecord): Promise<void>;
  /** Removes what was only needed meanwhile; of killed processes, {@link sweepFolders} does. */
  close(): Promise<void>;
}

/** Where runs write whose outputs go elsewhere. */
const TEMPORARY = join(tmpdir(), 'frustum-merge');

/** Removes what killed processes left of their folders on this machine. */
export async function sweepFolders(store: ObjectStore): Promise<void> {
  if (!store.local) await removeLeftovers(TEMPORARY);
}

/**
 * Opens a folder of a store for a run.
 * @throws SourceError
 */
export async function putFolder(store: ObjectStore, folder: string): Promise<OutputFolder> {
  if (store.local) {
    return { path: store.urlOf(folder), commit: async () => undefined, close: async () => undefined };
  }
  const path = temporaryPathFor(TEMPORARY);
  await mkdir(path).catch((cause: unknown) => {
    throw writeError(tmpdir(), cause);
  });
  return {
    path,
    async commit({ outputs }) {
      for (const file of [...outputs.map((output) => output.file), RUN_FILE]) {
        const draft = await store.create(`${folder}/${file}`);
        try {
          for await (const chunk of createReadStream(join(path, file), { highWaterMark: 1 << 20 })) {
            await draft.write(chunk as Uint8Array);
          }
          await draft.commit(`${folder}/${file}`);
        } catch (error) {
          await draft.abort();
          throw error instanceof SourceError ? error : writeError(store.urlOf(`${folder}/${file}`), error);
        }
      }
    },
    close: () => rm(path, { recursive: true, force: true }),
  };
}
