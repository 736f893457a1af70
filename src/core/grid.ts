import type { Affine } from './affine.ts';
import type { Crs } from './crs.ts';

/** A pixel grid on the ground. `transform` and `crs` are `null` for a scene without georeferencing (pixel coordinates). */
export interface Grid {
  readonly width: number;
  readonly height: number;
  readonly transform: Affine | null;
  readonly crs: Crs | null;
}
