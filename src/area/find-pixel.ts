import { applyAffine, invertAffine } from '../core/affine.ts';
import type { Grid } from '../core/grid.ts';
import { createPixelPlacer, type PixelPlacer } from '../core/place-pixels.ts';
import { createRpcCamera } from '../core/rpc.ts';

/**
 * Pixel position (fractions allowed; (0, 0) is the outer corner of the first pixel) of map coordinates in the grid's CRS;
 * not finite where there is none. A function of the coordinates alone.
 */
export type PixelFinder = (x: number, y: number) => readonly [column: number, row: number];

/** The way back of `createPixelPlacer`; `null` for a grid without a place, or one that lies on a line. */
export function createPixelFinder(grid: Grid): PixelFinder | null {
  const { transform, warp } = grid;
  if (transform !== null) {
    const inverse = invertAffine(transform);
    return inverse && ((x, y) => applyAffine(inverse, x, y));
  }
  if (!warp) return null;
  if (warp.kind === 'rpc') return createRpcCamera(warp).project;
  const place = createPixelPlacer(grid);
  return place && invertPlacer(place, grid.width, grid.height);
}

const NOWHERE = [Number.NaN, Number.NaN] as const;
const MOST_STEPS = 50;
/** Steps end when they are shorter than this, in pixels. */
const EXACT_PIXELS = 1e-9;

/** Newton's method, always from the middle of the grid. */
function invertPlacer(place: PixelPlacer, width: number, height: number): PixelFinder {
  return (x, y) => {
    let [column, row] = [width / 2, height / 2];
    for (let step = 0; step < MOST_STEPS; step++) {
      const here = place(column, row);
      const left = place(column - 0.5, row);
      const right = place(column + 0.5, row);
      const above = place(column, row - 0.5);
      const below = place(column, row + 0.5);
      if (!here || !left || !right || !above || !below) return NOWHERE;
      const [a, d] = [right[0] - left[0], right[1] - left[1]];
      const [b, e] = [below[0] - above[0], below[1] - above[1]];
      const determinant = a * e - b * d;
      const [dx, dy] = [x - here[0], y - here[1]];
      const [dColumn, dRow] = [(e * dx - b * dy) / determinant, (a * dy - d * dx) / determinant];
      if (!Number.isFinite(dColumn) || !Number.isFinite(dRow)) return NOWHERE;
      column += dColumn;
      row += dRow;
      if (Math.abs(dColumn) < EXACT_PIXELS && Math.abs(dRow) < EXACT_PIXELS) return [column, row];
    }
    // Rounding keeps the steps of very large grids above the limit: what is met to a millionth of a pixel is met.
    const end = place(column, row);
    return end && Math.hypot(end[0] - x, end[1] - y) <= 1e-6 * pixelOf(place, column, row)
      ? [column, row]
      : NOWHERE;
  };
}

function pixelOf(place: PixelPlacer, column: number, row: number): number {
  const [here, next] = [place(column, row), place(column + 1, row)];
  return here && next ? Math.hypot(next[0] - here[0], next[1] - here[1]) : 0;
}
