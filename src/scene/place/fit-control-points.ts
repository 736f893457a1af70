import type { Crs } from '../../core/crs.ts';
import { FormatError } from '../../core/errors.ts';
import {
  type ControlPoint,
  fitPolynomial,
  measureResiduals,
  orderForCount,
  type PolynomialOrder,
  type PolynomialWarp,
} from '../../core/polynomial-warp.ts';
import type { PlaceRecord } from './place-record.ts';

/** A polynomial, how well it meets its points, and what a user should know. */
export interface FittedPoints {
  readonly warp: PolynomialWarp;
  readonly record: NonNullable<PlaceRecord['controlPoints']>;
  readonly warnings: readonly string[];
}

/** Largest distance of a point from the polynomial, in pixels, that goes unsaid. */
const QUIET_PIXELS = 1;

/**
 * The polynomial through a scene's control points. Longitudes that jump by a whole turn are unwrapped first.
 * @param order `null` for the order that their number allows, or a lower one where their positions do not
 * @throws FormatError where the points fix no polynomial of the order asked for, or none at all
 */
export function fitControlPoints(
  points: readonly ControlPoint[],
  crs: Crs | null,
  order: PolynomialOrder | null,
  url: string,
): FittedPoints {
  const xs = unwrapLongitudes(points, crs);
  const warnings: string[] = [];
  const wanted = order ?? orderForCount(points.length);
  let warp = fitPolynomial(points, wanted, xs);
  if (warp === null && order === null && wanted > 1) {
    warp = fitPolynomial(points, 1, xs);
    if (warp !== null) {
      warnings.push(
        `${url}: its ${points.length} control points lie so that they fix no polynomial of order ${wanted}; order 1 is used`,
      );
    }
  }
  if (warp === null) {
    const why = 'they are too few, or lie on one line';
    throw new FormatError(
      `${url}: its ${points.length} control points fix no polynomial of order ${wanted}: ${why}; give --transform, or a lower --gcp-order`,
      { url, what: 'control points' },
    );
  }
  const { worst, ...residuals } = measureResiduals(warp, xs);
  const record = { count: points.length, order: warp.order, ...residuals, worst: worst + 1 };
  if (record.maxPixels > QUIET_PIXELS) {
    const at = points[worst]!;
    warnings.push(
      `${url}: the polynomial of order ${warp.order} passes its ${points.length} control points by ${format(record.rmsPixels)} pixels (root mean square), point ${record.worst} at column ${format(at.column)}, row ${format(at.row)} by ${format(record.maxPixels)}: results lie off by as much`,
    );
  }
  return { warp, record, warnings };
}

/** Longitudes on both sides of the antimeridian, all counted eastwards from the western side. */
function unwrapLongitudes(points: readonly ControlPoint[], crs: Crs | null): readonly number[] {
  const xs = points.map((point) => point.x);
  if (crs?.kind !== 'geographic') return xs;
  const spread = (values: readonly number[]) =>
    values.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY) -
    values.reduce((least, x) => Math.min(least, x), Number.POSITIVE_INFINITY);
  const eastwards = xs.map((x) => (x < 0 ? x + 360 : x));
  return spread(xs) > 180 && spread(eastwards) < 180 ? eastwards : xs;
}

function format(value: number): string {
  return String(Number(value.toPrecision(3)));
}
