import { classSlug, type LandCoverClass, NODATA_CLASS } from '../../core/classes.ts';
import type { Grid } from '../../core/grid.ts';
import { measurePixel } from '../../core/place-pixels.ts';

/** `gsd`: metres a pixel; nothing where the map unit is no length. */
export function groundSize(grid: Grid): { readonly gsd?: number } {
  const metres = metresAPixel(grid);
  return metres === null ? {} : { gsd: metres };
}

function metresAPixel(grid: Grid): number | null {
  const [side] = measurePixel(grid) ?? [];
  const metres = grid.crs?.metresPerUnit ?? null;
  return side === undefined || metres === null ? null : Number((side * metres).toPrecision(6));
}

/** Fields of a land-cover asset: its band, and its classes, with their pixels where those are its own. */
export function classesForStac(
  classes: readonly (LandCoverClass & { readonly pixels: number })[],
  grid: Grid,
  counted = true,
): Record<string, unknown> {
  const total = classes.reduce((sum, { pixels }) => sum + pixels, 0);
  return {
    ...bandFields('land cover', NODATA_CLASS, grid, {}),
    'classification:classes': [
      ...classes.map((entry) => ({
        value: entry.id,
        name: classSlug(entry),
        title: entry.name,
        color_hint: entry.color.slice(1).toUpperCase(),
        ...(counted && {
          count: entry.pixels,
          percentage: total === 0 ? 0 : Number(((entry.pixels / total) * 100).toFixed(4)),
        }),
      })),
      { value: NODATA_CLASS, name: 'no-data', title: 'no data', nodata: true },
    ],
  };
}

/** Fields of the confidence asset: a band in per cent, with statistics of the pixels with data. */
export function confidenceBand(counts: ArrayLike<number>, grid: Grid): Record<string, unknown> {
  const buckets = Array.from({ length: 255 }, (_, i) => counts[i + 1] ?? 0);
  const valid = buckets.reduce((sum, n) => sum + n, 0);
  const raster = {
    unit: '%',
    scale: 100 / 255,
    offset: 0,
    ...(valid > 0 && { histogram: { count: 255, min: 0.5, max: 255.5, buckets } }),
  };
  return bandFields('confidence', 0, grid, raster, statisticsOf(buckets, valid, grid));
}

interface Statistics {
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly stddev: number;
  readonly valid_percent: number;
}

/** Of values as stored, before scale and offset. `buckets[i]` counts the value i + 1. */
function statisticsOf(buckets: readonly number[], valid: number, grid: Grid): Statistics | null {
  if (valid === 0) return null;
  const mean = buckets.reduce((sum, n, i) => sum + n * (i + 1), 0) / valid;
  const variance = buckets.reduce((sum, n, i) => sum + n * (i + 1 - mean) ** 2, 0) / valid;
  const rounded = (value: number) => Number(value.toFixed(4));
  return {
    minimum: buckets.findIndex((n) => n > 0) + 1,
    maximum: buckets.findLastIndex((n) => n > 0) + 1,
    mean: rounded(mean),
    stddev: rounded(Math.sqrt(variance)),
    valid_percent: rounded((valid / (grid.width * grid.height)) * 100),
  };
}

/** A single band in the words of STAC 1.1, and in those of the raster extension, which more readers know. */
function bandFields(
  name: string,
  nodata: number,
  grid: Grid,
  raster: Readonly<Record<string, unknown>>,
  statistics: Statistics | null = null,
): Record<string, unknown> {
  const metres = metresAPixel(grid);
  const common = { nodata, data_type: 'uint8', ...(statistics && { statistics }) };
  const unit = raster.unit === undefined ? {} : { unit: raster.unit };
  return {
    bands: [{ name, ...common, ...unit }],
    'raster:bands': [
      {
        ...common,
        sampling: 'area',
        ...(metres !== null && { spatial_resolution: metres }),
        ...raster,
      },
    ],
  };
}
