import { type CoverageGeometry, type CoverageSpace, coverageSpace } from '../core/coverage.ts';
import { isFrustumError, UnsupportedError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import type { Face } from './face.ts';
import { createCornerLocator } from './locate-corners.ts';
import { isLonLat } from './reproject.ts';
import { createLonLatShaper, type LonLatShape } from './shape-lonlat.ts';
import { createPixelShaper, createProjectedShaper } from './shape-plane.ts';

/** A face on the map, and its measures. */
export interface FaceShape {
  /** One a space that was asked for, in that order. */
  readonly geometries: readonly CoverageGeometry[];
  /** Square metres on the WGS 84 ellipsoid; `null` without georeferencing. */
  readonly areaM2: number | null;
  /** Metres along all rings, geodesic from point to point; `null` without georeferencing. */
  readonly perimeterM: number | null;
}

/**
 * How faces of this grid become geometries in the given spaces. Area and perimeter are those on the ellipsoid, whatever
 * the space; they are `null` where the grid has no georeferencing, or no known way to longitude and latitude.
 * @param scale units of the faces' points in a pixel
 * @throws UnsupportedError if there is no known way to a space.
 */
export function createFaceShaper(
  grid: Grid,
  spaces: readonly CoverageSpace[],
  scale = 1,
): (face: Face) => FaceShape {
  const measure = coverageSpace(grid).kind === 'pixel' ? null : createMeasurer(grid, spaces, scale);
  let measured: LonLatShape | null = null;
  const shapers = spaces.map((space): ((face: Face) => CoverageGeometry) => {
    if (space.kind === 'pixel') return createPixelShaper(scale);
    if (coverageSpace(grid).kind === 'pixel') {
      throw new UnsupportedError(
        'The scene has no georeferencing: its polygons can be written in pixels only.',
        {
          feature: 'a coordinate system for a scene without georeferencing',
          hint: 'leave the coordinate system out',
        },
      );
    }
    if (space.kind === 'wgs84' || isLonLat(space.crs)) return () => measured!.geometry;
    if (space.crs.kind === 'projected') return createProjectedShaper(grid, space.crs, scale);
    const shape = createLonLatShaper(createCornerLocator(grid, scale, space.crs));
    return (face) => shape(face).geometry;
  });
  return (face) => {
    measured = measure === null ? null : measure(face);
    return {
      geometries: shapers.map((shape) => shape(face)),
      areaM2: measured?.areaM2 ?? null,
      perimeterM: measured?.perimeterM ?? null,
    };
  };
}

/** Longitude and latitude; `null` where there is no way to them and no space needs them. */
function createMeasurer(
  grid: Grid,
  spaces: readonly CoverageSpace[],
  scale: number,
): ((face: Face) => LonLatShape) | null {
  try {
    return createLonLatShaper(createCornerLocator(grid, scale));
  } catch (error) {
    const needed = spaces.some(
      (space) => space.kind === 'wgs84' || (space.kind === 'crs' && isLonLat(space.crs)),
    );
    if (needed || !(isFrustumError(error) && error.tag === 'UnsupportedError')) throw error;
    return null;
  }
}

/** Several shapes as one: a feature of more than one polygon. */
export function mergeShapes(shapes: readonly FaceShape[]): FaceShape {
  if (shapes.length === 1) return shapes[0]!;
  const sum = (p: number | null, q: number | null) => (p === null || q === null ? null : p + q);
  return {
    geometries: shapes[0]!.geometries.map((_, i) => mergeGeometries(shapes.map((s) => s.geometries[i]!))),
    areaM2: shapes.map((s) => s.areaM2).reduce(sum),
    perimeterM: shapes.map((s) => s.perimeterM).reduce(sum),
  };
}

function mergeGeometries(parts: readonly CoverageGeometry[]): CoverageGeometry {
  const coordinates = new Float64Array(parts.reduce((n, p) => n + p.coordinates.length, 0));
  const ringEnds: number[] = [];
  const polygonEnds: number[] = [];
  let at = 0;
  for (const part of parts) {
    const rings = ringEnds.length;
    coordinates.set(part.coordinates, at);
    for (const end of part.ringEnds) ringEnds.push(at / 2 + end);
    for (const end of part.polygonEnds) polygonEnds.push(rings + end);
    at += part.coordinates.length;
  }
  return { coordinates, ringEnds, polygonEnds };
}
