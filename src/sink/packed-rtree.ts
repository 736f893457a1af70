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
  let child = (i: number, field: number) => boxes.get(order[i]!, field);
  for (const size of levelSizes(order.length, nodeSize).slice(1)) {
    const level = new Float64Array(4 * size);
    for (let i = 0; i < size; i++) {
      const last = Math.min((i + 1) * nodeSize, childCount);
      for (let field = 0; field < 4; field++) {
        const pick = field < 2 ? Math.min : Math.max;
        let value = child(i * nodeSize, field);
        for (let c = i * nodeSize + 1; c < last; c++) value = pick(value, child(c, field));
        level[4 * i + field] = value;
      }
    }
    levels.push(level);
    childCount = size;
    child = (i, field) => level[4 * i + field]!;
  }
  return levels;
}

/**
 * FlatGeobuf's index: a packed Hilbert R-tree, root first. An inner node holds the number of its first child, a leaf
 * where its feature begins behind the index.
 * @param sizeOf bytes of a feature
 */
export function writePackedRtree(
  out: ByteChunks,
  boxes: FeatureBoxes,
  order: Uint32Array,
  nodeSize: number,
  sizeOf: (feature: number) => number,
): void {
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
  for (const feature of order) {
    const at = out.reserve(NODE_BYTES);
    for (let field = 0; field < 4; field++) {
      out.view.setFloat64(at + 8 * field, boxes.get(feature, field), true);
    }
    putUint64(out.view, at + 32, offset);
    offset += sizeOf(feature);
  }
}
