import { type CoverageGraph, decodeArc, OUTSIDE_FACE } from './coverage-graph.ts';
import { grow } from './grow.ts';
import type { Regions } from './merge-regions.ts';

/** Stands for the outside where regions are named. */
export const OUTSIDE_REGION = -1;

/**
 * The borders of regions: *lines* run from junction to junction (corners where three or four borders of regions meet), or
 * are closed loops. Line l has two sides: `2*l` walks it from its start and has `left` on its left; `2*l + 1` walks back.
 *
 * A line's direction and a loop's first corner are canonical: they follow from the pixels alone. Lines between junctions
 * start at the upper (then left, then clockwise from west) slot; loops run with their inside on the left, from their
 * top-left corner.
 */
export interface Lines {
  readonly count: number;
  /** Two a line: the region on the left of each side, or {@link OUTSIDE_REGION}. */
  readonly region: Int32Array;
  /** Two a line: the slot by which each side leaves its junction, or -1 for loops. */
  readonly slot: Int32Array;
  /** Four a node, as in the graph: the line side that leaves by that edge, or -1. */
  readonly slotSide: Int32Array;
  /** Half-arcs that the lines consist of, one line behind the other. */
  readonly halves: Int32Array;
  /** Where each line begins in `halves`; one more entry ends the last. */
  readonly starts: Int32Array;
  readonly graph: CoverageGraph;
}

/** The lines between regions: arcs within a region fall away, and nodes that only two borders still reach are no end. */
export function joinLines(graph: CoverageGraph, regions: Regions): Lines {
  const { arcs, nodes } = graph;
  const regionOf = (half: number): number => {
    const face = arcs.halfFace[half]!;
    return face === OUTSIDE_FACE ? OUTSIDE_REGION : regions.ofFace[face]!;
  };
  const kept = new Uint8Array(arcs.count);
  let keptCount = 0;
  for (let arc = 0; arc < arcs.count; arc++) {
    if (regionOf(2 * arc) === regionOf(2 * arc + 1)) continue;
    kept[arc] = 1;
    keptCount++;
  }
  const { slots } = nodes;
  const isKept = (slot: number) => slots[slot]! >= 0 && kept[slots[slot]! >> 1] === 1;
  const degree = (node: number): number => {
    let n = 0;
    for (let s = 4 * node; s < 4 * node + 4; s++) if (isKept(s)) n++;
    return n;
  };
  const halves = new Int32Array(keptCount);
  const starts: number[] = [];
  const walked = new Uint8Array(arcs.count);
  let at = 0;
  /** Walks on through nodes of two borders. @returns the slot of the junction at the end, or -1 back at the beginning. */
  const walk = (first: number): number => {
    let half = first;
    for (;;) {
      halves[at++] = half;
      walked[half >> 1] = 1;
      const arrival = arcs.halfSlot[half ^ 1]!;
      if (arrival === -1) return -1;
      const node = arrival >> 2;
      if (degree(node) !== 2) return arrival;
      let next = -1;
      for (let s = 4 * node; s < 4 * node + 4; s++) if (s !== arrival && isKept(s)) next = slots[s]!;
      if (next === first) return -1;
      half = next;
    }
  };
  const slotSide = new Int32Array(4 * nodes.count).fill(-1);
  const slot: number[] = [];
  const region: number[] = [];
  const put = (start: number, startSlot: number, endSlot: number) => {
    const line = starts.length;
    starts.push(start);
    slot.push(startSlot, endSlot);
    if (startSlot !== -1) {
      slotSide[startSlot] = 2 * line;
      slotSide[endSlot] = 2 * line + 1;
    }
    region.push(regionOf(halves[start]!), regionOf(halves[start]! ^ 1));
  };
  /** Whether slot p comes before slot q: by corner, then clockwise from west. */
  const before = (p: number, q: number): boolean => {
    const [m, n] = [p >> 2, q >> 2];
    return (nodes.y[m]! - nodes.y[n]! || nodes.x[m]! - nodes.x[n]! || p - q) < 0;
  };
  for (let node = 0; node < nodes.count; node++) {
    if (degree(node) < 3) continue;
    for (let s = 4 * node; s < 4 * node + 4; s++) {
      if (!isKept(s) || walked[slots[s]! >> 1] === 1) continue;
      const start = at;
      const end = walk(slots[s]!);
      if (before(end, s)) {
        reverse(halves, start, at);
        put(start, end, s);
      } else {
        put(start, s, end);
      }
    }
  }
  for (let arc = 0; arc < arcs.count; arc++) {
    if (kept[arc] === 0 || walked[arc] === 1) continue;
    const start = at;
    walk(2 * arc);
    if (loopArea(graph, halves, start, at) < 0) reverse(halves, start, at);
    put(start, -1, -1);
  }
  starts.push(at);
  return {
    count: starts.length - 1,
    region: Int32Array.from(region),
    slot: Int32Array.from(slot),
    slotSide,
    halves,
    starts: Int32Array.from(starts),
    graph,
  };
}

function reverse(halves: Int32Array, from: number, to: number): void {
  halves.subarray(from, to).reverse();
  for (let i = from; i < to; i++) halves[i]! ^= 1;
}

let scratch = new Int32Array(1024);

/** Twice the area within a loop; positive if its inside is on the left. */
function loopArea(graph: CoverageGraph, halves: Int32Array, from: number, to: number): number {
  let area = 0;
  for (let i = from; i < to; i++) {
    const half = halves[i]!;
    const arc = half >> 1;
    const size = 2 * ((graph.arcs.runs[arc]! >> 1) + 1);
    if (size > scratch.length) scratch = grow(scratch, size);
    decodeArc(graph.arcs, arc, scratch, 0);
    let sum = 0;
    for (let k = 0; k + 2 < size; k += 2)
      sum += scratch[k + 2]! * scratch[k + 1]! - scratch[k]! * scratch[k + 3]!;
    area += half & 1 ? -sum : sum;
  }
  return area;
}
