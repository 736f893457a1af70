import { TiffTagGeo } from '@cogeotiff/core';
import type { Crs, GeoKeys } from '../core/crs.ts';
import { datumShiftOf } from './datum-shifts.ts';
import type { GeoKeyValues } from './read-geokeys.ts';

/** The reference system of an image, or why there is none that Frustum can use. */
export interface CrsReading {
  readonly crs: Crs | null;
  readonly warnings: readonly string[];
}

const PROJECTED = 1;
const GEOGRAPHIC = 2;
const USER_DEFINED = 32767;
const POLAR_STEREOGRAPHIC = 15;

/** Linear units by EPSG code, in metres. */
const METRES: Readonly<Record<number, number>> = { 9001: 1, 9002: 0.3048, 9003: 1200 / 3937, 9036: 1000 };

/**
 * GeoKeys to a {@link Crs}. The proj4 definition comes from `geotiff-geokeys-to-proj4`; it is `null`, with a warning,
 * where that library does not know the system.
 */
export async function readCrs(url: string, raw: GeoKeys, keys: GeoKeyValues): Promise<CrsReading> {
  const modelType = keyNumber(keys, TiffTagGeo.GTModelTypeGeoKey);
  const projectedCode = epsgOf(keys, TiffTagGeo.ProjectedCRSGeoKey);
  const geographicCode = epsgOf(keys, TiffTagGeo.GeodeticCRSGeoKey);
  const named = projectedCode !== null || modelType === GEOGRAPHIC;
  const inWords = named ? null : await readEsriText(url, keys);
  if (inWords !== null) return { crs: { ...inWords, geoKeys: raw }, warnings: [] };
  const kind = kindOf(modelType, keys);
  if (kind === null) {
    const warnings =
      modelType === null
        ? []
        : [
            `${url}: its coordinate system (model type ${modelType}) is neither projected nor geographic and is ignored`,
          ];
    return { crs: null, warnings };
  }
  const epsg = kind === 'projected' ? projectedCode : geographicCode;
  const definition = await defineProj4(keys, kind, epsg);
  const crs: Crs = {
    kind,
    epsg,
    name: nameOf(keys, kind, epsg),
    proj4: definition?.proj4 ?? null,
    metresPerUnit: kind === 'geographic' ? null : (definition?.metresPerUnit ?? unitOf(keys) ?? 1),
    geoKeys: raw,
  };
  const warnings: string[] = [];
  if (crs.proj4 === null) {
    warnings.push(
      `${url}: no definition is known for its coordinate system (${crs.name}); longitude and latitude cannot be given`,
    );
  } else if (lacksDatumShift(crs)) {
    warnings.push(
      `${url}: the datum shift of its coordinate system (${crs.name}) is not known; longitude and latitude may be off by some hundred metres`,
    );
  }
  return { crs, warnings };
}

/** What GeoTIFF has no keys for stands as Esri's WKT in a citation; GDAL writes and reads it so too. */
async function readEsriText(url: string, keys: GeoKeyValues): Promise<Crs | null> {
  for (const id of [TiffTagGeo.ProjectedCitationGeoKey, TiffTagGeo.GTCitationGeoKey]) {
    const text = keys.get(id);
    const wkt = typeof text === 'string' ? /^ESRI PE String = (.+)$/s.exec(text)?.[1] : undefined;
    if (wkt === undefined) continue;
    const { parseCrs } = await import('./parse-crs.ts');
    return parseCrs(wkt, url).catch(() => null);
  }
  return null;
}

function kindOf(modelType: number | null, keys: GeoKeyValues): Crs['kind'] | null {
  if (modelType === PROJECTED) return 'projected';
  if (modelType === GEOGRAPHIC) return 'geographic';
  // Files without a usable model type still say what they are by the keys that they have.
  if (modelType !== null && modelType !== USER_DEFINED && modelType !== 0) return null;
  if (keys.has(TiffTagGeo.ProjectedCRSGeoKey)) return 'projected';
  return keys.has(TiffTagGeo.GeodeticCRSGeoKey) ? 'geographic' : null;
}

