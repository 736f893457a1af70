import type { Crs } from './crs.ts';
import type { Grid } from './grid.ts';
import { isPlaced } from './place-pixels.ts';

/**
 * What coverage coordinates are: longitude and latitude on WGS 84; map coordinates of a CRS; or, for a scene without
 * georeferencing, pixel corners with x to the right and y = -row, so that a map view shows the scene upright.
 */
export type CoverageSpace =
  | { readonly kind: 'wgs84' }
  | { readonly kind: 'pixel' }
  | { readonly kind: 'crs'; readonly crs: Crs };

/** The space of a grid's coverage unless another is chosen: pixel corners where either the place or the CRS is missing. */
export function coverageSpace(grid: Grid): Exclude<CoverageSpace, { kind: 'crs' }> {
  return { kind: !isPlaced(grid) || grid.crs === null ? 'pixel' : 'wgs84' };
}

/** A name that is equal for equal spaces. */
export function spaceKey(space: CoverageSpace): string {
  if (space.kind !== 'crs') return space.kind;
  const { epsg, proj4, name } = space.crs;
  return `crs:${epsg ?? ''}:${proj4 ?? ''}:${epsg === null && proj4 === null ? name : ''}`;
}

/**
 * One or more polygons. Each polygon's first ring is its shell, counter-clockwise; the others are its holes, clockwise
 * (RFC 7946). Neighbours in a coverage share their border point for point.
 */
export interface CoverageGeometry {
  /** x, y (longitude, latitude) of all points of all rings one behind the other; each ring ends where it began. */
  readonly coordinates: Float64Array;
  /** Where each ring ends, in points. */
  readonly ringEnds: readonly number[];
  /** Where each polygon ends, in rings. More than one only where the antimeridian cuts a face, or with
   * 8-connectivity. */
  readonly polygonEnds: readonly number[];
}

/** One connected area of one class, ready for a sink. */
export interface CoverageFeature {
  /** Index of the area's first pixel in the scene (row * width + column): stable from run to run. */
  readonly id: number;
  readonly classId: number;
  readonly className: string;
  /** `#rrggbb` */
  readonly color: string;
  readonly pixelCount: number;
  /** Area of the geometry on the WGS 84 ellipsoid in square metres, whatever the space; `null` without georeferencing. */
  readonly areaM2: number | null;
  /**
   * Length of all rings on the WGS 84 ellipsoid in metres, geodesic from point to point; cuts at the antimeridian are no
   * part of it. `null` without georeferencing.
   */
  readonly perimeterM: number | null;
  /** Mean of the pixels' confidences on their scale of 0 to 255; `null` where none were given. */
  readonly meanConfidence: number | null;
  /** Least of the pixels' confidences, 0 to 255; `null` where none were given. */
  readonly minConfidence: number | null;
  /** Whether the area reaches the edge of the scene, so that it may go on beyond. */
  readonly touchesEdge: boolean;
  /** Smaller than the minimum mapping unit all the same, since it has no neighbour to go to: an island in nodata. */
  readonly belowMmu: boolean;
  readonly geometry: CoverageGeometry;
}
