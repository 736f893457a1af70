import { clipRings } from './clip-rings.ts';
import { EXTENT, type UnitRing } from './tile-units.ts';

/** Units by which tiles reach over their edges, so that renderers draw no seams there. */
export const BUFFER = 64;

/** Takes what a tile holds of an area, in units of the zoom. */
export type TakePiece = (column: number, row: number, rings: readonly UnitRing[]) => void;

/**
 * Cuts an area into tiles, halving the world again and again: an edge is therefore cut at the same lines, in the same
 * order, in whatever area it occurs.
 * @param take columns may be -1 or 2^zoom: the world goes on there from its other end. Rows are those of the world.
 */
export function cutIntoTiles(rings: readonly UnitRing[], zoom: number, take: TakePiece): void {
  const world = 2 ** zoom;
  halve(rings, 0, -world, 4 * world, (column, strip) => {
    halve(strip, 1, -world, 4 * world, (row, piece) => {
      if (row >= 0 && row < world) take(column, row, piece);
    });
  });
}

function halve(
  rings: readonly UnitRing[],
  axis: 0 | 1,
  from: number,
  size: number,
  take: (at: number, rings: readonly UnitRing[]) => void,
): void {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const ring of rings) {
    for (let i = axis; i < ring.length; i += 2) {
      const value = ring[i]!;
      if (value < least) least = value;
      if (value > most) most = value;
    }
  }
  if (least > most) return;
  let [low, width] = [from, size];
  for (;;) {
    if (width === 1) {
      take(low, rings);
      return;
    }
    const middle = (low + width / 2) * EXTENT;
    const isLeft = least < middle + BUFFER;
    const isRight = most > middle - BUFFER;
    width /= 2;
    if (isLeft && isRight) break;
    if (isRight) low += width;
  }
  const line = (low + width) * EXTENT;
  halve(clip(rings, axis, line + BUFFER, true, most), axis, low, width, take);
  halve(clip(rings, axis, line - BUFFER, false, least), axis, low + width, width, take);
}

function clip(rings: readonly UnitRing[], axis: 0 | 1, at: number, below: boolean, reach: number) {
  const allIn = below ? reach <= at : reach >= at;
  return allIn ? rings : clipRings(rings, axis, at, below);
}
