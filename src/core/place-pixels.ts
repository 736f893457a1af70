import { applyAffine, scaleAffine } from './affine.ts';
import type { Grid } from './grid.ts';
import { createPolynomialPlacer, scalePolynomial } from './polynomial-warp.ts';
import { createRpcCamera, scaleRpc } from './rpc.ts';

/**
 * Map coordinates, in the grid's CRS, of a pixel position (fractions allowed; (0, 0) is the outer corner of the first
 * pixel); `null` where the camera's polynomials have no answer.
 */
export type PixelPlacer = (column: number, row: number) => [x: number, y: number] | null;

/** True if pixels of the grid have map coordinates. */
export function isPlaced(grid: Grid): boolean {
  return grid.transform !== null || (grid.warp ?? null) !== null;
}

/** The way from pixels to map coordinates, or `null` for a grid without one. */
export function createPixelPlacer(grid: Grid): PixelPlacer | null {
  const { transform, warp } = grid;
  if (transform !== null) return (column, row) => applyAffine(transform, column, row);
  if (!warp) return null;
  return warp.kind === 'gcp' ? createPolynomialPlacer(warp) : createRpcCamera(warp).locate;
}

/** Size of the pixel at a grid's centre in map units, along its row and its column; `null` where it has no place. */
export function measurePixel(grid: Grid): [width: number, height: number] | null {
  if (grid.transform !== null) {
    const { a, b, d, e } = grid.transform;
    return [Math.hypot(a, d), Math.hypot(b, e)];
  }
  const place = createPixelPlacer(grid);
  const [column, row] = [grid.width / 2, grid.height / 2];
  const distance = (dx: number, dy: number) => {
    const [from, to] = [place?.(column - dx, row - dy), place?.(column + dx, row + dy)];
    return from && to ? Math.hypot(to[0] - from[0], to[1] - from[1]) : null;
  };
  const [width, height] = [distance(0.5, 0), distance(0, 0.5)];
  return width === null || height === null ? null : [width, height];
}

/** The same ground on a grid of `width` x `height` pixels, each `scaleX` x `scaleY` pixels of the present one. */
export function scaleGrid(grid: Grid, scaleX: number, scaleY: number, width: number, height: number): Grid {
  const { warp } = grid;
  return {
    width,
    height,
    transform: grid.transform && scaleAffine(grid.transform, scaleX, scaleY),
    crs: grid.crs,
    ...(warp && {
      warp: warp.kind === 'gcp' ? scalePolynomial(warp, scaleX, scaleY) : scaleRpc(warp, scaleX, scaleY),
    }),
  };
}
