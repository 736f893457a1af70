import type { CoverageSpace } from '../core/coverage.ts';
import { coverageSpace } from '../core/coverage.ts';
import { ConfigError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { crsFromEpsg } from '../geotiff/epsg-crs.ts';
import { takesAnyCrs } from '../sink/vector-formats.ts';
import type { Generalisation } from '../vectorize/generalisation.ts';

/** How the polygon layer is made, as JSON can hold it. */
export interface PolygonOptions extends Generalisation {
  /**
   * The CRS of formats that can hold any (FlatGeobuf, GeoPackage, GeoParquet): `EPSG:nnnn`, or `scene` for the scene's own.
   * Longitude and latitude on WGS 84 unless told, and always for the other formats.
   */
  readonly crs?: string;
}

/**
 * The coordinates of each vector file, in the order of `files`.
 * @throws ConfigError if the choice is not understood, or no file can hold it; UnsupportedError for an unknown EPSG code
 */
export async function chooseSpaces(
  files: readonly string[],
  grid: Grid,
  choice: string | undefined,
): Promise<CoverageSpace[]> {
  const usual = coverageSpace(grid);
  if (choice === undefined || files.length === 0) return files.map(() => usual);
  const refuse = (why: string): never => {
    throw new ConfigError(`--vector-crs ${choice}: ${why}`, { pointer: '--vector-crs', value: choice });
  };
  const code = /^EPSG:(\d{4,6})$/i.exec(choice)?.[1];
  if (code === undefined && choice !== 'scene') refuse('expected EPSG:nnnn, e.g. EPSG:3857, or scene');
  if (usual.kind === 'pixel') refuse('the scene has no georeferencing; leave it out');
  const crs = code === undefined ? grid.crs! : await crsFromEpsg(Number(code));
  if (!files.some(takesAnyCrs)) {
    refuse(
      `${files.join(', ')} can hold longitude and latitude alone; write FlatGeobuf, GeoPackage or GeoParquet`,
    );
  }
  return files.map((file) => (takesAnyCrs(file) ? { kind: 'crs', crs } : usual));
}
