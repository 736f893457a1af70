import { isFrustumError } from '../core/errors.ts';
import { createPixelPlacer, isPlaced, measurePixel } from '../core/place-pixels.ts';
import { type GeoTiffInfo, openGeoTiff } from '../geotiff/open-geotiff.ts';
import { openByteSource } from '../io/open-source.ts';
import type { SourceOptions } from '../io/source-options.ts';
import type { PlaceOptions } from './place/place-options.ts';
import type { PlaceRecord } from './place/place-record.ts';
import { type PlacedGeoTiff, placeScene } from './place/place-scene.ts';
import { nodataForJson, sceneWarnings } from './scene-warnings.ts';
import { type BandChoice, selectBands } from './select-bands.ts';
import { planStretch, type Stretch } from './stretch.ts';
import { nameStretch } from './stretch-record.ts';

/** A corner of the scene: its pixel corner and where that is in the scene's CRS (`null` without georeferencing). */
export interface Corner {
  readonly name: 'upper left' | 'upper right' | 'lower right' | 'lower left' | 'centre';
  readonly pixel: readonly [column: number, row: number];
  readonly map: readonly [x: number, y: number] | null;
}

/** What `frustum info` says of a scene; plain data. */
export interface SceneDescription {
  readonly url: string;
  readonly sizeBytes: number;
  readonly width: number;
  readonly height: number;
  readonly bands: number;
  readonly bandNames: readonly (string | null)[];
  readonly sampleType: string;
  readonly bitsPerSample: number;
  readonly format: string;
  readonly layout: string;
  readonly compression: string;
  readonly photometric: string;
  /** `NaN` and infinities by name. */
  readonly nodata: number | string | null;
  /** From 1, or `null`. */
  readonly alphaBand: number | null;
  readonly mask: boolean;
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
 * Reads a scene's header and says what it is and what Frustum would do with it. Reads no pixels.
 * @throws SourceError, FormatError, UnsupportedError
 */
export async function describeScene(url: string, options: DescribeOptions = {}): Promise<SceneDescription> {
  const signal = options.signal && { signal: options.signal };
  const source = await openByteSource(url, { ...options.source, ...signal });
  try {
    const tiff = await openGeoTiff(source, { ...signal });
    const placed = await placeScene(tiff, url, options.place, { ...options.source, ...signal });
    return describe(placed, options);
  } finally {
    await source.close();
  }
}

function describe({ info, place, warnings }: PlacedGeoTiff, options: DescribeOptions): SceneDescription {
  const { crs } = info.grid;
  const corners = cornersOf(info);
  return {
    url: info.url,
    sizeBytes: info.sizeBytes,
    width: info.width,
    height: info.height,
    bands: info.bands,
    bandNames: info.bandNames,
    sampleType: info.sampleType,
    bitsPerSample: info.bitsPerSample,
    format: `${info.bigTiff ? 'BigTIFF' : 'TIFF'}, ${info.littleEndian ? 'little' : 'big'}-endian`,
    layout: `${info.tiled ? 'tiles' : 'strips'} of ${info.blockWidth} x ${info.blockHeight}, interleaved by ${info.interleave}`,
    compression: info.predictor === 1 ? info.compression : `${info.compression}, predictor ${info.predictor}`,
    photometric: info.photometric,
    nodata: nodataForJson(info.nodata),
    alphaBand: info.alphaBand === null ? null : info.alphaBand + 1,
    mask: info.hasMask,
    paletteSize: info.colorTable?.length ?? 0,
    overviews: info.overviews,
    crs: crs && { name: crs.name, kind: crs.kind, epsg: crs.epsg, proj4: crs.proj4 },
    pixelSize: measurePixel(info.grid),
    bounds: boundsOf(corners),
    corners,
    pixelCoordinates: !isPlaced(info.grid),
    place,
    plan: planOf(info, options),
    warnings: [...warnings, ...sceneWarnings(info)],
  };
}

function cornersOf(info: GeoTiffInfo): Corner[] {
  const { width, height } = info;
  const place = createPixelPlacer(info.grid);
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

function planOf(info: GeoTiffInfo, options: DescribeOptions): SceneDescription['plan'] {
  try {
    const bands = selectBands(info, options.bands).labels;
    return { bands, stretch: nameStretch(planStretch(info, options.stretch)) };
  } catch (error) {
    if (isFrustumError(error) && error.tag === 'ConfigError') return { refused: error.message };
    throw error;
  }
}
