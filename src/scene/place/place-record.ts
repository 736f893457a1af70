import type { PolynomialOrder } from '../../core/polynomial-warp.ts';

/** Where a scene's place comes from; goes into `run.json`. */
export interface PlaceRecord {
  /** What places the pixels; `null` for a scene in pixel coordinates. */
  readonly source:
    | 'option'
    | 'side file GeoTransform'
    | 'transform'
    | 'world file'
    | 'control points'
    | 'rational polynomials'
    | null;
  /** Name of the side file that places the pixels; `null` where that is the TIFF itself or an option. */
  readonly file: string | null;
  readonly crsSource: 'option' | 'side file' | 'TIFF' | 'rational polynomials' | null;
  readonly controlPoints: {
    readonly count: number;
    readonly order: PolynomialOrder;
    /** Distances of the points from the polynomial, in pixels and in units of the CRS. */
    readonly rmsPixels: number;
    readonly maxPixels: number;
    readonly rmsMap: number;
    readonly maxMap: number;
    /** The point that lies off most, from 1. */
    readonly worst: number;
  } | null;
  readonly rpc: {
    /** Height in metres above the ellipsoid that all ground is taken to have. */
    readonly heightM: number;
    /** The mean height that the polynomials were made with. */
    readonly heightOffsetM: number;
  } | null;
}
