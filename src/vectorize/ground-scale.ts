import { pixelDeterminant } from '../core/affine.ts';
import { UnsupportedError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { createPixelPlacer } from '../core/place-pixels.ts';
import { authalicQ, M2_PER_Q_DEGREE } from './authalic.ts';
import { geodesicLength } from './geodesic.ts';
import { createProjector, isLonLat } from './reproject.ts';

/** How large a grid's pixels are on the ground, row by row. */
export interface GroundScale {
  /** Metres of a pixel's side along its row and along its column, at each corner row (height + 1). */
  readonly acrossM: Float64Array;
  readonly downM: Float64Array;
  /** Square metres of a pixel of each row. */
  readonly pixelM2: Float64Array;
  /** Whether all rows are alike. */
  readonly uniform: boolean;
}

/** Plane and ellipsoid may differ by so much before rows are measured one by one. */
const PLANE_ERROR = 0.01;

/**
 * Measures pixels: those of a raster in degrees exactly on the WGS 84 ellipsoid, row by row. Those of a projected raster
 * on its plane if that is true to 1 % of area at 25 places; otherwise (Web Mercator, say) row by row on the ellipsoid, at
 * the middle column. Without georeferencing a pixel counts as 1 m, and lengths in metres are lengths in pixels.
 * @throws UnsupportedError if the CRS has no known way to longitude and latitude, or none for the middle column.
 */
export function measureGround(grid: Grid): GroundScale {
  const { width, height, transform, crs } = grid;
  const constant = (across: number, down: number, area: number): GroundScale => ({
    acrossM: new Float64Array(height + 1).fill(across),
    downM: new Float64Array(height + 1).fill(down),
    pixelM2: new Float64Array(height).fill(area),
    uniform: true,
  });
  const place = createPixelPlacer(grid);
  if (place === null || crs === null) return constant(1, 1, 1);
  const project = createProjector(crs);
  const toLonLat = (column: number, row: number): readonly [number, number] => {
    const map = place(column, row);
    return map === null ? [Number.NaN, Number.NaN] : project(map[0], map[1]);
  };
  const side = (c: number, r: number, dc: number, dr: number) => {
    const [lon1, lat1] = toLonLat(c, r);
    const [lon2, lat2] = toLonLat(c + dc, r + dr);
    return geodesicLength(lon1, lat1, lon2, lat2);
  };
  if (transform !== null && crs.metresPerUnit !== null && !isLonLat(crs)) {
    const unit = crs.metresPerUnit;
    const across = Math.hypot(transform.a, transform.d) * unit;
    const down = Math.hypot(transform.b, transform.e) * unit;
    const area = Math.abs(pixelDeterminant(transform)) * unit * unit;
    let worst = 0;
    for (let i = 0; i < 25; i++) {
      const c = Math.floor(((width - 1) * (i % 5)) / 4);
      const r = Math.floor(((height - 1) * Math.floor(i / 5)) / 4);
      const ground = side(c, r, 1, 0) * side(c, r, 0, 1) * (area / (across * down));
      // Outside the domain of the CRS nothing can be said.
      if (Number.isFinite(ground)) worst = Math.max(worst, Math.abs(ground / area - 1));
    }
    if (worst <= PLANE_ERROR) return constant(across, down, area);
  }
  const middle = Math.floor(width / 2);
  const acrossM = Float64Array.from({ length: height + 1 }, (_, r) => side(middle, r, 1, 0));
  const downM = Float64Array.from({ length: height + 1 }, (_, r) =>
    side(middle, Math.min(r, height - 1), 0, 1),
  );
  const northUp = transform !== null && isLonLat(crs) && transform.b === 0 && transform.d === 0;
  const pixelM2 = Float64Array.from({ length: height }, (_, r) => {
    if (!northUp) {
      const right = side(middle + 1, r, 0, 1);
      const diagonal = side(middle + 1, r, -1, 1);
      return triangleArea(acrossM[r]!, downM[r]!, diagonal) + triangleArea(acrossM[r + 1]!, right, diagonal);
    }
    const [, north] = toLonLat(0, r);
    const [, south] = toLonLat(0, r + 1);
    return Math.abs((authalicQ(north) - authalicQ(south)) * transform.a) * M2_PER_Q_DEGREE;
  });
  for (const values of [acrossM, downM, pixelM2]) fillGaps(values, crs.name);
  return { acrossM, downM, pixelM2, uniform: false };
}

/** By Heron's formula, the sides in the order in which it loses least (Kahan); 0 for a degenerate triangle. */
function triangleArea(p: number, q: number, r: number): number {
  const [a, b, c] = [p, q, r].sort((x, y) => y - x) as [number, number, number];
  const product = (a + (b + c)) * (c - (a - b)) * (c + (a - b)) * (a + (b - c));
  return Math.sqrt(product < 0 ? 0 : product) / 4;
}

/** Rows that have no place, such as those beside a globe's disk, are as large as the nearest row that has one. */
function fillGaps(values: Float64Array, crs: string): void {
  const first = values.findIndex(Number.isFinite);
  if (first === -1) {
    const hint = 'give sizes in pixels (--mmu 25px), without --simplify';
    throw new UnsupportedError(
      `The scene's middle column has no place on the ground in CRS "${crs}", so that its pixels have no size in metres. Instead, ${hint}.`,
      { feature: 'sizes on the ground outside the domain of the georeferencing', hint },
    );
  }
  values.fill(values[first]!, 0, first);
  for (let r = first + 1; r < values.length; r++)
    if (!Number.isFinite(values[r]!)) values[r] = values[r - 1]!;
}
