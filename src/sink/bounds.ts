import type { CoverageFeature } from '../core/coverage.ts';

/** A bounding box that grows by features. */
export interface Bounds {
  add(feature: Pick<CoverageFeature, 'geometry'>): void;
  /**
   * West, south, east, north; `null` without features. West is greater than east where features were cut at the
   * antimeridian and none of them passes longitude 0 (RFC 7946, 5.2).
   */
  box(): [west: number, south: number, east: number, north: number] | null;
}

export function createBounds(): Bounds {
  let [west, south, east, north] = [
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ];
  // The same for each half of the world.
  let easternWest = Number.POSITIVE_INFINITY;
  let westernEast = Number.NEGATIVE_INFINITY;
  let cut = false;
  let passesZero = false;
  return {
    add({ geometry }) {
      const { coordinates, ringEnds, polygonEnds } = geometry;
      if (polygonEnds.length > 1) cut = true;
      let firstRing = 0;
      for (const polygonEnd of polygonEnds) {
        // A polygon lies within its shell.
        const from = firstRing === 0 ? 0 : ringEnds[firstRing - 1]!;
        let low = Number.POSITIVE_INFINITY;
        let high = Number.NEGATIVE_INFINITY;
        for (let i = 2 * from; i < 2 * ringEnds[firstRing]!; i += 2) {
          const x = coordinates[i]!;
          const y = coordinates[i + 1]!;
          if (x < low) low = x;
          if (x > high) high = x;
          if (y < south) south = y;
          if (y > north) north = y;
        }
        if (low < 0 && high > 0) passesZero = true;
        west = Math.min(west, low);
        east = Math.max(east, high);
        if (low >= 0) easternWest = Math.min(easternWest, low);
        if (high <= 0) westernEast = Math.max(westernEast, high);
        firstRing = polygonEnd;
      }
    },
    box() {
      if (west > east) return null;
      return cut && !passesZero ? [easternWest, south, westernEast, north] : [west, south, east, north];
    },
  };
}
