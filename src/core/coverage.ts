import type { Grid } from './grid.ts';
import { isPlaced } from './place-pixels.ts';

/**
 * What coverage coordinates are: longitude and latitude on WGS 84, or, for a scene without georeferencing, pixel corners
 * with x to the right and y = -row, so that a map view shows the scene upright.
 */
export type CoverageSpace = 'wgs84' | 'pixel';

/** The space of a grid's coverage: pixel corners where either the place or the CRS is missing. */
export function coverageSpace(grid: Grid): CoverageSpace {
  return !isPlaced(grid) || grid.crs === null ? 'pixel' : 'wgs84';
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
  /** Where each polygon ends, in rings. More than one polygon only where the antimeridian cuts a face. */
  readonly polygonEnds: readonly number[];
}

/** One 4-connected area of one class, ready for a sink. */
export interface CoverageFeature {
  /** Index of the area's first pixel in the scene (row * width + column): stable from run to run. */
  readonly id: number;
  readonly classId: number;
  readonly className: string;
  /** `#rrggbb` */
  readonly color: string;
  readonly pixelCount: number;
  /** Area on the WGS 84 ellipsoid in square metres; `null` without georeferencing. */
  readonly areaM2: number | null;
  /** Mean of the pixels' confidences on their scale of 0 to 255; `null` where none were given. */
  readonly meanConfidence: number | null;
  /** Whether the area reaches the edge of the scene, so that it may go on beyond. */
  readonly touchesEdge: boolean;
  readonly geometry: CoverageGeometry;
}
