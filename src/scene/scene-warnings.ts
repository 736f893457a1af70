import type { GeoTiffInfo } from '../geotiff/open-geotiff.ts';

/** What a user of a file should know before a run: where it lies, and where reading will be slow. */
export function sceneWarnings(info: GeoTiffInfo): readonly string[] {
  return [...placing(info), ...slowness(info)];
}

function placing(info: GeoTiffInfo): string[] {
  if (info.grid.transform === null) {
    return [`${info.url} has no georeferencing: results are in pixel coordinates`];
  }
  if (info.grid.crs === null) {
    return [`${info.url} has a transform but no coordinate system: results cannot be put on the map`];
  }
  return [];
}

/** Above this a compressed block is a burden to every window that touches it. */
const LARGE_BLOCK_PIXELS = 16_000_000;
/** Above this, reading full-width strips for a narrow window wastes most of them. */
const WIDE_STRIP_PIXELS = 16_384;

function slowness(info: GeoTiffInfo): string[] {
  const { blockWidth, blockHeight } = info;
  if (info.compression !== 'none' && blockWidth * blockHeight > LARGE_BLOCK_PIXELS) {
    return [
      `reading ${info.url} will be slow: each ${info.tiled ? 'tile' : 'strip'} of ${blockWidth} x ${blockHeight} pixels is unpacked whole; gdal_translate -of COG helps`,
    ];
  }
  if (!info.tiled && info.width > WIDE_STRIP_PIXELS) {
    return [
      `reading ${info.url} may be slow: it is in full-width strips, not tiles; gdal_translate -of COG helps`,
    ];
  }
  return [];
}

/** A nodata value as JSON can hold it: NaN and infinities by name. */
export function nodataForJson(nodata: number | null): number | string | null {
  return nodata === null || Number.isFinite(nodata) ? nodata : String(nodata);
}
