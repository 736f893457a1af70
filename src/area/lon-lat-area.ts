/** One polygon: closed rings of positions, shell and holes in any order and direction; inside is what is within an odd number of them. */
export interface LonLatPolygon {
  /** Longitude and latitude in degrees on WGS 84, `x, y, x, y, ...`; the last position of a ring repeats its first. */
  readonly rings: readonly Float64Array[];
}

/** An area on the Earth: the union of its polygons, whose edges are straight in longitude and latitude (RFC 7946). */
export interface LonLatArea {
  readonly polygons: readonly LonLatPolygon[];
}

/** West, south, east, north in degrees; west above east crosses the antimeridian (RFC 7946, 5.2). */
export type LonLatBox = readonly [west: number, south: number, east: number, north: number];

/** The area of a box in degrees. */
export function boxArea([west, south, east, north]: LonLatBox): LonLatArea {
  const right = east < west ? east + 360 : east;
  const ring = Float64Array.from([west, south, right, south, right, north, west, north, west, south]);
  return { polygons: [{ rings: [ring] }] };
}

/** The box round all positions of an area. */
export function boxOf({ polygons }: LonLatArea): LonLatBox {
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { rings } of polygons) {
    for (const ring of rings) {
      for (let i = 0; i < ring.length; i += 2) {
        west = Math.min(west, ring[i]!);
        east = Math.max(east, ring[i]!);
        south = Math.min(south, ring[i + 1]!);
        north = Math.max(north, ring[i + 1]!);
      }
    }
  }
  return [west, south, east, north];
}
