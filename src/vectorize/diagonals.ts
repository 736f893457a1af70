import { NODATA_CLASS } from '../core/classes.ts';
import { EAST, NORTH, SOUTH, WEST } from './arc-builder.ts';
import { type CoverageGraph, OUTSIDE_FACE } from './coverage-graph.ts';

/**
 * Pairs of faces, f and g one behind the other, that meet diagonally in one corner and may join there with
 * 8-connectivity: the opposite wedges of nodes with four borders, neither nodata nor outside. A half-arc has its face on
 * its left, so that leaving north is to have the north-western wedge there.
 */
export function listDiagonals(graph: CoverageGraph): Int32Array {
  const { nodes, arcs, faces } = graph;
  const pairs: number[] = [];
  const faceAt = (slot: number) => arcs.halfFace[nodes.slots[slot]!]!;
  const open = (face: number) => face !== OUTSIDE_FACE && faces.classId[face] !== NODATA_CLASS;
  const add = (f: number, g: number) => {
    if (f !== g && open(f) && open(g)) pairs.push(f, g);
  };
  for (let node = 0; node < nodes.count; node++) {
    const s = 4 * node;
    const { slots } = nodes;
    if (slots[s]! < 0 || slots[s + 1]! < 0 || slots[s + 2]! < 0 || slots[s + 3]! < 0) continue;
    add(faceAt(s + NORTH), faceAt(s + SOUTH)); // north-west and south-east
    add(faceAt(s + EAST), faceAt(s + WEST)); // north-east and south-west
  }
  return Int32Array.from(pairs);
}
