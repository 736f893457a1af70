import { partAtTouches } from './part-rings.ts';
import { EXTENT, type UnitRing } from './tile-units.ts';
import type { VarintBytes } from './varint-bytes.ts';

const MOVE_TO = 1;
const LINE_TO = 2;
const CLOSE_PATH = 7;

/**
 * Writes an area's piece as the commands of a polygon geometry (Mapbox Vector Tile 2.1, section 4.3): points on whole
 * units of the tile, each shell followed by its holes. What collapses is left out.
 * @returns false if nothing was left
 */
export function writePolygons(
  rings: readonly UnitRing[],
  column: number,
  row: number,
  out: VarintBytes,
): boolean {
  const shells: SizedRing[] = [];
  const holes: SizedRing[] = [];
  const tidied = rings.map((ring) => tidy(ring, column * EXTENT, row * EXTENT));
  for (const points of partAtTouches(tidied.filter(({ length }) => length > 0))) {
    const area = twiceArea(points);
    if (area > 0) shells.push({ points, area });
    else if (area < 0) holes.push({ points, area });
  }
  const holesOf = shells.map((): UnitRing[] => []);
  for (const { points } of holes) {
    const shell = shells.length === 1 ? 0 : findShell(points, shells);
    if (shell !== -1) holesOf[shell]!.push(points);
  }
  let [x, y] = [0, 0];
  const put = (points: UnitRing) => {
    const count = points.length / 2;
    for (let i = 0; i < points.length; i += 2) {
      if (i === 0) out.varint((1 << 3) | MOVE_TO);
      if (i === 2) out.varint(((count - 1) << 3) | LINE_TO);
      out.zigzag(points[i]! - x);
      out.zigzag(points[i + 1]! - y);
      x = points[i]!;
      y = points[i + 1]!;
    }
    out.varint((1 << 3) | CLOSE_PATH);
  };
  shells.forEach(({ points }, i) => {
    put(points);
    for (const hole of holesOf[i]!) put(hole);
  });
  return shells.length > 0;
}

interface SizedRing {
  readonly points: UnitRing;
  /** Twice its area. */
  readonly area: number;
}

/** A ring on the tile's units, without points on one place behind each other and edges that run back over themselves. */
function tidy(ring: UnitRing, left: number, top: number): UnitRing {
  const points: UnitRing = [];
  /** Whether the way from p over q to r turns back in q, or does not move. */
  const isSpike = (px: number, py: number, qx: number, qy: number, rx: number, ry: number) => {
    const [ax, ay, bx, by] = [qx - px, qy - py, rx - qx, ry - qy];
    return ax * by === ay * bx && ax * bx + ay * by <= 0;
  };
  for (let i = 0; i < ring.length; i += 2) {
    const x = Math.round(ring[i]! - left);
    const y = Math.round(ring[i + 1]! - top);
    for (let n = points.length; n >= 2; n = points.length) {
      const [qx, qy] = [points[n - 2]!, points[n - 1]!];
      const same = qx === x && qy === y;
      if (!same && (n < 4 || !isSpike(points[n - 4]!, points[n - 3]!, qx, qy, x, y))) break;
      points.length = n - 2;
    }
    points.push(x, y);
  }
  // The same across the ring's beginning.
  for (let from = 0; ; ) {
    const n = points.length;
    if (n - from < 6) return [];
    const at = (i: number): [number, number] => [points[i]!, points[i + 1]!];
    if (isSpike(...at(n - 4), ...at(n - 2), ...at(from))) points.length = n - 2;
    else if (isSpike(...at(n - 2), ...at(from), ...at(from + 2))) from += 2;
    else return from === 0 ? points : points.slice(from);
  }
}

/** Positive for shells. */
function twiceArea(points: UnitRing): number {
  let sum = 0;
  for (let i = 0, j = points.length - 2; i < points.length; j = i, i += 2) {
    sum += points[j]! * points[i + 1]! - points[i]! * points[j + 1]!;
  }
  return sum;
}

/** The smallest shell round a hole; -1 without one. */
function findShell(hole: UnitRing, shells: readonly SizedRing[]): number {
  let best = -1;
  shells.forEach(({ points, area }, i) => {
    if ((best === -1 || area < shells[best]!.area) && surrounds(points, hole)) best = i;
  });
  return best;
}

/** Whether a hole's points are within a ring; they may lie on it, but not all. */
function surrounds(ring: UnitRing, hole: UnitRing): boolean {
  for (let h = 0; h < hole.length; h += 2) {
    const side = locate(ring, hole[h]!, hole[h + 1]!);
    if (side !== 0) return side > 0;
  }
  // All points are on it: then an edge of the hole decides by its middle.
  return locate(ring, (hole[0]! + hole[2]!) / 2, (hole[1]! + hole[3]!) / 2) >= 0;
}

/** 1 within a ring, 0 on it, -1 outside. */
function locate(ring: UnitRing, x: number, y: number): -1 | 0 | 1 {
  let within = false;
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
    const [ax, ay, bx, by] = [ring[j]!, ring[j + 1]!, ring[i]!, ring[i + 1]!];
    const turn = (bx - ax) * (y - ay) - (by - ay) * (x - ax);
    if (turn === 0 && (x - ax) * (x - bx) <= 0 && (y - ay) * (y - by) <= 0) return 0;
    if (ay > y !== by > y && turn > 0 === by > ay) within = !within;
  }
  return within ? 1 : -1;
}
