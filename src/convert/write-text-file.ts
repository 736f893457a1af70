import { open } from 'node:fs/promises';
import { fileError } from './checkpoint/file-source.ts';

/** Writes a new file and flushes it to disk. @throws SourceError */
export async function writeTextFile(path: string, text: string): Promise<void> {
  try {
    const handle = await open(path, 'wx');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw fileError('write', path, cause);
  }
}
