import type { CornerSet } from './corner-set.ts';

/**
 * How far, in pixels, a new edge stays from every corner that is not its own. On the pixel grid itself any distance would
 * do; this one outlasts reprojection and rounding, which move edges by far less.
 */
export const CLEARANCE = 0.25;

/** Guards against the rounding of row intersections: refuses a hair too much rather than too little. */
const HAIR = 1e-6;

/**
 * Whether the closed triangle u, v, w, with a margin of {@link CLEARANCE} along u-w, holds none of the corners but u, v
 * and w themselves. Then the corner v can be cut off along u-w: an edge that crossed u-w would have to end in the
 * triangle, since it crosses neither u-v nor v-w, nor a straight line twice.
 */
export function isTriangleFree(
  corners: CornerSet,
  ux: number,
  uy: number,
  vx: number,
  vy: number,
  wx: number,
  wy: number,
): boolean {
  const top = Math.min(uy, vy, wy);
  const bottom = Math.max(uy, vy, wy);
  // Half of one pixel: the fourth corner is 0.7 away. Most corners of stairs are of this kind.
  if (bottom - top <= 1 && Math.max(ux, vx, wx) - Math.min(ux, vx, wx) <= 1) return true;
  // The columns over which u-w is widened in each row.
  const dy = wy - uy;
  const margin = dy === 0 ? 0 : (CLEARANCE * Math.sqrt((wx - ux) * (wx - ux) + dy * dy)) / Math.abs(dy);
  for (let y = top; y <= bottom; y++) {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    if (y >= Math.min(uy, wy) && y <= Math.max(uy, wy)) {
      if (dy === 0) {
        low = Math.min(ux, wx);
        high = Math.max(ux, wx);
      } else {
        const x = ux + ((y - uy) * (wx - ux)) / dy;
        low = Math.max(x - margin, Math.min(ux, wx));
        high = Math.min(x + margin, Math.max(ux, wx));
      }
    }
    if (y >= Math.min(uy, vy) && y <= Math.max(uy, vy)) {
      const at = uy === vy ? vx : ux + ((y - uy) * (vx - ux)) / (vy - uy);
      const other = uy === vy ? ux : at;
      low = Math.min(low, at, other);
      high = Math.max(high, at, other);
    }
    if (y >= Math.min(vy, wy) && y <= Math.max(vy, wy)) {
      const at = vy === wy ? wx : vx + ((y - vy) * (wx - vx)) / (wy - vy);
      const other = vy === wy ? vx : at;
      low = Math.min(low, at, other);
      high = Math.max(high, at, other);
    }
    const last = Math.floor(high + HAIR);
    let x = corners.firstIn(y, Math.ceil(low - HAIR), last);
    while (x !== -1) {
      if (!((y === uy && x === ux) || (y === vy && x === vx) || (y === wy && x === wx))) return false;
      x = corners.firstIn(y, x + 1, last);
    }
  }
  return true;
}

/** Row by row the columns that a piece of border and its chord span; buffers are used again. */
export class RowHull {
  private low = new Float64Array(256);
  private high = new Float64Array(256);

  /**
   * Whether the rows' spans of the corners `from..to` of a line and of the chord between them, widened by
   * {@link CLEARANCE}, hold no corner of the set but the chord's two ends. The line's own corners in between must have
   * been taken out of the set.
   */
  isFree(corners: CornerSet, points: Int32Array, from: number, to: number): boolean {
    let top = points[2 * from + 1]!;
    let bottom = top;
    for (let i = from + 1; i <= to; i++) {
      const y = points[2 * i + 1]!;
      if (y < top) top = y;
      if (y > bottom) bottom = y;
    }
    const rows = bottom - top + 1;
    if (rows > this.low.length) {
      this.low = new Float64Array(2 * rows);
      this.high = new Float64Array(2 * rows);
    }
    const { low, high } = this;
    low.fill(Number.POSITIVE_INFINITY, 0, rows);
    high.fill(Number.NEGATIVE_INFINITY, 0, rows);
    for (let i = from; i < to; i++) this.addEdge(points, i, i + 1, top, 0);
    this.addEdge(points, from, to, top, CLEARANCE);
    const [ux, uy] = [points[2 * from]!, points[2 * from + 1]!];
    const [wx, wy] = [points[2 * to]!, points[2 * to + 1]!];
    for (let r = 0; r < rows; r++) {
      const y = top + r;
      const last = Math.floor(high[r]! + HAIR);
      let x = corners.firstIn(y, Math.ceil(low[r]! - HAIR), last);
      while (x !== -1) {
        if (!((y === uy && x === ux) || (y === wy && x === wx))) return false;
        x = corners.firstIn(y, x + 1, last);
      }
    }
    return true;
  }

  private addEdge(points: Int32Array, a: number, b: number, top: number, clearance: number): void {
    const { low, high } = this;
    const [ax, ay] = [points[2 * a]!, points[2 * a + 1]!];
    const [bx, by] = [points[2 * b]!, points[2 * b + 1]!];
    const left = Math.min(ax, bx);
    const right = Math.max(ax, bx);
    if (ay === by) {
      const r = ay - top;
      low[r] = Math.min(low[r]!, left);
      high[r] = Math.max(high[r]!, right);
      return;
    }
    const dy = by - ay;
    const margin = (clearance * Math.sqrt((bx - ax) * (bx - ax) + dy * dy)) / Math.abs(dy);
    const until = Math.max(ay, by);
    for (let y = Math.min(ay, by); y <= until; y++) {
      const x = ax + ((y - ay) * (bx - ax)) / dy;
      const r = y - top;
      low[r] = Math.min(low[r]!, Math.max(x - margin, left));
      high[r] = Math.max(high[r]!, Math.min(x + margin, right));
    }
  }
}
