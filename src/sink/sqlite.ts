import { rmdir, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Database } from 'node-sqlite3-wasm';
import { isFrustumError, SourceError } from '../core/errors.ts';
import { writeError } from '../io/atomic-file.ts';
import { PAGE_BYTES } from './sqlite-pages.ts';

/** A database under way. */
export interface NewDatabase {
  exec(sql: string): void;
  run(sql: string, values: (string | number | null)[]): void;
  /** Number of a table's first page. */
  rootPage(table: string): number;
  /** Pages of the file. */
  pageCount(): number;
  /** Closes the file, whatever state it is in; may be called again. */
  close(): void;
}

/**
 * Opens a database that nobody else knows of yet, to fill it in one transaction. There is no journal and nothing is
 * synced: whoever owns the file throws it away if anything fails.
 */
export async function openNewDatabase(path: string): Promise<NewDatabase> {
  // A CommonJS module: its names are on the default export.
  const { default: sqlite } = (await import('node-sqlite3-wasm')) as unknown as {
    default: { Database: new (path: string) => Database };
  };
  const db = new sqlite.Database(path);
  for (const setting of ['journal_mode = OFF', 'synchronous = OFF', 'locking_mode = EXCLUSIVE']) {
    db.all(`PRAGMA ${setting}`);
  }
  db.exec(`PRAGMA page_size = ${PAGE_BYTES}; BEGIN EXCLUSIVE`);
  // The lock is a folder beside the file, which a killed process would leave behind; the name is ours alone.
  await rmdir(`${path}.lock`).catch(() => undefined);
  const number = (sql: string, values: string[] = []) =>
    Object.values(db.get(sql, values) as Record<string, number>)[0]!;
  return {
    exec: (sql) => db.exec(sql),
    run: (sql, values) => void db.run(sql, values),
    rootPage: (table) => number('SELECT rootpage FROM sqlite_master WHERE name = ?', [table]),
    pageCount: () => number('PRAGMA page_count'),
    close() {
      if (db.isOpen) db.close();
    },
  };
}

/** What SQLite says is "disk I/O error" or "database or disk is full" whatever the reason: this looks for it. */
export async function sqliteError(path: string, cause: unknown): Promise<Error> {
  if (isFrustumError(cause)) return cause;
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
