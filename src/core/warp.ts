import type { PolynomialWarp } from './polynomial-warp.ts';
import type { RpcWarp } from './rpc.ts';

/**
 * A way from pixels to map coordinates that no affine transform can hold: a polynomial through ground control points, or
 * the rational polynomials of a camera. Plain data; pixel positions count from the outer corner of the first pixel.
 */
export type Warp = PolynomialWarp | RpcWarp;
