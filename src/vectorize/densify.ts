/**
 * How borders get extra points so that they follow the grid where straight lines of the map do not. Both sides of a border
 * get the same: the points depend on the edge's ends alone, not on its direction.
 *
 * Edges along the sides of pixels get one wherever they pass a column or row that is a multiple of `step`; slanted ones
 * (simplified borders) are parted evenly into pieces of at most half a step, in the finest units.
 * @param step pixels; 0 for none
 * @param scale units of coordinates in a pixel; slanted edges come with more than 1 only
 * @param visit takes the points between, in the edge's direction
 */
export function createDensifier(
  step: number,
  scale: number,
  visit: (x: number, y: number) => void,
): (x1: number, y1: number, x2: number, y2: number) => void {
  if (step === 0) return () => {};
  const along = step * scale;
  const slanted = Math.max(1, along / 2);
  return (x1, y1, x2, y2) => {
    if (y1 === y2) {
      if (x1 < x2) for (let x = x1 - (x1 % along) + along; x < x2; x += along) visit(x, y1);
      else for (let x = x1 - 1 - ((x1 - 1) % along); x > x2; x -= along) visit(x, y1);
    } else if (x1 === x2) {
      if (y1 < y2) for (let y = y1 - (y1 % along) + along; y < y2; y += along) visit(x1, y);
      else for (let y = y1 - 1 - ((y1 - 1) % along); y > y2; y -= along) visit(x1, y);
    } else {
      const pieces = Math.ceil(Math.max(Math.abs(x2 - x1), Math.abs(y2 - y1)) / slanted);
      // From the upper (then left) end, whichever way the walk goes: rounding must not depend on it.
      const forward = y1 < y2 || (y1 === y2 && x1 < x2);
      const [ax, ay, bx, by] = forward ? [x1, y1, x2, y2] : [x2, y2, x1, y1];
      for (let i = 1; i < pieces; i++) {
        const k = forward ? i : pieces - i;
        visit(Math.round(ax + ((bx - ax) * k) / pieces), Math.round(ay + ((by - ay) * k) / pieces));
      }
    }
  };
}
