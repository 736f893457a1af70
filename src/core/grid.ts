import type { Affine } from './affine.ts';
import type { Crs } from './crs.ts';
import type { Warp } from './warp.ts';

/**
 * A pixel grid on the ground. `transform` and `crs` are `null` for a scene without georeferencing (pixel coordinates). Grids
 * that control points or a camera's polynomials place have a `warp` and no `transform`; `createPixelPlacer` hides which.
 */
export interface Grid {
  readonly width: number;
  readonly height: number;
  readonly transform: Affine | null;
  readonly crs: Crs | null;
  readonly warp?: Warp | null;
}
