import { TopologyError } from '../core/errors.ts';
import { ArcBuilder, EAST, NO_ARC, NO_EDGE, NORTH, SOUTH, WEST } from './arc-builder.ts';
import { type ArmPool, NONE } from './arm-pool.ts';
import { type GraphArcs, type GraphNodes, OUTSIDE_FACE } from './coverage-graph.ts';
import type { GraphBudget } from './graph-budget.ts';
import { grow } from './grow.ts';
import { type LabelForest, OUTSIDE } from './label-forest.ts';

// What arrays take for each arc and node, the list of a face's half-arcs included.
const BYTES_PER_ARC = 48;
const BYTES_PER_NODE = 24;

/** A half-arc whose face is still open. */
const OPEN_FACE = -2;

/** Keeps every arc and node of a raster as the scan line completes them, and gives the arms back at once. */
export class ArcCollector extends ArcBuilder {
  private arcs = 0;
  private nodes = 0;
  private chainLength = 0;
  private halfFace = new Int32Array(128);
  private halfSlot = new Int32Array(128);
  private length = new Float64Array(64);
  private startX = new Int32Array(64);
  private startY = new Int32Array(64);
  private chainStart = new Int32Array(64);
  private runs = new Int32Array(64);
  private chain = new Uint8Array(4096);
  private slots = new Int32Array(256);
  private nodeX = new Int32Array(64);
  private nodeY = new Int32Array(64);
  private scratch = new Int32Array(1024);
  private readonly budget: GraphBudget;

  constructor(arms: ArmPool, labels: LabelForest, budget: GraphBudget) {
    super(arms, labels);
    this.budget = budget;
  }

  openNode(west: number, north: number, east: number, south: number, x: number, y: number): number {
    const node = this.nodes++;
    if (this.nodes > this.nodeX.length) {
      this.budget.claim(BYTES_PER_NODE * this.nodes);
      this.nodeX = grow(this.nodeX, this.nodes);
      this.nodeY = grow(this.nodeY, this.nodes);
      this.slots = grow(this.slots, 4 * this.nodes);
    }
    this.nodeX[node] = x;
    this.nodeY[node] = y;
    const s = 4 * node;
    this.slots[s + WEST] = west ? NO_ARC : NO_EDGE;
    this.slots[s + NORTH] = north ? NO_ARC : NO_EDGE;
    this.slots[s + EAST] = east ? NO_ARC : NO_EDGE;
    this.slots[s + SOUTH] = south ? NO_ARC : NO_EDGE;
    return s;
  }

  protected openArc(startEnd: number, endEnd: number): void {
    const { arms } = this;
    const arc = this.arcs++;
    if (this.arcs > this.runs.length) this.growArcs();
    this.openHalf(2 * arc, startEnd);
    this.openHalf(2 * arc + 1, endEnd);
    let at = 0;
    for (let end = startEnd; end !== NONE; end = arms.next(end)) {
      const size = 2 * arms.runs(end);
      if (at + size + 2 > this.scratch.length) this.scratch = grow(this.scratch, at + size + 2);
      arms.decode(end, this.scratch, at);
      at += size;
    }
    // The last corner: the far end's, or the loop's first again.
    const last = arms.slot(endEnd);
    const { scratch } = this;
    scratch[at] = last === NONE ? scratch[0]! : this.nodeX[last >> 2]!;
    scratch[at + 1] = last === NONE ? scratch[1]! : this.nodeY[last >> 2]!;
    this.encode(arc, at >> 1);
    arms.freePath(startEnd);
  }

  private openHalf(half: number, start: number): void {
    const slot = this.arms.slot(start);
    this.halfSlot[half] = slot;
    if (slot !== NONE) this.slots[slot] = half;
    const label = this.labels.find(this.arms.leftOf(start));
    this.halfFace[half] = label === OUTSIDE ? OUTSIDE_FACE : OPEN_FACE;
    if (label !== OUTSIDE) this.labels.addHalf(label, half, this.halfNext);
  }

  /** Puts the `runs + 1` corners of the scratch buffer into the chain. */
  private encode(arc: number, runs: number): void {
    const { scratch } = this;
    if (this.chainLength + 5 * runs > this.chain.length) {
      this.budget.claim(this.chain.length);
      this.chain = grow(this.chain, this.chainLength + 5 * runs);
    }
    const { chain } = this;
    let p = this.chainLength;
    let length = 0;
    this.chainStart[arc] = p;
    this.startX[arc] = scratch[0]!;
    this.startY[arc] = scratch[1]!;
    const vertical = scratch[0] === scratch[2] ? 1 : 0;
    this.runs[arc] = 2 * runs + vertical;
    for (let i = 0; i < runs; i++) {
      const k = 2 * i + ((i + vertical) & 1); // the coordinate that changes: x and y in turns
      const run = scratch[k + 2]! - scratch[k]!;
      length += Math.abs(run);
      let zigzag = (run << 1) ^ (run >> 31);
      while (zigzag > 127) {
        chain[p++] = (zigzag & 127) | 128;
        zigzag >>>= 7;
      }
      chain[p++] = zigzag;
    }
    this.length[arc] = length;
    this.chainLength = p;
  }

  private growArcs(): void {
    const { arcs } = this;
    this.budget.claim(BYTES_PER_ARC * arcs);
    this.halfFace = grow(this.halfFace, 2 * arcs);
    this.halfSlot = grow(this.halfSlot, 2 * arcs);
    this.halfNext = grow(this.halfNext, 2 * arcs);
    this.length = grow(this.length, arcs);
    this.startX = grow(this.startX, arcs);
    this.startY = grow(this.startY, arcs);
    this.chainStart = grow(this.chainStart, arcs);
    this.runs = grow(this.runs, arcs);
  }

  /** Says which face a root label became. */
  nameFace(root: number, face: number): void {
    const last = this.labels.lastHalf[root]!;
    if (last === NONE) return;
    for (let h = this.halfNext[last]!; ; h = this.halfNext[h]!) {
      this.halfFace[h] = face;
      if (h === last) break;
    }
  }

  /**
   * The arcs and nodes, once all faces have a name.
   * @throws TopologyError
   */
  take(): { arcs: GraphArcs; nodes: GraphNodes } {
    const { arcs: count, halfFace, halfSlot, length, startX, startY, chainStart, runs, chain } = this;
    const open = halfFace.subarray(0, 2 * count).indexOf(OPEN_FACE);
    const free = this.slots.subarray(0, 4 * this.nodes).indexOf(NO_ARC);
    if (open !== -1 || free !== -1) {
      throw new TopologyError(
        'Polygon topology is broken: an arc has no face, or a node no arc. This is a defect in Frustum; please report it ' +
          'with the class raster.',
        { arc: open >> 1 },
      );
    }
    this.halfNext = new Int32Array(0);
    return {
      arcs: { count, halfFace, halfSlot, length, startX, startY, chainStart, runs, chain },
      nodes: { count: this.nodes, x: this.nodeX, y: this.nodeY, slots: this.slots },
    };
  }
}
