import { TopologyError } from '../core/errors.ts';
import { ArcBuilder, EAST, NO_ARC, NO_EDGE, NORTH, SOUTH, WEST } from './arc-builder.ts';
import { NONE } from './arm-pool.ts';
import { grow } from './grow.ts';
import { OUTSIDE } from './label-forest.ts';

/** A face's rings as they are walked; buffers are used again for the next face. */
export interface RingSet {
  /** Corners x, y of all rings one behind the other, each without a closing point. */
  points: Int32Array<ArrayBuffer>;
  /** Number of rings. */
  count: number;
  /** Where each ring ends in {@link points}, in points. */
  ends: Int32Array<ArrayBuffer>;
  /** Signed area of each ring in pixels: positive for the shell, negative for holes. */
  areas: Float64Array<ArrayBuffer>;
  touchesEdge: boolean;
}

/**
 * Nodes (corners where three or four borders meet, fixed for good) and arcs (the borders between them, or closed loops
 * without a node). An arc has two *half-arcs*, one a side: `2*arc` and `2*arc + 1` walk it in opposite directions, each
 * with its own face on its left. A node has four slots, each holding the half-arc that *leaves* by that edge.
 *
 * An arc keeps its vertices as the arms it was traced as, about one byte a vertex, until both its faces are done.
 */
export class ArcGraph extends ArcBuilder {
  /** Where each half-arc begins: an arm end. */
  private halfStart = new Int32Array(128);
  /** The label on each half-arc's left (a root when it was set), or -1 once that face is done. */
  private halfLabel = new Int32Array(128);
  private halfWalked = new Uint8Array(128);
  private usedArcs = 0;
  private freeArc = NONE;
  private slots = new Int32Array(256);
  private degree = new Uint8Array(64);
  private usedNodes = 0;
  private freeNode = NONE;
  private readonly rings: RingSet = {
    points: new Int32Array(1024),
    count: 0,
    ends: new Int32Array(16),
    areas: new Float64Array(16),
    touchesEdge: false,
  };

  /** Most arcs and nodes that were ever alive together. */
  get peak(): { arcs: number; nodes: number } {
    return { arcs: this.usedArcs, nodes: this.usedNodes };
  }

  openNode(west: number, north: number, east: number, south: number): number {
    let node = this.freeNode;
    if (node === NONE) {
      node = this.usedNodes++;
      if (this.usedNodes > this.degree.length) {
        this.degree = grow(this.degree, this.usedNodes);
        this.slots = grow(this.slots, this.usedNodes * 4);
      }
    } else {
      this.freeNode = this.slots[4 * node]!;
    }
    const s = 4 * node;
    this.slots[s + WEST] = west ? NO_ARC : NO_EDGE;
    this.slots[s + NORTH] = north ? NO_ARC : NO_EDGE;
    this.slots[s + EAST] = east ? NO_ARC : NO_EDGE;
    this.slots[s + SOUTH] = south ? NO_ARC : NO_EDGE;
    this.degree[node] = west + north + east + south;
    return s;
  }

  protected openArc(startEnd: number, endEnd: number): void {
    let arc = this.freeArc;
    if (arc === NONE) {
      arc = this.usedArcs++;
      if (this.usedArcs * 2 > this.halfStart.length) {
        const halves = this.usedArcs * 2;
        this.halfStart = grow(this.halfStart, halves);
        this.halfLabel = grow(this.halfLabel, halves);
        this.halfNext = grow(this.halfNext, halves);
        this.halfWalked = grow(this.halfWalked, halves);
      }
    } else {
      this.freeArc = this.halfStart[2 * arc]!;
    }
    this.openHalf(2 * arc, startEnd);
    this.openHalf(2 * arc + 1, endEnd);
  }

  private openHalf(half: number, start: number): void {
    this.halfStart[half] = start;
    const slot = this.arms.slot(start);
    if (slot !== NONE) this.slots[slot] = half;
    const label = this.labels.find(this.arms.leftOf(start));
    this.halfLabel[half] = label;
    this.halfWalked[half] = 0;
    if (label !== OUTSIDE) this.labels.addHalf(label, half, this.halfNext);
  }

