import type { UnitRing } from './tile-units.ts';

/**
 * The part of an area on one side of a line. The area is given by its rings, shells and holes, each with its inside on the
 * same hand; so is the result. Where rings cross the line they are opened, and closed again along it: the i-th way out
 * (as they follow along the line) goes on at the i-th way in, since ways out and in alternate there. Rings of the result
 * are therefore as simple as those that came in, and nothing hangs together by a bridge.
 *
 * A crossing is computed from its edge alone, whichever way that is walked: areas that share an edge share what is left.
 * @param axis 0 for a line x = `at`, 1 for y = `at`
 * @param below keep what is below `at`, else above
 */
export function clipRings(
  rings: readonly UnitRing[],
  axis: 0 | 1,
  at: number,
  below: boolean,
): readonly UnitRing[] {
  const result: UnitRing[] = [];
  /** Pieces within, from their way in to their way out. */
  const pieces: UnitRing[] = [];
  const isIn = (ring: UnitRing, i: number) => (below ? ring[i + axis]! < at : ring[i + axis]! > at);
  for (const ring of rings) {
    let first = -1;
    let inside = 0;
    for (let i = 0; i < ring.length; i += 2) {
      if (!isIn(ring, i)) continue;
      inside++;
      if (first === -1 && !isIn(ring, (i === 0 ? ring.length : i) - 2)) first = i;
    }
    if (first === -1) {
      if (inside > 0) result.push(ring);
      continue;
    }
    let piece: UnitRing | null = null;
    for (let n = 0; n < ring.length; n += 2) {
      const i = (first + n) % ring.length;
      if (isIn(ring, i)) {
        const before = (i === 0 ? ring.length : i) - 2;
        piece ??= cross(ring, before, i, axis, at);
        piece.push(ring[i]!, ring[i + 1]!);
        const next = (i + 2) % ring.length;
        if (isIn(ring, next)) continue;
        piece.push(...cross(ring, i, next, axis, at));
        pieces.push(piece);
        piece = null;
      }
    }
  }
  if (pieces.length > 0) join(pieces, axis, (axis === 0) === below ? 1 : -1, result);
  return result;
}

/** Where the edge between two points of a ring meets the line. */
function cross(ring: UnitRing, i: number, j: number, axis: 0 | 1, at: number): UnitRing {
  // From the lower end on, whichever way the walk goes.
  const [a, b] = ring[i + axis]! < ring[j + axis]! ? [i, j] : [j, i];
  const [from, to] = [ring[a + axis]!, ring[b + axis]!];
  const [p, q] = [ring[a + 1 - axis]!, ring[b + 1 - axis]!];
  const other = to === at ? q : from === at ? p : p + ((at - from) * (q - p)) / (to - from);
  return axis === 0 ? [at, other] : [other, at];
}

function join(pieces: readonly UnitRing[], axis: 0 | 1, sign: number, result: UnitRing[]): void {
  const other = 1 - axis;
  const entry = (piece: number) => sign * pieces[piece]![other]!;
  const exit = (piece: number) => sign * pieces[piece]![pieces[piece]!.length - 2 + other]!;
  const order = pieces.map((_, i) => i);
  const entries = order.toSorted((p, q) => entry(p) - entry(q));
  const next = new Int32Array(pieces.length);
  order
    .toSorted((p, q) => exit(p) - exit(q))
    .forEach((piece, i) => {
      next[piece] = entries[i]!;
    });
  const done = new Uint8Array(pieces.length);
  for (const start of order) {
    if (done[start] === 1) continue;
    const ring: UnitRing = [];
    for (let piece = start; done[piece] === 0; piece = next[piece]!) {
      done[piece] = 1;
      for (const value of pieces[piece]!) ring.push(value);
    }
    result.push(ring);
  }
}