function keyNumber(keys: GeoKeyValues, id: TiffTagGeo): number | null {
  const value = keys.get(id);
  return typeof value === 'number' ? value : null;
}

function epsgOf(keys: GeoKeyValues, id: TiffTagGeo): number | null {
  const code = keyNumber(keys, id);
  return code === null || code === 0 || code >= USER_DEFINED ? null : code;
}

function nameOf(keys: GeoKeyValues, kind: Crs['kind'], epsg: number | null): string {
  const citations =
    kind === 'projected'
      ? [TiffTagGeo.GTCitationGeoKey, TiffTagGeo.ProjectedCitationGeoKey]
      : [TiffTagGeo.GTCitationGeoKey, TiffTagGeo.GeodeticCitationGeoKey];
  for (const id of citations) {
    const text = keys.get(id);
    if (typeof text === 'string' && text.trim() !== '') return shortName(text);
  }
  return epsg === null ? `user-defined ${kind}` : `EPSG:${epsg}`;
}

/** ERDAS and Esri write whole paragraphs; the name is a line of them. */
function shortName(citation: string): string {
  const named = /(?:PCS|Projection|GCS) Name\s*=\s*([^\n|]+)/.exec(citation)?.[1];
  return (named ?? citation.trim().split(/[\n|]/)[0]!).trim();
}

function unitOf(keys: GeoKeyValues): number | null {
  const code = keyNumber(keys, TiffTagGeo.ProjLinearUnitsGeoKey);
  if (code === USER_DEFINED) return keyNumber(keys, TiffTagGeo.ProjLinearUnitSizeGeoKey);
  return code === null ? null : (METRES[code] ?? null);
}

async function defineProj4(keys: GeoKeyValues, kind: Crs['kind'], epsg: number | null) {
  const { toProj4 } = await import('geotiff-geokeys-to-proj4');
  let result: ReturnType<typeof toProj4>;
  try {
    result = toProj4(namedKeys(keys, kind, epsg) as never);
  } catch {
    return null;
  }
  const { errors, coordinatesConversionParameters: factor } = result;
  const unknown =
    errors.CRSNotSupported || errors.conversionNotSupported || errors.coordinateTransformationNotSupported;
  const proj4 = repairProj4(result.proj4, epsg);
  const flat = proj4.includes('+proj=longlat');
  if (
    unknown ||
    proj4.includes('+proj=geocent') ||
    flat !== (kind === 'geographic') ||
    !(factor.x > 0) ||
    factor.x !== factor.y
  )
    return null;
  if (kind === 'geographic') {
    // Units other than degrees have no place in a proj4 definition of longitude and latitude.
    return Math.abs(factor.x - 1) < 1e-9 ? { proj4, metresPerUnit: null } : null;
  }
  // The library wants coordinates multiplied to metres first; +to_meter says the same within the definition. What the
  // file says of its unit goes before what its code implies, as in GDAL.
  const implied = Number(/\+to_meter=(\S+)/.exec(proj4)?.[1] ?? factor.x);
  const metresPerUnit = unitOf(keys) ?? implied;
  const turned = epsg === null ? turnPole(proj4, keys) : proj4;
  const bare = turned.replace(/\s*\+(units|to_meter)=\S+/g, '');
  return { proj4: metresPerUnit === 1 ? bare : `${bare} +to_meter=${metresPerUnit}`, metresPerUnit };
}

/**
 * Polar stereographic by its keys: its longitude is that which points down from the pole, and a latitude other than the
 * pole's is that of true scale. The library knows neither.
 */
