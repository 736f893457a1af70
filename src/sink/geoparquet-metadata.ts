import type { CoverageSpace } from '../core/coverage.ts';
import { UnsupportedError } from '../core/errors.ts';
import { defineSpace } from './crs-definition.ts';
import type { Box } from './hilbert-order.ts';

/**
 * The `crs` member of a geometry column: left out for longitude and latitude on WGS 84, which is the default
 * (OGC:CRS84), `null` where the coordinates lie nowhere, else PROJJSON.
 * @throws UnsupportedError for a CRS that cannot be spelt out
 */
export function geoParquetCrs(space: CoverageSpace): { readonly crs?: unknown } {
  if (space.kind === 'wgs84') return {};
  if (space.kind === 'pixel') return { crs: null };
  const definition = defineSpace(space)?.projJson ?? null;
  if (definition === null) {
    const hint = 'write this layer in longitude and latitude, or as GeoPackage or FlatGeobuf';
    throw new UnsupportedError(
      `Cannot write the coordinate reference system "${space.crs.name}" to GeoParquet: it must be spelt out there, and its projection has no names here. Instead, ${hint}.`,
      { feature: `GeoParquet in ${space.crs.name}`, hint },
    );
  }
  return { crs: definition };
}

/** The `geo` entry of a file's metadata (GeoParquet 1.1.0). */
export function geoParquetMetadata(
  crs: { readonly crs?: unknown },
  geometryTypes: ReadonlySet<string>,
  box: Box | null,
): string {
  const covering = Object.fromEntries(
    ['xmin', 'ymin', 'xmax', 'ymax'].map((side) => [side, ['bbox', side]] as const),
  );
  return JSON.stringify({
    version: '1.1.0',
    primary_column: 'geometry',
    columns: {
      geometry: {
        encoding: 'WKB',
        geometry_types: [...geometryTypes].sort(),
        ...crs,
        orientation: 'counterclockwise',
        edges: 'planar',
        ...(box !== null && { bbox: box }),
        covering: { bbox: covering },
      },
    },
  });
}
