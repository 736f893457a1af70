import { isFrustumError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { createPixelPlacer, isPlaced, measurePixel } from '../core/place-pixels.ts';
import type { Window } from '../core/window.ts';
import type { GeoTiffInfo } from '../geotiff/open-geotiff.ts';
import type { SampleArray, SampleType } from '../geotiff/sample-array.ts';
import { BlockCache } from '../io/block-cache.ts';
import type { SourceOptions } from '../io/source-options.ts';
import { joinGrids, type Offset } from './join-grids.ts';
import { listSceneFiles } from './list-scene-files.ts';
import { closeFiles, openFiles } from './open-files.ts';
import { nameOf } from './open-scene.ts';
import type { PlaceOptions } from './place/place-options.ts';
import type { PlaceRecord } from './place/place-record.ts';
import type { PlacedGeoTiff } from './place/place-scene.ts';
import { filesWarnings, nodataForJson, viewingWarnings } from './scene-warnings.ts';
import { type BandChoice, type SelectedBands, selectBandsOf } from './select-bands.ts';
import { planStretch, type Stretch } from './stretch.ts';
import { nameStretch } from './stretch-record.ts';

/** A corner of the scene: its pixel corner and where that is in the scene's CRS (`null` without georeferencing). */
export interface Corner {
  readonly name: 'upper left' | 'upper right' | 'lower right' | 'lower left' | 'centre';
  readonly pixel: readonly [column: number, row: number];
  readonly map: readonly [x: number, y: number] | null;
}

/**
 * What headers say of a scene; plain data, fit for JSON. Of a scene of several files, all that is not of the whole (size,
 * grid, bounds) is of the first file.
 */
export interface SceneDescription {
  readonly url: string;
  /** Of all files. */
  readonly sizeBytes: number;
  /** The files of a scene of several, in the order in which overlaps are resolved, and where they lie in its pixels. */
  readonly files: readonly ({ readonly url: string } & Window)[] | null;
  readonly width: number;
  readonly height: number;
  readonly bands: number;
  readonly bandNames: readonly (string | null)[];
  readonly sampleType: SampleType;
  readonly bitsPerSample: number;
  readonly format: string;
  readonly layout: string;
  readonly tiled: boolean;
  readonly interleave: 'pixel' | 'band';
  readonly blockWidth: number;
  readonly blockHeight: number;
  /** What keeps it from being a cloud-optimised GeoTIFF, a few words each; empty if nothing does. */
  readonly cogFaults: readonly string[];
  readonly compression: string;
  readonly photometric: string;
  /** `NaN` and infinities by name. */
  readonly nodata: number | string | null;
  /** From 1, or `null`. */
  readonly alphaBand: number | null;
  readonly mask: boolean;
  /** What a sample of each band stands for: `sample * scale + offset`; `null` if the file says nothing. Not applied. */
  readonly scaleOffset: readonly { readonly scale: number; readonly offset: number }[] | null;
  readonly paletteSize: number;
  readonly overviews: readonly { readonly width: number; readonly height: number }[];
  readonly crs: {
    readonly name: string;
    readonly kind: 'projected' | 'geographic';
    readonly epsg: number | null;
    readonly proj4: string | null;
  } | null;
  /** Size of a pixel in map units, along its row and its column; at the centre, where pixels differ. */
  readonly pixelSize: readonly [number, number] | null;
  /** Map bounds of all corners, in CRS units. */
  readonly bounds: {
    readonly minX: number;
    readonly minY: number;
    readonly maxX: number;
    readonly maxY: number;
  } | null;
  readonly corners: readonly Corner[];
  readonly pixelCoordinates: boolean;
  readonly place: PlaceRecord;
  /** What a run would do with it, or why it would refuse. */
  readonly plan:
    | { readonly bands: readonly string[]; readonly stretch: string }
    | { readonly refused: string };
  readonly warnings: readonly string[];
  /** What reading the headers has cost. */
  readonly traffic: { readonly requests: number; readonly bytes: number };
}

export interface DescribeOptions {
  readonly bands?: BandChoice;
  readonly stretch?: Stretch;
  /** Where the scene lies, instead of what its files say. */
  readonly place?: PlaceOptions;
  /** How the bytes of remote scenes are read. */
  readonly source?: SourceOptions;
  readonly signal?: AbortSignal;
}

/**
 * Reads the headers of a scene's files and says what it is and what Frustum would do with it. Reads no pixels.
 * @param scene as `openScene` takes it
 * @returns the description, and the grid that it tells of
 * @throws SourceError, FormatError, UnsupportedError; ConfigError if several files do not fit each other
 */
export async function describeScene(
  scene: string | readonly string[],
  options: DescribeOptions = {},
): Promise<{ readonly description: SceneDescription; readonly grid: Grid }> {
  const source = { ...options.source, ...(options.signal && { signal: options.signal }) };
  const urls = await listSceneFiles(scene, source);
  const files = await openFiles(urls, new BlockCache<SampleArray>(0), source, options.place);
  try {
    const { grid, offsets } = joinGrids(files.map((file) => file.info));
    return { description: describe(nameOf(scene, files[0]!.info.url), files, grid, offsets, options), grid };
  } finally {
    await closeFiles(files);
  }
}

function describe(
  url: string,
  files: readonly PlacedGeoTiff[],
  grid: Grid,
  offsets: readonly Offset[],
  options: DescribeOptions,
): SceneDescription {
  const infos = files.map((file) => file.info);
  const [info] = infos as [GeoTiffInfo, ...GeoTiffInfo[]];
  const { crs, width, height } = grid;
  const corners = cornersOf(grid);
  const { bands, plan } = planOf(infos, options);
  const total = (count: (file: PlacedGeoTiff) => number) => files.reduce((sum, file) => sum + count(file), 0);
  return {
    url,
    sizeBytes: total((file) => file.info.sizeBytes),
    files:
      files.length === 1
        ? null
        : infos.map((one, i) => ({ url: one.url, ...offsets[i]!, width: one.width, height: one.height })),
    width,
    height,
    bands: info.bands,
    bandNames: info.bandNames,
    sampleType: info.sampleType,
    bitsPerSample: info.bitsPerSample,
    format: `${info.bigTiff ? 'BigTIFF' : 'TIFF'}, ${info.littleEndian ? 'little' : 'big'}-endian`,
    layout: `${info.tiled ? 'tiles' : 'strips'} of ${info.blockWidth} x ${info.blockHeight}, interleaved by ${info.interleave}`,
    tiled: info.tiled,
    interleave: info.interleave,
    blockWidth: info.blockWidth,
    blockHeight: info.blockHeight,
    cogFaults: info.cogFaults,
    compression: info.predictor === 1 ? info.compression : `${info.compression}, predictor ${info.predictor}`,
    photometric: info.photometric,
    nodata: nodataForJson(info.nodata),
    alphaBand: info.alphaBand === null ? null : info.alphaBand + 1,
    mask: info.hasMask,
    scaleOffset: info.scaleOffset,
    paletteSize: info.colorTable?.length ?? 0,
    overviews: info.overviews,
    crs: crs && { name: crs.name, kind: crs.kind, epsg: crs.epsg, proj4: crs.proj4 },
    pixelSize: measurePixel(grid),
    bounds: boundsOf(corners),
    corners,
    pixelCoordinates: !isPlaced(grid),
    place: files[0]!.place,
    plan,
    warnings: [...filesWarnings(files, grid, bands?.indices ?? []), ...viewingWarnings(infos)],
    traffic: {
      requests: total((file) => file.traffic.requests),
      bytes: total((file) => file.traffic.bytes),
    },
  };
}

function cornersOf(grid: Grid): Corner[] {
  const { width, height } = grid;
  const place = createPixelPlacer(grid);
  const at = (name: Corner['name'], column: number, row: number): Corner => ({
    name,
    pixel: [column, row],
    map: place?.(column, row) ?? null,
  });
  return [
    at('upper left', 0, 0),
    at('upper right', width, 0),
    at('lower right', width, height),
    at('lower left', 0, height),
    at('centre', width / 2, height / 2),
  ];
}

function boundsOf(corners: readonly Corner[]): SceneDescription['bounds'] {
  const points = corners.flatMap((corner) => (corner.map ? [corner.map] : []));
  if (points.length === 0) return null;
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  return { minX: Math.min(...xs), minY: Math.min(...ys), maxX: Math.max(...xs), maxY: Math.max(...ys) };
}

function planOf(
  infos: readonly GeoTiffInfo[],
  options: DescribeOptions,
): { readonly bands: SelectedBands | null; readonly plan: SceneDescription['plan'] } {
  try {
    const bands = selectBandsOf(infos, options.bands);
    const stretch = nameStretch(planStretch(infos[0]!, options.stretch));
    return { bands, plan: { bands: bands.labels, stretch } };
  } catch (error) {
    if (isFrustumError(error) && error.tag === 'ConfigError') {
      return { bands: null, plan: { refused: error.message } };
    }
    throw error;
  }
}
