import { access, constants, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Finding, formatBytes } from './finding.ts';

const MIB = 1024 ** 2;
const LEAST_BYTES = 256 * MIB;
const USUAL_BYTES = 5 * 1024 * MIB;

/**
 * Whether a folder, or the one that it would be made in, can be written and has room. Writes nothing.
 * @param name what the folder is for
 */
export async function checkDisk(name: string, dir: string): Promise<Finding> {
  const path = resolve(dir);
  try {
    const existing = await nearestFolder(path);
    const { bavail, bsize } = await statfs(existing);
    const freeBytes = bavail * bsize;
    const found = `${path}: ${formatBytes(freeBytes)} free${existing === path ? '' : ` (in ${existing}, where it would be made)`}`;
    await access(existing, constants.W_OK | constants.X_OK);
    if (freeBytes >= USUAL_BYTES) return { name, state: 'ok', found, advice: null };
    return {
      name,
      state: freeBytes < LEAST_BYTES ? 'problem' : 'warning',
      found,
      advice: `make room, or choose another place${name === 'temporary files' ? ' with TMPDIR' : ''}: a large scene's outputs take gigabytes`,
    };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return {
      name,
      state: 'problem',
      found: `${path}: can't be written (${code})`,
      advice:
        code === 'EROFS'
          ? 'the file system is read-only: choose another place, or mount a volume there'
          : `let this user (uid ${process.getuid?.() ?? '?'}) write there, or choose another place`,
    };
  }
}

async function nearestFolder(path: string): Promise<string> {
  try {
    await access(path, constants.F_OK);
    return path;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    return nearestFolder(dirname(path));
  }
}
