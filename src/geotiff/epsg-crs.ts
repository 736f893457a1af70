import { TiffTagGeo } from '@cogeotiff/core';
import type { Crs } from '../core/crs.ts';
import { UnsupportedError } from '../core/errors.ts';
import { readCrs } from './read-crs.ts';
import { geoKeyValues } from './read-geokeys.ts';

/**
 * The CRS of an EPSG code, as a GeoTIFF with that code would have it.
 * @throws UnsupportedError for codes without a known definition.
 */
export async function crsFromEpsg(code: number): Promise<Crs> {
  for (const [modelType, key] of [
    [1, TiffTagGeo.ProjectedCRSGeoKey],
    [2, TiffTagGeo.GeodeticCRSGeoKey],
  ] as const) {
    const directory = [1, 1, 0, 2, TiffTagGeo.GTModelTypeGeoKey, 0, 1, modelType, key, 0, 1, code];
    const raw = { directory, doubles: [], ascii: '' };
    const { crs } = await readCrs(`EPSG:${code}`, raw, geoKeyValues(raw));
    if (crs !== null && crs.proj4 !== null) return crs;
  }
  throw new UnsupportedError(
    `EPSG:${code}: no definition of this coordinate system is known. Choose a projected or geographic one, such as EPSG:3857 or a UTM zone.`,
    { feature: `EPSG:${code}`, hint: 'choose another coordinate system' },
  );
}
