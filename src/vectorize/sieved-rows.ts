import { NODATA_CLASS } from '../core/classes.ts';
import { createLineCorners, decodeLine } from './decode-line.ts';
import { type Lines, OUTSIDE_REGION } from './join-lines.ts';
import type { Regions } from './merge-regions.ts';

/**
 * Draws the class raster that regions are, row by row, from their borders: where the row passes a vertical piece of
 * border, the class changes to that of the region on its east.
 * @returns rows of `width` bytes; one buffer serves all of them.
 */
export function* drawSievedRows(lines: Lines, regions: Regions): Generator<Uint8Array> {
  const { width, height } = lines.graph;
  const pieces = listVerticals(lines, regions);
  const row = new Uint8Array(width);
  /** Pieces that the row passes, from west to east. */
  let active: number[] = [];
  let next = 0;
  for (let y = 0; y < height; y++) {
    const staying = active.filter((p) => pieces.bottom[p]! > y);
    const from = next;
    while (next < pieces.count && pieces.top[pieces.order[next]!]! === y) next++;
    active = mergeByColumn(staying, pieces.order.subarray(from, next), pieces.x);
    for (let i = 0; i < active.length; i++) {
      const p = active[i]!;
      const to = i + 1 < active.length ? pieces.x[active[i + 1]!]! : width;
      row.fill(pieces.eastClass[p]!, pieces.x[p]!, to);
    }
    yield row;
  }
}

interface Verticals {
  readonly count: number;
  readonly x: Int32Array;
  readonly top: Int32Array;
  readonly bottom: Int32Array;
  readonly eastClass: Uint8Array;
  /** By top row, then by column. */
  readonly order: Int32Array;
}

function listVerticals(lines: Lines, regions: Regions): Verticals {
  const corners = createLineCorners();
  const each = (take: (x: number, from: number, to: number, line: number) => void) => {
    for (let l = 0; l < lines.count; l++) {
      decodeLine(lines, l, corners);
      const { points, count } = corners;
      for (let i = 0; i + 1 < count; i++) {
        if (points[2 * i] === points[2 * i + 2])
          take(points[2 * i]!, points[2 * i + 1]!, points[2 * i + 3]!, l);
      }
    }
  };
  let count = 0;
  each(() => count++);
  const x = new Int32Array(count);
  const top = new Int32Array(count);
  const bottom = new Int32Array(count);
  const eastClass = new Uint8Array(count);
  let n = 0;
  each((column, from, to, line) => {
    x[n] = column;
    top[n] = Math.min(from, to);
    bottom[n] = Math.max(from, to);
    // East is on the left of one who goes down.
    const region = lines.region[from < to ? 2 * line : 2 * line + 1]!;
    eastClass[n++] = region === OUTSIDE_REGION ? NODATA_CLASS : regions.classId[region]!;
  });
  return { count, x, top, bottom, eastClass, order: orderByTop(lines.graph.height, top, x) };
}

/** A counting sort by top row; within a row by column. */
function orderByTop(height: number, top: Int32Array, x: Int32Array): Int32Array {
  const starts = new Int32Array(height + 1);
  for (const y of top) starts[y + 1]!++;
  for (let y = 0; y < height; y++) starts[y + 1]! += starts[y]!;
  const next = starts.slice();
  const order = new Int32Array(top.length);
  for (let p = 0; p < top.length; p++) order[next[top[p]!]!++] = p;
  for (let y = 0; y < height; y++) order.subarray(starts[y], starts[y + 1]).sort((p, q) => x[p]! - x[q]!);
  return order;
}

function mergeByColumn(a: readonly number[], b: Int32Array, x: Int32Array): number[] {
  const merged: number[] = [];
  let i = 0;
  for (const p of b) {
    while (i < a.length && x[a[i]!]! < x[p]!) merged.push(a[i++]!);
    merged.push(p);
  }
  while (i < a.length) merged.push(a[i++]!);
  return merged;
}
