import { FormatError } from '../core/errors.ts';
import type { LonLatArea, LonLatPolygon } from './lon-lat-area.ts';

/** Positions of one area: far more than the outline of a country has, and a bound on what is kept of a file. */
export const MOST_POSITIONS = 2_000_000;
/** Collections within collections. */
const MOST_NESTING = 16;

const PROJECTED =
  'GeoJSON is in degrees, longitude first (RFC 7946); reproject it, e.g. with ogr2ogr -t_srs EPSG:4326 -lco RFC7946=YES';

type Json = Readonly<Record<string, unknown>>;

/**
 * Takes the polygons from GeoJSON: Polygon, MultiPolygon, GeometryCollection, Feature and FeatureCollection of these.
 * Features without a geometry are passed over.
 * @param url the file's name, for messages
 * @throws FormatError with the JSON pointer of what is wrong
 */
export function parseGeoJson(text: string, url: string): LonLatArea {
  const polygons: LonLatPolygon[] = [];
  let positions = 0;

  function refuse(pointer: string, why: string, cause?: unknown): FormatError {
    const where = pointer === '' ? '' : `${pointer}: `;
    return new FormatError(`${url}: ${where}${why}`, { url, what: pointer || 'GeoJSON', cause });
  }

  function objectAt(value: unknown, pointer: string): Json {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
    throw refuse(pointer, `expected a GeoJSON object, got ${nameOf(value)}`);
  }

  function listAt(value: unknown, pointer: string): readonly unknown[] {
    if (Array.isArray(value)) return value;
    throw refuse(pointer, `expected a list, got ${nameOf(value)}`);
  }

  function takeFeature(value: unknown, pointer: string): void {
    const feature = objectAt(value, pointer);
    if (feature.type !== 'Feature') throw refuse(pointer, `expected a Feature, got ${nameOf(feature.type)}`);
    if (feature.geometry !== null) takeGeometry(feature.geometry, `${pointer}/geometry`, 0);
  }

  function takeGeometry(value: unknown, pointer: string, depth: number): void {
    const { type, ...geometry } = objectAt(value, pointer);
    if (type === 'Polygon') takePolygon(geometry.coordinates, `${pointer}/coordinates`);
    else if (type === 'MultiPolygon') {
      const at = `${pointer}/coordinates`;
      listAt(geometry.coordinates, at).forEach((polygon, i) => {
        takePolygon(polygon, `${at}/${i}`);
      });
    } else if (type === 'GeometryCollection') {
      if (depth === MOST_NESTING)
        throw refuse(pointer, `more than ${MOST_NESTING} collections in each other`);
      const at = `${pointer}/geometries`;
      listAt(geometry.geometries, at).forEach((part, i) => {
        takeGeometry(part, `${at}/${i}`, depth + 1);
      });
    } else {
      throw refuse(pointer, `an area is made of Polygon and MultiPolygon, got ${nameOf(type)}`);
    }
  }

  function takePolygon(value: unknown, pointer: string): void {
    const rings = listAt(value, pointer).map((ring, i) => takeRing(ring, `${pointer}/${i}`));
    // An empty polygon is valid GeoJSON.
    if (rings.length > 0) polygons.push({ rings });
  }

  function takeRing(value: unknown, pointer: string): Float64Array {
    const list = listAt(value, pointer);
    positions += list.length;
    if (positions > MOST_POSITIONS) {
      throw refuse(
        pointer,
        `the area has more than ${MOST_POSITIONS} positions; simplify it, or cut it to the scene`,
      );
    }
    if (list.length < 4) {
      throw refuse(
        pointer,
        `a ring has at least 4 positions, the last equal to the first; got ${list.length}`,
      );
    }
    const ring = new Float64Array(list.length * 2);
    list.forEach((position, i) => {
      const [lon, lat] = listAt(position, `${pointer}/${i}`);
      if (!Number.isFinite(lon) || !Number.isFinite(lat)) {
        throw refuse(`${pointer}/${i}`, `expected [longitude, latitude], got ${JSON.stringify(position)}`);
      }
      ring[2 * i] = lon as number;
      ring[2 * i + 1] = lat as number;
      if (Math.abs(ring[2 * i]!) > 360 || Math.abs(ring[2 * i + 1]!) > 90) {
        throw refuse(`${pointer}/${i}`, `[${lon}, ${lat}] is no longitude and latitude: ${PROJECTED}`);
      }
    });
    const end = ring.length - 2;
    if (ring[0] !== ring[end] || ring[1] !== ring[end + 1]) {
      throw refuse(
        pointer,
        `the ring is not closed: it begins at [${ring[0]}, ${ring[1]}] and ends at [${ring[end]}, ${ring[end + 1]}]; repeat its first position at its end`,
      );
    }
    return ring;
  }

  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (cause) {
    throw refuse('', `not JSON: ${(cause as Error).message}; expected one GeoJSON object`, cause);
  }
  const root = objectAt(json, '');
  const named = crsOf(root);
  if (named !== null && !/CRS84$|^(EPSG|urn:ogc:def:crs:EPSG):.*:?4326$/i.test(named)) {
    throw refuse('/crs', `the coordinates are in ${named}; ${PROJECTED}`);
  }
  if (root.type === 'FeatureCollection') {
    listAt(root.features, '/features').forEach((feature, i) => {
      takeFeature(feature, `/features/${i}`);
    });
  } else if (root.type === 'Feature') takeFeature(root, '');
  else takeGeometry(root, '', 0);
  if (polygons.length === 0) throw refuse('', 'there is no polygon in it');
  return { polygons };
}

/** The name in the `crs` member that GeoJSON had before RFC 7946, or `null`. */
function crsOf(root: Json): string | null {
  if (root.crs === undefined || root.crs === null) return null;
  const name = (root.crs as { properties?: { name?: unknown } }).properties?.name;
  return typeof name === 'string' ? name : JSON.stringify(root.crs);
}

function nameOf(value: unknown): string {
  if (typeof value === 'string') return `"${value.slice(0, 40)}"`;
  if (Array.isArray(value)) return 'a list';
  return value === undefined ? 'nothing' : value === null ? 'null' : `a ${typeof value}`;
}
