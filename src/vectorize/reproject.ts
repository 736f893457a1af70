import proj4 from 'proj4';
import type { Crs } from '../core/crs.ts';
import { UnsupportedError } from '../core/errors.ts';

/** Longitude and latitude in degrees on WGS 84 of map coordinates; not finite where the CRS is not defined. */
export type Projector = (x: number, y: number) => [longitude: number, latitude: number];

/** True if the CRS's coordinates are longitude and latitude on WGS 84 already. Longitudes may then go beyond 180. */
export function isLonLat(crs: Crs): boolean {
  if (crs.kind !== 'geographic') return false;
  if (crs.epsg === 4326) return true;
  return (
    /\+datum=WGS84\b/.test(crs.proj4 ?? '') && !/\+(pm|axis|to_meter|units|lon_wrap)=/.test(crs.proj4 ?? '')
  );
}

/**
 * The way from a CRS to longitude and latitude. The identity for WGS 84 itself, so that its numbers stay as they are.
 * @throws UnsupportedError if no transform to WGS 84 is known.
 */
export function createProjector(crs: Crs): Projector {
  if (isLonLat(crs)) return (x, y) => [x, y];
  const converter = openConverter(crs);
  return (x, y) => {
    if (!Number.isFinite(x) || !Number.isFinite(y)) return [Number.NaN, Number.NaN];
    const p = converter.forward({ x, y });
    return [p.x, p.y];
  };
}

/**
 * The way back: map coordinates of a longitude and latitude in degrees; not finite where the CRS is not defined.
 * @throws UnsupportedError if no transform to WGS 84 is known.
 */
export function createUnprojector(crs: Crs): (longitude: number, latitude: number) => [x: number, y: number] {
  if (isLonLat(crs)) return (longitude, latitude) => [longitude, latitude];
  const converter = openConverter(crs);
  return (longitude, latitude) => {
    if (!Number.isFinite(longitude) || !Number.isFinite(latitude)) return [Number.NaN, Number.NaN];
    const p = converter.inverse({ x: longitude, y: latitude });
    return [p.x, p.y];
  };
}

type Way = (p: { x: number; y: number }) => { x: number; y: number };

function openConverter(crs: Crs): { forward: Way; inverse: Way } {
  const hint =
    'reproject it first, e.g. with gdalwarp -t_srs EPSG:4326, or leave the polygons out (--no-vector)';
  const refuse = (why: string, cause?: unknown) =>
    new UnsupportedError(
      `Cannot go from CRS "${crs.name}" to longitude and latitude: ${why}. To map this scene, ${hint}.`,
      {
        feature: `CRS ${crs.name}`,
        hint,
        cause,
      },
    );
  if (crs.proj4 === null) throw refuse('its definition is not known');
  try {
    return proj4(crs.proj4, 'WGS84');
  } catch (cause) {
    throw refuse(`the definition "${crs.proj4}" is not understood`, cause);
  }
}
