import { rm } from 'node:fs/promises';

/** An output under way, of any kind. */
export interface PendingOutput {
  readonly path: string;
  readonly sideFiles?: readonly string[];
  /** All that can still fail, short of putting the file in its place. */
  finish?(): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}

/**
 * Finishes all outputs, then puts them in their places one after the other. If one fails, the others are aborted, and
 * those that are in place already are taken away again.
 * @param beforeFirst runs when all are finished and none is in its place yet
 * @param describe runs when all are in their places, and may write files that describe them; it tells the path of each
 * @returns the paths of all files, side files included
 */
export async function commitTogether(
  outputs: readonly PendingOutput[],
  beforeFirst?: () => Promise<void>,
  describe?: (paths: readonly string[], wrote: (path: string) => void) => Promise<void>,
): Promise<string[]> {
  const inPlace: string[] = [];
  try {
    for (const output of outputs) await output.finish?.();
    await beforeFirst?.();
    for (const output of outputs) {
      await output.close();
      inPlace.push(output.path, ...(output.sideFiles ?? []));
    }
    await describe?.([...inPlace], (path) => inPlace.push(path));
    return inPlace;
  } catch (error) {
    await Promise.all(outputs.map((output) => output.abort()));
    await Promise.all(inPlace.map((path) => rm(path, { force: true })));
    throw error;
  }
}
