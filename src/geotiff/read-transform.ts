import { TiffTag } from '@cogeotiff/core';
import { type Affine, applyAffine, invertAffine } from '../core/affine.ts';
import { FormatError } from '../core/errors.ts';
import type { ControlPoint } from '../core/polynomial-warp.ts';
import type { GeoKeyValues } from './read-geokeys.ts';
import type { Directory } from './read-header.ts';

const RASTER_TYPE_KEY = 1025;
const PIXEL_IS_POINT = 2;
/** Far above any real file; a crafted one could else ask for gigabytes. */
const MOST_CONTROL_POINTS = 100_000;
/** RPCCoefficientTag (GDAL, "RPCs in GeoTIFF"). */
const RPC_COEFFICIENTS = 50844 as TiffTag;

/** What a directory says of where its pixels lie. */
export interface Placement {
  readonly transform: Affine | null;
  /** Tiepoints of a file that has no transform. */
  readonly controlPoints: readonly ControlPoint[];
  /** The RPC tag's numbers as they are, or `null`. */
  readonly rpcNumbers: readonly number[] | null;
}

/**
 * Pixel corners to map coordinates, from ModelPixelScale and ModelTiepoint, else from ModelTransformation (GeoTIFF 1.1,
 * annex B.6); else tiepoints as control points. For PixelIsPoint files, whose (0, 0) is the centre of the first pixel,
 * both are shifted by half a pixel.
 *
 * @throws FormatError if the numbers are not finite or the transform is singular
 */
export async function readTransform(
  url: string,
  directory: Directory,
  keys: GeoKeyValues,
): Promise<Placement> {
  const scale = await directory.numbers(TiffTag.ModelPixelScale);
  const tiepoints = await readTiepoints(url, directory);
  const matrix = await directory.numbers(TiffTag.ModelTransformation);
  const rpcNumbers = await directory.numbers(RPC_COEFFICIENTS);
  const point = keys.get(RASTER_TYPE_KEY) === PIXEL_IS_POINT;
  const raw = fromScale(scale, tiepoints) ?? fromMatrix(matrix);
  if (raw === null) {
    return { transform: null, controlPoints: controlPointsOf(url, tiepoints, point ? 0.5 : 0), rpcNumbers };
  }
  const transform = point ? shiftToCorner(raw) : raw;
  const what = scale ? 'ModelPixelScale and ModelTiepoint' : 'ModelTransformation';
  checkTransform(transform, url, what);
  return { transform, controlPoints: [], rpcNumbers };
}

/** @throws FormatError if numbers are not finite or the transform is singular; `what` of the file at `url` gave it */
export function checkTransform(transform: Affine, url: string, what: string): void {
  const { a, b, c, d, e, f } = transform;
  const finite = [a, b, c, d, e, f].every(Number.isFinite);
  if (finite && invertAffine(transform) !== null) return;
  throw new FormatError(
    `${url}: ${what} give the transform [${[a, b, c, d, e, f].join(', ')}], which places no pixel; repair the georeferencing (gdal_edit.py -a_ullr) or remove it (gdal_edit.py -unsetgt)`,
    { url, what },
  );
}

async function readTiepoints(url: string, directory: Directory): Promise<readonly number[] | null> {
  const count = Math.floor(directory.count(TiffTag.ModelTiePoint) / 6);
  if (count > MOST_CONTROL_POINTS) {
    throw new FormatError(
      `${url}: ModelTiepoint claims ${count} control points; Frustum reads up to ${MOST_CONTROL_POINTS}`,
      { url, what: 'ModelTiepoint' },
    );
  }
  return directory.numbers(TiffTag.ModelTiePoint);
}

function fromScale(scale: readonly number[] | null, tiepoints: readonly number[] | null): Affine | null {
  if (!scale || scale.length < 2 || !tiepoints || tiepoints.length < 6) return null;
  const [scaleX, scaleY] = scale as [number, number];
  if (scaleX === 0 || scaleY === 0) return null;
  const [column, row, , x, y] = tiepoints as [number, number, number, number, number];
  // The scale counts downwards; a negative one is a writer's slip and means the same (as GDAL reads it).
  const e = -Math.abs(scaleY);
  return { a: scaleX, b: 0, c: x - column * scaleX, d: 0, e, f: y - row * e };
}

function fromMatrix(m: readonly number[] | null): Affine | null {
  if (!m || m.length < 16) return null;
  return { a: m[0]!, b: m[1]!, c: m[3]!, d: m[4]!, e: m[5]!, f: m[7]! };
}

function shiftToCorner(t: Affine): Affine {
  const [c, f] = applyAffine(t, -0.5, -0.5);
  return { ...t, c, f };
}

function controlPointsOf(url: string, tiepoints: readonly number[] | null, shift: number): ControlPoint[] {
  const points: ControlPoint[] = [];
  for (let i = 0; tiepoints !== null && i + 6 <= tiepoints.length; i += 6) {
    const [column, row, , x, y, z] = tiepoints.slice(i, i + 6) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    points.push({ column: column + shift, row: row + shift, x, y, z });
  }
  checkControlPoints(points, url, 'ModelTiepoint');
  return points;
}

/** @throws FormatError if a point has a position or place that is not finite; `what` of the file at `url` gave it */
export function checkControlPoints(points: readonly ControlPoint[], url: string, what: string): void {
  const bad = points.findIndex(({ column, row, x, y }) => ![column, row, x, y].every(Number.isFinite));
  if (bad < 0) return;
  const { column, row, x, y } = points[bad]!;
  throw new FormatError(
    `${url}: control point ${bad + 1} of ${what} puts column ${column}, row ${row} at ${x}, ${y}, which is no place; remove it`,
    { url, what },
  );
}
