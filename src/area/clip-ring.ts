import type { LonLatBox } from './lon-lat-area.ts';

/**
 * The part of a closed ring within a box, by Sutherland and Hodgman's algorithm: one half-plane after the other. Where the
 * ring leaves the box it runs along its border, so that even-odd counting stays right inside. Each edge is cut at a place
 * that depends on the edge alone, not on its direction: neighbours with a common edge keep it common.
 * @param ring positions `x, y, ...`, closed
 * @param shift added to each x first
 * @returns a closed ring, empty where nothing is left
 */
export function clipRing(
  ring: Float64Array,
  shift: number,
  [west, south, east, north]: LonLatBox,
): Float64Array {
  let points: number[] = Array.from(ring, (v, i) => (i % 2 === 0 ? v + shift : v));
  points = clipHalf(points, 0, west, 1);
  points = clipHalf(points, 0, east, -1);
  points = clipHalf(points, 1, south, 1);
  points = clipHalf(points, 1, north, -1);
  return Float64Array.from(points);
}

/** Keeps what has `sign * coordinate >= sign * limit` on `axis` (0 x, 1 y). */
function clipHalf(points: readonly number[], axis: 0 | 1, limit: number, sign: 1 | -1): number[] {
  const kept: number[] = [];
  const inside = (i: number) => sign * (points[i + axis]! - limit) >= 0;
  for (let i = 0; i + 3 < points.length; i += 2) {
    if (inside(i)) kept.push(points[i]!, points[i + 1]!);
    if (inside(i) !== inside(i + 2)) {
      // From the lower end on, whichever way the ring runs.
      const [p, q] = points[i + axis]! < points[i + 2 + axis]! ? [i, i + 2] : [i + 2, i];
      const t = (limit - points[p + axis]!) / (points[q + axis]! - points[p + axis]!);
      const other = points[p + 1 - axis]! + t * (points[q + 1 - axis]! - points[p + 1 - axis]!);
      kept.push(axis === 0 ? limit : other, axis === 0 ? other : limit);
    }
  }
  if (kept.length > 0) kept.push(kept[0]!, kept[1]!);
  return kept;
}
