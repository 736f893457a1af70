import { type CoverageGraph, cornersOf, decodeArc } from '../../src/vectorize/coverage-graph.ts';
import { seeded } from './oracle.ts';

/** The same graph with its arcs in another order, every other one the other way round, and loops begun elsewhere. */
export function scrambleGraph(graph: CoverageGraph, seed: number): CoverageGraph {
  const { arcs, nodes } = graph;
  const random = seeded(seed);
  const keys = Array.from({ length: arcs.count }, () => random());
  const order = Array.from({ length: arcs.count }, (_, a) => a).sort((a, b) => keys[a]! - keys[b]!);
  const halfFace = new Int32Array(2 * arcs.count);
  const halfSlot = new Int32Array(2 * arcs.count);
  const length = new Float64Array(arcs.count);
  const startX = new Int32Array(arcs.count);
  const startY = new Int32Array(arcs.count);
  const chainStart = new Int32Array(arcs.count);
  const runs = new Int32Array(arcs.count);
  const slots = nodes.slots.slice();
  const chain: number[] = [];
  order.forEach((old, arc) => {
    const flip = random() < 0.5 ? 1 : 0;
    for (const side of [0, 1]) {
      const from = 2 * old + (side ^ flip);
      halfFace[2 * arc + side] = arcs.halfFace[from]!;
      halfSlot[2 * arc + side] = arcs.halfSlot[from]!;
      if (arcs.halfSlot[from] !== -1) slots[arcs.halfSlot[from]!] = 2 * arc + side;
    }
    length[arc] = arcs.length[old]!;
    const count = cornersOf(arcs, old);
    const buffer = new Int32Array(2 * count);
    decodeArc(arcs, old, buffer, 0);
    let points = Array.from({ length: count }, (_, i) => [buffer[2 * i]!, buffer[2 * i + 1]!] as const);
    if (flip) points.reverse();
    if (arcs.halfSlot[2 * old] === -1) {
      const turn = Math.floor(random() * (count - 1));
      const open = points.slice(0, -1);
      points = [...open.slice(turn), ...open.slice(0, turn)];
      points.push(points[0]!);
    }
    startX[arc] = points[0]![0];
    startY[arc] = points[0]![1];
    chainStart[arc] = chain.length;
    runs[arc] = 2 * (count - 1) + (points[0]![0] === points[1]![0] ? 1 : 0);
    for (let i = 1; i < count; i++) {
      const run = points[i]![0] - points[i - 1]![0] + (points[i]![1] - points[i - 1]![1]);
      let zigzag = (run << 1) ^ (run >> 31);
      while (zigzag > 127) {
        chain.push((zigzag & 127) | 128);
        zigzag >>>= 7;
      }
      chain.push(zigzag);
    }
  });
  return {
    ...graph,
    nodes: { ...nodes, slots },
    arcs: {
      count: arcs.count,
      halfFace,
      halfSlot,
      length,
      startX,
      startY,
      chainStart,
      runs,
      chain: Uint8Array.from(chain),
    },
  };
}
