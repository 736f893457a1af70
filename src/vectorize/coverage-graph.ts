/** A face index that stands for everything outside the raster. */
export const OUTSIDE_FACE = -1;

/**
 * All borders of a class raster: faces (4-connected areas of one class, nodata included), nodes (corners where three or
 * four borders meet) and arcs (the borders between nodes, or closed loops without one), in flat typed arrays. Memory is
 * that of the boundary: about 40 bytes an arc, 20 a node, 45 a face and one a vertex.
 *
 * An arc has two *half-arcs*: `2*arc` walks it from its start and `2*arc + 1` from its end, each with its own face on its
 * left. Faces are in order of their last row, then of columns; arcs in the order in which the scan line completed them.
 */
export interface CoverageGraph {
  readonly width: number;
  readonly height: number;
  readonly faces: GraphFaces;
  readonly nodes: GraphNodes;
  readonly arcs: GraphArcs;
  /** Whether confidences were given. */
  readonly hasConfidence: boolean;
}

export interface GraphFaces {
  readonly count: number;
  /** 0 to 255; 255 is nodata. */
  readonly classId: Uint8Array;
  readonly pixelCount: Float64Array;
  /** Sum of the weights of the rows of its pixels; the pixel count without weights. */
  readonly size: Float64Array;
  /** Index of the first pixel, y*width + x. */
  readonly first: Float64Array;
  readonly confidenceSum: Float64Array;
  /** 256 if none was given. */
  readonly leastConfidence: Int32Array;
}

export interface GraphNodes {
  readonly count: number;
  /** Corner of each node. */
  readonly x: Int32Array;
  readonly y: Int32Array;
  /** Four a node, clockwise from west: the half-arc that leaves by that edge, or -1. */
  readonly slots: Int32Array;
}

export interface GraphArcs {
  readonly count: number;
  /** Two an arc: the face on the left of each half-arc, or {@link OUTSIDE_FACE}. */
  readonly halfFace: Int32Array;
  /** Two an arc: the node slot by which each half-arc leaves, or -1 for loops without nodes. */
  readonly halfSlot: Int32Array;
  /** Sides of pixels along the arc. */
  readonly length: Float64Array;
  /** First corner; a loop's is any of its bends. */
  readonly startX: Int32Array;
  readonly startY: Int32Array;
  /** Where the arc's runs begin in `chain`. */
  readonly chainStart: Int32Array;
  /** Number of runs; 2 * runs, + 1 if the first one is vertical. Runs alternate between the axes. */
  readonly runs: Int32Array;
  /** Signed runs (right and down are positive), zigzag and LEB128: about one byte a vertex. */
  readonly chain: Uint8Array;
}

/**
 * Writes an arc's corners from its start, both ends included (a loop comes back to its start), as x, y from `out[at]`;
 * there must be room for `(runs >> 1) + 1` corners.
 * @returns where it ended in `out`
 */
export function decodeArc(arcs: GraphArcs, arc: number, out: Int32Array, at: number): number {
  const { chain } = arcs;
  const coded = arcs.runs[arc]!;
  let p = arcs.chainStart[arc]!;
  let x = arcs.startX[arc]!;
  let y = arcs.startY[arc]!;
  let vertical = (coded & 1) === 1;
  let k = at;
  out[k++] = x;
  out[k++] = y;
  for (let i = coded >> 1; i > 0; i--) {
    let byte = chain[p++]!;
    let zigzag = byte & 127;
    for (let shift = 7; byte > 127; shift += 7) {
      byte = chain[p++]!;
      zigzag |= (byte & 127) << shift;
    }
    const run = (zigzag >>> 1) ^ -(zigzag & 1);
    if (vertical) y += run;
    else x += run;
    vertical = !vertical;
    out[k++] = x;
    out[k++] = y;
  }
  return k;
}

/** Corners of an arc, both ends included. */
export function cornersOf(arcs: GraphArcs, arc: number): number {
  return (arcs.runs[arc]! >> 1) + 1;
}
