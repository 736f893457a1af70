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

/** A piece of a ring within the frame, from one place on it to another: the vertices `first..last`. */
interface Chain {
  readonly first: number;
  readonly last: number;
  readonly start: FramePlace;
  readonly end: FramePlace;
}

/** All vertices of a face's pieces, each with the one that follows it. */
interface Vertices {
  readonly x: number[];
  readonly y: number[];
  readonly next: number[];
}

/**
 * Cuts a face at the antimeridian into polygons within -180..180, as RFC 7946 (3.1.9) asks. A ring that goes round a
 * pole is completed along the frame, so that the pole belongs to the result.
 *
 * Rings are split into chains where they meet the frame; then each chain's end is joined to the next chain's start
 * counter-clockwise along the frame, which keeps the face on the left. Both sides of the cut get the same latitudes.
 *
 * Where two rings touched, or one would now touch itself, walks first follow the face's own wedge, so that each of them
 * goes round one connected piece; what they pass twice is then cut off again as a ring of its own.
 * @param rings x, y in whole units of a degree, unwrapped, the face on the left, without closing points.
 * @param windings how often each ring goes round the Earth eastwards.
 */
export function cutAtAntimeridian(
  rings: readonly Float64Array[],
  windings: readonly number[],
  unitsPerDegree: number,
): CoverageGeometry {
  const half = 180 * unitsPerDegree;
  const vertices: Vertices = { x: [], y: [], next: [] };
  const chains: Chain[] = [];
  rings.forEach((ring, r) => {
    splitRing(addCrossings(ring, windings[r]! * 2 * half, half), half, vertices, chains);
  });
  swapTouches(vertices, half);
  linkChains(chains, vertices, half);
  const polygons: Ring[][] = [];
  const loose: Ring[] = [];
  for (const cycle of takeCycles(vertices)) {
    const loops = splitAtRepeats(cycle);
    const shell = loops.find((loop) => signedArea(loop) > 0);
    const holes = loops.filter((loop) => signedArea(loop) < 0);
    if (shell === undefined) loose.push(...holes);
    else polygons.push([shell, ...holes]);
  }
  placeHoles(loose, polygons);
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

/**
 * Adds a ring's vertices, as chains between the places where it meets the frame, or closed if it does not. Pieces that
 * run along the frame are dropped: linking puts them back.
 */
function splitRing(ring: Ring, half: number, vertices: Vertices, chains: Chain[]): void {
  const { x, y, next } = vertices;
  const edges = ring.length / 2 - 1;
  const onFrame = (i: number) => (ring[2 * i]! + half) % (2 * half) === 0;
  let from = 0;
  while (from < edges && !onFrame(from)) from++;
  const closed = from === edges;
  if (closed) from = 0;
  const add = (px: number, py: number) => {
    next.push(x.length + 1);
    x.push(px);
    y.push(py);
  };
  const start = x.length;
  let first = -1;
  for (let e = 0; e < edges; e++) {
    const i = (from + e) % edges;
    const [x1, y1, x2, y2] = [ring[2 * i]!, ring[2 * i + 1]!, ring[2 * i + 2]!, ring[2 * i + 3]!];
    if (x1 === x2 && onFrame(i)) continue;
    // Whole worlds to take off; the middle of the edge tells, for its ends may belong to two worlds.
    const shift = 2 * half * Math.floor(((x1 + x2) / 2 + half) / (2 * half));
    if (closed) {
      add(x1 - shift, y1);
      continue;
    }
    if (first === -1) {
      first = x.length;
      add(x1 - shift, y1);
    }
    add(x2 - shift, y2);
    if (!onFrame(i + 1)) continue;
    const last = x.length - 1;
    const place = (at: number, inner: number): FramePlace => ({
      side: x[at] === half ? 'east' : 'west',
      y: y[at]!,
      tilt: (y[inner]! - y[at]!) / Math.abs(x[inner]! - x[at]!),
    });
    chains.push({ first, last, start: place(first, first + 1), end: place(last, last - 1) });
    first = -1;
  }
  if (closed) next[x.length - 1] = start;
}

/**
 * Where two visits of one vertex are found within the frame, lets them change ways. The tracer's rings turn there so
 * that they only touch; after this they turn so that the face's wedge stays on the left.
 */
function swapTouches({ x, y, next }: Vertices, half: number): void {
  const visits = new Map<string, number>();
  for (let i = 0; i < x.length; i++) {
    if (Math.abs(x[i]!) === half) continue;
    const key = `${x[i]},${y[i]}`;
    const other = visits.get(key);
    if (other === undefined) {
      visits.set(key, i);
    } else {
      const t = next[i]!;
      next[i] = next[other]!;
      next[other] = t;
    }
  }
}

/** Counter-clockwise order along the frame. */
function compareOnFrame(p: FramePlace, q: FramePlace): number {
  if (p.side !== q.side) return p.side === 'east' ? -1 : 1;
  const upwards = p.y - q.y || p.tilt - q.tilt;
  return p.side === 'east' ? upwards : -upwards;
}

/** Joins each chain's end to the next start counter-clockwise along the frame. */
function linkChains(chains: readonly Chain[], { x, y, next }: Vertices, half: number): void {
  const sorted = [...chains].sort((p, q) => compareOnFrame(p.start, q.start));
  const north = [half, half / 2, -half, half / 2];
  const south = [-half, -half / 2, half, -half / 2];
  for (const { last, end } of chains) {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareOnFrame(sorted[middle]!.start, end) < 0) low = middle + 1;
      else high = middle;
    }
    const wraps = low === sorted.length;
    const target = sorted[wraps ? 0 : low]!;
    // Corners of the frame on the way: over the north pole to the west side, over the south pole to the east side.
    const corners: number[] = [];
    if (end.side === 'east' && (wraps || target.start.side === 'west')) corners.push(...north);
    if (wraps) corners.push(...south);
    if (wraps && target.start.side === 'west') corners.push(...north);
    let at = last;
    for (let c = 0; c < corners.length; c += 2) {
      next[at] = x.length;
      at = x.length;
      x.push(corners[c]!);
      y.push(corners[c + 1]!);
      next.push(-1);
    }
    next[at] = target.first;
  }
}

