import type { Affine } from '../../core/affine.ts';
import type { PolynomialOrder } from '../../core/polynomial-warp.ts';

/** What a user says of where a scene lies; goes before what its files say. */
export interface PlaceOptions {
  /** CRS of the map coordinates: an EPSG code (`EPSG:32650`), a proj4 string or WKT. */
  readonly crs?: string;
  /** Outer pixel corners to map coordinates, instead of all that the files say. */
  readonly transform?: Affine;
  /** Order of the polynomial through control points; 2 from six points on, else 1, unless told. */
  readonly gcpOrder?: PolynomialOrder;
  /** Height in metres above the ellipsoid at which rational polynomials (RPC) meet the ground; their mean unless told. */
  readonly rpcHeightM?: number;
}
