import { applyAffine } from '../../core/affine.ts';
import { type CoverageGeometry, coverageSpace } from '../../core/coverage.ts';
import { isFrustumError } from '../../core/errors.ts';
import type { Grid } from '../../core/grid.ts';
import { createFaceShaper } from '../../vectorize/shape-face.ts';
import { createBounds } from '../bounds.ts';

/** A GeoJSON geometry of polygons, in longitude and latitude. */
export type FootprintGeometry =
  | { readonly type: 'Polygon'; readonly coordinates: readonly (readonly [number, number])[][] }
  | { readonly type: 'MultiPolygon'; readonly coordinates: readonly (readonly [number, number])[][][] };

export interface Footprint {
  readonly geometry: FootprintGeometry;
  /** West, south, east, north; west is greater than east across the antimeridian (RFC 7946, 5.2). */
  readonly bbox: readonly [number, number, number, number];
}

/**
 * The outline of a grid on WGS 84: with points along its edges where a straight line would leave them, cut at the
 * antimeridian, completed round a pole. `null` without georeferencing, or where no way from its CRS to WGS 84 is known.
 */
export function footprintOf(grid: Grid): Footprint | null {
  if (coverageSpace(grid).kind === 'pixel') return null;
  const { width, height } = grid;
  const outline = Int32Array.of(0, 0, 0, height, width, height, width, 0);
  const whole = {
    id: 0,
    classId: 0,
    pixelCount: width * height,
    confidenceSum: 0,
    leastConfidence: 0,
    touchesEdge: true,
    scale: 1,
    points: outline,
    ringCount: 1,
    ringEnds: Int32Array.of(4),
  };
  let geometry: CoverageGeometry;
  try {
    geometry = createFaceShaper(grid, [{ kind: 'wgs84' }])(whole).geometries[0]!;
  } catch (error) {
    // A catalogue entry without a place is better than no map.
    if (isFrustumError(error) && error.tag === 'UnsupportedError') return null;
    throw error;
  }
  const bounds = createBounds();
  bounds.add({ geometry });
  const bbox = bounds.box();
  return bbox === null ? null : { geometry: toGeoJson(geometry), bbox };
}

/** Least and greatest map coordinates of a grid: x, y, x, y. */
export function boundsOfGrid({ width, height, transform }: Grid): [number, number, number, number] | null {
  if (transform === null) return null;
  const corners = [
    applyAffine(transform, 0, 0),
    applyAffine(transform, width, 0),
    applyAffine(transform, 0, height),
    applyAffine(transform, width, height),
  ];
  const xs = corners.map(([x]) => x);
  const ys = corners.map(([, y]) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

function toGeoJson({ coordinates, ringEnds, polygonEnds }: CoverageGeometry): FootprintGeometry {
  const rings = ringEnds.map((end, r) => {
    const ring: [number, number][] = [];
    for (let i = ringEnds[r - 1] ?? 0; i < end; i++)
      ring.push([coordinates[2 * i]!, coordinates[2 * i + 1]!]);
    return ring;
  });
  const polygons = polygonEnds.map((end, p) => rings.slice(polygonEnds[p - 1] ?? 0, end));
  return polygons.length === 1
    ? { type: 'Polygon', coordinates: polygons[0]! }
    : { type: 'MultiPolygon', coordinates: polygons };
}
