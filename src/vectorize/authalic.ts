/** WGS 84 (EPSG:7030): semi-major axis in metres, first eccentricity squared. */
const A = 6378137;
const F = 1 / 298.257223563;
const E2 = F * (2 - F);
const E = Math.sqrt(E2);
const RADIANS = Math.PI / 180;

/** Square metres in one unit of {@link authalicQ} over one degree of longitude. */
export const M2_PER_Q_DEGREE = ((A * A) / 2) * RADIANS;

/**
 * The authalic function of a geodetic latitude in degrees: a^2/2 * q(phi) is the area between the equator and phi over
 * one radian of longitude. q(phi) = (1 - e^2) * (sin phi / (1 - e^2 sin^2 phi) + atanh(e sin phi) / e);
 * Snyder, Map Projections: A Working Manual (1987), 3-12.
 */
export function authalicQ(latitude: number): number {
  const s = Math.sin(latitude * RADIANS);
  return (1 - E2) * (s / (1 - E2 * s * s) + Math.atanh(E * s) / E);
}

/** {@link authalicQ} at the north pole. */
export const Q_POLE = authalicQ(90);

/**
 * Mean of q along a straight edge in longitude and latitude, by Simpson's rule: exact to about one part in 10^9 for
 * edges of a degree, and exact for edges along a parallel.
 */
export function meanQ(lat1: number, q1: number, lat2: number, q2: number): number {
  return lat1 === lat2 ? q1 : (q1 + 4 * authalicQ((lat1 + lat2) / 2) + q2) / 6;
}
