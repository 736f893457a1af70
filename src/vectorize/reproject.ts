import proj4 from 'proj4';
import type { Crs } from '../core/crs.ts';
import { UnsupportedError } from '../core/errors.ts';

/** Coordinates in another CRS, longitude (degrees) or easting first; not finite where a CRS is not defined. */
export type Projector = (x: number, y: number) => [x: number, y: number];

/** True if the CRS's coordinates are longitude and latitude on WGS 84 already. Longitudes may then go beyond 180. */
export function isLonLat(crs: Crs): boolean {
  if (crs.kind !== 'geographic') return false;
  if (crs.epsg === 4326) return true;
  return (
    /\+datum=WGS84\b/.test(crs.proj4 ?? '') && !/\+(pm|axis|to_meter|units|lon_wrap)=/.test(crs.proj4 ?? '')
  );
}

/** True if two CRS are known to be the same. */
export function isSameCrs(a: Crs, b: Crs): boolean {
  if (a === b || (isLonLat(a) && isLonLat(b))) return true;
  if (a.epsg !== null && b.epsg !== null) return a.epsg === b.epsg;
  return a.proj4 !== null && a.proj4 === b.proj4;
}

/**
 * The way from a CRS to another, or to longitude and latitude on WGS 84. The identity between equal ones, so that numbers
 * stay as they are.
 * @throws UnsupportedError if no transform is known.
 */
export function createProjector(crs: Crs, target: Crs | null = null): Projector {
  if (target === null ? isLonLat(crs) : isSameCrs(crs, target)) return (x, y) => [x, y];
  if (target !== null && target.proj4 === null) {
    throw new UnsupportedError(
      `Cannot go to CRS "${target.name}": its definition is not known. Choose another one.`,
      {
        feature: `CRS ${target.name}`,
        hint: 'choose another CRS for the polygons',
      },
    );
  }
  const converter = openConverter(crs, target);
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
  const converter = openConverter(crs, null);
  return (longitude, latitude) => {
    if (!Number.isFinite(longitude) || !Number.isFinite(latitude)) return [Number.NaN, Number.NaN];
    const p = converter.inverse({ x: longitude, y: latitude });
    return [p.x, p.y];
  };
}

type Way = (p: { x: number; y: number }) => { x: number; y: number };

function openConverter(crs: Crs, target: Crs | null): { forward: Way; inverse: Way } {
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
    return proj4(crs.proj4, target?.proj4 ?? 'WGS84');
  } catch (cause) {
    throw refuse(`the definition "${crs.proj4}" is not understood`, cause);
  }
}
