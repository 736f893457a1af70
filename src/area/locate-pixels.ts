import { ConfigError, UnsupportedError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { createPixelPlacer } from '../core/place-pixels.ts';
import { createProjector, createUnprojector, isLonLat } from '../vectorize/reproject.ts';
import { createPixelFinder } from './find-pixel.ts';
import type { LonLatBox } from './lon-lat-area.ts';

/** Where places on the Earth lie in a scene. */
export interface PixelLocator {
  /**
   * Column and row (fractions, counted from outer corners) of a longitude and latitude in degrees; not finite where the
   * CRS is not defined. Longitudes within {@link box} may go beyond 180.
   */
  toPixel(lon: number, lat: number): readonly [column: number, row: number];
  /** The scene's own extent in degrees. Longitudes run on beyond 180 where the scene does. */
  readonly extent: LonLatBox;
  /** The extent with some room about it: nothing beyond can be in the scene. */
  readonly box: LonLatBox;
}

/** Places looked at along each side of the scene, and across it. */
const SAMPLES = 64;
/** Room about the sampled places, in widths of their box, so that what bends between them is inside. */
const MARGIN = 0.005;
/** The antimeridian may be on either side of a map, so it is left on the side that it is said to be on, up to rounding. */
const HALF_TURN = 180 + 1e-9;
/** Pixels by which the way to the ground and back may miss. */
const MOST_MISS = 0.01;

/**
 * @param url the scene's name, for messages
 * @param source the option that the area came from, with its value
 * @throws ConfigError if the scene has no place on the Earth; UnsupportedError if its CRS has no way there and back
 */
export function createPixelLocator(grid: Grid, url: string, source: string): PixelLocator {
  const { crs, width, height } = grid;
  const place = createPixelPlacer(grid);
  const findPixel = createPixelFinder(grid);
  if (place === null || findPixel === null || crs === null) {
    const lack = place === null ? 'georeferencing' : crs === null ? 'coordinate system' : 'usable transform';
    throw new ConfigError(
      `${source}: ${url} has no ${lack}, so an area in degrees has no place in it: give the area in pixels, with --bbox-px X0,Y0,X1,Y1`,
      { pointer: source.split(' ')[0]!, value: url },
    );
  }
  const project = createProjector(crs);
  const unproject = createUnprojector(crs);
  const continuous = isLonLat(crs);
  const toLonLat = (column: number, row: number): readonly [number, number] => {
    const map = place(column, row);
    return map === null ? [Number.NaN, Number.NaN] : project(map[0], map[1]);
  };
  const toPixel = (lon: number, lat: number) => {
    const inRange = continuous || Math.abs(lon) <= HALF_TURN ? lon : lon - 360 * Math.round(lon / 360);
    return findPixel(...unproject(inRange, lat));
  };

  const [middle] = toLonLat(width / 2, height / 2);
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  // Longitudes are followed along rows from the middle column outwards, so that they run on beyond 180.
  for (let j = 0; j <= SAMPLES; j++) {
    for (const side of [-1, 1]) {
      let last = Number.isFinite(middle) ? middle : 0;
      for (let i = 0; i <= SAMPLES / 2; i++) {
        const column = width / 2 + (side * i * width) / SAMPLES;
        const row = (j * height) / SAMPLES;
        const [found, lat] = toLonLat(column, row);
        if (!Number.isFinite(found) || !Number.isFinite(lat)) continue;
        const lon = continuous ? found : found - 360 * Math.round((found - last) / 360);
        const [c, r] = toPixel(lon, lat);
        if (!(Math.hypot(c - column, r - row) <= MOST_MISS)) {
          throw new UnsupportedError(
            `${url}: column ${column}, row ${row} lies at ${lon}, ${lat}, but from there CRS "${crs.name}" leads back to column ${c}, row ${r}: areas in degrees have no sure place in this scene; give the area in pixels, with --bbox-px X0,Y0,X1,Y1`,
            { feature: `areas in CRS ${crs.name}`, hint: 'use --bbox-px' },
          );
        }
        west = Math.min(west, lon);
        east = Math.max(east, lon);
        south = Math.min(south, lat);
        north = Math.max(north, lat);
        last = lon;
      }
    }
  }
  if (!(west <= east)) {
    throw new UnsupportedError(
      `${url}: no place of the scene has a longitude and latitude in CRS "${crs.name}"; give the area in pixels, with --bbox-px X0,Y0,X1,Y1`,
      { feature: `CRS ${crs.name}`, hint: 'use --bbox-px' },
    );
  }
  const seesPole = (lat: number) => {
    const [c, r] = toPixel(0, lat);
    return c >= 0 && r >= 0 && c <= width && r <= height;
  };
  const extent: LonLatBox = [west, south, east, north];
  if (continuous) return { toPixel, extent, box: widen(extent) };
  // Round a pole all longitudes meet: none is left out, none is taken twice, and both sides of the antimeridian are one.
  const roundPole = (lon: number, lat: number) => toPixel(lon === -180 ? 180 : lon, lat);
  if (seesPole(90)) {
    const box = (low: number): LonLatBox => [-180, low, 180, 90];
    return { toPixel: roundPole, extent: box(south), box: box(Math.max(south - 1, -90)) };
  }
  if (seesPole(-90)) {
    const box = (high: number): LonLatBox => [-180, -90, 180, high];
    return { toPixel: roundPole, extent: box(north), box: box(Math.min(north + 1, 90)) };
  }
  return { toPixel, extent, box: widen(extent) };
}

/** Gives the box of sampled places room for what bends between them; at most once round the Earth. */
function widen([west, south, east, north]: LonLatBox): LonLatBox {
  const lon = (east - west) * MARGIN;
  const lat = (north - south) * MARGIN;
  const round = Math.max(0, (east - west + 2 * lon - 360) / 2);
  return [west - lon + round, Math.max(south - lat, -90), east + lon - round, Math.min(north + lat, 90)];
}