function turnPole(proj4: string, keys: GeoKeyValues): string {
  if (keyNumber(keys, TiffTagGeo.ProjMethodGeoKey) !== POLAR_STEREOGRAPHIC) return proj4;
  const down = keyNumber(keys, TiffTagGeo.ProjStraightVertPoleLongGeoKey) ?? 0;
  const latitude = keyNumber(keys, TiffTagGeo.ProjNatOriginLatGeoKey) ?? 90;
  const bare = proj4.replace(/\s*\+(lat_0|lat_ts|lon_0)=\S+/g, '');
  const pole = latitude < 0 ? -90 : 90;
  return `${bare} +lat_0=${pole}${latitude === pole ? '' : ` +lat_ts=${latitude}`} +lon_0=${down}`;
}

/** The keys under the names that the library knows, without those that would mislead it. */
function namedKeys(keys: GeoKeyValues, kind: Crs['kind'], epsg: number | null): Record<string, unknown> {
  const toWgs84 = keys.get(TiffTagGeo.GeogTOWGS84GeoKey);
  const shift = Array.isArray(toWgs84) ? { GeogTOWGS84GeoKey: toWgs84 } : {};
  // The library lets the base system win over the projected one; a code says all there is to say.
  if (epsg !== null) {
    return { [kind === 'projected' ? 'ProjectedCRSGeoKey' : 'GeodeticCRSGeoKey']: epsg, ...shift };
  }
  const named: Record<string, unknown> = {};
  for (const [id, value] of keys) {
    const name = TiffTagGeo[id];
    if (name !== undefined) named[name] = value;
  }
  return named;
}

/** What the library's definitions lack or have too much of. */
function repairProj4(definition: string, epsg: number | null): string {
  // Rasters count x to the east and y to the north, whatever order a system's own axes have.
  let proj4 = definition.replace(/\s*\+(axis=\S+|\w+=undefined)/g, '').trim();
  // Polar stereographic comes without its pole, which proj4 then takes for the equator.
  const polar = /\+proj=stere\b/.test(proj4) && !/\+lat_0=/.test(proj4);
  const latitude = polar ? /\+lat_ts=(-?[\d.]+)/.exec(proj4)?.[1] : undefined;
  if (latitude !== undefined) {
    proj4 = proj4.replace('+proj=stere', `+proj=stere +lat_0=${Number(latitude) < 0 ? -90 : 90}`);
  }
  if (epsg !== null && HOTINE_VARIANT_A.has(epsg))
    proj4 = proj4.replace('+proj=omerc', '+proj=omerc +no_uoff');
  const shift = epsg === null || /\+(towgs84|datum)=/.test(proj4) ? null : datumShiftOf(epsg);
  if (shift !== null) proj4 = proj4.replace(/\s*(\+no_defs)?$/, ` +towgs84=${shift} +no_defs`);
  // These two know a latitude of true scale, not a standard parallel.
  if (/\+proj=(eqc|merc)\b.*\+lat_1=/.test(proj4)) {
    proj4 = proj4.replace(/\s*\+lat_ts=0(?=\s)/, '').replace('+lat_1=', '+lat_ts=');
  }
  return proj4;
}

/**
 * Systems of EPSG method 9812, whose false origin is where the central line crosses the equator; the library's definitions
 * do not tell them from method 9815, where it is the centre.
 */
const HOTINE_VARIANT_A: ReadonlySet<number> = new Set([
  3078, 3079, 3167, 3168, 3375, 3376, 3468, 3591, 5247, 6394, 6497, 6808, 6809, 6810, 6811, 6840, 6841, 6842,
  6843, 24571, 26731, 26931, 29874,
]);

/** Ellipsoids within a metre or two of WGS 84; the others need a datum shift. */
const SHIFTLESS =
  /\+(ellps|datum)=(WGS84|GRS80)\b|\+datum=NAD83\b|\+towgs84=|\+nadgrids=@null|\+a=6378137(\.0*)? \+b=6356752\.3/;

/** True if longitude and latitude on WGS 84 follow only but for a datum shift that the definition lacks. */
export function lacksDatumShift(crs: Crs): boolean {
  return crs.proj4 !== null && !SHIFTLESS.test(crs.proj4);
}
