/** How a parameter is measured: in degrees, metres, or as a factor. */
export type ParameterKind = 'angle' | 'length' | 'scale';

export interface MethodParameter {
  /** Name and code in the EPSG dataset. */
  readonly name: string;
  readonly code: number;
  /** Name in WKT 1 (OGC 01-009 and GDAL's additions). */
  readonly wktName: string;
  readonly kind: ParameterKind;
  readonly value: number;
}

/** A map projection under its names in the EPSG dataset and in WKT 1, with its values. */
export interface ProjectionMethod {
  readonly name: string;
  /** `null` for methods that the dataset lacks. */
  readonly code: number | null;
  readonly wktName: string;
  readonly parameters: readonly MethodParameter[];
}

/** Parameters of a proj4 definition by name, without the plus sign. */
export type Proj4Parameters = ReadonlyMap<string, string>;

const EASTING = ['False easting', 8806] as const;
const NORTHING = ['False northing', 8807] as const;
const ORIGIN_LATITUDE = ['Latitude of natural origin', 8801] as const;
const ORIGIN_LONGITUDE = ['Longitude of natural origin', 8802] as const;
const ORIGIN_SCALE = ['Scale factor at natural origin', 8805] as const;
const FIRST_PARALLEL = ['Latitude of 1st standard parallel', 8823] as const;
const SECOND_PARALLEL = ['Latitude of 2nd standard parallel', 8824] as const;

/**
 * The method of a proj4 definition, by the EPSG dataset's names and codes (Guidance Note 7-2).
 * @returns `null` for projections, or variants of them, that are not among the methods known here
 */