  /**
   * Walks all rings of a closed face (a root label). At a node the walk takes the first edge clockwise from the one it
   * came by, which keeps the face on its left; where the face also fills the opposite wedge of a crossing, it takes
   * the first counter-clockwise instead, so that a ring never touches itself but two rings touch in a point.
   * The buffers returned are overwritten by the next call.
   * @throws TopologyError
   */
  walkRings(root: number): RingSet {
    const rings = this.rings;
    const lastHalf = this.labels.lastHalf[root]!;
    rings.count = 0;
    rings.touchesEdge = false;
    if (lastHalf === NONE) this.fail(`face of label ${root} has no border`, NONE);
    const { halfNext, halfLabel, halfWalked } = this;
    let halves = 0;
    for (let h = halfNext[lastHalf]!; ; h = halfNext[h]!) {
      halfLabel[h] = root;
      halves++;
      if (h === lastHalf) break;
    }
    let at = 0;
    let walked = 0;
    for (let first = halfNext[lastHalf]!; ; first = halfNext[first]!) {
      if (halfWalked[first] === 0) {
        let area = 0;
        let half = first;
        do {
          if (halfLabel[half] !== root || ++walked > halves) {
            this.fail(`a ring of the face of label ${root} does not close`, half >> 1);
          }
          halfWalked[half] = 1;
          if (halfLabel[half ^ 1] === OUTSIDE) rings.touchesEdge = true;
          for (let end = this.halfStart[half]!; end !== NONE; end = this.arms.next(end)) {
            const points = this.arms.runs(end);
            if (at + 2 * points > rings.points.length) rings.points = grow(rings.points, at + 2 * points);
            area += this.arms.decode(end, rings.points, at);
            at += 2 * points;
          }
          half = this.turnAt(this.arms.slot(this.halfStart[half ^ 1]!), root, half);
        } while (half !== first);
        if (rings.count === rings.ends.length) {
          rings.ends = grow(rings.ends, rings.count + 1);
          rings.areas = grow(rings.areas, rings.count + 1);
        }
        rings.ends[rings.count] = at >> 1;
        rings.areas[rings.count++] = area;
      }
      if (first === lastHalf) break;
    }
    return rings;
  }

  /** The half-arc by which the walk leaves the node that it reached by `slot`. */
  private turnAt(slot: number, root: number, half: number): number {
    if (slot === NONE) return half; // a loop without nodes
    const slots = this.slots;
    const node = slot & ~3;
    const opposite = slots[node | ((slot + 3) & 3)]!;
    const left = slots[node | ((slot + 1) & 3)]!;
    if (left === NO_EDGE) return slots[node | ((slot + 2) & 3)]!;
    // Only a crossing of four edges has a wedge opposite: bounded by the two edges after the next.
    if (opposite >= 0 && slots[node | ((slot + 2) & 3)] !== NO_EDGE && this.halfLabel[opposite] === root) {
      return opposite;
    }
    return left;
  }

  /** Lets a face go: frees its side of all its arcs, and what both sides are done with. */
  releaseFace(root: number): void {
    const lastHalf = this.labels.lastHalf[root]!;
    if (lastHalf === NONE) return;
    let h = this.halfNext[lastHalf]!;
    for (;;) {
      const next = this.halfNext[h]!;
      const last = h === lastHalf;
      this.halfLabel[h] = NONE;
      const other = this.halfLabel[h ^ 1]!;
      if (other === NONE || other === OUTSIDE) this.releaseArc(h >> 1);
      if (last) break;
      h = next;
    }
  }

  private releaseArc(arc: number): void {
    const start = this.halfStart[2 * arc]!;
    this.releaseSlot(this.arms.slot(start));
    this.releaseSlot(this.arms.slot(this.halfStart[2 * arc + 1]!));
    this.arms.freePath(start);
    this.halfLabel[2 * arc] = NONE;
    this.halfLabel[2 * arc + 1] = NONE;
    this.halfStart[2 * arc] = this.freeArc;
    this.freeArc = arc;
  }

  private releaseSlot(slot: number): void {
    if (slot === NONE) return;
    const node = slot >> 2;
    this.slots[slot] = NO_ARC;
    const left = this.degree[node]! - 1;
    this.degree[node] = left;
    if (left === 0) {
      this.slots[4 * node] = this.freeNode;
      this.freeNode = node;
    }
  }

  /**
   * Checks that every arc and node was given back.
   * @throws TopologyError
   */
  assertEmpty(): void {
    let arcs = 0;
    for (let a = this.freeArc; a !== NONE && arcs <= this.usedArcs; arcs++) a = this.halfStart[2 * a]!;
    let nodes = 0;
    for (let n = this.freeNode; n !== NONE && nodes <= this.usedNodes; nodes++) n = this.slots[4 * n]!;
    if (arcs !== this.usedArcs || nodes !== this.usedNodes) {
      this.fail(`${this.usedArcs - arcs} arcs and ${this.usedNodes - nodes} nodes were not given back`, NONE);
    }
  }

  private fail(what: string, arc: number): never {
    throw new TopologyError(
      `Polygon topology is broken: ${what}. This is a defect in Frustum; please report it with the class raster.`,
      { arc },
    );
  }
}
