import { boxArea, type LonLatBox } from '../area/lon-lat-area.ts';
import { placeArea } from '../area/place-area.ts';
import { readArea } from '../area/read-area.ts';
import { type PixelArea, windowArea } from '../core/area.ts';
import { ConfigError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { intersectWindows, type Window } from '../core/window.ts';
import type { OpenSourceOptions } from '../io/open-source.ts';
import { withoutSecrets } from '../io/urls.ts';

/** Which part of a scene is asked for: at most one of these. */
export interface AreaChoice {
  /** GeoJSON (RFC 7946) of polygons: a path or a URL. */
  readonly aoi?: string;
  /** A box in degrees on WGS 84; west above east crosses the antimeridian. */
  readonly bbox?: LonLatBox;
  /** Columns x0 to x1 and rows y0 to y1 of the scene, from 0, ends exclusive; needs no georeferencing. */
  readonly bboxPx?: readonly [x0: number, y0: number, x1: number, y1: number];
}

/** The area of a run, as `run.json` has it. */
export type AreaRecord = (
  | { readonly kind: 'aoi'; readonly url: string; readonly sha256: string }
  | { readonly kind: 'bbox'; readonly bbox: LonLatBox }
  | { readonly kind: 'bboxPx'; readonly bboxPx: readonly [number, number, number, number] }
) & {
  /** The part of the scene that the outputs cover, in its pixels: the smallest that holds the area. */
  readonly window: Window;
  /** Pixels of the scene in the area. A pixel is in it if its centre is. */
  readonly pixels: number;
};

/** The pixels that a run is asked for. */
export interface PlannedArea {
  readonly area: PixelArea;
  /** `null` for the whole scene. */
  readonly record: AreaRecord | null;
}

/**
 * Finds the pixels that a run is asked for.
 * @param url the scene's name, for messages
 * @throws ConfigError where the choice is wrong or misses the scene; what `readArea` and `placeArea` throw
 */
export async function planArea(
  choice: AreaChoice,
  grid: Grid,
  url: string,
  sourceOptions: OpenSourceOptions = {},
): Promise<PlannedArea> {
  const { aoi, bbox, bboxPx } = choice;
  const given = Object.entries({ '--aoi': aoi, '--bbox': bbox, '--bbox-px': bboxPx }).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length > 1) {
    const names = given.map(([name]) => name).join(' and ');
    throw new ConfigError(`${names} are given: a run has one area, so choose one of them`, {
      pointer: given[1]![0],
      value: given[1]![1],
    });
  }
  if (aoi !== undefined) {
    const { area, sha256 } = await readArea(aoi, sourceOptions);
    const named = withoutSecrets(aoi);
    const placed = placeArea(area, { grid, url, source: `--aoi ${named}` });
    return recorded(placed, { kind: 'aoi', url: named, sha256 });
  }
  if (bbox !== undefined) {
    checkBox(bbox);
    const placed = placeArea(boxArea(bbox), { grid, url, source: `--bbox ${bbox.join(',')}` });
    return recorded(placed, { kind: 'bbox', bbox });
  }
  if (bboxPx !== undefined)
    return recorded(windowArea(pixelBox(bboxPx, grid, url)), { kind: 'bboxPx', bboxPx });
  return { area: windowArea({ x: 0, y: 0, width: grid.width, height: grid.height }), record: null };
}

/** What decides an area's pixels beside the scene, for a run's identity: where a file lies does not. */
export function identityOfArea(record: AreaRecord | null): unknown {
  if (record === null) return null;
  if (record.kind === 'aoi') return record.sha256;
  return record.kind === 'bbox' ? { bbox: record.bbox } : { bboxPx: record.bboxPx };
}

type AreaSource = AreaRecord extends infer R
  ? R extends unknown
    ? Omit<R, 'window' | 'pixels'>
    : never
  : never;

function recorded(area: PixelArea, source: AreaSource): PlannedArea {
  return { area, record: { ...source, window: area.bounds, pixels: area.pixelCount } as AreaRecord };
}

function checkBox(bbox: LonLatBox): void {
  const [west, south, east, north] = bbox;
  const ok =
    bbox.length === 4 &&
    bbox.every(Number.isFinite) &&
    Math.max(Math.abs(west), Math.abs(east)) <= 360 &&
    Math.max(Math.abs(south), Math.abs(north)) <= 90 &&
    south < north &&
    west !== east;
  if (ok) return;
  throw new ConfigError(
    `--bbox ${bbox.join(',')}: expected west, south, east, north in degrees (longitude and latitude on WGS 84), south below north, e.g. --bbox 116.2,39.8,116.5,40.0`,
    { pointer: '--bbox', value: bbox },
  );
}

function pixelBox(bboxPx: readonly number[], grid: Grid, url: string): Window {
  const [x0, y0, x1, y1] = bboxPx as [number, number, number, number];
  const refuse = (why: string) =>
    new ConfigError(`--bbox-px ${bboxPx.join(',')}: ${why}`, { pointer: '--bbox-px', value: bboxPx });
  if (bboxPx.length !== 4 || !bboxPx.every(Number.isSafeInteger) || x0 >= x1 || y0 >= y1) {
    throw refuse(
      'expected x0, y0, x1, y1 in whole pixels, x0 below x1 and y0 below y1, e.g. --bbox-px 0,0,2048,1024',
    );
  }
  const { width, height } = grid;
  const inside = intersectWindows(
    { x: x0, y: y0, width: x1 - x0, height: y1 - y0 },
    { x: 0, y: 0, width, height },
  );
  if (inside !== null) return inside;
  throw refuse(`no pixel of ${url} lies there: its columns are 0 to ${width}, its rows 0 to ${height}`);
}
