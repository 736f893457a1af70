import type { CornerSet } from './corner-set.ts';
import type { LineCorners } from './decode-line.ts';
import type { GroundScale } from './ground-scale.ts';
import { RowHull } from './guard.ts';
import type { LineSimplifier } from './simplify-lines.ts';

/**
 * Douglas and Peucker (The Canadian Cartographer 10, 1973): a piece of a line becomes its chord if no corner of it lies
 * further away than the tolerance, else it is parted at the farthest one (the first of several).
 */
export class DouglasPeucker implements LineSimplifier {
  private readonly limit2: number;
  private readonly ground: GroundScale;
  private readonly hull = new RowHull();
  private farthest = 0;
  private distance2 = 0;

  constructor(ground: GroundScale, toleranceM: number) {
    this.ground = ground;
    this.limit2 = toleranceM * toleranceM;
  }

  run({ points, count }: LineCorners, least: number, corners: CornerSet, keep: Uint8Array): void {
    keep.fill(0, 0, count);
    keep[0] = 1;
    keep[count - 1] = 1;
    const stack = [0, count - 1];
    // Pieces that must be parted so that enough points stay: the one whose corner is farthest away.
    for (let points2 = 2; points2 < least; points2++) {
      let widest = -1;
      let at = 0;
      let most = -1;
      for (let s = 0; s < stack.length; s += 2) {
        if (stack[s + 1]! - stack[s]! < 2) continue;
        this.findFarthest(points, stack[s]!, stack[s + 1]!);
        if (this.distance2 <= most) continue;
        most = this.distance2;
        widest = s;
        at = this.farthest;
      }
      if (widest === -1) break;
      keep[at] = 1;
      stack.splice(widest, 2, stack[widest]!, at, at, stack[widest + 1]!);
    }
    while (stack.length > 0) {
      const to = stack.pop()!;
      const from = stack.pop()!;
      if (to - from < 2) continue;
      this.findFarthest(points, from, to);
      if (this.distance2 <= this.limit2 && this.becomesChord(points, from, to, corners)) continue;
      keep[this.farthest] = 1;
      stack.push(from, this.farthest, this.farthest, to);
    }
  }

  private becomesChord(points: Int32Array, from: number, to: number, corners: CornerSet): boolean {
    for (let i = from + 1; i < to; i++) corners.remove(points[2 * i]!, points[2 * i + 1]!);
    if (this.hull.isFree(corners, points, from, to)) return true;
    for (let i = from + 1; i < to; i++) corners.add(points[2 * i]!, points[2 * i + 1]!);
    return false;
  }

  /** Sets the corner between `from` and `to` that lies farthest from their chord, in metres at its own row. */
  private findFarthest(points: Int32Array, from: number, to: number): void {
    const { acrossM, downM } = this.ground;
    const ax = points[2 * from]!;
    const ay = points[2 * from + 1]!;
    const bx = points[2 * to]! - ax;
    const by = points[2 * to + 1]! - ay;
    this.distance2 = -1;
    for (let i = from + 1; i < to; i++) {
      const y = points[2 * i + 1]!;
      const sx = acrossM[y]!;
      const sy = downM[y]!;
      const px = (points[2 * i]! - ax) * sx;
      const py = (y - ay) * sy;
      const cx = bx * sx;
      const cy = by * sy;
      const length2 = cx * cx + cy * cy;
      const t = length2 === 0 ? 0 : Math.max(0, Math.min(1, (px * cx + py * cy) / length2));
      const dx = px - t * cx;
      const dy = py - t * cy;
      const distance2 = dx * dx + dy * dy;
      if (distance2 <= this.distance2) continue;
      this.distance2 = distance2;
      this.farthest = i;
    }
  }
}
