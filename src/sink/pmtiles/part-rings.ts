import { BUFFER } from './cut-tiles.ts';
import { EXTENT, type UnitRing } from './tile-units.ts';

const keyOf = (x: number, y: number) => (x + BUFFER) * 4 * EXTENT + y + BUFFER;

/**
 * Rings of an area may touch in points. Where a tile's edge cut the area, what went round such a point may be gone: a ring
 * then visits it twice, or rings that touch each other part the inside. Here the rings are walked anew, at each such point
 * on to the edge that bounds the same wedge of the inside, so that each part of the inside has its own shell; then walks
 * are parted where they come by a point again, so that rings are simple.
 * @param rings in whole units of a tile, shells and holes with the inside on the same hand
 */
export function partAtTouches(rings: readonly UnitRing[]): readonly UnitRing[] {
  const isCut = (ring: UnitRing) => ring.some((value) => value === -BUFFER || value === EXTENT + BUFFER);
  if (rings.length === 0 || (rings.length === 1 && !isCut(rings[0]!))) return rings;
  const { points, next, at } = linkEdges(rings);
  const size = next.length;
  const touches: (readonly number[])[] = [...at.values()].filter((visits) => visits.length > 1);
  if (touches.length === 0) return rings;
  const before = new Int32Array(size);
  for (let i = 0; i < size; i++) before[next[i]!] = i;
  const angle = (from: number, to: number) =>
    Math.atan2(points[2 * to + 1]! - points[2 * from + 1]!, points[2 * to]! - points[2 * from]!);
  const onwards = Int32Array.from(next);
  for (const visits of touches) {
    for (const visit of visits) {
      const back = angle(visit, before[visit]!);
      let best = visit;
      let least = Number.POSITIVE_INFINITY;
      for (const other of visits) {
        const turn = back - angle(other, next[other]!);
        const clockwise = turn > 0 ? turn : turn + 2 * Math.PI;
        if (clockwise >= least) continue;
        least = clockwise;
        best = other;
      }
      // Whoever comes to this visit goes on as that one does.
      onwards[before[visit]!] = best;
    }
  }
  const result: UnitRing[] = [];
  const done = new Uint8Array(size);
  for (let start = 0; start < size; start++) {
    if (done[start] === 1) continue;
    const walk: UnitRing = [];
    for (let i = start; done[i] === 0; i = onwards[i]!) {
      done[i] = 1;
      walk.push(points[2 * i]!, points[2 * i + 1]!);
    }
    splitLoops(walk, result);
  }
  return result;
}

/** All points of all rings, the one behind each, and those at each place. */
function linkEdges(rings: readonly UnitRing[]) {
  const points: number[] = [];
  const next: number[] = [];
  const at = new Map<number, number[]>();
  for (const ring of rings) {
    const first = next.length;
    for (let i = 0; i < ring.length; i += 2) {
      const visits = at.get(keyOf(ring[i]!, ring[i + 1]!));
      if (visits === undefined) at.set(keyOf(ring[i]!, ring[i + 1]!), [next.length]);
      else visits.push(next.length);
      points.push(ring[i]!, ring[i + 1]!);
      next.push(next.length + 1);
    }
    next[next.length - 1] = first;
  }
  return { points, next, at };
}

function splitLoops(walk: UnitRing, result: UnitRing[]): void {
  const points: UnitRing = [];
  const places = new Map<number, number>();
  for (let i = 0; i < walk.length; i += 2) {
    const [x, y] = [walk[i]!, walk[i + 1]!];
    const before = places.get(keyOf(x, y));
    if (before === undefined) {
      places.set(keyOf(x, y), points.length);
      points.push(x, y);
      continue;
    }
    const loop = points.splice(before + 2);
    for (let k = 0; k < loop.length; k += 2) places.delete(keyOf(loop[k]!, loop[k + 1]!));
    if (loop.length >= 4) result.push([x, y, ...loop]);
  }
  if (points.length >= 6) result.push(points);
}
