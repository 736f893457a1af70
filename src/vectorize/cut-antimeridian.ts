import type { CoverageGeometry } from '../core/coverage.ts';
import { TopologyError } from '../core/errors.ts';
import { closeRings } from './close-rings.ts';

/** x, y pairs in whole units of a degree, without a closing point. */
type Ring = number[];

/**
 * A place on the frame -180..180, -90..90. Counter-clockwise order begins at the south-east corner: up the east side,
 * then down the west side. `tilt` orders chains that meet the frame in one place by where they stand just inside it.
 */
interface FramePlace {
  readonly side: 'east' | 'west';
  readonly y: number;
  readonly tilt: number;
}

/** A piece of a ring within the frame, from one place on it to another. */
interface Chain {
  readonly points: Ring;
  readonly start: FramePlace;
  readonly end: FramePlace;
}

/**
 * Cuts a face at the antimeridian into polygons within -180..180, as RFC 7946 (3.1.9) asks. A ring that goes round a
 * pole is completed along the frame, so that the pole belongs to the result.
 *
 * Rings are split into chains where they pass from one world of 360 degrees to the next; then each chain's end is
 * joined to the next chain's start counter-clockwise along the frame, which keeps the face on the left. Both sides of
 * the cut get the same latitudes.
 * @param rings x, y in whole units of a degree, unwrapped, the face on the left, without closing points.
 * @param windings how often each ring goes round the Earth eastwards.
 */
export function cutAtAntimeridian(
  rings: readonly Float64Array[],
  windings: readonly number[],
  unitsPerDegree: number,
): CoverageGeometry {
  const half = 180 * unitsPerDegree;
  const chains: Chain[] = [];
  const whole: Ring[] = [];
  rings.forEach((ring, r) => {
    splitRing(addCrossings(ring, windings[r]! * 2 * half, half), half, chains, whole);
  });
  const polygons: Ring[][] = linkChains(chains, half).map((shell) => [shell]);
  const holes: Ring[] = [];
  for (const ring of whole) {
    if (signedArea(ring) > 0) polygons.push([ring]);
    else holes.push(ring);
  }
  const boxes = polygons.map(([shell]) => westAndEast(shell!));
  for (const hole of holes) {
    const [west, east] = westAndEast(hole);
    const near = polygons.filter((_, i) => boxes[i]![0] <= west && east <= boxes[i]![1]);
    // A hole may touch its shell in points, but never with the middle of an edge.
    const x = (hole[0]! + hole[2]!) / 2;
    const y = (hole[1]! + hole[3]!) / 2;
    const home = near.length === 1 ? near[0] : near.find(([shell]) => contains(shell!, x, y));
    if (home === undefined) {
      throw new TopologyError(
        'A hole lies outside its face after the cut at 180 degrees. This is a defect in Frustum; please report it.',
        { arc: -1 },
      );
    }
    home.push(hole);
  }
  let count = 0;
  const polygonEnds = polygons.map((p) => {
    count += p.length;
    return count;
  });
  return closeRings(polygons.flat(), polygonEnds, unitsPerDegree);
}

/** The ring with its end repeated and a point wherever an edge crosses from world to world. */
function addCrossings(ring: Float64Array, advance: number, half: number): Ring {
  const out = [ring[0]!, ring[1]!];
  for (let i = 2; i <= ring.length; i += 2) {
    const [x, y] = [out[out.length - 2]!, out[out.length - 1]!];
    const last = i === ring.length;
    const [nextX, nextY] = last ? [ring[0]! + advance, ring[1]!] : [ring[i]!, ring[i + 1]!];
    // From the western end to the eastern one, so that both neighbours at this edge get the same point.
    const [wx, wy, ex, ey] = x < nextX ? [x, y, nextX, nextY] : [nextX, nextY, x, y];
    const cuts: number[] = [];
    for (let cut = half * (2 * Math.floor((wx + half) / (2 * half)) + 1); cut < ex; cut += 2 * half) {
      if (cut > wx) cuts.push(cut, Math.round(wy + ((ey - wy) * (cut - wx)) / (ex - wx)));
    }
    if (x < nextX) out.push(...cuts);
    else for (let c = cuts.length - 2; c >= 0; c -= 2) out.push(cuts[c]!, cuts[c + 1]!);
    out.push(nextX, nextY);
  }
  return out;
}

