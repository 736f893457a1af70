import { cornersOf, decodeArc } from './coverage-graph.ts';
import { grow } from './grow.ts';
import type { Lines } from './join-lines.ts';

/** A line's corners; the buffer serves one line after the other. */
export interface LineCorners {
  /** x, y from the line's start to its end, both included; a loop comes back to its first corner. */
  points: Int32Array;
  /** In points. */
  count: number;
}

export function createLineCorners(): LineCorners {
  return { points: new Int32Array(1024), count: 0 };
}

/** Corners of a line as traced, without those where it goes straight on. */
export function decodeLine(lines: Lines, line: number, into: LineCorners): void {
  const { arcs } = lines.graph;
  const from = lines.starts[line]!;
  const to = lines.starts[line + 1]!;
  let n = 0;
  for (let i = from; i < to; i++) {
    const half = lines.halves[i]!;
    const corners = cornersOf(arcs, half >> 1);
    if (2 * (n + corners) > into.points.length)
      into.points = grow(into.points as Int32Array<ArrayBuffer>, 2 * (n + corners));
    const { points } = into;
    // The arc's first corner is the last one's end: written over.
    const at = n === 0 ? 0 : n - 1;
    decodeArc(arcs, half >> 1, points, 2 * at);
    if (half & 1) reversePoints(points, at, at + corners);
    n = at + corners;
    if (at > 0 && isStraight(points, at - 1, at, at + 1)) {
      points.copyWithin(2 * at, 2 * (at + 1), 2 * n);
      n--;
    }
  }
  into.count = n;
  if (lines.slot[2 * line] === -1) turnToTop(into);
}

function isStraight(p: Int32Array, a: number, b: number, c: number): boolean {
  return (
    (p[2 * a] === p[2 * b] && p[2 * b] === p[2 * c]) ||
    (p[2 * a + 1] === p[2 * b + 1] && p[2 * b + 1] === p[2 * c + 1])
  );
}

function reversePoints(points: Int32Array, from: number, to: number): void {
  for (let i = 2 * from, j = 2 * (to - 1); i < j; i += 2, j -= 2) {
    const x = points[i]!;
    const y = points[i + 1]!;
    points[i] = points[j]!;
    points[i + 1] = points[j + 1]!;
    points[j] = x;
    points[j + 1] = y;
  }
}

/** Turns a loop so that it begins, and ends, at its top-left corner, which is always a bend. */
function turnToTop(line: LineCorners): void {
  const { points } = line;
  let top = 0;
  const open = line.count - 1;
  for (let i = 1; i < open; i++) {
    const dy = points[2 * i + 1]! - points[2 * top + 1]!;
    if (dy < 0 || (dy === 0 && points[2 * i]! < points[2 * top]!)) top = i;
  }
  const turned = new Int32Array(2 * open);
  turned.set(points.subarray(2 * top, 2 * open));
  turned.set(points.subarray(0, 2 * top), 2 * (open - top));
  let n = open;
  // Where the walk began it may go straight on.
  const seam = open - top;
  if (top > 0) {
    const before = seam - 1;
    const after = (seam + 1) % open;
    if (isStraight(turned, before, seam, after)) {
      turned.copyWithin(2 * seam, 2 * (seam + 1));
      n--;
    }
  }
  points.set(turned.subarray(0, 2 * n));
  points[2 * n] = points[0]!;
  points[2 * n + 1] = points[1]!;
  line.count = n + 1;
}
