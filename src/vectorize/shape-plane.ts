import type { Affine } from '../core/affine.ts';
import type { CoverageGeometry } from '../core/coverage.ts';
import type { Crs } from '../core/crs.ts';
import { UnsupportedError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { createPixelPlacer } from '../core/place-pixels.ts';
import { CoordinateSlab } from './coordinate-slab.ts';
import { createDensifier } from './densify.ts';
import type { Face } from './face.ts';
import { grow } from './grow.ts';
import { createProjector, isSameCrs } from './reproject.ts';

/** How faces become geometries in pixels: x = column, y = -row. */
export function createPixelShaper(scale: number): (face: Face) => CoverageGeometry {
  return createAffineShaper({ a: 1, b: 0, c: 0, d: 0, e: -1, f: 0 }, scale, false);
}

/**
 * How faces become geometries in a projected CRS. In the grid's own CRS, corners are an affine transform's exactly;
 * elsewhere long borders get extra points so that they follow the grid to a tenth of a pixel.
 * @throws UnsupportedError if there is no way from the grid's CRS to this one.
 */
export function createProjectedShaper(
  grid: Grid,
  target: Crs,
  scale: number,
): (face: Face) => CoverageGeometry {
  const { crs } = grid;
  const placePixel = createPixelPlacer(grid);
  if (placePixel === null || crs === null) throw new RangeError('the grid is not georeferenced');
  const project = createProjector(crs, target);
  const find = (column: number, row: number): readonly [number, number] => {
    const map = placePixel(column, row);
    return map === null ? NOWHERE : project(map[0], map[1]);
  };
  const locate = (column: number, row: number): readonly [number, number] => {
    const place = find(column, row);
    if (Number.isFinite(place[0]) && Number.isFinite(place[1])) return place;
    throw new UnsupportedError(
      `The corner of column ${column} and row ${row} has no place in CRS "${target.name}". Choose a CRS that holds the ` +
        'whole scene, or write longitude and latitude.',
      { feature: `pixels outside the domain of ${target.name}`, hint: 'choose another CRS for the polygons' },
    );
  };
  const mirrored = isMirrored(grid, find);
  const { transform } = grid;
  if (transform !== null && isSameCrs(crs, target)) {
    if (Object.values(transform).every(Number.isFinite))
      return createAffineShaper(transform, scale, mirrored);
    return createPlaneShaper({ scale, step: 0, mirrored, locate });
  }
  return createPlaneShaper({ scale, step: straightStep(grid, find), mirrored, locate });
}

type Locate = (column: number, row: number) => readonly [x: number, y: number];

const MAX_STEP = 1 << 14;

const NOWHERE = [Number.NaN, Number.NaN] as const;

/**
 * The longest power of two along which rows and columns bend by at most a tenth of a pixel, at 25 places. Those that have
 * no place, which may be nodata, do not count.
 */
function straightStep({ width, height }: Grid, locate: Locate): number {
  let step = MAX_STEP;
  for (let i = 0; i < 25; i++) {
    const c = Math.floor((width * (i % 5)) / 4);
    const r = Math.floor((height * Math.floor(i / 5)) / 4);
    for (const [dc, dr, longest] of [
      [c * 2 < width ? 1 : -1, 0, width],
      [0, r * 2 < height ? 1 : -1, height],
    ] as const) {
      const start = locate(c, r);
      const next = locate(c + dc, r + dr);
      const pixel = Math.hypot(next[0] - start[0], next[1] - start[1]);
      if (!Number.isFinite(pixel)) continue;
      for (; step > 1; step /= 2) {
        if (step / 2 >= longest) continue;
        const end = locate(c + dc * step, r + dr * step);
        const middle = locate(c + (dc * step) / 2, r + (dr * step) / 2);
        if (
          Math.hypot(middle[0] - (start[0] + end[0]) / 2, middle[1] - (start[1] + end[1]) / 2) <=
          pixel / 10
        )
          break;
      }
    }
  }
  return step;
}

/** Whether the map shows the image mirrored, so that rings must change their direction. */
function isMirrored({ width, height }: Grid, locate: Locate): boolean {
  // From the centre outwards, to the first of 25 places that the map holds.
  for (let i = 0; i < 25; i++) {
    const c = Math.floor(((width - 1) * ((i + 2) % 5)) / 4);
    const r = Math.floor(((height - 1) * (Math.floor(i / 5 + 2) % 5)) / 4);
    const here = locate(c, r);
    const east = locate(c + 1, r);
    const south = locate(c, r + 1);
    const turn = (east[0] - here[0]) * (south[1] - here[1]) - (east[1] - here[1]) * (south[0] - here[0]);
    if (Number.isFinite(turn) && turn !== 0) return turn > 0;
  }
  return false;
}

/** Where the polygons of most features end. */
const ONE: readonly number[] = [1];

/** Corners where an affine transform has them: most features by far, so nothing but the arithmetic is done for a point. */
function createAffineShaper(
  { a, b, c, d, e, f }: Affine,
  scale: number,
  mirrored: boolean,
): (face: Face) => CoverageGeometry {
  const slab = new CoordinateSlab();
  return ({ points, ringCount, ringEnds }) => {
    const coordinates = slab.take(2 * (ringEnds[ringCount - 1]! + ringCount));
    const ends = new Array<number>(ringCount);
    let at = 0;
    for (let r = 0, from = 0; r < ringCount; r++) {
      const to = ringEnds[r]!;
      const start = at;
      for (let i = 2 * from; i < 2 * to; i += 2) {
        // Mirrored: the first point stays the first, the others follow from the last on.
        const k = mirrored && i > 2 * from ? 2 * (from + to) - i : i;
        const column = points[k]! / scale;
        const row = points[k + 1]! / scale;
        coordinates[at] = a * column + b * row + c;
        coordinates[at + 1] = d * column + e * row + f;
        at += 2;
      }
      coordinates[at] = coordinates[start]!;
      coordinates[at + 1] = coordinates[start + 1]!;
      at += 2;
      ends[r] = at / 2;
      from = to;
    }
    return { coordinates, ringEnds: ends, polygonEnds: ringCount === 1 ? ONE : [ringCount] };
  };
}

function createPlaneShaper(options: {
  readonly scale: number;
  readonly step: number;
  readonly mirrored: boolean;
  readonly locate: Locate;
}): (face: Face) => CoverageGeometry {
  const { scale, step, mirrored, locate } = options;
  let buffer = new Float64Array(1024);
  let at = 0;
  const visit = (x: number, y: number) => {
    if (at + 2 > buffer.length) buffer = grow(buffer, at + 2);
    const place = locate(x / scale, y / scale);
    buffer[at++] = place[0];
    buffer[at++] = place[1];
  };
  const visitBetween = createDensifier(step, scale, visit);
  return ({ points, ringCount, ringEnds }) => {
    at = 0;
    const ends: number[] = [];
    for (let r = 0, from = 0; r < ringCount; r++) {
      const to = ringEnds[r]!;
      const n = to - from;
      let [x, y] = [points[2 * from]!, points[2 * from + 1]!];
      const start = at;
      visit(x, y);
      for (let i = 1; i <= n; i++) {
        const k = 2 * (from + ((mirrored ? n - i : i) % n));
        visitBetween(x, y, points[k]!, points[k + 1]!);
        [x, y] = [points[k]!, points[k + 1]!];
        if (i < n) visit(x, y);
      }
      // Closed with the very numbers it began with.
      if (at + 2 > buffer.length) buffer = grow(buffer, at + 2);
      buffer[at++] = buffer[start]!;
      buffer[at++] = buffer[start + 1]!;
      ends.push(at / 2);
      from = to;
    }
    return { coordinates: buffer.slice(0, at), ringEnds: ends, polygonEnds: [ringCount] };
  };
}
