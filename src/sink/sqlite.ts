import { statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Database } from 'node-sqlite3-wasm';
import { isFrustumError, SourceError } from '../core/errors.ts';
import { writeError } from '../io/atomic-file.ts';
import { PAGE_BYTES } from './sqlite-pages.ts';

/** A database that is being changed. */
export interface NewDatabase {
  exec(sql: string): void;
  run(sql: string, values: (string | number | null)[]): void;
  /** Number of a table's first page. */
  rootPage(table: string): number;
  /** Pages of the file. */
  pageCount(): number;
}

/**
 * Changes a database that nobody else knows of yet, in one transaction and at a stretch. There is no journal and nothing is
 * synced: whoever owns the file throws it away if anything fails. The file is closed again in any case.
 */
export function changeDatabase<T>(path: string, work: (db: NewDatabase) => T): T {
  const { Database } = loadSqlite();
  const db = new Database(path);
  try {
    for (const setting of ['journal_mode = OFF', 'synchronous = OFF', 'locking_mode = EXCLUSIVE']) {
      db.all(`PRAGMA ${setting}`);
    }
    db.exec(`PRAGMA page_size = ${PAGE_BYTES}; BEGIN EXCLUSIVE`);
    const number = (sql: string, values: string[] = []) =>
      Object.values(db.get(sql, values) as Record<string, number>)[0]!;
    const result = work({
      exec: (sql) => db.exec(sql),
      run: (sql, values) => void db.run(sql, values),
      rootPage: (table) => number('SELECT rootpage FROM sqlite_master WHERE name = ?', [table]),
      pageCount: () => number('PRAGMA page_count'),
    });
    db.exec('COMMIT');
    return result;
  } finally {
    db.close();
  }
}

/**
 * Loads SQLite without V8's optimizing compiler for it: most of SQLite is one function, which is found hot after a dozen
 * steps, and to optimize it takes longer than all that is done with it here, and 30 MB. The flags hold for WebAssembly that is
 * made while they are set, and nothing else can be: this is one step of the event loop.
 */
function loadSqlite(): { Database: new (path: string) => Database } {
  setFlagsFromString('--liftoff-only');
  setFlagsFromString('--no-wasm-dynamic-tiering');
  try {
    return createRequire(import.meta.url)('node-sqlite3-wasm');
  } finally {
    setFlagsFromString('--no-liftoff-only');
    setFlagsFromString('--wasm-dynamic-tiering');
  }
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
