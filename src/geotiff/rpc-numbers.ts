import { FormatError } from '../core/errors.ts';
import type { Rpc } from '../core/rpc.ts';

/** Doubles of an RPC tag: two errors, ten offsets and scales, four times twenty coefficients. */
const COUNT = 92;

/** The numbers of an {@link Rpc} in the order of the RPC tag, without its two errors. */
const SCALARS = [
  'lineOffset',
  'sampleOffset',
  'latitudeOffset',
  'longitudeOffset',
  'heightOffset',
  'lineScale',
  'sampleScale',
  'latitudeScale',
  'longitudeScale',
  'heightScale',
] as const;
const POLYNOMIALS = ['lineNumerator', 'lineDenominator', 'sampleNumerator', 'sampleDenominator'] as const;

/** Rational polynomials of an RPC tag's numbers (GDAL, "RPCs in GeoTIFF"). @throws FormatError as {@link checkRpc} */
export function rpcFromNumbers(numbers: readonly number[], url: string): Rpc {
  const what = 'the RPC tag (50844)';
  if (numbers.length !== COUNT) {
    throw new FormatError(`${url}: ${what} holds ${numbers.length} numbers, expected ${COUNT}; remove it`, {
      url,
      what,
    });
  }
  // Unknown errors are written as -1.
  const error = (value: number | undefined) => (value !== undefined && value >= 0 ? value : null);
  const rpc = {
    errBias: error(numbers[0]),
    errRand: error(numbers[1]),
    ...Object.fromEntries(SCALARS.map((name, i) => [name, numbers[2 + i]!])),
    ...Object.fromEntries(POLYNOMIALS.map((name, i) => [name, numbers.slice(12 + 20 * i, 32 + 20 * i)])),
  } as unknown as Rpc;
  checkRpc(rpc, url, what);
  return rpc;
}

/** The numbers of an RPC tag. */
export function rpcToNumbers(rpc: Rpc): number[] {
  return [
    rpc.errBias ?? -1,
    rpc.errRand ?? -1,
    ...SCALARS.map((name) => rpc[name]),
    ...POLYNOMIALS.flatMap((name) => rpc[name]),
  ];
}

/**
 * @param what the part of the file at `url` that gave the numbers
 * @throws FormatError where numbers are not finite, a scale is 0, a polynomial has not 20 terms or a denominator none
 */
export function checkRpc(rpc: Rpc, url: string, what: string): void {
  const fail = (why: string): never => {
    throw new FormatError(`${url}: ${what}: ${why}; repair or remove it`, { url, what });
  };
  for (const name of SCALARS) {
    const value = rpc[name];
    if (!Number.isFinite(value)) fail(`its ${name} is ${value}, expected a finite number`);
    if (name.endsWith('Scale') && value === 0) fail(`its ${name} is 0`);
  }
  for (const name of POLYNOMIALS) {
    const terms = rpc[name];
    if (terms.length !== 20 || !terms.every(Number.isFinite)) {
      fail(`its ${name} has ${terms.filter(Number.isFinite).length} finite terms, expected 20`);
    }
    if (terms.every((term) => term === 0)) fail(`its ${name} is 0 everywhere`);
  }
}
