import type { Crs } from '../../core/crs.ts';
import { ConfigError } from '../../core/errors.ts';
import type { Grid } from '../../core/grid.ts';
import type { GeoTiff } from '../../geotiff/open-geotiff.ts';
import type { OpenSourceOptions } from '../../io/open-source.ts';
import { checkWarp } from './check-warp.ts';
import { chooseCrs } from './choose-crs.ts';
import { type FoundPlace, findPlace } from './find-place.ts';
import { fitControlPoints } from './fit-control-points.ts';
import { openBeside } from './open-beside.ts';
import type { PlaceOptions } from './place-options.ts';
import type { PlaceRecord } from './place-record.ts';

/** A file whose `info.grid` is where options, side files and the file itself put it. */
export interface PlacedGeoTiff extends GeoTiff {
  readonly place: PlaceRecord;
}

/**
 * Finds out where a file's pixels lie. The first of these that is there places them, in GDAL's order: the option
 * `transform`; the GeoTransform of `.aux.xml`; the TIFF's own transform; a world file; control points of `.aux.xml`, of the
 * TIFF; rational polynomials of `.RPB` or `_RPC.TXT`, of the TIFF, of `.aux.xml`. The CRS is that of the option, of
 * `.aux.xml`, of the TIFF; rational polynomials are on WGS 84. Names and nodata that the TIFF lacks come from `.aux.xml`.
 *
 * Side files are looked for beside local files always, beside remote ones only where the TIFF has no georeferencing.
 * @param url as it was opened, query included
 * @returns the file as it was, with `info` and `warnings` that tell of its place; closing it closes `tiff`
 * @throws FormatError naming the file where numbers place no pixel or a side file that is needed is broken; ConfigError where
 *   options do not fit; SourceError
 */
export async function placeScene(
  tiff: GeoTiff,
  url: string,
  options: PlaceOptions = {},
  sourceOptions: OpenSourceOptions = {},
): Promise<PlacedGeoTiff> {
  const warnings: string[] = [];
  const beside = await openBeside(tiff, url, options, sourceOptions, warnings);
  const found = await findPlace(tiff, options, beside, warnings);
  const crs = await chooseCrs(tiff, options, found, beside.aux, warnings);
  const { grid, ...fits } = gridOf(tiff, found, crs.crs, options, warnings);
  const { bandNames = [], nodata = [] } = beside.aux?.content ?? {};
  const { info } = tiff;
  return {
    info: {
      ...info,
      grid,
      bandNames: info.bandNames.map((name, band) => name ?? bandNames[band] ?? null),
      nodata: info.nodata ?? nodata.find((value) => value !== undefined) ?? null,
    },
    place: {
      source: found.source,
      file: found.file === null ? null : nameOf(found.file),
      crsSource: crs.source,
      ...fits,
    },
    georeference: tiff.georeference,
    warnings: [...tiff.warnings, ...warnings],
    get reads() {
      return tiff.reads;
    },
    get traffic() {
      return tiff.traffic;
    },
    readBands: tiff.readBands,
    readMask: tiff.readMask,
    close: tiff.close,
  };
}

/** Without its folder: however a scene's path is spelt, it is the same scene. */
function nameOf(url: string): string {
  return url.slice(Math.max(url.lastIndexOf('/'), url.lastIndexOf('\\')) + 1);
}

function gridOf(
  { info }: GeoTiff,
  { by, file }: FoundPlace,
  crs: Crs | null,
  options: PlaceOptions,
  warnings: string[],
): { readonly grid: Grid } & Pick<PlaceRecord, 'controlPoints' | 'rpc'> {
  const size = { width: info.width, height: info.height };
  const from = file ?? info.url;
  refuseIdle(options, by?.kind ?? null, from);
  if (by === null) return { grid: { ...size, transform: null, crs: null }, controlPoints: null, rpc: null };
  if (by.kind === 'affine') {
    return { grid: { ...size, transform: by.transform, crs }, controlPoints: null, rpc: null };
  }
  if (by.kind === 'gcp') {
    const { warp, record, warnings: said } = fitControlPoints(by.points, crs, options.gcpOrder ?? null, from);
    warnings.push(...said);
    const grid = { ...size, transform: null, crs, warp };
    checkWarp(grid, from, 'its control points');
    return { grid, controlPoints: record, rpc: null };
  }
  const { heightOffset, heightScale } = by.rpc;
  const heightM = options.rpcHeightM ?? heightOffset;
  const place =
    options.rpcHeightM === undefined
      ? `their mean height of ${heightOffset} m (--rpc-height gives another)`
      : `${heightM} m`;
  warnings.push(
    `${from}: placed by rational polynomials (RPC), all ground at ${place}: hills lie off by about their height above that times the tangent of the view angle`,
  );
  if (Math.abs(heightM - heightOffset) > Math.abs(heightScale)) {
    const [low, high] = [heightOffset - Math.abs(heightScale), heightOffset + Math.abs(heightScale)];
    warnings.push(
      `${from}: its rational polynomials were made for heights from ${low} to ${high} m, not ${heightM} m`,
    );
  }
  const grid = { ...size, transform: null, crs, warp: { kind: 'rpc', rpc: by.rpc, heightM } } as const;
  checkWarp(grid, from, 'its rational polynomials');
  return { grid, controlPoints: null, rpc: { heightM, heightOffsetM: heightOffset } };
}

/** Options that would do nothing are a misunderstanding that should not pass unsaid. */
function refuseIdle(options: PlaceOptions, kind: 'affine' | 'gcp' | 'rpc' | null, from: string): void {
  const idle = (pointer: string, needs: string, value: unknown) => {
    throw new ConfigError(`${pointer} ${value}: ${from} is not placed by ${needs}; leave it out`, {
      pointer,
      value,
    });
  };
  if (options.gcpOrder !== undefined && kind !== 'gcp')
    idle('--gcp-order', 'control points', options.gcpOrder);
  if (options.rpcHeightM !== undefined && kind !== 'rpc') {
    idle('--rpc-height', 'rational polynomials', options.rpcHeightM);
  }
}
