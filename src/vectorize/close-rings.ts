import type { CoverageGeometry } from '../core/coverage.ts';

/** Rings in whole units of a degree, as a geometry in degrees. */
export function closeRings(
  rings: readonly (Float64Array | readonly number[])[],
  polygonEnds: readonly number[],
  unitsPerDegree: number,
): CoverageGeometry {
  let points = 0;
  for (const ring of rings) points += ring.length / 2 + 1;
  const coordinates = new Float64Array(2 * points);
  const ringEnds: number[] = [];
  let at = 0;
  for (const ring of rings) {
    const start = at;
    for (let i = 0; i < ring.length; i++) coordinates[at++] = (ring[i]! + 0) / unitsPerDegree;
    coordinates[at++] = coordinates[start]!;
    coordinates[at++] = coordinates[start + 1]!;
    ringEnds.push(at / 2);
  }
  return { coordinates, ringEnds, polygonEnds };
}
