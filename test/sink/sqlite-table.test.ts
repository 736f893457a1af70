import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sqlite from 'node-sqlite3-wasm';
import { afterAll, describe, expect, it } from 'vitest';
import { openAtomicFile } from '../../src/io/atomic-file.ts';
import { changeDatabase } from '../../src/sink/sqlite.ts';
import { openPageFile, PAGE_BYTES } from '../../src/sink/sqlite-pages.ts';
import {
  blobType,
  integerBytes,
  integerType,
  NULL,
  putInteger,
  putVarint,
  varintBytes,
} from '../../src/sink/sqlite-record.ts';
import { SqliteTable } from '../../src/sink/sqlite-table.ts';

const folder = mkdtempSync(join(tmpdir(), 'frustum-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Row {
  readonly rowid: number;
  readonly size: number;
}

/** Byte `i` of the blob of a row. */
const byteOf = (rowid: number, i: number) => (rowid * 31 + i * 7 + (i >> 8)) & 255;

/** Fills a table of blobs. @param claimed pages that the file is said to have before it, if more than it has */
async function write(name: string, rows: readonly Row[], claimed = 0): Promise<string> {
  const file = await openAtomicFile(join(folder, name));
  const { root, pageCount } = changeDatabase(file.temporaryPath, (db) => {
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB)');
    return { root: db.rootPage('t'), pageCount: db.pageCount() };
  });
  const pages = openPageFile(file, Math.max(pageCount, claimed), () => file.abort());
  const table = new SqliteTable(pages, root);
  for (const { rowid, size } of rows) {
    const type = blobType(size);
    const head = 2 + varintBytes(type);
    let at = table.begin(rowid, head + size);
    table.bytes[at] = head;
    table.bytes[at + 1] = NULL;
    at = putVarint(table.bytes, at + 2, type);
    for (let i = 0; i < size; i++) table.bytes[at + i] = byteOf(rowid, i);
    table.end();
    await pages.settle();
  }
  table.finish();
  await pages.finish();
  await file.commit();
  return file.path;
}

/** What SQLite makes of it. */
function read(path: string, rows: readonly Row[]): { integrity: unknown; count: number; wrong: number[] } {
  const db = new sqlite.Database(path, { readOnly: true });
  try {
    const integrity = db.get('PRAGMA integrity_check');
    const { n } = db.get('SELECT count(*) AS n FROM t') as { n: number };
    const wrong: number[] = [];
    const find = db.prepare('SELECT data FROM t WHERE id = ?');
    for (const { rowid, size } of rows) {
      const data = find.get([rowid])?.data as Uint8Array | undefined;
      if (data?.length !== size || !data.every((byte, i) => byte === byteOf(rowid, i))) wrong.push(rowid);
    }
    find.finalize();
    return { integrity, count: n, wrong };
  } finally {
    db.close();
  }
}

const rowsOf = (sizes: readonly number[], step = 1): Row[] =>
  sizes.map((size, i) => ({ rowid: 1 + i * step, size }));

describe('a table laid down as pages', () => {
  it('is whole for SQLite, with rows of any size', async () => {
    // Whole in a leaf up to 16349 bytes of payload; beyond, pages of 16380 follow.
    const near = (place: number) => fc.integer({ min: Math.max(0, place - 12), max: place + 12 });
    const size = fc.oneof(
      fc.nat(40),
      fc.nat(9000),
      near(120),
      near(PAGE_BYTES - 35),
      near(PAGE_BYTES + 2000),
      near(2 * PAGE_BYTES),
      near(5 * PAGE_BYTES + 2000),
    );
    let n = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(size, { maxLength: 40 }),
        fc.constantFrom(1, 3, 2 ** 20 + 1),
        async (sizes, step) => {
          const rows = rowsOf(sizes, step);
          const path = await write(`any-${n++}.db`, rows);
          expect(read(path, rows)).toEqual({
            integrity: { integrity_check: 'ok' },
            count: rows.length,
            wrong: [],
          });
          rmSync(path);
        },
      ),
      { numRuns: 40 },
    );
  });

  it.each([0, 1, 1200, 1201, 4500])('is whole for SQLite with %i rows, two a leaf', async (count) => {
    const rows = rowsOf(Array(count).fill(8100));
    const path = await write(`deep-${count}.db`, rows);
    expect(read(path, rows)).toEqual({ integrity: { integrity_check: 'ok' }, count, wrong: [] });
    rmSync(path);
  });

  it('leaves out the page that SQLite locks, a gibibyte into the file', async () => {
    // A file with a hole: nothing lies in the pages that are said to be before.
    const rows = rowsOf([...Array(30).fill(8100), 100_000, ...Array(30).fill(8100)]);
    for (const before of [65_515, 65_528, 65_536]) {
      const path = await write(`locked-${before}.db`, rows, before);
      const { count, wrong } = read(path, rows);
      expect({ count, wrong }).toEqual({ count: rows.length, wrong: [] });
      rmSync(path);
    }
  });

  it('has numbers of all sizes', () => {
    const bytes = new Uint8Array(16);
    const value = fc.oneof(fc.nat(300), fc.maxSafeNat());
    fc.assert(
      fc.property(value, (v) => {
        const end = putVarint(bytes, 0, v);
        expect(end).toBe(varintBytes(v));
        // At most 2^53: no ninth byte, which would hold 8 bits.
        const read = bytes.subarray(0, end).reduce((n, byte) => (n << 7n) | BigInt(byte & 127), 0n);
        expect(read).toBe(BigInt(v));
        const type = integerType(v);
        expect(putInteger(bytes, 0, type, v)).toBe(integerBytes(type));
        const body = bytes.subarray(0, integerBytes(type)).reduce((n, byte) => n * 256n + BigInt(byte), 0n);
        expect(v < 2 ? BigInt(v) : body).toBe(BigInt(v));
        // Numbers are signed: the first bit stays clear.
        if (v >= 2) expect(bytes[0]! < 128).toBe(true);
      }),
    );
  });
});
