import { solveLeastSquares } from './least-squares.ts';

/** A place in the image whose map coordinates are known. */
export interface ControlPoint {
  /** Pixel position; (0, 0) is the outer corner of the first pixel. */
  readonly column: number;
  readonly row: number;
  readonly x: number;
  readonly y: number;
  /** Height, as the file gives it; polynomials do not use it. */
  readonly z: number;
}

export type PolynomialOrder = 1 | 2 | 3;

/** `value = offset + scale * normalised`. */
export interface Normalisation {
  readonly offset: number;
  readonly scale: number;
}

/**
 * Polynomials from pixel to map: with u and v the normalised column and row, `x = sum of xTerms[i] * m[i]`, where m is
 * 1, u, v, u², uv, v², u³, u²v, uv², v³ as far as the order reaches; y likewise; both are then taken out of their own
 * normalisation.
 */
export interface PolynomialWarp {
  readonly kind: 'gcp';
  readonly order: PolynomialOrder;
  /** The points as the file has them. */
  readonly points: readonly ControlPoint[];
  readonly column: Normalisation;
  readonly row: Normalisation;
  readonly x: Normalisation;
  readonly y: Normalisation;
  readonly xTerms: readonly number[];
  readonly yTerms: readonly number[];
}

/** How far the polynomial passes by its control points. */
export interface Residuals {
  readonly rmsMap: number;
  readonly maxMap: number;
  readonly rmsPixels: number;
  readonly maxPixels: number;
  /** Index of the point that lies off most, in pixels. */
  readonly worst: number;
}

/** Terms of a polynomial in two variables, and so the fewest points that fix it. */
export const TERM_COUNT: Readonly<Record<PolynomialOrder, number>> = { 1: 3, 2: 6, 3: 10 };

/** The order for a number of points, as GDAL chooses it: 2 from six points on, never 3 (which swings between points). */
export function orderForCount(count: number): PolynomialOrder {
  return count >= 6 ? 2 : 1;
}

/**
 * Least squares through control points.
 * @param xs map x of each point where it differs from the point's own (unwrapped longitudes)
 * @returns `null` where the points do not fix a polynomial of this order: too few, or on a line (or other curve of it)
 */
export function fitPolynomial(
  points: readonly ControlPoint[],
  order: PolynomialOrder,
  xs: readonly number[] = points.map((point) => point.x),
): PolynomialWarp | null {
  const terms = TERM_COUNT[order];
  if (points.length < terms) return null;
  const ys = points.map((point) => point.y);
  const column = normalisationOf(points.map((point) => point.column));
  const row = normalisationOf(points.map((point) => point.row));
  const x = normalisationOf(xs);
  const y = normalisationOf(ys);
  const design = new Float64Array(points.length * terms);
  const monomials = new Float64Array(10);
  points.forEach((point, i) => {
    fillMonomials(monomials, normalise(column, point.column), normalise(row, point.row));
    design.set(monomials.subarray(0, terms), i * terms);
  });
  const targets = [
    Float64Array.from(xs, (value) => normalise(x, value)),
    Float64Array.from(ys, (value) => normalise(y, value)),
  ];
  const solved = solveLeastSquares(design, points.length, terms, targets);
  if (solved === null) return null;
  const [xTerms, yTerms] = solved as [Float64Array, Float64Array];
  return { kind: 'gcp', order, points, column, row, x, y, xTerms: [...xTerms], yTerms: [...yTerms] };
}

/** Map coordinates of pixel positions. */
export function createPolynomialPlacer(
  warp: PolynomialWarp,
): (column: number, row: number) => [number, number] {
  const monomials = new Float64Array(10);
  const terms = TERM_COUNT[warp.order];
  const { xTerms, yTerms } = warp;
  return (column, row) => {
    fillMonomials(monomials, normalise(warp.column, column), normalise(warp.row, row));
    let x = 0;
    let y = 0;
    for (let i = 0; i < terms; i++) {
      x += xTerms[i]! * monomials[i]!;
      y += yTerms[i]! * monomials[i]!;
    }
    return [warp.x.offset + warp.x.scale * x, warp.y.offset + warp.y.scale * y];
  };
}

/**
 * Distances between where the polynomial puts the control points and where they are said to be, in map units, and in pixels
 * by the polynomial's slope at each point.
 * @param xs as given to {@link fitPolynomial}
 */
export function measureResiduals(
  warp: PolynomialWarp,
  xs: readonly number[] = warp.points.map((point) => point.x),
): Residuals {
  const place = createPolynomialPlacer(warp);
  let sumMap = 0;
  let sumPixels = 0;
  let maxMap = 0;
  let maxPixels = 0;
  let worst = 0;
  warp.points.forEach(({ column, row, y: wantedY }, i) => {
    const [x, y] = place(column, row);
    const [dx, dy] = [xs[i]! - x, wantedY - y];
    const [left, right] = [place(column - 0.5, row), place(column + 0.5, row)];
    const [above, below] = [place(column, row - 0.5), place(column, row + 0.5)];
    const [a, d] = [right[0] - left[0], right[1] - left[1]];
    const [b, e] = [below[0] - above[0], below[1] - above[1]];
    const determinant = a * e - b * d;
    const map = Math.hypot(dx, dy);
    const pixels = Math.hypot((e * dx - b * dy) / determinant, (a * dy - d * dx) / determinant);
    sumMap += map * map;
    sumPixels += pixels * pixels;
    maxMap = Math.max(maxMap, map);
    if (pixels > maxPixels) {
      maxPixels = pixels;
      worst = i;
    }
  });
  const count = warp.points.length;
  return {
    rmsMap: Math.sqrt(sumMap / count),
    maxMap,
    rmsPixels: Math.sqrt(sumPixels / count),
    maxPixels,
    worst,
  };
}

/** The same ground seen on a grid whose pixels are `scaleX` x `scaleY` pixels of the present one. */
export function scalePolynomial(warp: PolynomialWarp, scaleX: number, scaleY: number): PolynomialWarp {
  const scaled = ({ offset, scale }: Normalisation, by: number) => ({
    offset: offset / by,
    scale: scale / by,
  });
  return {
    ...warp,
    points: warp.points.map((point) => ({
      ...point,
      column: point.column / scaleX,
      row: point.row / scaleY,
    })),
    column: scaled(warp.column, scaleX),
    row: scaled(warp.row, scaleY),
  };
}

function fillMonomials(m: Float64Array, u: number, v: number): void {
  m[0] = 1;
  m[1] = u;
  m[2] = v;
  m[3] = u * u;
  m[4] = u * v;
  m[5] = v * v;
  m[6] = u * u * u;
  m[7] = u * u * v;
  m[8] = u * v * v;
  m[9] = v * v * v;
}

function normalise({ offset, scale }: Normalisation, value: number): number {
  return (value - offset) / scale;
}

/** Puts values into -1..1, where powers of them stay comparable. */
function normalisationOf(values: readonly number[]): Normalisation {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { offset: low / 2 + high / 2, scale: high / 2 - low / 2 || 1 };
}
