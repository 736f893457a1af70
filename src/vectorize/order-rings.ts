import { TopologyError } from '../core/errors.ts';
import type { RingSet } from './arc-graph.ts';
import { grow } from './grow.ts';

/** Rings in canonical order and with canonical starts; buffers are used again. */
export interface OrderedRings {
  points: Int32Array<ArrayBuffer>;
  ends: Int32Array<ArrayBuffer>;
}

/**
 * Puts a face's rings into their canonical form, which depends on the pixels alone and not on how the walk went: the
 * shell first, then holes by their top-left corner (least y, then least x), each ring starting there.
 * @param pixelCount number of the face's pixels, which the ring areas must add up to; `null` where borders were changed.
 * @returns the shell's top-left corner.
 * @throws TopologyError if there is not exactly one shell, or the areas do not add up.
 */
export function orderRings(
  rings: RingSet,
  pixelCount: number | null,
  into: OrderedRings,
): { x: number; y: number } {
  const { points, ends, areas, count } = rings;
  const total = ends[count - 1]!;
  if (into.points.length < 2 * total) into.points = grow(into.points, 2 * total);
  if (into.ends.length < count) into.ends = grow(into.ends, count);
  let area = 0;
  let shell = -1;
  let shells = 0;
  for (let r = 0; r < count; r++) {
    area += areas[r]!;
    if (areas[r]! > 0) {
      shell = r;
      shells++;
    }
  }
  if (shells !== 1 || (pixelCount !== null && area !== pixelCount)) {
    throw new TopologyError(
      `Polygon topology is broken: a face of ${pixelCount ?? 'some'} pixels has ${shells} shells (expected 1) and a ring area of ` +
        `${area}. This is a defect in Frustum; please report it with the class raster.`,
      { arc: -1 },
    );
  }
  if (count === 1) {
    const top = topLeft(points, 0, total);
    into.ends[0] = copyFrom(points, 0, total, top, into.points, 0);
    return { x: points[2 * top]!, y: points[2 * top + 1]! };
  }
  const tops = new Int32Array(count);
  const order: number[] = [];
  for (let r = 0; r < count; r++) {
    tops[r] = topLeft(points, r === 0 ? 0 : ends[r - 1]!, ends[r]!);
    if (r !== shell) order.push(r);
  }
  /** Where the point behind a ring's top-left corner stands. */
  const pointAfter = (r: number): number => {
    const next = tops[r]! + 1;
    return 2 * (next === ends[r]! ? (r === 0 ? 0 : ends[r - 1]!) : next);
  };
  order.sort((p, q) => {
    const a = 2 * tops[p]!;
    const b = 2 * tops[q]!;
    const byCorner = points[a + 1]! - points[b + 1]! || points[a]! - points[b]!;
    if (byCorner !== 0) return byCorner;
    // Two holes may hang on one junction once borders were simplified: then by where they go on.
    const [m, n] = [pointAfter(p), pointAfter(q)];
    return points[m + 1]! - points[n + 1]! || points[m]! - points[n]!;
  });
  order.unshift(shell);
  let at = 0;
  order.forEach((r, i) => {
    at = copyFrom(points, r === 0 ? 0 : ends[r - 1]!, ends[r]!, tops[r]!, into.points, at);
    into.ends[i] = at;
  });
  const top = 2 * tops[shell]!;
  return { x: points[top]!, y: points[top + 1]! };
}

/** The point with the least y, then the least x, among `from..to`. */
function topLeft(points: Int32Array, from: number, to: number): number {
  let best = from;
  let x = points[2 * from]!;
  let y = points[2 * from + 1]!;
  for (let i = from + 1; i < to; i++) {
    const py = points[2 * i + 1]!;
    if (py > y) continue;
    const px = points[2 * i]!;
    if (py < y || px < x) {
      best = i;
      x = px;
      y = py;
    }
  }
  return best;
}

/** Copies the ring `from..to`, turned to begin at `start`, to `target` from point `at`. @returns where it ends. */
function copyFrom(
  points: Int32Array,
  from: number,
  to: number,
  start: number,
  target: Int32Array,
  at: number,
): number {
  let k = 2 * at;
  for (let i = 2 * start; i < 2 * to; i++) target[k++] = points[i]!;
  for (let i = 2 * from; i < 2 * start; i++) target[k++] = points[i]!;
  return at + to - from;
}