/** Splits a ring where it meets the frame. Pieces that run along the frame are dropped: linking puts them back. */
function splitRing(ring: Ring, half: number, chains: Chain[], whole: Ring[]): void {
  const edges = ring.length / 2 - 1;
  const onFrame = (x: number) => (x + half) % (2 * half) === 0;
  /** The world of the edge from point i, or null if it runs along the frame. */
  const worldOf = (i: number) => {
    const [x1, x2] = [ring[2 * i]!, ring[2 * i + 2]!];
    return x1 === x2 && onFrame(x1) ? null : Math.floor(((x1 + x2) / 2 + half) / (2 * half));
  };
  const advance = ring[2 * edges]! - ring[0]!;
  const turn = advance / (2 * half);
  /** Whether the ring meets the frame at point i and does not just touch it from within. */
  const breaksAt = (i: number) => {
    if (!onFrame(ring[2 * i]!)) return false;
    const before = i === 0 ? worldOf(edges - 1) : worldOf(i - 1);
    const after = worldOf(i);
    if (before === null || after === null) return before !== after;
    return before - (i === 0 ? turn : 0) !== after;
  };
  let first = 0;
  while (first < edges && !breaksAt(first)) first++;
  if (first === edges) {
    const home = 2 * half * (worldOf(0) ?? 0);
    whole.push(ring.slice(0, -2).map((v, i) => (i % 2 === 0 ? v - home : v)));
    return;
  }
  let points: Ring = [];
  const close = () => {
    if (points.length < 4) return;
    chains.push({ points, start: placeOf(points, true, half), end: placeOf(points, false, half) });
    points = [];
  };
  for (let e = 0; e < edges; e++) {
    const i = (first + e) % edges;
    if (e > 0 && breaksAt(i)) close();
    const world = worldOf(i);
    if (world === null) continue;
    const shift = 2 * half * world;
    if (points.length === 0) points.push(ring[2 * i]! - shift, ring[2 * i + 1]!);
    points.push(ring[2 * i + 2]! - shift, ring[2 * i + 3]!);
  }
  close();
}

/** Where a chain starts or ends on the frame. */
function placeOf(points: Ring, atStart: boolean, half: number): FramePlace {
  const n = points.length;
  const [x, y, innerX, innerY] = atStart
    ? [points[0]!, points[1]!, points[2]!, points[3]!]
    : [points[n - 2]!, points[n - 1]!, points[n - 4]!, points[n - 3]!];
  return { side: x === half ? 'east' : 'west', y, tilt: (innerY - y) / Math.abs(innerX - x) };
}

/** Counter-clockwise order along the frame. */
function compareOnFrame(p: FramePlace, q: FramePlace): number {
  if (p.side !== q.side) return p.side === 'east' ? -1 : 1;
  const upwards = p.y - q.y || p.tilt - q.tilt;
  return p.side === 'east' ? upwards : -upwards;
}

/** Joins chains to closed rings, each end to the next start counter-clockwise along the frame. */
function linkChains(chains: readonly Chain[], half: number): Ring[] {
  const starts = chains.map((_, i) => i).sort((p, q) => compareOnFrame(chains[p]!.start, chains[q]!.start));
  const nextStart = (end: FramePlace) => {
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareOnFrame(chains[starts[middle]!]!.start, end) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const north = [half, half / 2, -half, half / 2];
  const south = [-half, -half / 2, half, -half / 2];
  const done = new Uint8Array(chains.length);
  const rings: Ring[] = [];
  for (let first = 0; first < chains.length; first++) {
    if (done[first] === 1) continue;
    const ring: Ring = [];
    for (let i = first; done[i] === 0; ) {
      done[i] = 1;
      const { points, end } = chains[i]!;
      appendPoints(ring, points);
      const at = nextStart(end);
      const wraps = at === starts.length;
      i = starts[wraps ? 0 : at]!;
      // Corners of the frame on the way: over the north pole to the west side, over the south pole to the east side.
      if (end.side === 'east' && (wraps || chains[i]!.start.side === 'west')) appendPoints(ring, north);
      if (wraps) appendPoints(ring, south);
      if (wraps && chains[i]!.start.side === 'west') appendPoints(ring, north);
    }
    while (ring.length > 2 && ring[0] === ring[ring.length - 2] && ring[1] === ring[ring.length - 1])
      ring.length -= 2;
    if (ring.length >= 6 && signedArea(ring) > 0) rings.push(ring);
  }
  return rings;
}

/** Appends points that are not the last one again. */
function appendPoints(ring: Ring, points: readonly number[]): void {
  for (let i = 0; i < points.length; i += 2) {
    const n = ring.length;
    if (n > 0 && ring[n - 2] === points[i] && ring[n - 1] === points[i + 1]) continue;
    ring.push(points[i]!, points[i + 1]!);
  }
}

function westAndEast(ring: Ring): [number, number] {
  let west = ring[0]!;
  let east = west;
  for (let i = 2; i < ring.length; i += 2) {
    west = Math.min(west, ring[i]!);
    east = Math.max(east, ring[i]!);
  }
  return [west, east];
}

function signedArea(ring: readonly number[]): number {
  let sum = 0;
  const n = ring.length;
  const [x0, y0] = [ring[0]!, ring[1]!];
  for (let i = 2; i + 3 < n; i += 2) {
    // Relative to the first point: whole products stay small.
    sum += (ring[i]! - x0) * (ring[i + 3]! - y0) - (ring[i + 2]! - x0) * (ring[i + 1]! - y0);
  }
  return sum / 2;
}

/** Whether a point lies within a ring, by counting crossings to its east. */
function contains(ring: readonly number[], x: number, y: number): boolean {
  let inside = false;
  const n = ring.length;
  for (let i = 0, j = n - 2; i < n; j = i, i += 2) {
    const yi = ring[i + 1]!;
    const yj = ring[j + 1]!;
    if (yi > y !== yj > y && x < ((ring[j]! - ring[i]!) * (y - yi)) / (yj - yi) + ring[i]!) inside = !inside;
  }
  return inside;
}
