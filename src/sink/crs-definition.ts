import proj4 from 'proj4';
import type { CoverageSpace } from '../core/coverage.ts';
import type { Crs } from '../core/crs.ts';
import { findDatum } from './datums.ts';
import {
  type Proj4Parameters,
  type ProjectionMethod,
  readProjectionMethod,
  WEB_MERCATOR,
} from './projection-methods.ts';
import { toProjJson } from './projjson.ts';
import { toWkt } from './wkt.ts';

/** A reference system in the words of file formats. */
export interface CrsDefinition {
  readonly name: string;
  readonly epsg: number | null;
  /** WKT 1 as GDAL writes it; `null` where the projection is none that has names here. */
  readonly wkt: string | null;
  /** PROJJSON 0.7; `null` likewise. */
  readonly projJson: Readonly<Record<string, unknown>> | null;
}

export interface Ellipsoid {
  readonly name: string;
  readonly code: number | null;
  /** Metres */
  readonly semiMajorAxis: number;
  /** 0 for a sphere. */
  readonly inverseFlattening: number;
}

/** A reference system taken apart. */
export interface CrsModel {
  readonly name: string;
  readonly epsg: number | null;
  readonly base: {
    readonly name: string;
    readonly epsg: number | null;
    readonly datum: { readonly name: string; readonly wktName: string; readonly code: number | null };
    readonly ellipsoid: Ellipsoid;
    /** Degrees east of Greenwich. */
    readonly primeMeridian: number;
    /** Position vector shift to WGS 84: three metres, three arc seconds, parts per million. */
    readonly toWgs84: readonly number[] | null;
  };
  /** `null` for a geographic system. */
  readonly projection: {
    readonly method: ProjectionMethod;
    /** Metres a map unit. */
    readonly metresPerUnit: number;
  } | null;
}

/** Ellipsoids by axis and flattening, as in the EPSG dataset. */
const ELLIPSOIDS: readonly (readonly [name: string, code: number, a: number, rf: number])[] = [
  ['WGS 84', 7030, 6378137, 298.257223563],
  ['GRS 1980', 7019, 6378137, 298.257222101],
  ['Bessel 1841', 7004, 6377397.155, 299.1528128],
  ['International 1924', 7022, 6378388, 297],
  ['Clarke 1866', 7008, 6378206.4, 294.978698213898],
  ['Krassowsky 1940', 7024, 6378245, 298.3],
  ['Airy 1830', 7001, 6377563.396, 299.3249646],
  ['Clarke 1880 (IGN)', 7011, 6378249.2, 293.466021293627],
  ['Clarke 1880 (RGS)', 7012, 6378249.145, 293.465],
  ['WGS 72', 7043, 6378135, 298.26],
  ['Australian National Spheroid', 7003, 6378160, 298.25],
  ['GRS 1967', 7036, 6378160, 298.247167427],
];

const WGS84: CrsModel['base'] = {
  name: 'WGS 84',
  epsg: 4326,
  datum: { name: 'World Geodetic System 1984', wktName: 'WGS_1984', code: 6326 },
  ellipsoid: { name: 'WGS 84', code: 7030, semiMajorAxis: 6378137, inverseFlattening: 298.257223563 },
  primeMeridian: 0,
  toWgs84: null,
};

/** The reference system of a space; `null` for pixel corners, which lie nowhere. */
export function defineSpace(space: CoverageSpace): CrsDefinition | null {
  switch (space.kind) {
    case 'pixel':
      return null;
    case 'wgs84':
      return define({ name: 'WGS 84', epsg: 4326, base: WGS84, projection: null });
    case 'crs':
      return defineCrs(space.crs);
  }
}

/** A CRS in the words of file formats, from its proj4 definition and its code. */
export function defineCrs(crs: Crs): CrsDefinition {
  const model = readModel(crs);
  return model === null ? { name: crs.name, epsg: crs.epsg, wkt: null, projJson: null } : define(model);
}

function define(model: CrsModel): CrsDefinition {
  return { name: model.name, epsg: model.epsg, wkt: toWkt(model), projJson: toProjJson(model) };
}

function readModel({ kind, name, epsg, proj4: definition, metresPerUnit }: Crs): CrsModel | null {
  if (kind === 'geographic' && epsg === 4326) return { name, epsg, base: WGS84, projection: null };
  if (definition === null) return null;
  const parameters = parseProj4(definition);
  if (epsg === 3857) {
    return { name, epsg, base: WGS84, projection: { method: WEB_MERCATOR, metresPerUnit: 1 } };
  }
  const base = readBase(definition, parameters, epsg, kind === 'geographic' ? name : null);
  if (base === null) return null;
  if (kind === 'geographic') return { name, epsg, base, projection: null };
  const method = readProjectionMethod(parameters);
  if (method === null) return null;
  return { name, epsg, base, projection: { method, metresPerUnit: metresPerUnit ?? 1 } };
}

function readBase(
  definition: string,
  parameters: Proj4Parameters,
  epsg: number | null,
  geographicName: string | null,
): CrsModel['base'] | null {
  const ellipsoid = readEllipsoid(definition);
  if (ellipsoid === null) return null;
  const primeMeridian = Number(parameters.get('pm') ?? 0);
  if (!Number.isFinite(primeMeridian)) return null;
  const shift = parameters.get('towgs84')?.split(',').map(Number) ?? [];
  // A code says what its datum is, and readers know better ways from there than the parameters used here.
  const told = epsg === null && shift.some((value) => value !== 0);
  const toWgs84 = told ? [...shift, 0, 0, 0, 0].slice(0, 7) : null;
  if (ellipsoid.code === 7030 && primeMeridian === 0 && toWgs84 === null && geographicName === null)
    return WGS84;
  const known = findDatum(epsg, parameters.get('datum'));
  const unknown = `Unknown based on ${ellipsoid.name} ellipsoid`;
  return {
    name: geographicName ?? known?.name ?? unknown,
    epsg: geographicName === null ? (known?.epsg ?? null) : epsg,
    datum: known?.datum ?? { name: unknown, wktName: unknown.replace(/[^A-Za-z0-9]+/g, '_'), code: null },
    ellipsoid,
    primeMeridian,
    toWgs84,
  };
}

/** As proj4 understands the definition, which may name it or give its axes; named where it is a known one. */
function readEllipsoid(definition: string): Ellipsoid | null {
  let a: number;
  let b: number;
  try {
    ({ a, b } = new proj4.Proj(definition) as unknown as { a: number; b: number });
  } catch {
    return null;
  }
  const inverseFlattening = a === b ? 0 : a / (a - b);
  for (const [name, code, axis, flattening] of ELLIPSOIDS) {
    if (Math.abs(a - axis) < 1e-3 && Math.abs(inverseFlattening - flattening) < 1e-6) {
      return { name, code, semiMajorAxis: axis, inverseFlattening: flattening };
    }
  }
  return { name: 'unnamed', code: null, semiMajorAxis: a, inverseFlattening };
}

function parseProj4(definition: string): Proj4Parameters {
  const parameters = new Map<string, string>();
  for (const word of definition.trim().split(/\s+/)) {
    const [key = '', value = ''] = word.replace(/^\+/, '').split('=');
    parameters.set(key, value);
  }
  return parameters;
}
