import type { Grid } from '../core/grid.ts';
import { isPlaced } from '../core/place-pixels.ts';
import type { GeoTiff, GeoTiffInfo } from '../geotiff/open-geotiff.ts';
import { localPathOf } from '../io/urls.ts';

/** Warnings of single files that are told one by one. */
const MOST_TOLD = 10;

/** The warnings of a scene of one file or several, seen through the chosen bands (0-based). */
export function filesWarnings(
  files: readonly GeoTiff[],
  grid: Grid,
  bands: readonly number[],
): readonly string[] {
  const each = files.flatMap(({ info, warnings }) => [
    ...warnings,
    ...sceneWarnings(info),
    ...colourAlpha(info, bands),
  ]);
  const told = each.slice(0, files.length === 1 ? undefined : MOST_TOLD);
  const untold = each.length - told.length;
  return [
    ...told,
    ...(untold > 0 ? [`${untold} more warnings of its ${files.length} files are left out`] : []),
    ...together(files, grid),
  ];
}

function colourAlpha({ url, alphaBand }: GeoTiffInfo, bands: readonly number[]): string[] {
  if (alphaBand === null || !bands.includes(alphaBand)) return [];
  return [`${url}: band ${alphaBand + 1} is marked as alpha but was chosen as colour, and is read as data`];
}

/** What is odd about files as one scene. */
function together(files: readonly GeoTiff[], { width, height }: Grid): string[] {
  const warnings: string[] = [];
  const scales = new Set(files.map(({ info }) => JSON.stringify(info.scaleOffset)));
  if (scales.size > 1) {
    warnings.push(
      `the ${files.length} files of the scene state different scales and offsets, which are not applied: their stored samples are stretched alike`,
    );
  }
  const covered = files.reduce((sum, { info }) => sum + info.width * info.height, 0);
  if (covered < (width * height) / 2) {
    const share = Math.round((1 - covered / (width * height)) * 100);
    warnings.push(
      `at least ${share} % of the ${width} x ${height} pixels around the ${files.length} files lie in no file and become nodata`,
    );
  }
  return warnings;
}

/** What a user of a file should know before a run: where it lies, and where reading will be slow. */
export function sceneWarnings(info: GeoTiffInfo): readonly string[] {
  return [...placing(info), ...slowness(info)];
}

function placing(info: GeoTiffInfo): string[] {
  if (!isPlaced(info.grid)) {
    return [
      `${info.url} has no georeferencing: results are in pixel coordinates (--transform and --crs say where it lies)`,
    ];
  }
  if (info.grid.crs === null) {
    return [
      `${info.url} has map coordinates but no coordinate system: results are in pixel coordinates (--crs says which it is)`,
    ];
  }
  return [];
}

/** Above this a compressed block is a burden to every window that touches it. */
const LARGE_BLOCK_PIXELS = 16_000_000;
/** Above this, reading full-width strips for a narrow window wastes most of them. */
const WIDE_STRIP_PIXELS = 16_384;
/** The side of a window, as most networks take it. */
const WINDOW = 512;

function slowness(info: GeoTiffInfo): string[] {
  const { blockWidth, blockHeight } = info;
  const waste = Math.round(blockWidth / WINDOW);
  if (!info.tiled && waste >= 2 && localPathOf(info.url) === null) {
    return [
      `reading ${info.url} will be slow: it is far away and in strips of ${blockWidth} x ${blockHeight} pixels, so that a window of ${WINDOW} pixels fetches about ${waste} times its own bytes; copy it here, or gdal_translate -of COG`,
    ];
  }
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

/** Above this a look at the whole of a file is slow without reduced copies. */
const LARGE_SIDE = 4096;

/** Where looking at the files in a viewer will be slow; runs don't mind. */
export function viewingWarnings(infos: readonly GeoTiffInfo[]): readonly string[] {
  const bare = infos.filter(
    (info) => info.overviews.length === 0 && Math.max(info.width, info.height) > LARGE_SIDE,
  );
  if (bare.length === 0) return [];
  const which = infos.length === 1 ? bare[0]!.url : `${bare.length} of the ${infos.length} files`;
  return [
    `${which}: no overviews, so viewers read every pixel to show all of it; gdaladdo or gdal_translate -of COG helps`,
  ];
}

/** A nodata value as JSON can hold it: NaN and infinities by name. */
export function nodataForJson(nodata: number | null): number | string | null {
  return nodata === null || Number.isFinite(nodata) ? nodata : String(nodata);
}
