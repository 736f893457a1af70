import { NODATA_CLASS } from '../core/classes.ts';
import { type CoverageGraph, OUTSIDE_FACE } from './coverage-graph.ts';

/**
 * Faces united into regions: 4-connected areas of one class after the sieve, each one polygon. Regions are in order of
 * their first pixel, and so is everything that is made of them. Nodata faces are regions too.
 */
export interface Regions {
  readonly count: number;
  /** The region of each face. */
  readonly ofFace: Int32Array;
  readonly classId: Uint8Array;
  readonly pixelCount: Float64Array;
  /** In the unit of the faces' sizes. */
  readonly size: Float64Array;
  readonly first: Float64Array;
  readonly confidenceSum: Float64Array;
  readonly leastConfidence: Int32Array;
  /** 1 where the region reaches the edge of the raster. */
  readonly touchesEdge: Uint8Array;
  /** The first region of the feature that each region belongs to: itself, or with 8-connectivity the first of several. */
  readonly feature: Int32Array;
}

/**
 * @param classId the class of each face
 * @param diagonals pairs of faces that are one feature where they have one class (`listDiagonals`)
 */
export function mergeRegions(
  graph: CoverageGraph,
  classId: Uint8Array,
  diagonals: Int32Array = new Int32Array(0),
): Regions {
  const { faces, arcs } = graph;
  const roots = Int32Array.from({ length: faces.count }, (_, f) => f);
  for (let arc = 0; arc < arcs.count; arc++) {
    const f = arcs.halfFace[2 * arc]!;
    const g = arcs.halfFace[2 * arc + 1]!;
    if (f === OUTSIDE_FACE || g === OUTSIDE_FACE) continue;
    if (classId[f] === classId[g] && classId[f] !== NODATA_CLASS) unite(roots, f, g, faces.first);
  }
  const order = orderByFirst(roots, faces.first);
  const count = order.length;
  const index = new Int32Array(faces.count).fill(-1);
  order.forEach((face, region) => {
    index[face] = region;
  });
  const regions = {
    count,
    ofFace: new Int32Array(faces.count),
    classId: Uint8Array.from(order, (face) => classId[face]!),
    pixelCount: new Float64Array(count),
    size: new Float64Array(count),
    first: Float64Array.from(order, (face) => faces.first[face]!),
    confidenceSum: new Float64Array(count),
    leastConfidence: new Int32Array(count).fill(256),
    touchesEdge: new Uint8Array(count),
    feature: Int32Array.from({ length: count }, (_, r) => r),
  };
  for (let f = 0; f < faces.count; f++) {
    const r = index[find(roots, f)]!;
    regions.ofFace[f] = r;
    regions.pixelCount[r]! += faces.pixelCount[f]!;
    regions.size[r]! += faces.size[f]!;
    regions.confidenceSum[r]! += faces.confidenceSum[f]!;
    regions.leastConfidence[r] = Math.min(regions.leastConfidence[r]!, faces.leastConfidence[f]!);
  }
  for (let h = 0; h < 2 * arcs.count; h++) {
    const face = arcs.halfFace[h]!;
    if (face !== OUTSIDE_FACE && arcs.halfFace[h ^ 1] === OUTSIDE_FACE) {
      regions.touchesEdge[regions.ofFace[face]!] = 1;
    }
  }
  for (let i = 0; i < diagonals.length; i += 2) {
    const p = regions.ofFace[diagonals[i]!]!;
    const q = regions.ofFace[diagonals[i + 1]!]!;
    if (regions.classId[p] === regions.classId[q]) unite(regions.feature, p, q, regions.first);
  }
  for (let r = 0; r < count; r++) regions.feature[r] = find(regions.feature, r);
  return regions;
}

/** The roots, by first pixel. */
function orderByFirst(roots: Int32Array, first: Float64Array): Int32Array {
  const list: number[] = [];
  for (let f = 0; f < roots.length; f++) if (roots[f] === f) list.push(f);
  return Int32Array.from(list).sort((f, g) => first[f]! - first[g]!);
}

function find(parent: Int32Array, at: number): number {
  let f = at;
  for (let p = parent[f]!; p !== f; p = parent[f]!) {
    parent[f] = parent[p]!;
    f = parent[f]!;
  }
  return f;
}

/** The one with the earlier first pixel stays. */
function unite(parent: Int32Array, a: number, b: number, first: Float64Array): void {
  const p = find(parent, a);
  const q = find(parent, b);
  if (p === q) return;
  if (first[p]! < first[q]!) parent[q] = p;
  else parent[p] = q;
}
