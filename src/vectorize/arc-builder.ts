import { type ArmPool, NONE } from './arm-pool.ts';
import type { LabelForest } from './label-forest.ts';

/** Slots of a node, clockwise: the edges that leave it west, north, east and south. */
export const WEST = 0;
export const NORTH = 1;
export const EAST = 2;
export const SOUTH = 3;

/** Slot without an edge. */
export const NO_EDGE = -1;
/** Slot whose arc is still open, or was freed. Freed arcs must leave this behind: their numbers are used again. */
export const NO_ARC = -2;

/**
 * Where arms become arcs: the borders between nodes (corners where three or four borders meet), or closed loops without
 * a node. What becomes of a complete arc is the subclass's: {@link ArcGraph} keeps it until both its faces are handed
 * out, `ArcCollector` keeps it for good.
 */
export abstract class ArcBuilder {
  /** Circular lists of half-arcs a face, headed by the label forest. */
  halfNext = new Int32Array(128);
  protected readonly arms: ArmPool;
  protected readonly labels: LabelForest;

  constructor(arms: ArmPool, labels: LabelForest) {
    this.arms = arms;
    this.labels = labels;
  }

  /**
   * A new node at corner (x, y) with the given edges (1 or 0 each).
   * @returns its first slot; add WEST..SOUTH for the others.
   */
  abstract openNode(west: number, north: number, east: number, south: number, x: number, y: number): number;

  /** A complete arc, given by its two ends; each is tied to a node's slot, or both are ends of a loop. */
  protected abstract openArc(startEnd: number, endEnd: number): void;

  /** Two arms end at one bend. */
  meet(p: number, q: number): void {
    const arms = this.arms;
    if (arms.linkEnds(p, q)) {
      this.openArc(2 * p + 1, 2 * q + 1);
      return;
    }
    // The joined path's ends: complete if both are tied to nodes.
    const a = arms.far(2 * p + 1);
    const b = arms.far(2 * q + 1);
    if (arms.slot(a) !== NONE && arms.slot(b) !== NONE) this.openArc(a, b);
  }

  /** An arm ends at a node. */
  endAt(arm: number, slot: number): void {
    const end = 2 * arm + 1;
    this.arms.tie(end, slot);
    const far = this.arms.far(end);
    if (this.arms.slot(far) !== NONE) this.openArc(far, end);
  }
}
