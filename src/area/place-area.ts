import type { PixelArea } from '../core/area.ts';
import { ConfigError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { createPixelLocator } from './locate-pixels.ts';
import { boxOf, type LonLatArea, type LonLatBox } from './lon-lat-area.ts';
import { scanArea } from './scan-area.ts';
import { traceEdges } from './trace-edges.ts';

/** What an area is placed in, and how messages call both. */
export interface PlaceAreaOptions {
  readonly grid: Grid;
  /** The scene's name. */
  readonly url: string;
  /** The option that the area came from, with its value, e.g. `--aoi fields.geojson`. */
  readonly source: string;
}

/**
 * Finds the pixels of a scene whose centres lie in an area; what lies beyond the scene is left out.
 * @throws ConfigError if the scene has no georeferencing, or no pixel centre lies in the area; UnsupportedError where the
 *   scene's CRS has no way to its pixels
 */
export function placeArea(area: LonLatArea, { grid, url, source }: PlaceAreaOptions): PixelArea {
  const locator = createPixelLocator(grid, url, source);
  const edges = traceEdges(area, locator, grid.height, url);
  const walkRows = scanArea(edges, grid.width, grid.height);
  const walk = walkRows();
  let pixelCount = 0;
  let [left, right, top, bottom] = [grid.width, 0, grid.height, 0];
  for (let y = 0; y < grid.height; y++) {
    const spans = walk.spansOf(y);
    if (spans.length === 0) continue;
    top = Math.min(top, y);
    bottom = y + 1;
    left = Math.min(left, spans[0]!);
    right = Math.max(right, spans.at(-1)!);
    for (let i = 0; i < spans.length; i += 2) pixelCount += spans[i + 1]! - spans[i]!;
  }
  if (pixelCount === 0) {
    throw new ConfigError(
      `${source}: no pixel of ${url} has its centre in the area: the scene spans ${describeBox(locator.extent)}, the area ${describeBox(boxOf(area))} (longitude, latitude)`,
      { pointer: source.split(' ')[0]!, value: source },
    );
  }
  const bounds = { x: left, y: top, width: right - left, height: bottom - top };
  return { bounds, pixelCount, walkRows };
}

function describeBox([west, south, east, north]: LonLatBox): string {
  const round = (value: number) => Number(value.toFixed(6));
  return `${round(west)} to ${round(east)}, ${round(south)} to ${round(north)}`;
}
