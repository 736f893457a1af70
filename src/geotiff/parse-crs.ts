import proj4 from 'proj4';
import type { Crs } from '../core/crs.ts';
import { ConfigError } from '../core/errors.ts';
import { readCrs } from './read-crs.ts';
import { geoKeyValues } from './read-geokeys.ts';

/** What proj4 makes of a definition, as far as it is used here. Angles are radians, lengths metres. */
export interface ProjectionDefinition {
  readonly projName: string;
  /** All names of the projection. */
  readonly names: readonly string[];
  readonly a: number;
  readonly b: number;
  readonly rf: number;
  readonly sphere?: boolean;
  readonly lat0?: number;
  readonly lat1?: number;
  readonly lat2?: number;
  readonly lat_ts?: number;
  readonly long0?: number;
  readonly longc?: number;
  readonly alpha?: number;
  readonly k0?: number;
  readonly x0?: number;
  readonly y0?: number;
  readonly from_greenwich?: number;
  readonly to_meter?: number;
  readonly datumCode?: string;
  readonly datum_params?: readonly (number | string)[] | null;
}

/**
 * A coordinate reference system from a user's word: `EPSG:32650` (also as `urn:ogc:def:crs:EPSG::32650`), a proj4 string, or
 * WKT. WKT that names an EPSG code is that code.
 * @param pointer where the text comes from, for errors
 * @throws ConfigError where it is not understood
 */
export async function parseCrs(text: string, pointer: string): Promise<Crs> {
  const given = text.trim();
  const refuse = (why: string, cause?: unknown) =>
    new ConfigError(
      `${pointer}: "${shorten(given)}" ${why}; give an EPSG code such as EPSG:32650, a proj4 string or WKT`,
      { pointer, value: given, cause },
    );
  const code = /^(?:urn:(?:x-)?ogc:def:crs:)?EPSG:(?:[\d.]*:)?(\d+)$|^\+init=epsg:(\d+)$/i.exec(given);
  if (code !== null) {
    const crs = await crsFromEpsg(Number(code[1] ?? code[2]));
    if (crs === null) throw refuse('is not a projected or geographic system that Frustum knows');
    return crs;
  }
  if (/^(OGC:)?CRS84$/i.test(given)) return (await crsFromEpsg(4326))!;
  const isProj4 = /^\+proj=/.test(given);
  if (!isProj4 && !/^[A-Z_]+\s*\[/i.test(given)) throw refuse('is no coordinate reference system');
  const ownName = isProj4 ? given : /\[\s*"([^"]+)"/.exec(given)?.[1];
  // What stands last belongs to the whole.
  const id = /(?:AUTHORITY\s*\[\s*"EPSG"\s*,\s*"(\d+)"|ID\s*\[\s*"EPSG"\s*,\s*(\d+))\s*\]\s*\]\s*$/i.exec(
    given,
  );
  const named = id === null ? null : Number(id[1] ?? id[2]);
  const known = named === null ? null : await crsFromEpsg(named);
  if (known !== null) return { ...known, name: ownName ?? known.name };
  // GDAL writes what WKT has no words for beside it.
  const extension = isProj4 ? undefined : /EXTENSION\s*\[\s*"PROJ4"\s*,\s*"([^"]+)"/i.exec(given)?.[1];
  if (extension !== undefined) {
    const crs = await parseCrs(extension, pointer);
    return { ...crs, name: ownName ?? crs.name };
  }
  let read: ProjectionDefinition;
  try {
    read = readDefinition(given);
  } catch (cause) {
    throw refuse('is not understood', cause);
  }
  const short = shortNameOf(read);
  if (short === null || short === 'identity' || short === 'geocent') {
    throw refuse('is neither projected nor geographic');
  }
  if (!isProj4 && !WKT_PROJECTIONS.has(short))
    throw refuse('is WKT of a projection that is not read from WKT');
  const kind = short === 'longlat' ? 'geographic' : 'projected';
  if (kind === 'geographic' && /UNIT\s*\[\s*"(grad|gon|rad)/i.test(given)) {
    throw refuse('counts in units other than degrees, which is not supported');
  }
  return {
    kind,
    epsg: named,
    name: ownName ?? `user-defined ${kind}`,
    proj4: isProj4 ? given.replace(/\s*\+(axis=\S+|type=crs|wktext)/g, '') : writeProj4(read, short, given),
    metresPerUnit: kind === 'geographic' ? null : (read.to_meter ?? 1),
    geoKeys: null,
  };
}

/** Projections whose WKT proj4 reads as PROJ does; of others it mistakes one parallel for another, silently. */
const WKT_PROJECTIONS: ReadonlySet<string> = new Set([
  ...['longlat', 'utm', 'tmerc', 'merc', 'lcc', 'aea', 'laea', 'stere', 'sterea', 'sinu', 'moll', 'aeqd'],
]);

