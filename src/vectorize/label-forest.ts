import { TopologyError } from '../core/errors.ts';
import { grow } from './grow.ts';

const NONE = -1;

/** The label of everything outside the scene. It is never merged, closed or freed. */
export const OUTSIDE = 0;

/** {@link LabelForest.least} before any confidence. */
const NO_CONFIDENCE = 256;

/** `lastRow` of a label that was closed. */
const CLOSED = 2 ** 31 - 1;

/**
 * Labels of the faces that the scan line still touches: a union-find whose roots keep what a face needs. All sums are
 * of integers and the first pixel is a minimum, so that neither depends on the order in which parts of a face met.
 *
 * Each root also heads two circular lists, joined in O(1): its members (so that closing frees all of them at once) and
 * the half-arcs on its border (kept in `halfNext` of the arc graph, by its last entry).
 */
export class LabelForest {
  /** Index of the first pixel, y*width + x: the face's canonical id (beyond 32 bits). */
  first = new Float64Array(64);
  count = new Float64Array(64);
  /** Sum of what its pixels weigh, where rows have weights. */
  size = new Float64Array(64);
  confidence = new Float64Array(64);
  /** Least confidence, 256 as long as none was seen. */
  least = new Int32Array(64);
  lastRow = new Int32Array(64);
  /** The last half-arc of the root's circular list, or -1. */
  lastHalf = new Int32Array(64);
  private parent = new Int32Array(64);
  private nextMember = new Int32Array(64);
  private used = 1;
  private free = NONE;

  constructor() {
    this.lastRow[OUTSIDE] = CLOSED;
    this.lastHalf[OUTSIDE] = NONE;
  }

  /** Most labels that were ever alive together. */
  get peak(): number {
    return this.used;
  }

  open(first: number): number {
    let label = this.free;
    if (label === NONE) {
      label = this.used++;
      if (this.used > this.parent.length) this.growAll();
    } else {
      this.free = this.nextMember[label]!;
    }
    this.parent[label] = label;
    this.nextMember[label] = label;
    this.first[label] = first;
    this.count[label] = 0;
    this.size[label] = 0;
    this.confidence[label] = 0;
    this.least[label] = NO_CONFIDENCE;
    this.lastHalf[label] = NONE;
    return label;
  }

  find(label: number): number {
    const parent = this.parent;
    let l = label;
    let p = parent[l]!;
    while (p !== l) {
      const grand = parent[p]!;
      parent[l] = grand;
      l = grand;
      p = parent[l]!;
    }
    return l;
  }

  /** Makes two roots one; the one with the earlier first pixel stays. The caller sets its `lastRow`. */
  union(a: number, b: number, halfNext: Int32Array): number {
    if (a === b) return a;
    const root = this.first[a]! < this.first[b]! ? a : b;
    const child = root === a ? b : a;
    this.parent[child] = root;
    this.count[root]! += this.count[child]!;
    this.size[root]! += this.size[child]!;
    this.confidence[root]! += this.confidence[child]!;
    if (this.least[child]! < this.least[root]!) this.least[root] = this.least[child]!;
    swap(this.nextMember, root, child);
    const rootLast = this.lastHalf[root]!;
    const childLast = this.lastHalf[child]!;
    if (rootLast === NONE) this.lastHalf[root] = childLast;
    else if (childLast !== NONE) swap(halfNext, rootLast, childLast);
    return root;
  }

  /** Adds a half-arc to a root's list. */
  addHalf(root: number, half: number, halfNext: Int32Array): void {
    const last = this.lastHalf[root]!;
    if (last === NONE) {
      halfNext[half] = half;
    } else {
      halfNext[half] = halfNext[last]!;
      halfNext[last] = half;
    }
    this.lastHalf[root] = half;
  }

  /** Frees a root and all its members. {@link find} still leads from them to the root until they are opened again. */
  close(root: number): void {
    this.lastRow[root] = CLOSED;
    const second = this.nextMember[root]!;
    this.nextMember[root] = this.free;
    this.free = second;
  }

  /**
   * Checks that every label was closed.
   * @throws TopologyError
   */
  assertEmpty(): void {
    let free = 0;
    for (let l = this.free; l !== NONE && free <= this.used; free++) l = this.nextMember[l]!;
    if (free !== this.used - 1) {
      throw new TopologyError(
        `Tracing ended with ${this.used - 1 - free} labels that no face closed. This is a defect in Frustum; please ` +
          'report it with the class raster.',
        { arc: NONE },
      );
    }
  }

  private growAll(): void {
    this.first = grow(this.first, this.used);
    this.count = grow(this.count, this.used);
    this.size = grow(this.size, this.used);
    this.confidence = grow(this.confidence, this.used);
    this.least = grow(this.least, this.used);
    this.lastRow = grow(this.lastRow, this.used);
    this.lastHalf = grow(this.lastHalf, this.used);
    this.parent = grow(this.parent, this.used);
    this.nextMember = grow(this.nextMember, this.used);
  }
}

/** Joins two circular lists (or splits one) by swapping two successors. */
function swap(next: Int32Array, a: number, b: number): void {
  const t = next[a]!;
  next[a] = next[b]!;
  next[b] = t;
}
