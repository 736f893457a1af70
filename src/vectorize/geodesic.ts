import geodesic from 'geographiclib-geodesic';

const EARTH = geodesic.Geodesic.WGS84;
/** WGS 84 (EPSG:7030): semi-major axis in metres, first eccentricity squared. */
const A = 6378137;
const F = 1 / 298.257223563;
const E2 = F * (2 - F);
const RADIANS = Math.PI / 180;

/** Sides in degrees up to which, and the latitude up to which, the short formula errs by less than 1 part in 10^8. */
const SHORT = 0.01;
const STEEP = 80;

/**
 * Length of the shortest way on the WGS 84 ellipsoid between two places in degrees, in metres.
 *
 * Pixel sides are short: with the radii of curvature at the mean latitude (Gauss; Rapp, Geometric Geodesy I, 1991, 5)
 * they are right to 1 part in 10^8. Longer ones are Karney's (J. Geodesy 87, 2013).
 */
export function geodesicLength(lon1: number, lat1: number, lon2: number, lat2: number): number {
  const dLat = lat2 - lat1;
  const dLon = lon2 - lon1;
  const middle = (lat1 + lat2) / 2;
  if (Math.abs(dLat) > SHORT || Math.abs(dLon) > SHORT || Math.abs(middle) > STEEP) {
    // `Inverse` takes the shorter way round; sides of half the world run along the edge of a raster in degrees.
    return EARTH.Inverse(lat1, lon1, lat2, lon2, geodesic.Geodesic.DISTANCE).s12 ?? Number.NaN;
  }
  const sin = Math.sin(middle * RADIANS);
  const w = 1 - E2 * sin * sin;
  const normal = A / Math.sqrt(w); // across the meridian
  const meridian = (normal * (1 - E2)) / w;
  const x = normal * Math.sqrt(1 - sin * sin) * dLon;
  const y = meridian * dLat;
  return Math.sqrt(x * x + y * y) * RADIANS;
}
