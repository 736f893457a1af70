import { type ByteChunks, putUint64 } from './byte-chunks.ts';
import type { FeatureBoxes } from './hilbert-order.ts';

const NODE_BYTES = 40;

/** Nodes on each level of a packed tree, leaves (features) first, root last. */
export function levelSizes(count: number, nodeSize: number): number[] {
  const sizes = [count];
  let n = count;
  do {
    n = Math.ceil(n / nodeSize);
    sizes.push(n);
  } while (n > 1);
  return sizes;
}

/**
 * The boxes of the inner levels of a tree over features in the given order.
 * @returns one array a level, from the parents of the leaves to the root: minX, minY, maxX, maxY a node
 */
export function packBoxes(boxes: FeatureBoxes, order: Uint32Array, nodeSize: number): Float64Array[] {
  const levels: Float64Array[] = [];
  let childCount = order.length;
  let children: Float64Array | null = null;
  for (const size of levelSizes(order.length, nodeSize).slice(1)) {
    const level = new Float64Array(4 * size);
    for (let i = 0; i < size; i++) {
      let minX = Number.POSITIVE_INFINITY;
      let minY = Number.POSITIVE_INFINITY;
      let maxX = Number.NEGATIVE_INFINITY;
      let maxY = Number.NEGATIVE_INFINITY;
      const last = Math.min((i + 1) * nodeSize, childCount);
      for (let c = i * nodeSize; c < last; c++) {
        const west = children === null ? boxes.get(order[c]!, 0) : children[4 * c]!;
        const south = children === null ? boxes.get(order[c]!, 1) : children[4 * c + 1]!;
        const east = children === null ? boxes.get(order[c]!, 2) : children[4 * c + 2]!;
        const north = children === null ? boxes.get(order[c]!, 3) : children[4 * c + 3]!;
        if (west < minX) minX = west;
        if (south < minY) minY = south;
        if (east > maxX) maxX = east;
        if (north > maxY) maxY = north;
      }
      level[4 * i] = minX;
      level[4 * i + 1] = minY;
      level[4 * i + 2] = maxX;
      level[4 * i + 3] = maxY;
    }
    levels.push(level);
    childCount = size;
    children = level;
  }
  return levels;
}

/**
 * FlatGeobuf's index: a packed Hilbert R-tree, root first. An inner node holds the number of its first child, a leaf
 * where its feature begins behind the index.
 * @param sizeOf bytes of a feature
 * @param settle gives a promise to wait for if too many bytes are on their way
 */
export async function writePackedRtree(
  out: ByteChunks,
  boxes: FeatureBoxes,
  order: Uint32Array,
  nodeSize: number,
  sizeOf: (feature: number) => number,
  settle: () => Promise<void> | undefined,
): Promise<void> {
  const levels = packBoxes(boxes, order, nodeSize);
  let firstOfLevel = 0;
  for (let l = levels.length - 1; l >= 0; l--) {
    const level = levels[l]!;
    const size = level.length / 4;
    const firstChild = firstOfLevel + size;
    for (let i = 0; i < size; i++) {
      const at = out.reserve(NODE_BYTES);
      for (let field = 0; field < 4; field++) {
        out.view.setFloat64(at + 8 * field, level[4 * i + field]!, true);
      }
      putUint64(out.view, at + 32, firstChild + i * nodeSize);
    }
    firstOfLevel = firstChild;
  }
  let offset = 0;
  for (let i = 0; i < order.length; i++) {
    const feature = order[i]!;
    const at = out.reserve(NODE_BYTES);
    for (let field = 0; field < 4; field++) {
      out.view.setFloat64(at + 8 * field, boxes.get(feature, field), true);
    }
    putUint64(out.view, at + 32, offset);
    offset += sizeOf(feature);
    const busy = settle();
    if (busy !== undefined) await busy;
  }
}