/** Each closed walk once, without repeated points in a row. */
function* takeCycles({ x, y, next }: Vertices): Generator<Ring> {
  const done = new Uint8Array(x.length);
  for (let first = 0; first < x.length; first++) {
    if (done[first] === 1) continue;
    const ring: Ring = [];
    for (let i = first; done[i] === 0; i = next[i]!) {
      done[i] = 1;
      const n = ring.length;
      if (n === 0 || ring[n - 2] !== x[i] || ring[n - 1] !== y[i]) ring.push(x[i]!, y[i]!);
    }
    while (ring.length > 2 && ring[0] === ring.at(-2) && ring[1] === ring.at(-1)) ring.length -= 2;
    yield ring;
  }
}

/** Cuts a walk where it comes back to a point into rings that visit each point once. */
function splitAtRepeats(walk: Ring): Ring[] {
  const loops: Ring[] = [];
  const seen = new Map<string, number>();
  const path: Ring = [];
  for (let i = 0; i < walk.length; i += 2) {
    const key = `${walk[i]},${walk[i + 1]}`;
    const at = seen.get(key);
    if (at === undefined) {
      seen.set(key, path.length);
      path.push(walk[i]!, walk[i + 1]!);
    } else {
      for (let k = at + 2; k < path.length; k += 2) seen.delete(`${path[k]},${path[k + 1]}`);
      loops.push(path.splice(at + 2));
      loops.at(-1)!.unshift(walk[i]!, walk[i + 1]!);
    }
  }
  loops.push(path);
  return loops.filter((loop) => loop.length >= 6);
}

/** Gives each hole to the polygon it lies in. */
function placeHoles(holes: readonly Ring[], polygons: Ring[][]): void {
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
