import { hash2, unit } from './hash.ts';
import { MARGIN, type Relief } from './relief.ts';

/** Which way water runs on the coarse land. */
export interface Drainage {
  /** The cell that a cell drains into; itself at outlets (sea cells and the outer border). */
  readonly receiver: Int32Array;
  /** Square pixels of land that drain through a cell, its own included. */
  readonly areaPx: Float64Array;
}

/** Straight pieces of rivers, `stride` numbers each: x0, y0, x1, y1, half width at the ends. */
export const RIVER_STRIDE = 6;

/** Land that must drain through a cell before its water shows as a river, in square pixels. */
const SPRING_AREA_PX = 110_000;

/**
 * Drains each cell to the lowest neighbour, filling pits as it goes: the priority flood of Barnes, Lehman and Mulla
 * (Computers & Geosciences 62, 2014), where a cell's receiver is the neighbour from which the flood reached it.
 */
export function drainLand(relief: Relief, seed: number): Drainage {
  const { columns, rows, rank, seaRank } = relief;
  const count = columns * rows;
  const receiver = new Int32Array(count).fill(-1);
  const level = new Float64Array(count);
  const order = new Int32Array(count);
  const heap = createHeap(level, count);
  for (let j = 0, k = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++, k++) {
      // A little roughness keeps rivers from running dead straight over even ground.
      level[k] = rank[k]! + 0.012 * unit(hash2(seed + 13, i, j));
      if (rank[k]! < seaRank || i === 0 || j === 0 || i === columns - 1 || j === rows - 1) {
        receiver[k] = k;
        heap.push(k);
      }
    }
  }
  let done = 0;
  while (heap.size() > 0) {
    const k = heap.pop();
    order[done++] = k;
    const i = k % columns;
    const j = (k - i) / columns;
    for (let dj = j > 0 ? -1 : 0; dj <= (j < rows - 1 ? 1 : 0); dj++) {
      for (let di = i > 0 ? -1 : 0; di <= (i < columns - 1 ? 1 : 0); di++) {
        const n = k + dj * columns + di;
        if (receiver[n] !== -1) continue;
        receiver[n] = k;
        if (level[n]! <= level[k]!) level[n] = level[k]! + 1e-7;
        heap.push(n);
      }
    }
  }
  const areaPx = new Float64Array(count).fill(relief.cell * relief.cell);
  for (let o = done - 1; o >= 0; o--) {
    const k = order[o]!;
    const to = receiver[k]!;
    if (to !== k) areaPx[to] = areaPx[to]! + areaPx[k]!;
  }
  return { receiver, areaPx };
}

/** Half the width of a river that drains `areaPx` square pixels of land: it widens downstream. */
export function riverHalfWidth(areaPx: number): number {
  return Math.min(Math.max(0.0075 * Math.sqrt(areaPx) - 1.3, 0.9), 60);
}

/** Rivers as straight pieces ({@link RIVER_STRIDE} numbers each) along smoothed courses. */
export function traceRivers(relief: Relief, drainage: Drainage, seed: number): Float64Array {
  const { columns, cell, rank, seaRank } = relief;
  const { receiver, areaPx } = drainage;
  const nodes: number[] = [];
  const nodeOf = new Int32Array(receiver.length).fill(-1);
  for (let k = 0; k < receiver.length; k++) {
    if (areaPx[k]! < SPRING_AREA_PX || rank[k]! < seaRank * 0.92) continue;
    nodeOf[k] = nodes.length;
    nodes.push(k);
  }
  const main = new Int32Array(nodes.length).fill(-1);
  nodes.forEach((k, n) => {
    const down = nodeOf[receiver[k]!]!;
    if (down < 0 || down === n) return;
    const rival = main[down]!;
    if (rival < 0 || areaPx[nodes[rival]!]! < areaPx[k]!) main[down] = n;
  });
  let xs = new Float64Array(nodes.length);
  let ys = new Float64Array(nodes.length);
  nodes.forEach((k, n) => {
    const i = k % columns;
    const j = (k - i) / columns;
    xs[n] = (i + 0.1 + 0.8 * unit(hash2(seed + 29, i, j))) * cell - MARGIN;
    ys[n] = (j + 0.1 + 0.8 * unit(hash2(seed + 31, i, j))) * cell - MARGIN;
  });
  for (let pass = 0; pass < 8; pass++) {
    const sx = xs.slice();
    const sy = ys.slice();
    for (let n = 0; n < nodes.length; n++) {
      const up = main[n]!;
      const down = nodeOf[receiver[nodes[n]!]!]!;
      if (up < 0 || down < 0 || down === n) continue;
      sx[n] = (xs[up]! + 2 * xs[n]! + xs[down]!) / 4;
      sy[n] = (ys[up]! + 2 * ys[n]! + ys[down]!) / 4;
    }
    xs = sx;
    ys = sy;
  }
  const pieces: number[] = [];
  nodes.forEach((k, n) => {
    const down = nodeOf[receiver[k]!]!;
    if (down < 0 || down === n) return;
    const wide = riverHalfWidth(areaPx[nodes[down]!]!);
    // A tributary keeps its own width up to the confluence.
    const end = main[down] === n ? wide : riverHalfWidth(areaPx[k]!);
    pieces.push(xs[n]!, ys[n]!, xs[down]!, ys[down]!, riverHalfWidth(areaPx[k]!), end);
  });
  return Float64Array.from(pieces);
}

/** A binary heap of cell numbers, lowest `key` first; equal keys leave in the order of their numbers. */
function createHeap(key: Float64Array, capacity: number) {
  const items = new Int32Array(capacity);
  let size = 0;
  const less = (p: number, q: number) => key[p]! < key[q]! || (key[p] === key[q] && p < q);
  return {
    size: () => size,
    push(cellNumber: number) {
      let at = size++;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!less(cellNumber, items[parent]!)) break;
        items[at] = items[parent]!;
        at = parent;
      }
      items[at] = cellNumber;
    },
    pop(): number {
      const top = items[0]!;
      const last = items[--size]!;
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child >= size) break;
        if (child + 1 < size && less(items[child + 1]!, items[child]!)) child++;
        if (!less(items[child]!, last)) break;
        items[at] = items[child]!;
        at = child;
      }
      items[at] = last;
      return top;
    },
  };
}