/** The system of an EPSG code, or `null` if it is not known. */
async function crsFromEpsg(epsg: number): Promise<Crs | null> {
  for (const [model, key] of [
    [1, 3072],
    [2, 2048],
  ] as const) {
    const directory = [1, 1, 0, 2, 1024, 0, 1, model, key, 0, 1, epsg];
    const raw = { directory, doubles: [], ascii: '' };
    const { crs } = await readCrs('', raw, geoKeyValues(raw));
    if (crs !== null && crs.proj4 !== null) return { ...crs, geoKeys: null };
  }
  return null;
}

/** @throws what proj4 throws at definitions that it does not understand */
export function readDefinition(definition: string): ProjectionDefinition {
  const Projection = (proj4 as unknown as { Proj: new (text: string) => ProjectionDefinition }).Proj;
  return new Projection(definition);
}

/** The name that stands after `+proj=`. */
export function shortNameOf(read: ProjectionDefinition): string | null {
  // Two names of one transform to proj4; a local system goes by the second.
  if (read.names.includes('longlat')) return read.projName === 'identity' ? 'identity' : 'longlat';
  return read.names.filter((name) => /^[a-z][a-z0-9_]*$/.test(name)).at(-1) ?? null;
}

/** Radians to degrees, without the last digit's noise. */
export function inDegrees(radians: number): number {
  return Number(((radians * 180) / Math.PI).toPrecision(14));
}

/**
 * WKT's definition as a proj4 string, or the WKT itself where the string would not say the same (proj4 understands both).
 */
function writeProj4(read: ProjectionDefinition, short: string, wkt: string): string {
  const parts = [`+proj=${short}`];
  const angles = {
    lat_0: read.lat0,
    lat_1: read.lat1,
    lat_2: read.lat2,
    lat_ts: read.lat_ts,
    lon_0: read.long0,
  };
  if (short !== 'longlat') {
    for (const [name, value] of Object.entries({ ...angles, lonc: read.longc, alpha: read.alpha })) {
      if (typeof value === 'number' && Number.isFinite(value)) parts.push(`+${name}=${inDegrees(value)}`);
    }
    // With a parallel of true scale, the scale elsewhere follows from it.
    if (read.lat_ts === undefined) parts.push(`+k=${read.k0 ?? 1}`);
    parts.push(`+x_0=${read.x0 ?? 0}`, `+y_0=${read.y0 ?? 0}`);
  }
  const shift = (read.datum_params ?? []).map(Number);
  const isWgs84 = read.datumCode === 'wgs84' || read.datumCode === 'WGS84';
  if (read.sphere) parts.push(`+a=${read.a}`, `+b=${read.a}`, '+nadgrids=@null');
  else if (isWgs84) parts.push('+datum=WGS84');
  else {
    parts.push(...ellipsoidOf(read));
    if (shift.length > 0) parts.push(`+towgs84=${shift.join(',')}`);
  }
  if (read.from_greenwich) parts.push(`+pm=${inDegrees(read.from_greenwich)}`);
  if (short !== 'longlat' && (read.to_meter ?? 1) !== 1) parts.push(`+to_meter=${read.to_meter}`);
  const string = [...parts, '+no_defs'].join(' ');
  return saySame(string, wkt, read, short) ? string : wkt;
}

/** By name where it has one that tells that it needs no datum shift. */
function ellipsoidOf({ a, b, rf }: ProjectionDefinition): string[] {
  const named = a === 6378137 && { WGS84: 298.257223563, GRS80: 298.257222101 };
  for (const [name, flattening] of Object.entries(named || {})) {
    if (Math.abs(rf - flattening) < 1e-9) return [`+ellps=${name}`];
  }
  return [`+a=${a}`, `+b=${b}`];
}

/** Whether two definitions put the same places, round the middle of what they are made for, at the same coordinates. */
function saySame(p: string, q: string, read: ProjectionDefinition, short: string): boolean {
  const centre = [inDegrees(read.long0 ?? read.longc ?? 0), inDegrees(read.lat0 ?? 0)] as const;
  const toWgs84 = [p, q].map((definition) => proj4(definition, 'WGS84'));
  const ground = short === 'longlat' ? 1e-9 : 1e-3;
  for (const [dx, dy] of [
    [1, 1],
    [2, -3],
    [-1.5, 2.5],
  ] as const) {
    const latitude = Math.max(-85, Math.min(85, centre[1] + dy));
    const [x, y] = toWgs84[1]!.inverse([centre[0] + dx, latitude]) as [number, number];
    const [x2, y2] = toWgs84[0]!.inverse([centre[0] + dx, latitude]) as [number, number];
    if (!(Math.hypot(x - x2, y - y2) < ground)) return false;
  }
  return true;
}

function shorten(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
