import { quoteName, quoteText } from './geopackage-schema.ts';
import type { FeatureBoxes } from './hilbert-order.ts';
import { levelSizes, packBoxes } from './packed-rtree.ts';
import type { NewDatabase } from './sqlite.ts';

/** SQLite's R-tree with five columns of 32 bits: 51 cells of 24 bytes behind 4 bytes of head. */
const CELLS = 51;
const NODE_BYTES = 4 + 24 * CELLS;
const ROWS_AT_ONCE = 200;

/**
 * An R-tree over rows 1 to n, as SQLite keeps it in three plain tables ("shadow tables" in its documentation of the
 * R*Tree module). They are filled here, packed along a Hilbert curve, since that is faster than inserting, and since it
 * does not need a SQLite with that module.
 */
export function writeRtree(db: NewDatabase, name: string, boxes: FeatureBoxes, order: Uint32Array): void {
  db.exec(`
CREATE TABLE ${quoteName(`${name}_rowid`)}(rowid INTEGER PRIMARY KEY,nodeno);
CREATE TABLE ${quoteName(`${name}_node`)}(nodeno INTEGER PRIMARY KEY,data);
CREATE TABLE ${quoteName(`${name}_parent`)}(nodeno INTEGER PRIMARY KEY,parentnode);`);
  const sql = `CREATE VIRTUAL TABLE ${quoteName(name)} USING rtree(id, minx, maxx, miny, maxy)`;
  db.exec(`PRAGMA writable_schema = ON;
INSERT INTO sqlite_master(type, name, tbl_name, rootpage, sql)
  VALUES ('table', ${quoteText(name)}, ${quoteText(name)}, 0, ${quoteText(sql)});
PRAGMA writable_schema = OFF;`);
  writeNodes(db, name, boxes, order);
}

function writeNodes(db: NewDatabase, name: string, boxes: FeatureBoxes, order: Uint32Array): void {
  const node = new Uint8Array(NODE_BYTES);
  const view = new DataView(node.buffer);
  const insert = db.prepare(`INSERT INTO ${quoteName(`${name}_node`)} VALUES (?, ?)`);
  if (order.length === 0) {
    insert.run([1, node]);
    insert.finalize();
    return;
  }
  // Levels of nodes from the root (node 1) to the leaves, numbered one behind the other; cells of a leaf are rows.
  const levels = packBoxes(boxes, order, CELLS).reverse();
  const sizes = levelSizes(order.length, CELLS).slice(1).reverse();
  const parents = createRowWriter(db, `${name}_parent`);
  let first = 1;
  levels.forEach((_, depth) => {
    const isLeaf = depth === levels.length - 1;
    const size = sizes[depth]!;
    const children = isLeaf ? null : levels[depth + 1]!;
    const childCount = isLeaf ? order.length : sizes[depth + 1]!;
    const side = (c: number, field: number) =>
      children === null ? boxes.get(order[c]!, field) : children[4 * c + field]!;
    for (let i = 0; i < size; i++) {
      const start = i * CELLS;
      const end = Math.min(start + CELLS, childCount);
      node.fill(0);
      if (first === 1) view.setUint16(0, levels.length - 1);
      view.setUint16(2, end - start);
      for (let c = start, at = 4; c < end; c++, at += 24) {
        const id = isLeaf ? order[c]! + 1 : first + size + c;
        view.setUint32(at + 4, id);
        view.setFloat32(at + 8, below(side(c, 0)));
        view.setFloat32(at + 12, above(side(c, 2)));
        view.setFloat32(at + 16, below(side(c, 1)));
        view.setFloat32(at + 20, above(side(c, 3)));
        if (!isLeaf) parents.add(id, first + i);
      }
      insert.run([first + i, node]);
    }
    first += size;
  });
  insert.finalize();
  parents.finish();
  const leafOf = new Uint32Array(order.length);
  const firstLeaf = first - sizes[sizes.length - 1]!;
  for (let i = 0; i < order.length; i++) leafOf[order[i]!] = firstLeaf + Math.floor(i / CELLS);
  const rows = createRowWriter(db, `${name}_rowid`);
  for (let row = 0; row < leafOf.length; row++) rows.add(row + 1, leafOf[row]!);
  rows.finish();
}

/** Inserts pairs of numbers, many a statement. */
function createRowWriter(db: NewDatabase, table: string) {
  const statementFor = (rows: number) =>
    db.prepare(`INSERT INTO ${quoteName(table)} VALUES ${Array(rows).fill('(?,?)').join(',')}`);
  const full = statementFor(ROWS_AT_ONCE);
  let values: number[] = [];
  return {
    add(a: number, b: number) {
      values.push(a, b);
      if (values.length < 2 * ROWS_AT_ONCE) return;
      full.run(values);
      values = [];
    },
    finish() {
      full.finalize();
      if (values.length === 0) return;
      const rest = statementFor(values.length / 2);
      rest.run(values);
      rest.finalize();
    },
  };
}

const FLOAT = new Float32Array(1);
const BITS = new Int32Array(FLOAT.buffer);

/** The greatest 32-bit number that is not above `value`, for the lower sides of boxes. */
export function below(value: number): number {
  FLOAT[0] = value;
  if (FLOAT[0] > value) step(-1);
  return FLOAT[0];
}

/** The least 32-bit number that is not below `value`, for the upper sides of boxes. */
export function above(value: number): number {
  FLOAT[0] = value;
  if (FLOAT[0] < value) step(1);
  return FLOAT[0];
}

/** Moves the number in {@link FLOAT} to its neighbour above or below. It is not 0: that would have been exact. */
function step(direction: 1 | -1): void {
  if (FLOAT[0] === 0) {
    // A value too small for 32 bits came out as 0.
    BITS[0] = direction === 1 ? 1 : -0x7fffffff;
    return;
  }
  BITS[0] = BITS[0]! + (FLOAT[0]! > 0 ? direction : -direction);
}
