import type { Affine } from '../core/affine.ts';
import { applyAffine } from '../core/affine.ts';
import type { Crs, GeoKeys } from '../core/crs.ts';
import { UnsupportedError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import type { ControlPoint } from '../core/polynomial-warp.ts';
import { defineGeoKeys } from './define-geokeys.ts';
import { rpcToNumbers } from './rpc-numbers.ts';
import type { TiffTag } from './write-tags.ts';

const MODEL_PIXEL_SCALE = 33550;
const MODEL_TIEPOINT = 33922;
const MODEL_TRANSFORMATION = 34264;
const GEO_KEY_DIRECTORY = 34735;
const GEO_DOUBLE_PARAMS = 34736;
const GEO_ASCII_PARAMS = 34737;
const RPC_COEFFICIENTS = 50844;

const GT_MODEL_TYPE = 1024;
const GT_RASTER_TYPE = 1025;
const GEODETIC_CRS = 2048;
const PROJECTED_CRS = 3072;
const PIXEL_IS_AREA = 1;
const PIXEL_IS_POINT = 2;

/**
 * The tags that place a grid on the ground (OGC 19-008r4): none for a grid without georeferencing. Keys that were read
 * from a file are repeated as they are; for a CRS known by its EPSG code alone, the three keys that name it are made; for
 * one known by its definition, keys with its parameters. Control points become tiepoints; a camera's polynomials the RPC tag,
 * which needs no keys.
 * @throws UnsupportedError for a CRS that GeoTIFF has no keys for.
 */
export function georeferenceTags(grid: Grid): TiffTag[] {
  const { transform, warp } = grid;
  if (warp?.kind === 'rpc' && transform === null) {
    return [{ tag: RPC_COEFFICIENTS, type: 'double', values: rpcToNumbers(warp.rpc) }];
  }
  if (transform === null && !warp) return [];
  const keys = grid.crs === null ? null : geoKeysOf(grid.crs);
  const pixelIsPoint = keys !== null && isPixelPoint(keys);
  const tags =
    transform !== null
      ? transformTags(transform, pixelIsPoint)
      : [tiepointTag(warp?.kind === 'gcp' ? warp.points : [], pixelIsPoint ? 0.5 : 0)];
  if (keys === null) return tags;
  tags.push({ tag: GEO_KEY_DIRECTORY, type: 'short', values: keys.directory });
  if (keys.doubles.length > 0) tags.push({ tag: GEO_DOUBLE_PARAMS, type: 'double', values: keys.doubles });
  if (keys.ascii.length > 0) tags.push({ tag: GEO_ASCII_PARAMS, type: 'ascii', values: keys.ascii });
  return tags;
}

function tiepointTag(points: readonly ControlPoint[], shift: number): TiffTag {
  const values = points.flatMap(({ column, row, x, y, z }) => [column - shift, row - shift, 0, x, y, z]);
  return { tag: MODEL_TIEPOINT, type: 'double', values };
}

function geoKeysOf(crs: Crs): GeoKeys {
  if (crs.geoKeys !== null) return crs.geoKeys;
  if (crs.epsg === null || crs.epsg >= 32767) {
    const defined = defineGeoKeys(crs);
    if (defined !== null) return defined;
    const hint = 'give the EPSG code of the system if it has one, or one of a similar system that has';
    throw new UnsupportedError(
      `Cannot write the coordinate reference system "${crs.name}" to a GeoTIFF: it has no EPSG code, and GeoTIFF has no keys for its projection; ${hint}.`,
      { feature: `GeoKeys for ${crs.name}`, hint },
    );
  }
  const projected = crs.kind === 'projected';
  const entries = [
    [GT_MODEL_TYPE, projected ? 1 : 2],
    [GT_RASTER_TYPE, PIXEL_IS_AREA],
    [projected ? PROJECTED_CRS : GEODETIC_CRS, crs.epsg],
  ] as const;
  const directory = [1, 1, 0, entries.length, ...entries.flatMap(([key, value]) => [key, 0, 1, value])];
  return { directory, doubles: [], ascii: '' };
}

function isPixelPoint(keys: GeoKeys): boolean {
  for (let i = 4; i + 3 < keys.directory.length; i += 4) {
    if (keys.directory[i] === GT_RASTER_TYPE) return keys.directory[i + 3] === PIXEL_IS_POINT;
  }
  return false;
}

/** Where the keys say "pixel is point", the file's raster position (0, 0) is the centre of the first pixel, not its corner. */
function transformTags(t: Affine, pixelIsPoint: boolean): TiffTag[] {
  const [x, y] = pixelIsPoint ? applyAffine(t, 0.5, 0.5) : [t.c, t.f];
  if (t.b === 0 && t.d === 0 && t.a > 0 && t.e < 0) {
    return [
      { tag: MODEL_PIXEL_SCALE, type: 'double', values: [t.a, -t.e, 0] },
      { tag: MODEL_TIEPOINT, type: 'double', values: [0, 0, 0, x, y, 0] },
    ];
  }
  const matrix = [t.a, t.b, 0, x, t.d, t.e, 0, y, 0, 0, 0, 0, 0, 0, 0, 1];
  return [{ tag: MODEL_TRANSFORMATION, type: 'double', values: matrix }];
}
