import { type Command, InvalidArgumentError } from 'commander';
import type { Affine } from '../core/affine.ts';
import type { PolynomialOrder } from '../core/polynomial-warp.ts';
import type { PlaceOptions } from '../scene/place/place-options.ts';
import { parseNumbers } from './verb.ts';

/** Options of every verb that opens a scene. */
export interface PlaceFlags {
  readonly crs?: string;
  readonly transform?: Affine;
  readonly gcpOrder?: PolynomialOrder;
  readonly rpcHeight?: number;
}

/** Adds the options that say where a scene lies. */
export function addPlaceOptions(command: Command): Command {
  return command
    .option('--crs <crs>', "EPSG code, proj4 string or WKT, instead of the file's own")
    .option(
      '--transform <a,b,c,d,e,f>',
      'x = a*column + b*row + c, y = d*column + e*row + f, from outer pixel corners; instead of all that the files say',
      parseTransform,
    )
    .option(
      '--gcp-order <n>',
      'polynomial through control points: 1, 2 or 3 (default: 2 from six on)',
      parseOrder,
    )
    .option(
      '--rpc-height <metres>',
      'ellipsoidal height at which rational polynomials (RPC) meet the ground (default: their mean)',
      parseHeight,
    );
}

/** The part of a verb's options that says where its scene lies; `{}` or `{ place }`. */
export function placeOf({ crs, transform, gcpOrder, rpcHeight }: PlaceFlags): {
  readonly place?: PlaceOptions;
} {
  const place: PlaceOptions = {
    ...(crs !== undefined && { crs }),
    ...(transform !== undefined && { transform }),
    ...(gcpOrder !== undefined && { gcpOrder }),
    ...(rpcHeight !== undefined && { rpcHeightM: rpcHeight }),
  };
  return Object.keys(place).length === 0 ? {} : { place };
}

function parseTransform(text: string): Affine {
  const numbers = parseNumbers(text);
  const [a, b, c, d, e, f] = numbers as [number, number, number, number, number, number];
  if (numbers.length !== 6) {
    throw new InvalidArgumentError(
      "expected six numbers a,b,c,d,e,f, e.g. 4,0,500000,0,-4,7600000 (GDAL's order is c,a,b,f,d,e)",
    );
  }
  return { a, b, c, d, e, f };
}

function parseOrder(text: string): PolynomialOrder {
  if (text !== '1' && text !== '2' && text !== '3') throw new InvalidArgumentError('expected 1, 2 or 3');
  return Number(text) as PolynomialOrder;
}

function parseHeight(text: string): number {
  const height = text.trim() === '' ? Number.NaN : Number(text);
  if (!(Math.abs(height) <= 100_000)) throw new InvalidArgumentError('expected metres, e.g. 120.5');
  return height;
}
