import { scaleAffine } from './affine.ts';
import type { Grid } from './grid.ts';
import type { Warp } from './warp.ts';
import type { Window } from './window.ts';

/** The grid of a window of `grid`: each pixel keeps its place on the ground. */
export function cropGrid(grid: Grid, { x, y, width, height }: Window): Grid {
  const { transform, crs, warp } = grid;
  return {
    width,
    height,
    transform: transform && scaleAffine(transform, 1, 1, x, y),
    crs,
    ...(warp && { warp: cropWarp(warp, x, y) }),
  };
}

/** The same ground, with pixels counted from (x, y). */
function cropWarp(warp: Warp, x: number, y: number): Warp {
  if (warp.kind === 'gcp') {
    return {
      ...warp,
      points: warp.points.map((point) => ({ ...point, column: point.column - x, row: point.row - y })),
      column: { ...warp.column, offset: warp.column.offset - x },
      row: { ...warp.row, offset: warp.row.offset - y },
    };
  }
  const { rpc } = warp;
  return {
    ...warp,
    rpc: { ...rpc, sampleOffset: rpc.sampleOffset - x, lineOffset: rpc.lineOffset - y },
  };
}
