import type { CoverageGeometry } from '../../core/coverage.ts';
import { UnsupportedError } from '../../core/errors.ts';
import type { Grid } from '../../core/grid.ts';
import { createPixelPlacer } from '../../core/place-pixels.ts';
import { createProjector } from '../../vectorize/reproject.ts';

/** Units of a tile's side, as nearly all vector tiles have it. */
export const EXTENT = 4096;

/** A closed ring as x, y of its points without the closing one; its inside is on the side of the y axis from the x axis. */
export type UnitRing = number[];

/** Latitude where Web Mercator's square ends. */
export const MERCATOR_LATITUDE = 85.0511287798066;

/** Beyond, points are drawn as far outside of all tiles as matters: the pole itself lies at infinity. */
const FARTHEST_LATITUDE = 89.5;

/** How far, in units, an edge straight in longitude and latitude may pass from where Web Mercator has it. */
const BEND = 0.25;
const MOST_PIECES = 256;

const RADIANS = Math.PI / 180;

/** The part of the world's width from its western end, 0 to 1. */
export const mercatorX = (longitude: number): number => longitude / 360 + 0.5;

/** The part of the world's height from its northern end; 0 to 1 within {@link MERCATOR_LATITUDE}. */
export function mercatorY(latitude: number): number {
  const held = Math.max(-FARTHEST_LATITUDE, Math.min(FARTHEST_LATITUDE, latitude));
  return 0.5 - Math.asinh(Math.tan(held * RADIANS)) / (2 * Math.PI);
}

/**
 * The rings of a geometry in longitude and latitude on a zoom's grid of whole units, 4096 a tile, x to the east and y to
 * the south. Each point goes to the nearest one by its place alone, so that borders stay shared; edges that Web Mercator
 * would bend get points on the way, which depend on their ends alone.
 */
export function quantiseRings({ coordinates, ringEnds }: CoverageGeometry, zoom: number): UnitRing[] {
  const world = EXTENT * 2 ** zoom;
  const rings: UnitRing[] = [];
  let from = 0;
  for (const end of ringEnds) {
    const ring: UnitRing = [];
    const put = (longitude: number, latitude: number) => {
      let x = Math.round(mercatorX(longitude) * world);
      // Only what is on the world's cut may come to lie on it: areas run along it from cut to cut.
      if (x <= 0 && longitude !== -180) x = 1;
      else if (x >= world && longitude !== 180) x = world - 1;
      const y = Math.round(mercatorY(latitude) * world);
      if (ring[ring.length - 2] !== x || ring[ring.length - 1] !== y) ring.push(x, y);
    };
    // Backwards: shells are counter-clockwise with y to the north, and y goes south here.
    put(coordinates[2 * end - 2]!, coordinates[2 * end - 1]!);
    for (let i = end - 1; i > from; i--) {
      const [x1, y1] = [coordinates[2 * i]!, coordinates[2 * i + 1]!];
      const [x2, y2] = [coordinates[2 * i - 2]!, coordinates[2 * i - 1]!];
      putBetween(x1, y1, x2, y2, world, put);
      put(x2, y2);
    }
    while (ring.length > 2 && ring[0] === ring[ring.length - 2] && ring[1] === ring[ring.length - 1]) {
      ring.length -= 2;
    }
    if (ring.length >= 6) rings.push(ring);
    from = end;
  }
  return rings;
}

function putBetween(
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  world: number,
  put: (longitude: number, latitude: number) => void,
): void {
  if (x1 === x2 || y1 === y2) return;
  const steepest = Math.min(Math.max(Math.abs(y1), Math.abs(y2)), MERCATOR_LATITUDE) * RADIANS;
  const span = (y2 - y1) * RADIANS;
  // Half the second derivative of y, over a quarter of the span squared.
  const bend = ((Math.tan(steepest) / Math.cos(steepest)) * span * span * world) / (16 * Math.PI);
  if (bend <= BEND) return;
  const pieces = Math.min(MOST_PIECES, Math.ceil(Math.sqrt(bend / BEND)));
  // From the southern end, whichever way the walk goes: rounding must not depend on it.
  const forward = y1 < y2;
  const [ax, ay, bx, by] = forward ? [x1, y1, x2, y2] : [x2, y2, x1, y1];
  for (let i = 1; i < pieces; i++) {
    const k = (forward ? i : pieces - i) / pieces;
    put(ax + (bx - ax) * k, ay + (by - ay) * k);
  }
}

/** Sizes of a grid's pixels as parts of the world's width in Web Mercator, at 25 places. */
export interface PixelSpan {
  /** The least distance between two sides of a pixel. */
  readonly least: number;
  /** The greatest length of a side. */
  readonly most: number;
  /** Longitude and latitude of the middle place. */
  readonly centre: readonly [longitude: number, latitude: number];
}

/** @throws UnsupportedError without georeferencing, or where all of the grid is beyond Web Mercator. */
export function measurePixels(grid: Grid, path: string): PixelSpan {
  const place = createPixelPlacer(grid);
  if (place === null || grid.crs === null) {
    const hint = 'place it with --place or GCPs, or write .geojson, .fgb, .gpkg or .parquet in pixels';
    throw new UnsupportedError(
      `Cannot write ${path}: vector tiles are maps, and the scene has no georeferencing. Instead, ${hint}.`,
      { feature: 'vector tiles of a scene without georeferencing', hint },
    );
  }
  const project = createProjector(grid.crs);
  const at = (column: number, row: number): readonly [number, number] => {
    const map = place(column, row);
    return map === null ? [Number.NaN, Number.NaN] : project(map[0], map[1]);
  };
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  let centre: readonly [number, number] | null = null;
  for (let i = 0; i < 25; i++) {
    const column = Math.floor(((grid.width - 1) * ((i + 2) % 5)) / 4);
    const row = Math.floor(((grid.height - 1) * (Math.floor(i / 5 + 2) % 5)) / 4);
    const here = at(column, row);
    if (!(Math.abs(here[1]) < MERCATOR_LATITUDE)) continue;
    const side = (dc: number, dr: number) => {
      const [longitude, latitude] = at(column + dc, row + dr);
      const turn = longitude - here[0];
      return [(turn - 360 * Math.round(turn / 360)) / 360, mercatorY(latitude) - mercatorY(here[1])] as const;
    };
    const [right, down] = [side(1, 0), side(0, 1)];
    const [across, along] = [Math.hypot(...right), Math.hypot(...down)];
    const area = Math.abs(right[0] * down[1] - right[1] * down[0]);
    if (!(area > 0)) continue;
    centre ??= here;
    least = Math.min(least, area / Math.max(across, along));
    most = Math.max(most, across, along);
  }
  if (centre === null) {
    const hint = 'write .geojson, .fgb, .gpkg or .parquet';
    throw new UnsupportedError(
      `Cannot write ${path}: the scene lies beyond 85.05 degrees of latitude, where Web Mercator ends. Instead, ${hint}.`,
      { feature: 'vector tiles at a pole', hint },
    );
  }
  const [longitude, latitude] = centre;
  return { least, most, centre: [longitude - 360 * Math.round(longitude / 360), latitude] };
}
