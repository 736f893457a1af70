import { NODATA_CLASS } from '../core/classes.ts';
import { type CoverageGraph, OUTSIDE_FACE } from './coverage-graph.ts';
import { FaceHeap } from './face-heap.ts';

export interface SieveOptions {
  /** Faces below this size go to a neighbour; in the unit of the faces' sizes. */
  readonly minSize: number;
  /** Pairs of faces that also count as connected where they have one class (`listDiagonals`), for 8-connectivity. */
  readonly diagonals?: Int32Array;
  /**
   * How well a class goes over into another: what a pixel side of border with class `to` counts when a region of class
   * `from` chooses; 1 unless told, 0 for never.
   */
  readonly affinity?: (from: number, to: number) => number;
}

/**
 * Merges regions below a minimum size into their neighbours: the smallest first (then the one with the first pixel), each
 * into the neighbouring *class* with which it shares the longest border; ties go to the lower class. It is then one with
 * all its neighbours of that class. Nodata and the outside are no neighbours, and never change.
 *
 * A region of at least the minimum size never changes its class. Therefore each cluster of small regions is decided by
 * its own regions, its borders and the classes around it, and by nothing else in the scene: neither the order of
 * clusters, of arcs nor of rows can show in the result. Regions without an eligible neighbour stay as they are.
 * @returns the class of each face afterwards
 */
export function sieveFaces(graph: CoverageGraph, options: SieveOptions): Uint8Array {
  return new Sieve(graph, options).run();
}

class Sieve {
  private readonly graph: CoverageGraph;
  private readonly minSize: number;
  private readonly affinity: ((from: number, to: number) => number) | null;
  private readonly diagonals: Int32Array;
  private readonly parent: Int32Array;
  private readonly classId: Uint8Array;
  private readonly size: Float64Array;
  private readonly first: Float64Array;
  /** Circular lists of half-arcs (and halves of diagonals behind them) of the small regions, by their last entry. */
  private readonly lastHalf: Int32Array;
  private readonly nextHalf: Int32Array;
  private readonly heap: FaceHeap;
  private readonly votes = new Float64Array(NODATA_CLASS);
  private readonly halves: number;

  constructor(graph: CoverageGraph, { minSize, affinity, diagonals }: SieveOptions) {
    const { faces, arcs } = graph;
    this.graph = graph;
    this.minSize = minSize;
    this.affinity = affinity ?? null;
    this.diagonals = diagonals ?? new Int32Array(0);
    this.parent = Int32Array.from({ length: faces.count }, (_, f) => f);
    this.classId = faces.classId.slice(0, faces.count);
    this.size = faces.size.slice(0, faces.count);
    this.first = faces.first.slice(0, faces.count);
    this.lastHalf = new Int32Array(faces.count).fill(-1);
    this.halves = 2 * arcs.count;
    this.nextHalf = new Int32Array(this.halves + this.diagonals.length);
    this.heap = new FaceHeap(this.first);
  }

  run(): Uint8Array {
    const { classId, size, minSize, heap, diagonals } = this;
    const count = this.graph.faces.count;
    for (let h = 0; h < this.nextHalf.length; h++) {
      const face = this.faceOf(h);
      if (face !== OUTSIDE_FACE && this.isSmall(face)) this.addHalf(face, h);
    }
    for (let i = 0; i < diagonals.length; i += 2) {
      const f = this.find(diagonals[i]!);
      const g = this.find(diagonals[i + 1]!);
      if (f !== g && classId[f] === classId[g]) this.unite(f, g);
    }
    for (let f = 0; f < count; f++) {
      if (this.parent[f] === f && this.isSmall(f)) heap.push(f, size[f]!);
    }
    for (let r = heap.pop(); r !== -1; r = heap.pop()) {
      if (this.parent[r] !== r || size[r] !== heap.poppedSize || !this.isSmall(r)) continue;
      const chosen = this.chooseClass(r);
      if (chosen === -1) continue;
      const root = this.join(r, chosen);
      if (size[root]! < minSize) heap.push(root, size[root]!);
    }
    const result = new Uint8Array(count);
    for (let f = 0; f < count; f++) result[f] = classId[this.find(f)]!;
    return result;
  }

  private isSmall(root: number): boolean {
    return this.size[root]! < this.minSize && this.classId[root] !== NODATA_CLASS;
  }

  /** The face on the left of a half-arc, or a diagonal's face. */
  private faceOf(half: number): number {
    return half < this.halves ? this.graph.arcs.halfFace[half]! : this.diagonals[half - this.halves]!;
  }

  private chooseClass(r: number): number {
    const { votes, classId, nextHalf, affinity } = this;
    const { length } = this.graph.arcs;
    const last = this.lastHalf[r]!;
    if (last === -1) return -1;
    votes.fill(0);
    for (let h = nextHalf[last]!; ; h = nextHalf[h]!) {
      const face = this.faceOf(h ^ 1);
      if (h < this.halves && face !== OUTSIDE_FACE) {
        const root = this.find(face);
        const k = classId[root]!;
        if (root !== r && k !== NODATA_CLASS) votes[k]! += length[h >> 1]!;
      }
      if (h === last) break;
    }
    let best = -1;
    let most = 0;
    for (let k = 0; k < NODATA_CLASS; k++) {
      if (votes[k] === 0) continue;
      const vote = affinity === null ? votes[k]! : votes[k]! * affinity(classId[r]!, k);
      if (vote > most) {
        best = k;
        most = vote;
      }
    }
    return best;
  }

  /** Gives a small region a class, and unites it with all its neighbours of that class. @returns the root. */
  private join(r: number, chosen: number): number {
    const { classId, nextHalf } = this;
    const neighbours: number[] = [];
    const last = this.lastHalf[r]!;
    for (let h = nextHalf[last]!; ; h = nextHalf[h]!) {
      const face = this.faceOf(h ^ 1);
      if (face !== OUTSIDE_FACE) {
        const root = this.find(face);
        if (root !== r && classId[root] === chosen) neighbours.push(root);
      }
      if (h === last) break;
    }
    classId[r] = chosen;
    let root = r;
    for (const neighbour of neighbours) {
      const other = this.find(neighbour);
      if (other !== root) root = this.unite(root, other);
    }
    return root;
  }

  private unite(f: number, g: number): number {
    const { parent, size, first, lastHalf, nextHalf } = this;
    const root = first[f]! < first[g]! ? f : g;
    const child = root === f ? g : f;
    parent[child] = root;
    size[root]! += size[child]!;
    const p = lastHalf[root]!;
    const q = lastHalf[child]!;
    if (p === -1) {
      lastHalf[root] = q;
    } else if (q !== -1) {
      const next = nextHalf[p]!;
      nextHalf[p] = nextHalf[q]!;
      nextHalf[q] = next;
    }
    return root;
  }

  private find(face: number): number {
    const { parent } = this;
    let f = face;
    for (let p = parent[f]!; p !== f; p = parent[f]!) {
      parent[f] = parent[p]!;
      f = parent[f]!;
    }
    return f;
  }

  private addHalf(face: number, half: number): void {
    const { lastHalf, nextHalf } = this;
    const last = lastHalf[face]!;
    if (last === -1) {
      nextHalf[half] = half;
    } else {
      nextHalf[half] = nextHalf[last]!;
      nextHalf[last] = half;
    }
    lastHalf[face] = half;
  }
}