export function readProjectionMethod(parameters: Proj4Parameters): ProjectionMethod | null {
  const number = (key: string) => {
    const text = parameters.get(key);
    // Definitions that come from tables of radians carry noise of the last digits.
    return text === undefined ? undefined : Number(Number(text).toPrecision(14));
  };
  const parameter = (
    [name, code]: readonly [string, number],
    wktName: string,
    kind: ParameterKind,
    value: number,
  ): MethodParameter => ({ name, code, wktName, kind, value });
  const lat0 = number('lat_0') ?? 0;
  const lon0 = number('lon_0') ?? 0;
  const lat1 = number('lat_1');
  const lat2 = number('lat_2');
  const latTs = number('lat_ts') ?? 0;
  const scale = number('k_0') ?? number('k') ?? 1;
  const x = parameter(EASTING, 'false_easting', 'length', number('x_0') ?? 0);
  const y = parameter(NORTHING, 'false_northing', 'length', number('y_0') ?? 0);
  const latitude = (wktName: string, value = lat0) => parameter(ORIGIN_LATITUDE, wktName, 'angle', value);
  const longitude = (wktName: string) => parameter(ORIGIN_LONGITUDE, wktName, 'angle', lon0);
  const factor = parameter(ORIGIN_SCALE, 'scale_factor', 'scale', scale);
  const method = (name: string, code: number | null, wktName: string, list: readonly MethodParameter[]) => ({
    name,
    code,
    wktName,
    parameters: list,
  });
  const natural = [latitude('latitude_of_origin'), longitude('central_meridian'), factor, x, y] as const;
  const conic = (center: string, meridian: string, first: number, second: number) => [
    parameter(['Latitude of false origin', 8821], center, 'angle', lat0),
    parameter(['Longitude of false origin', 8822], meridian, 'angle', lon0),
    parameter(FIRST_PARALLEL, 'standard_parallel_1', 'angle', first),
    parameter(SECOND_PARALLEL, 'standard_parallel_2', 'angle', second),
    { ...x, name: 'Easting at false origin', code: 8826 },
    { ...y, name: 'Northing at false origin', code: 8827 },
  ];
  const parallel = parameter(FIRST_PARALLEL, 'standard_parallel_1', 'angle', latTs);

  switch (parameters.get('proj')) {
    case 'utm': {
      const zone = number('zone');
      if (zone === undefined) return null;
      const south = parameters.has('south');
      return method('Transverse Mercator', 9807, 'Transverse_Mercator', [
        latitude('latitude_of_origin', 0),
        { ...longitude('central_meridian'), value: 6 * zone - 183 },
        { ...factor, value: 0.9996 },
        { ...x, value: 500_000 },
        { ...y, value: south ? 10_000_000 : 0 },
      ]);
    }
    case 'tmerc':
    case 'etmerc':
      return method('Transverse Mercator', 9807, 'Transverse_Mercator', natural);
    case 'sterea':
      return method('Oblique Stereographic', 9809, 'Oblique_Stereographic', natural);
    case 'lcc': {
      const first = lat1 ?? lat0;
      if (lat2 === undefined && (lat1 === undefined || lat1 === lat0)) {
        return method('Lambert Conic Conformal (1SP)', 9801, 'Lambert_Conformal_Conic_1SP', natural);
      }
      if (scale !== 1) return null;
      return method(
        'Lambert Conic Conformal (2SP)',
        9802,
        'Lambert_Conformal_Conic_2SP',
        conic('latitude_of_origin', 'central_meridian', first, lat2 ?? first),
      );
    }
    case 'aea':
      return method(
        'Albers Equal Area',
        9822,
        'Albers_Conic_Equal_Area',
        conic('latitude_of_center', 'longitude_of_center', lat1 ?? 0, lat2 ?? lat1 ?? 0),
      );
    case 'laea':
      return method('Lambert Azimuthal Equal Area', 9820, 'Lambert_Azimuthal_Equal_Area', [
        latitude('latitude_of_center'),
        longitude('longitude_of_center'),
        x,
        y,
      ]);
    case 'stere':
      if (Math.abs(lat0) !== 90) return null;
      if (parameters.has('lat_ts') && Math.abs(latTs) !== 90) {
        if (scale !== 1 || Math.sign(latTs) !== Math.sign(lat0)) return null;
        return method('Polar Stereographic (variant B)', 9829, 'Polar_Stereographic', [
          parameter(['Latitude of standard parallel', 8832], 'latitude_of_origin', 'angle', latTs),
          parameter(['Longitude of origin', 8833], 'central_meridian', 'angle', lon0),
          x,
          y,
        ]);
      }
      return method('Polar Stereographic (variant A)', 9810, 'Polar_Stereographic', natural);
    case 'merc':
      if (lat0 !== 0) return null;
      return latTs === 0
        ? method('Mercator (variant A)', 9804, 'Mercator_1SP', natural)
        : scale === 1
          ? method('Mercator (variant B)', 9805, 'Mercator_2SP', [
              parallel,
              longitude('central_meridian'),
              x,
              y,
            ])
          : null;
    case 'cea':
      return method('Lambert Cylindrical Equal Area', 9835, 'Cylindrical_Equal_Area', [
        parallel,
        longitude('central_meridian'),
        x,
        y,
      ]);
    case 'eqc':
      if (lat0 !== 0) return null;
      return method('Equidistant Cylindrical', 1028, 'Equirectangular', [
        parallel,
        longitude('central_meridian'),
        x,
        y,
      ]);
    case 'poly':
      return method('American Polyconic', 9818, 'Polyconic', [
        latitude('latitude_of_origin'),
        longitude('central_meridian'),
        x,
        y,
      ]);
    case 'sinu':
      return method('Sinusoidal', null, 'Sinusoidal', [longitude('longitude_of_center'), x, y]);
    case 'moll':
      return method('Mollweide', null, 'Mollweide', [longitude('central_meridian'), x, y]);
    case 'omerc': {
      const azimuth = number('alpha');
      // Offsets counted from elsewhere than the centre make another variant.
      if (azimuth === undefined || parameters.has('no_uoff') || parameters.has('no_off')) return null;
      return method('Hotine Oblique Mercator (variant B)', 9815, 'Hotine_Oblique_Mercator_Azimuth_Center', [
        parameter(['Latitude of projection centre', 8811], 'latitude_of_center', 'angle', lat0),
        parameter(
          ['Longitude of projection centre', 8812],
          'longitude_of_center',
          'angle',
          number('lonc') ?? 0,
        ),
        parameter(['Azimuth at projection centre', 8813], 'azimuth', 'angle', azimuth),
        parameter(
          ['Angle from Rectified to Skew Grid', 8814],
          'rectified_grid_angle',
          'angle',
          number('gamma') ?? azimuth,
        ),
        parameter(['Scale factor at projection centre', 8815], 'scale_factor', 'scale', scale),
        { ...x, name: 'Easting at projection centre', code: 8816 },
        { ...y, name: 'Northing at projection centre', code: 8817 },
      ]);
    }
    default:
      return null;
  }
}

/** What every map on the web uses: Mercator of a sphere, with latitudes of the ellipsoid (EPSG:3857). */
export const WEB_MERCATOR: ProjectionMethod = {
  name: 'Popular Visualisation Pseudo Mercator',
  code: 1024,
  wktName: 'Mercator_1SP',
  parameters: [
    { name: ORIGIN_LATITUDE[0], code: 8801, wktName: 'latitude_of_origin', kind: 'angle', value: 0 },
    { name: ORIGIN_LONGITUDE[0], code: 8802, wktName: 'central_meridian', kind: 'angle', value: 0 },
    { name: EASTING[0], code: 8806, wktName: 'false_easting', kind: 'length', value: 0 },
    { name: NORTHING[0], code: 8807, wktName: 'false_northing', kind: 'length', value: 0 },
  ],
};
