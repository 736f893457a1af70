import { TiffTag } from '@cogeotiff/core';
import { type Affine, applyAffine, invertAffine } from '../core/affine.ts';
import { FormatError } from '../core/errors.ts';
import type { GeoKeyValues } from './read-geokeys.ts';
import type { Directory } from './read-header.ts';

const RASTER_TYPE_KEY = 1025;
const PIXEL_IS_POINT = 2;

/** The transform of an image, or why there is none. */
export interface Placement {
  readonly transform: Affine | null;
  readonly warnings: readonly string[];
}

/**
 * Pixel corners to map coordinates, from ModelPixelScale and ModelTiepoint, else from ModelTransformation (GeoTIFF 1.1,
 * annex B.6). For PixelIsPoint files, whose (0, 0) is the centre of the first pixel, it is shifted by half a pixel.
 *
 * @throws FormatError if the numbers are not finite or the transform is singular
 */
export async function readTransform(
  url: string,
  directory: Directory,
  keys: GeoKeyValues,
): Promise<Placement> {
  const scale = await directory.numbers(TiffTag.ModelPixelScale);
  const tiepoints = await directory.numbers(TiffTag.ModelTiePoint);
  const matrix = await directory.numbers(TiffTag.ModelTransformation);
  const point = keys.get(RASTER_TYPE_KEY) === PIXEL_IS_POINT;
  const raw = fromScale(scale, tiepoints) ?? fromMatrix(matrix);
  if (raw === null) {
    const many = (tiepoints?.length ?? 0) > 6;
    return {
      transform: null,
      warnings: many
        ? [
            `${url}: placed by ${Math.floor(tiepoints!.length / 6)} ground control points, which are not used; warp it first (gdalwarp) to get map coordinates`,
          ]
        : [],
    };
  }
  const transform = point ? shiftToCorner(raw) : raw;
  const finite = Object.values(transform).every(Number.isFinite);
  if (!finite || invertAffine(transform) === null) {
    const what = scale ? 'ModelPixelScale and ModelTiepoint' : 'ModelTransformation';
    throw new FormatError(
      `${url}: ${what} give the transform [${Object.values(transform).join(', ')}], which places no pixel; repair the georeferencing (gdal_edit.py -a_ullr) or remove it (gdal_edit.py -unsetgt)`,
      { url, what },
    );
  }
  return { transform, warnings: [] };
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
