import { quoteName, quoteText } from './geopackage-schema.ts';
import type { FeatureBoxes } from './hilbert-order.ts';
import { levelSizes, packBoxes } from './packed-rtree.ts';
import type { NewDatabase } from './sqlite.ts';
import type { PageFile } from './sqlite-pages.ts';
import {
  blobType,
  integerBytes,
  integerType,
  NULL,
  putInteger,
  putVarint,
  varintBytes,
} from './sqlite-record.ts';
import type { SqliteTable } from './sqlite-table.ts';

/** SQLite's R-tree with five columns of 32 bits: 51 cells of 24 bytes behind 4 bytes of head. */
const CELLS = 51;
const NODE_BYTES = 4 + 24 * CELLS;

/** The tables in which SQLite keeps an R-tree ("shadow tables" in its documentation of the R*Tree module). */
const SHADOWS = ['node', 'rowid', 'parent'] as const;

/** Names of an R-tree's tables, in the order in which {@link writeRtree} takes them. */
export function rtreeTables(name: string): string[] {
  return SHADOWS.map((shadow) => `${name}_${shadow}`);
}

/** Declares an R-tree, in the words of a SQLite that has the module; this one need not have it. */
export function createRtree(db: NewDatabase, name: string): void {
  const [node, rowid, parent] = rtreeTables(name).map(quoteName);
  db.exec(`
CREATE TABLE ${rowid}(rowid INTEGER PRIMARY KEY,nodeno);
CREATE TABLE ${node}(nodeno INTEGER PRIMARY KEY,data);
CREATE TABLE ${parent}(nodeno INTEGER PRIMARY KEY,parentnode);`);
  const sql = `CREATE VIRTUAL TABLE ${quoteName(name)} USING rtree(id, minx, maxx, miny, maxy)`;
  db.exec(`PRAGMA writable_schema = ON;
INSERT INTO sqlite_master(type, name, tbl_name, rootpage, sql)
  VALUES ('table', ${quoteText(name)}, ${quoteText(name)}, 0, ${quoteText(sql)});
PRAGMA writable_schema = OFF;`);
}

/**
 * Fills the tables of an R-tree over rows 1 to n, packed along a Hilbert curve.
 * @param pages those that the tables are in, to be waited for
 * @param tables empty ones, as {@link rtreeTables} orders them
 */
export async function writeRtree(
  pages: PageFile,
  [nodes, rowids, parents]: readonly [node: SqliteTable, rowid: SqliteTable, parent: SqliteTable],
  boxes: FeatureBoxes,
  order: Uint32Array,
): Promise<void> {
  if (order.length === 0) {
    putRow(nodes, 1, NODE_TYPE, (bytes, at) => bytes.fill(0, at, at + NODE_BYTES));
    nodes.finish();
    return;
  }
  // Levels of nodes from the root (node 1) to the leaves, numbered one behind the other; cells of a leaf are rows.
  const levels = packBoxes(boxes, order, CELLS).reverse();
  const sizes = levelSizes(order.length, CELLS).slice(1).reverse();
  let first = 1;
  for (let depth = 0; depth < levels.length; depth++) {
    const isLeaf = depth === levels.length - 1;
    const size = sizes[depth]!;
    const behind = first + size;
    const children = isLeaf ? null : levels[depth + 1]!;
    const childCount = isLeaf ? order.length : sizes[depth + 1]!;
    const side = (c: number, field: number) =>
      children === null ? boxes.get(order[c]!, field) : children[4 * c + field]!;
    for (let i = 0; i < size; i++) {
      const start = i * CELLS;
      const end = Math.min(start + CELLS, childCount);
      const busy = pages.settle();
      if (busy !== undefined) await busy;
      const number = first + i;
      putRow(nodes, number, NODE_TYPE, (bytes, from, view) => {
        bytes.fill(0, from, from + NODE_BYTES);
        if (number === 1) view.setUint16(from, levels.length - 1);
        view.setUint16(from + 2, end - start);
        for (let c = start, at = from + 4; c < end; c++, at += 24) {
          view.setUint32(at + 4, isLeaf ? order[c]! + 1 : behind + c);
          view.setFloat32(at + 8, below(side(c, 0)));
          view.setFloat32(at + 12, above(side(c, 2)));
          view.setFloat32(at + 16, below(side(c, 1)));
          view.setFloat32(at + 20, above(side(c, 3)));
        }
      });
      if (isLeaf) continue;
      for (let c = start; c < end; c++) putNumber(parents, behind + c, number);
    }
    first = behind;
  }
  nodes.finish();
  parents.finish();
  const leafOf = new Uint32Array(order.length);
  const firstLeaf = first - sizes[sizes.length - 1]!;
  for (let i = 0; i < order.length; i++) leafOf[order[i]!] = firstLeaf + Math.floor(i / CELLS);
  for (let row = 0; row < leafOf.length; row++) {
    putNumber(rowids, row + 1, leafOf[row]!);
    const busy = pages.settle();
    if (busy !== undefined) await busy;
  }
  rowids.finish();
}

const NODE_TYPE = blobType(NODE_BYTES);

/** A row of the row's own number and a value. */
function putRow(
  table: SqliteTable,
  rowid: number,
  type: number,
  put: (bytes: Uint8Array, at: number, view: DataView) => void,
): void {
  const headSize = 2 + varintBytes(type);
  const valueSize = type === NODE_TYPE ? NODE_BYTES : integerBytes(type);
  const at = table.begin(rowid, headSize + valueSize);
  table.bytes[at] = headSize;
  table.bytes[at + 1] = NULL;
  put(table.bytes, putVarint(table.bytes, at + 2, type), table.view);
  table.end();
}

function putNumber(table: SqliteTable, rowid: number, value: number): void {
  const type = integerType(value);
  putRow(table, rowid, type, (bytes, at) => putInteger(bytes, at, type, value));
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
