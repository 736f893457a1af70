import { pixelDeterminant } from '../core/affine.ts';
import type { Crs } from '../core/crs.ts';
import { UnsupportedError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { createPixelPlacer } from '../core/place-pixels.ts';
import { authalicQ } from './authalic.ts';
import { createProjector, isLonLat, isSameCrs } from './reproject.ts';

/** Where a grid's pixel corners lie on the Earth. */
export interface CornerLocator {
  /** Set by {@link locate}: longitude and latitude in degrees, and the latitude's authalic q. */
  longitude: number;
  latitude: number;
  q: number;
  /**
   * Finds one corner, given in parts of a pixel (`scale`). A function of the place alone, so that all rings through it get
   * the same point.
   * @throws UnsupportedError where the CRS is not defined
   */
  locate(column: number, row: number): void;
  /** Longitudes run on beyond 180 (pixels placed in degrees); otherwise they jump there and rings must be unwrapped. */
  readonly continuous: boolean;
  /** The image is mirrored on the map: rings change their direction. */
  readonly mirrored: boolean;
  /**
   * Straight borders get extra points on each corner column and row that is a multiple of this (a power of two), so
   * that edges straight in longitude and latitude follow the grid to a tenth of a pixel; 0 if they do without.
   */
  readonly latticeStep: number;
  /** Units of columns and rows in a pixel. */
  readonly scale: number;
  /** Coordinates are rounded to whole parts of a degree: 10^7, or 10^9 for pixels of a few centimetres. */
  readonly unitsPerDegree: number;
}

// Corners found last, by a hash of their place: most are asked for by two or three rings close to each other.
const CACHE_SIZE = 1 << 17;
const MAX_STEP = 1 << 14;
/** Latitude in degrees from which on, about 11 km from the pole, longitudes change fast. */
const POLAR_CAP = 89.9;
/** Degrees of longitude that a pixel in the polar cap may span if its corners are to tell its direction. */
const WIDEST_PIXEL = 30;

/**
 * @param grid must be georeferenced.
 * @param scale units of the corners' columns and rows in a pixel; more than 1 where borders are simplified.
 * @param target a geographic CRS to give longitude and latitude in; WGS 84 unless told.
 * @throws UnsupportedError if there is no way to longitude and latitude.
 */
export function createCornerLocator(grid: Grid, scale = 1, target: Crs | null = null): CornerLocator {
  const { transform, crs } = grid;
  const place = createPixelPlacer(grid);
  if (place === null || crs === null) throw new RangeError('the grid is not georeferenced');
  const determinant = transform === null ? 1 : pixelDeterminant(transform);
  if (!Number.isFinite(determinant) || determinant === 0) {
    throw new UnsupportedError('The scene has a georeferencing that maps all pixels onto a line.', {
      feature: 'singular affine transform',
      hint: 'correct the transform, e.g. with gdal_edit.py -a_ullr',
    });
  }
  const project = createProjector(crs, target);
  const toLonLat = (column: number, row: number): readonly [number, number] => {
    const map = place(column, row);
    return map === null ? NOWHERE : project(map[0], map[1]);
  };
  const continuous = target === null ? isLonLat(crs) : isSameCrs(crs, target);
  const plan = planFromSamples(grid, toLonLat, continuous, scale === 1 ? LEAST_UNITS : LEAST_UNITS_SLANTED);
  const stride = grid.width * scale + 1;
  const keys = new Float64Array(CACHE_SIZE).fill(-1);
  const values = new Float64Array(CACHE_SIZE * 3);
  return {
    longitude: 0,
    latitude: 0,
    q: 0,
    continuous,
    scale,
    ...plan,
    locate(column, row) {
      const key = row * stride + column;
      const slot = (Math.imul(row, 0x9e3779b1) + column) & (CACHE_SIZE - 1);
      const v = slot * 3;
      if (keys[slot] !== key) {
        const [longitude, latitude] = toLonLat(column / scale, row / scale);
        if (!Number.isFinite(longitude) || !(Math.abs(latitude) <= 90.0000001)) {
          const corner = `column ${column / scale} and row ${row / scale}`;
          throw outsideDomain(grid, crs.name, corner, `${longitude}, ${latitude}`);
        }
        keys[slot] = key;
        values[v] = longitude;
        values[v + 1] = latitude;
        values[v + 2] = authalicQ(latitude);
      }
      this.longitude = values[v]!;
      this.latitude = values[v + 1]!;
      this.q = values[v + 2]!;
    },
  };
}

// Units of rounding that a pixel must span. Points move by up to 0.7 units when rounded: three keep neighbours apart and
// rings simple along the sides of pixels; slanted edges may pass corners a quarter of a pixel away.
const LEAST_UNITS = 3;
const LEAST_UNITS_SLANTED = 50;

type LonLat = (column: number, row: number) => readonly [number, number];

const NOWHERE = [Number.NaN, Number.NaN] as const;

function outsideDomain(grid: Grid, crs: string, corner: string, got: string): UnsupportedError {
  const hint = 'crop the scene, or mark such pixels as nodata';
  if (grid.warp?.kind === 'rpc') {
    return new UnsupportedError(
      `The corner of ${corner} has no place at a height of ${grid.warp.heightM} m: it lies outside of what the scene's rational polynomials (RPC) were made for. Check the height, or ${hint}.`,
      { feature: 'pixels outside the range of the RPC', hint },
    );
  }
  return new UnsupportedError(
    `The corner of ${corner} has no longitude and latitude in CRS "${crs}" (got ${got}). Keep to where the CRS is defined: ${hint}.`,
    { feature: `pixels outside the domain of ${crs}`, hint },
  );
}

/** Looks at 5 x 5 places of the grid to learn its direction, the size of its pixels and how its lines bend. */
function planFromSamples(
  grid: Grid,
  toLonLat: LonLat,
  continuous: boolean,
  leastUnits: number,
): Pick<CornerLocator, 'mirrored' | 'latticeStep' | 'unitsPerDegree'> {
  const { width, height } = grid;
  // A grid that an affine transform places in degrees has no lines that bend, and pixels of one size in degrees.
  const straight = continuous && grid.transform !== null;
  const difference = (from: readonly [number, number], to: readonly [number, number]): [number, number] => {
    const d = to[0] - from[0];
    return [continuous ? d : d - 360 * Math.round(d / 360), to[1] - from[1]];
  };
  /** The largest step at which the line from (c, r) along (dc, dr) bends by at most a tenth of `pixel` degrees. */
  const straightStep = (c: number, r: number, dc: number, dr: number, pixel: number): number => {
    const start = toLonLat(c, r);
    const longest = dc === 0 ? height : width;
    const shrink = Math.cos((start[1] * Math.PI) / 180);
    for (let step = MAX_STEP; step > 1; step /= 2) {
      if (step / 2 >= longest) continue; // no border is that long
      const end = difference(start, toLonLat(c + dc * step, r + dr * step));
      const middle = difference(start, toLonLat(c + (dc * step) / 2, r + (dr * step) / 2));
      const bend = Math.hypot((middle[0] - end[0] / 2) * shrink, middle[1] - end[1] / 2);
      if (bend <= pixel / 10 && Math.abs(end[0]) < 90) return step;
    }
    return 1;
  };
  let mirrored: boolean | null = null;
  let latticeStep = MAX_STEP;
  let smallest = Number.POSITIVE_INFINITY;
  let polarPlaces = 0;
  // Round a pole, longitude and latitude say little of pixels: places there count only where there are no others.
  for (let round = 0; round < 2 && mirrored === null; round++) {
    for (let i = 0; i < 25; i++) {
      // From the centre outwards, which is where a projection is at its best.
      const c = Math.floor(((width - 1) * ((i + 2) % 5)) / 4);
      const r = Math.floor(((height - 1) * (Math.floor(i / 5 + 2) % 5)) / 4);
      const here = toLonLat(c, r);
      const east = difference(here, toLonLat(c + 1, r));
      const south = difference(here, toLonLat(c, r + 1));
      const area = east[0] * south[1] - east[1] * south[0];
      if (!Number.isFinite(area) || area === 0) continue;
      const polar = Math.abs(here[1]) > POLAR_CAP;
      if (polar) polarPlaces++;
      if (polar && (round === 0 || Math.max(Math.abs(east[0]), Math.abs(south[0])) > WIDEST_PIXEL)) continue;
      mirrored ??= area > 0;
      const shrink = straight ? 1 : Math.cos((here[1] * Math.PI) / 180);
      const pixel = Math.min(Math.hypot(east[0] * shrink, east[1]), Math.hypot(south[0] * shrink, south[1]));
      smallest = Math.min(smallest, pixel);
      if (straight) continue;
      if (polar) latticeStep = 1; // other places are nearer to the pole still, and lines bend more there
      const inward = (at: number, size: number) => (at * 2 < size ? 1 : -1);
      latticeStep = Math.min(
        latticeStep,
        straightStep(c, r, inward(c, width), 0, pixel),
        straightStep(c, r, 0, inward(r, height), pixel),
      );
    }
  }
  const unitsPerDegree = smallest * 1e7 >= leastUnits ? 1e7 : 1e9;
  if (mirrored === null && polarPlaces > 0) {
    const hint = 'leave the polygons out (--no-vector)';
    throw new UnsupportedError(
      `The scene lies too near a pole to draw its borders in longitude and latitude: its ${width} x ${height} pixels span too many degrees each. Crop it less tightly, or ${hint}.`,
      { feature: 'polygons at a pole', hint },
    );
  }
  if (mirrored === null || smallest * unitsPerDegree < leastUnits) {
    throw new UnsupportedError(
      `The scene's pixels have no usable size in longitude and latitude (smallest side ${smallest} degrees).`,
      {
        feature: 'degenerate georeferencing',
        hint: 'check the scene with gdalinfo and correct it with gdal_edit.py',
      },
    );
  }
  return { mirrored, latticeStep: straight ? 0 : latticeStep, unitsPerDegree };
}
