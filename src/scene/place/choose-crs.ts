import type { Crs } from '../../core/crs.ts';
import { ConfigError, isFrustumError } from '../../core/errors.ts';
import type { GeoTiff } from '../../geotiff/open-geotiff.ts';
import { parseCrs } from '../../geotiff/parse-crs.ts';
import { lacksDatumShift } from '../../geotiff/read-crs.ts';
import type { FoundPlace } from './find-place.ts';
import type { Beside } from './open-beside.ts';
import type { PlaceOptions } from './place-options.ts';
import type { PlaceRecord } from './place-record.ts';

/**
 * The CRS of the coordinates that {@link FoundPlace} gives: that of the option, of `.aux.xml`, of the TIFF. Rational
 * polynomials give longitude and latitude on WGS 84, whatever else is said.
 * @throws ConfigError where the option is not understood, or has nothing to apply to
 */
export async function chooseCrs(
  tiff: GeoTiff,
  options: PlaceOptions,
  found: FoundPlace,
  aux: Beside['aux'],
  warnings: string[],
): Promise<{ readonly crs: Crs | null; readonly source: PlaceRecord['crsSource'] }> {
  const { url } = tiff.info;
  if (options.crs !== undefined) {
    const crs = await parseCrs(options.crs, '--crs');
    if (found.by?.kind === 'rpc') {
      throw new ConfigError(
        `--crs ${crs.name}: ${found.file ?? url} places the scene by rational polynomials, which give longitude and latitude on WGS 84 whatever the CRS; leave --crs out, or give --transform too`,
        { pointer: '--crs', value: options.crs },
      );
    }
    if (found.by === null) {
      throw new ConfigError(
        `--crs ${crs.name}: ${url} has no georeferencing that it could be the CRS of; give --transform too`,
        { pointer: '--crs', value: options.crs },
      );
    }
    if (lacksDatumShift(crs)) warnings.push(datumWarning('--crs', crs));
    return { crs, source: 'option' };
  }
  if (found.by === null) return { crs: null, source: null };
  if (found.by.kind === 'rpc')
    return { crs: await parseCrs('EPSG:4326', url), source: 'rational polynomials' };
  const text = (found.by.kind === 'gcp' ? aux?.content.controlPointCrs : null) ?? aux?.content.crs ?? null;
  if (text !== null) {
    try {
      const crs = await parseCrs(text, aux!.url);
      if (lacksDatumShift(crs)) warnings.push(datumWarning(aux!.url, crs));
      return { crs, source: 'side file' };
    } catch (error) {
      if (!isFrustumError(error) || error.tag !== 'ConfigError') throw error;
      const other = tiff.georeference.crs === null ? 'there is no other' : 'that of the TIFF is used';
      warnings.push(`the coordinate system in ${error.message} (${other})`);
    }
  }
  const { crs } = tiff.georeference;
  return { crs, source: crs === null ? null : 'TIFF' };
}

function datumWarning(of: string, crs: Crs): string {
  return `${of}: the datum shift of its coordinate system (${crs.name}) is not known; longitude and latitude may be off by some hundred metres`;
}
