import type { Crs, GeoKeys } from '../core/crs.ts';
import { inDegrees, type ProjectionDefinition, readDefinition, shortNameOf } from './parse-crs.ts';

/** GeoKey ids (OGC GeoTIFF 1.1, annex C). */
const KEY = {
  modelType: 1024,
  rasterType: 1025,
  citation: 1026,
  geodeticCrs: 2048,
  geodeticDatum: 2050,
  angularUnit: 2054,
  ellipsoid: 2056,
  semiMajorAxis: 2057,
  semiMinorAxis: 2058,
  inverseFlattening: 2059,
  primeMeridianLongitude: 2061,
  toWgs84: 2062,
  projectedCrs: 3072,
  projection: 3074,
  method: 3075,
  linearUnit: 3076,
  linearUnitSize: 3077,
  parallel1: 3078,
  parallel2: 3079,
  naturalLongitude: 3080,
  naturalLatitude: 3081,
  falseEasting: 3082,
  falseNorthing: 3083,
  falseOriginLongitude: 3084,
  falseOriginLatitude: 3085,
  falseOriginEasting: 3086,
  falseOriginNorthing: 3087,
  centreLongitude: 3088,
  centreLatitude: 3089,
  naturalScale: 3092,
  poleLongitude: 3095,
} as const;

const USER_DEFINED = 32767;
const DEGREE = 9102;
const METRE = 9001;

type Parameters = Readonly<Partial<Record<keyof typeof KEY, number>>>;

/** The projection's method code and parameters, angles in degrees, lengths in metres; `null` where there is no code for it. */
function parametersOf(read: ProjectionDefinition, short: string): [method: number, Parameters] | null {
  const at = (radians: number | undefined) => inDegrees(radians ?? 0);
  const [lat0, lon0, lat1] = [at(read.lat0), at(read.long0), at(read.lat1)];
  const scale = read.k0 ?? 1;
  const offsets = { falseEasting: read.x0 ?? 0, falseNorthing: read.y0 ?? 0 };
  const natural = { naturalLatitude: lat0, naturalLongitude: lon0, naturalScale: scale, ...offsets };
  const centre = { centreLatitude: lat0, centreLongitude: lon0, ...offsets };
  switch (short) {
    case 'utm':
    case 'tmerc':
      return [1, natural];
    case 'merc':
      if (read.lat_ts) return [7, { naturalLongitude: lon0, parallel1: at(read.lat_ts), ...offsets }];
      return [7, natural];
    case 'lcc': {
      const lat2 = read.lat2 === undefined ? lat1 : at(read.lat2);
      if (lat1 === lat2 && lat1 === lat0) return [9, natural];
      if (scale !== 1) return null;
      const origin = { falseOriginLatitude: lat0, falseOriginLongitude: lon0 };
      const shift = { falseOriginEasting: offsets.falseEasting, falseOriginNorthing: offsets.falseNorthing };
      return [8, { parallel1: lat1, parallel2: lat2, ...origin, ...shift }];
    }
    case 'laea':
      return [10, centre];
    case 'aea': {
      const { naturalScale: _, ...origin } = natural;
      return [11, { parallel1: lat1, parallel2: read.lat2 === undefined ? lat1 : at(read.lat2), ...origin }];
    }
    case 'aeqd':
      return [12, centre];
    case 'stere': {
      if (Math.abs(lat0) !== 90) return [14, { ...centre, naturalScale: scale }];
      const trueAt = read.lat_ts === undefined ? lat0 : at(read.lat_ts);
      // Away from the pole, the scale at the pole follows from the parallel of true scale.
      const naturalScale = Math.abs(trueAt) === 90 ? scale : 1;
      return [15, { naturalLatitude: trueAt, poleLongitude: lon0, naturalScale, ...offsets }];
    }
    case 'sterea':
      return [16, natural];
    case 'eqc':
      return [17, { ...centre, parallel1: at(read.lat_ts) }];
    case 'sinu':
      return [24, { centreLongitude: lon0, ...offsets }];
    case 'cea':
      return [28, { naturalLongitude: lon0, parallel1: at(read.lat_ts), ...offsets }];
    default:
      return null;
  }
}

/** GeoKeys that define a CRS by its parameters, for one without EPSG code; `null` where GeoTIFF has no keys for it. */
export function defineGeoKeys(crs: Crs): GeoKeys | null {
  if (crs.proj4 === null) return null;
  let read: ProjectionDefinition;
  try {
    read = readDefinition(crs.proj4);
  } catch {
    return null;
  }
  const short = shortNameOf(read);
  const projected = crs.kind === 'projected';
  const method = projected && short !== null ? parametersOf(read, short) : null;
  if (projected && method === null) return null;

  const numbers = new Map<number, number>([
    [KEY.modelType, projected ? 1 : 2],
    [KEY.rasterType, 1],
    [KEY.angularUnit, DEGREE],
  ]);
  const doubles = new Map<number, readonly number[]>();
  const isWgs84 = /\+datum=WGS84\b/.test(crs.proj4) && !read.from_greenwich;
  numbers.set(KEY.geodeticCrs, isWgs84 ? 4326 : USER_DEFINED);
  if (!isWgs84) {
    numbers.set(KEY.geodeticDatum, USER_DEFINED).set(KEY.ellipsoid, USER_DEFINED);
    doubles.set(KEY.semiMajorAxis, [read.a]);
    if (read.a === read.b) doubles.set(KEY.semiMinorAxis, [read.b]);
    else doubles.set(KEY.inverseFlattening, [read.rf]);
    doubles.set(KEY.primeMeridianLongitude, [inDegrees(read.from_greenwich ?? 0)]);
    const shift = /\+towgs84=(\S+)/.exec(crs.proj4)?.[1]?.split(',').map(Number);
    if (shift !== undefined) doubles.set(KEY.toWgs84, shift);
  }
  if (method !== null) {
    const unit = read.to_meter ?? 1;
    numbers.set(KEY.projectedCrs, USER_DEFINED).set(KEY.projection, USER_DEFINED).set(KEY.method, method[0]);
    numbers.set(KEY.linearUnit, unit === 1 ? METRE : USER_DEFINED);
    if (unit !== 1) doubles.set(KEY.linearUnitSize, [unit]);
    for (const [name, value] of Object.entries(method[1])) {
      const isLength = /Easting|Northing/.test(name);
      doubles.set(KEY[name as keyof typeof KEY], [isLength ? value / unit : value]);
    }
  }
  return assemble(numbers, doubles, crs.name);
}

/** Key directory, doubles and text as the three tags hold them; keys in ascending order. */
function assemble(
  numbers: ReadonlyMap<number, number>,
  doubles: ReadonlyMap<number, readonly number[]>,
  name: string,
): GeoKeys {
  // The shared text ends each entry with a bar and is ASCII.
  const ascii = `${name.replace(/[^\x20-\x7b\x7d\x7e]/g, '?')}|`;
  const values: number[] = [];
  const entries: [number, number, number, number][] = [[KEY.citation, 34737, ascii.length, 0]];
  for (const [id, value] of numbers) entries.push([id, 0, 1, value]);
  for (const [id, list] of doubles) {
    entries.push([id, 34736, list.length, values.length]);
    values.push(...list);
  }
  entries.sort(([p], [q]) => p - q);
  return { directory: [1, 1, 0, entries.length, ...entries.flat()], doubles: values, ascii };
}
