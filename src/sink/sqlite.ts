import { rmdir, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Database } from 'node-sqlite3-wasm';
import { SourceError } from '../core/errors.ts';
import { writeError } from '../io/atomic-file.ts';

export type { Database, Statement } from 'node-sqlite3-wasm';

/**
 * Opens a database that nobody else knows of yet, to fill it in one transaction. There is no journal and nothing is
 * synced: whoever owns the file throws it away if anything fails.
 */
export async function openNewDatabase(path: string): Promise<Database> {
  // A CommonJS module: its names are on the default export.
  const { default: sqlite } = (await import('node-sqlite3-wasm')) as unknown as {
    default: { Database: new (path: string) => Database };
  };
  const db = new sqlite.Database(path);
  for (const setting of ['journal_mode = OFF', 'synchronous = OFF', 'locking_mode = EXCLUSIVE']) {
    db.all(`PRAGMA ${setting}`);
  }
  db.exec('PRAGMA page_size = 4096; PRAGMA cache_size = -8192; BEGIN EXCLUSIVE');
  // The lock is a folder beside the file, which a killed process would leave behind; the name is ours alone.
  await rmdir(`${path}.lock`).catch(() => undefined);
  return db;
}

/** What SQLite says is "disk I/O error" or "database or disk is full" whatever the reason: this looks for it. */
export async function sqliteError(path: string, cause: unknown): Promise<Error> {
  const text = cause instanceof Error ? cause.message : String(cause);
  if (!/disk|full|I\/O/i.test(text)) return writeError(path, cause);
  const space = await statfs(dirname(path)).catch(() => null);
  if (space !== null && space.bavail * space.bsize < 1 << 20) {
    return writeError(path, Object.assign(new Error(text), { code: 'ENOSPC' }));
  }
  return new SourceError(
    `Cannot write ${path}: SQLite says "${text}". Check that the disk is well and has space, and run again.`,
    { url: path, cause },
  );
}
