import { createHash, randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

/**
 * How the names of temporary files for `name` begin: `.NAME.HOST-`, followed by `PID-RANDOM.part`. HOST tells where the
 * PID counts: on a shared disk, a process of another host or container would look dead from here.
 */
export function temporaryPrefix(name: string): string {
  // Cut to leave room for the suffix within the 255 bytes that file systems allow a name.
  return `.${name.slice(0, 60)}.${hostTag()}-`;
}

/** A new name beside `target`, for a temporary file or folder that {@link removeLeftovers} knows again. */
export function temporaryPathFor(target: string): string {
  const name = `${temporaryPrefix(basename(target))}${process.pid}-${randomBytes(6).toString('hex')}.part`;
  return join(dirname(target), name);
}

/**
 * Removes temporary files and folders that processes which no longer run left beside `target` when they were killed. Only
 * those of this host and PID namespace are judged; others' stay. What cannot be removed stays too.
 */
export async function removeLeftovers(target: string): Promise<void> {
  const folder = dirname(target);
  const prefix = temporaryPrefix(basename(target));
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    // Databases put files of their own beside theirs: a journal, a lock.
    const pid = /^(\d+)-[0-9a-f]+\.part(?:[.-][a-z]+)?$/.exec(name.slice(prefix.length))?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Anything but "no such process", such as a process of another user, means that it may be running.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** A short name of the place where this process's PID counts: the host, and on Linux the PID namespace. */
function hostTag(): string {
  return createHash('sha256').update(`${hostname()}\n${pidNamespace()}`).digest('hex').slice(0, 8);
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
