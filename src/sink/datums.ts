/** A geographic system and its datum, by their names and codes in the EPSG dataset. */
export interface NamedDatum {
  readonly name: string;
  readonly epsg: number;
  readonly datum: { readonly name: string; readonly wktName: string; readonly code: number };
}

type Row = readonly [
  name: string,
  epsg: number,
  datum: string,
  datumCode: number,
  /** Codes, and first and last of runs of codes, of projected systems that are based on it. */
  projected: readonly (number | readonly [number, number])[],
];

/**
 * Datums of systems that scenes come in. A proj4 definition knows an ellipsoid, but not what it is tied to; a reader that
 * looks a system up by its parts should find this one rather than another on the same ellipsoid.
 */
const ROWS: readonly Row[] = [
  [
    'NAD83',
    4269,
    'North American Datum 1983',
    6269,
    [[26901, 26923], [26929, 26998], [2225, 2289], 5070, 3347, 3978, 32198],
  ],
  ['NAD27', 4267, 'North American Datum 1927', 6267, [[26701, 26722]]],
  ['ETRS89', 4258, 'European Terrestrial Reference System 1989', 6258, [[25828, 25838], 3034, 3035, 3067]],
  ['GDA94', 4283, 'Geocentric Datum of Australia 1994', 6283, [[28348, 28358], 3577]],
  ['GDA2020', 7844, 'Geocentric Datum of Australia 2020', 1168, [[7846, 7859]]],
  ['NZGD2000', 4167, 'New Zealand Geodetic Datum 2000', 6167, [2193]],
  ['SIRGAS 2000', 4674, 'Sistema de Referencia Geocentrico para las AmericaS 2000', 6674, [[31965, 31985]]],
  ['JGD2000', 4612, 'Japanese Geodetic Datum 2000', 6612, [[2443, 2461]]],
  ['JGD2011', 6668, 'Japanese Geodetic Datum 2011', 1128, [[6669, 6692]]],
  ['OSGB36', 4277, 'Ordnance Survey of Great Britain 1936', 6277, [27700]],
  ['RGF93 v1', 4171, 'Reseau Geodesique Francais 1993 v1', 6171, [2154]],
  ['Amersfoort', 4289, 'Amersfoort', 6289, [28992]],
  ['DHDN', 4314, 'Deutsches Hauptdreiecksnetz', 6314, [[31466, 31469]]],
];

const DATUMS: readonly (NamedDatum & { readonly projected: Row[4] })[] = ROWS.map(
  ([name, epsg, datum, code, projected]) => ({
    name,
    epsg,
    datum: { name: datum, wktName: datum.replace(/[^A-Za-z0-9]+/g, '_'), code },
    projected,
  }),
);

/** The datum that a projected or geographic system of this code has, or that a proj4 definition names (`NAD83`). */
export function findDatum(epsg: number | null, named: string | undefined): NamedDatum | null {
  const holds = (codes: Row[4][number]) =>
    typeof codes === 'number' ? codes === epsg : epsg !== null && epsg >= codes[0] && epsg <= codes[1];
  return (
    DATUMS.find((d) => d.epsg === epsg || d.projected.some(holds)) ??
    DATUMS.find((d) => epsg === null && d.name === named) ??
    null
  );
}
