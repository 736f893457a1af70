import type { CrsModel } from './crs-definition.ts';

const DEGREE = 'UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]]';
const UNITS: readonly (readonly [metres: number, name: string, code: number])[] = [
  [1, 'metre', 9001],
  [0.3048, 'foot', 9002],
  [1200 / 3937, 'US survey foot', 9003],
  [1000, 'kilometre', 9036],
];

/** The name and EPSG code of a unit of length. */
export function nameUnit(metres: number): { readonly name: string; readonly code: number | null } {
  const known = UNITS.find(([value]) => Math.abs(value / metres - 1) < 1e-9);
  return known === undefined ? { name: 'unknown', code: null } : { name: known[1], code: known[2] };
}

/** WKT 1 in GDAL's dialect (OGC 01-009 with metres and degrees). */
export function toWkt({ name, epsg, base, projection }: CrsModel): string {
  const { datum, ellipsoid, primeMeridian, toWgs84 } = base;
  const meridian =
    primeMeridian === 0
      ? 'PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]]'
      : `PRIMEM["unnamed",${primeMeridian}]`;
  const geographic =
    `GEOGCS[${quote(base.name)},` +
    `DATUM[${quote(datum.wktName)},` +
    `SPHEROID[${quote(ellipsoid.name)},${ellipsoid.semiMajorAxis},${ellipsoid.inverseFlattening}${authority(ellipsoid.code)}]` +
    `${toWgs84 === null ? '' : `,TOWGS84[${toWgs84.join(',')}]`}${authority(datum.code)}],` +
    `${meridian},${DEGREE},AXIS["Latitude",NORTH],AXIS["Longitude",EAST]${authority(base.epsg)}]`;
  if (projection === null) return geographic;
  const { method, metresPerUnit } = projection;
  const parameters = method.parameters.map(
    ({ wktName, kind, value }) =>
      `PARAMETER[${quote(wktName)},${kind === 'length' ? round(value / metresPerUnit) : value}]`,
  );
  // Pseudo Mercator is no projection of WKT 1: readers know it by this.
  const extension =
    method.code === 1024
      ? ',EXTENSION["PROJ4","+proj=merc +a=6378137 +b=6378137 +lat_ts=0 +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +wktext +no_defs"]'
      : '';
  const scale = method.parameters.some(({ kind }) => kind === 'scale');
  // The variant of polar stereographic with a standard parallel has no scale of its own, but its name has one here.
  if (method.code === 9829 || (method.code === 1024 && !scale))
    parameters.push('PARAMETER["scale_factor",1]');
  const unit = nameUnit(metresPerUnit);
  return (
    `PROJCS[${quote(name)},${geographic},PROJECTION[${quote(method.wktName)}],${parameters.join(',')},` +
    `UNIT[${quote(unit.name)},${metresPerUnit}${authority(unit.code)}],` +
    `AXIS["Easting",EAST],AXIS["Northing",NORTH]${extension}${authority(epsg)}]`
  );
}

function authority(code: number | null): string {
  return code === null ? '' : `,AUTHORITY["EPSG","${code}"]`;
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

function round(value: number): number {
  return Number(value.toPrecision(14));
}
