import type { CrsModel } from './crs-definition.ts';
import { nameUnit } from './wkt.ts';

type Json = Readonly<Record<string, unknown>>;

const SCHEMA = 'https://proj.org/schemas/v0.7/projjson.schema.json';

/** PROJJSON (PROJ's JSON form of WKT 2), complete: readers need no table of codes to understand it. */
export function toProjJson(model: CrsModel): Json {
  const { name, epsg, base, projection } = model;
  const geographic: Json = {
    type: 'GeographicCRS',
    name: base.name,
    datum: {
      type: 'GeodeticReferenceFrame',
      name: base.datum.name,
      ellipsoid: {
        name: base.ellipsoid.name,
        semi_major_axis: base.ellipsoid.semiMajorAxis,
        ...(base.ellipsoid.inverseFlattening === 0
          ? { semi_minor_axis: base.ellipsoid.semiMajorAxis }
          : { inverse_flattening: base.ellipsoid.inverseFlattening }),
      },
      ...(base.primeMeridian !== 0 && {
        prime_meridian: { name: 'unnamed', longitude: base.primeMeridian },
      }),
    },
    coordinate_system: {
      subtype: 'ellipsoidal',
      axis: [
        { name: 'Geodetic latitude', abbreviation: 'Lat', direction: 'north', unit: 'degree' },
        { name: 'Geodetic longitude', abbreviation: 'Lon', direction: 'east', unit: 'degree' },
      ],
    },
    ...id(base.epsg),
  };
  const crs = projection === null ? geographic : projected(name, epsg, geographic, projection);
  const whole = base.toWgs84 === null ? crs : bound(crs, base.toWgs84);
  return { $schema: SCHEMA, ...whole };
}

function projected(
  name: string,
  epsg: number | null,
  geographic: Json,
  { method, metresPerUnit }: NonNullable<CrsModel['projection']>,
): Json {
  const { name: unitName } = nameUnit(metresPerUnit);
  const unit =
    metresPerUnit === 1 ? 'metre' : { type: 'LinearUnit', name: unitName, conversion_factor: metresPerUnit };
  const axis = (axisName: string, abbreviation: string, direction: string) => ({
    name: axisName,
    abbreviation,
    direction,
    unit,
  });
  const units = { angle: 'degree', length: 'metre', scale: 'unity' };
  return {
    type: 'ProjectedCRS',
    name,
    base_crs: geographic,
    conversion: {
      name: method.name,
      method: { name: method.name, ...id(method.code) },
      parameters: method.parameters.map((parameter) => ({
        name: parameter.name,
        value: parameter.value,
        unit: units[parameter.kind],
        ...id(parameter.code),
      })),
    },
    coordinate_system: {
      subtype: 'Cartesian',
      axis: [axis('Easting', 'E', 'east'), axis('Northing', 'N', 'north')],
    },
    ...id(epsg),
  };
}

function bound(source: Json, toWgs84: readonly number[]): Json {
  const names = [
    ['X-axis translation', 'metre', 8605],
    ['Y-axis translation', 'metre', 8606],
    ['Z-axis translation', 'metre', 8607],
    ['X-axis rotation', 'arc-second', 8608],
    ['Y-axis rotation', 'arc-second', 8609],
    ['Z-axis rotation', 'arc-second', 8610],
    ['Scale difference', 'parts per million', 8611],
  ] as const;
  const unitOf = {
    metre: 'metre',
    'arc-second': { type: 'AngularUnit', name: 'arc-second', conversion_factor: Math.PI / 648000 },
    'parts per million': { type: 'ScaleUnit', name: 'parts per million', conversion_factor: 1e-6 },
  };
  return {
    type: 'BoundCRS',
    source_crs: source,
    target_crs: {
      type: 'GeographicCRS',
      name: 'WGS 84',
      datum: {
        type: 'GeodeticReferenceFrame',
        name: 'World Geodetic System 1984',
        ellipsoid: { name: 'WGS 84', semi_major_axis: 6378137, inverse_flattening: 298.257223563 },
      },
      coordinate_system: {
        subtype: 'ellipsoidal',
        axis: [
          { name: 'Geodetic latitude', abbreviation: 'Lat', direction: 'north', unit: 'degree' },
          { name: 'Geodetic longitude', abbreviation: 'Lon', direction: 'east', unit: 'degree' },
        ],
      },
      ...id(4326),
    },
    transformation: {
      name: 'Transformation to WGS 84',
      method: { name: 'Position Vector transformation (geog2D domain)', ...id(9606) },
      parameters: names.map(([name, unit, code], i) => ({
        name,
        value: toWgs84[i]!,
        unit: unitOf[unit],
        ...id(code),
      })),
    },
  };
}

function id(code: number | null): { readonly id?: Json } {
  return code === null ? {} : { id: { authority: 'EPSG', code } };
}
