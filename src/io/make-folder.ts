import { lstat, mkdir, readlink, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SourceError } from '../core/errors.ts';

/**
 * Makes a folder and those above it that are missing, one by one from the top: a recursive `mkdir` of Node tries for ever
 * where the system calls a folder missing that it also refuses to make, as below `/proc`.
 *
 * @param folder absolute
 * @throws SourceError for a link that leads nowhere; else the error of the file system
 */
export async function makeFolder(folder: string): Promise<void> {
  const missing: string[] = [];
  for (let at = folder; !(await isFolder(at)) && at !== dirname(at); at = dirname(at)) missing.push(at);
  for (const path of missing.reverse()) {
    try {
      await mkdir(path);
    } catch (cause) {
      // Somebody else may have made it meanwhile.
      if (!(await isFolder(path))) throw cause;
    }
  }
}

/** False if nothing has this name; throws where something else than a folder has it. */
async function isFolder(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    if ((await lstat(path).catch(() => null))?.isSymbolicLink()) throw await leadsNowhere(path, cause);
    return false;
  }
  throw Object.assign(new Error(`${path} is not a folder`), { code: 'ENOTDIR' });
}

async function leadsNowhere(path: string, cause: unknown): Promise<SourceError> {
  const to = await readlink(path).catch(() => 'an unknown place');
  return new SourceError(
    `Cannot write to ${path}: it is a link to ${to}, which does not exist. Make that folder, remove the link, or choose another output folder.`,
    { url: path, status: 'ENOENT', cause },
  );
}
