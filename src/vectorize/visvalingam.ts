import type { CornerSet } from './corner-set.ts';
import type { LineCorners } from './decode-line.ts';
import type { GroundScale } from './ground-scale.ts';
import { isTriangleFree } from './guard.ts';
import type { LineSimplifier } from './simplify-lines.ts';

/**
 * Visvalingam and Whyatt (The Cartographic Journal 30, 1993): leaves out the corner with the smallest triangle, again and
 * again, as long as it is smaller than the tolerance squared. Ties go to the corner that comes first.
 */
export class Visvalingam implements LineSimplifier {
  private readonly limitM2: number;
  /** Half the square metres of a pixel at each corner row. */
  private readonly halfPixelM2: Float64Array;
  private before = new Int32Array(1024);
  private after = new Int32Array(1024);
  private area = new Float64Array(1024);
  /** Corners whose triangles are below the limit, the smallest on top. */
  private heap = new Int32Array(1024);
  /** Where each corner stands in the heap, or -1. */
  private place = new Int32Array(1024);
  private queued = 0;

  constructor({ acrossM, downM }: GroundScale, toleranceM: number) {
    this.limitM2 = toleranceM * toleranceM;
    this.halfPixelM2 = acrossM.map((across, y) => (across * downM[y]!) / 2);
  }

  run({ points, count }: LineCorners, least: number, corners: CornerSet, keep: Uint8Array): void {
    this.prepare(count);
    const { before, after, area, heap } = this;
    keep.fill(1, 0, count);
    this.queued = 0;
    for (let i = 1; i < count - 1; i++) {
      before[i] = i - 1;
      after[i] = i + 1;
      area[i] = this.areaAt(points, i - 1, i, i + 1);
      if (area[i]! < this.limitM2) this.push(i);
    }
    let left = count;
    while (this.queued > 0 && left > least) {
      const v = heap[0]!;
      this.removeAt(0);
      const u = before[v]!;
      const w = after[v]!;
      const vx = points[2 * v]!;
      const vy = points[2 * v + 1]!;
      const free = isTriangleFree(
        corners,
        points[2 * u]!,
        points[2 * u + 1]!,
        vx,
        vy,
        points[2 * w]!,
        points[2 * w + 1]!,
      );
      if (!free) continue; // until a neighbour goes
      keep[v] = 0;
      left--;
      corners.remove(vx, vy);
      if (u > 0) {
        after[u] = w;
        this.update(u, this.areaAt(points, before[u]!, u, w));
      }
      if (w < count - 1) {
        before[w] = u;
        this.update(w, this.areaAt(points, u, w, after[w]!));
      }
    }
  }

  private areaAt(p: Int32Array, u: number, v: number, w: number): number {
    const y = p[2 * v + 1]!;
    const x = p[2 * v]!;
    const cross = (p[2 * u]! - x) * (p[2 * w + 1]! - y) - (p[2 * u + 1]! - y) * (p[2 * w]! - x);
    return Math.abs(cross) * this.halfPixelM2[y]!;
  }

  private prepare(count: number): void {
    if (count > this.before.length) {
      this.before = new Int32Array(2 * count);
      this.after = new Int32Array(2 * count);
      this.area = new Float64Array(2 * count);
      this.heap = new Int32Array(2 * count);
      this.place = new Int32Array(2 * count);
    }
    this.place.fill(-1, 0, count);
  }

  private push(i: number): void {
    this.siftUp(this.queued++, i);
  }

  private update(i: number, area: number): void {
    this.area[i] = area;
    const at = this.place[i]!;
    if (at === -1) {
      if (area < this.limitM2) this.push(i);
    } else if (area >= this.limitM2) {
      this.removeAt(at);
    } else {
      this.siftUp(at, i);
      this.siftDown(this.place[i]!, i);
    }
  }

  private removeAt(at: number): void {
    const { heap, place } = this;
    place[heap[at]!] = -1;
    const last = heap[--this.queued]!;
    if (at === this.queued) return;
    this.siftUp(at, last);
    this.siftDown(place[last]!, last);
  }

  private siftUp(from: number, i: number): void {
    const { heap, place } = this;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const p = heap[parent]!;
      if (!this.less(i, p)) break;
      heap[at] = p;
      place[p] = at;
      at = parent;
    }
    heap[at] = i;
    place[i] = at;
  }

  private siftDown(from: number, i: number): void {
    const { heap, place } = this;
    const { queued: count } = this;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && this.less(heap[child + 1]!, heap[child]!)) child++;
      const c = heap[child]!;
      if (!this.less(c, i)) break;
      heap[at] = c;
      place[c] = at;
      at = child;
    }
    heap[at] = i;
    place[i] = at;
  }

  private less(i: number, j: number): boolean {
    const p = this.area[i]!;
    const q = this.area[j]!;
    return p < q || (p === q && i < j);
  }
}
