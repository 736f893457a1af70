import { FormatError, UnsupportedError } from '../../core/errors.ts';
import type { Rpc } from '../../core/rpc.ts';
import { checkRpc } from '../../geotiff/rpc-numbers.ts';
import type { SideFile } from './side-files.ts';

const SCALARS = {
  lineOffset: ['lineOffset', 'LINE_OFF'],
  sampleOffset: ['sampOffset', 'SAMP_OFF'],
  latitudeOffset: ['latOffset', 'LAT_OFF'],
  longitudeOffset: ['longOffset', 'LONG_OFF'],
  heightOffset: ['heightOffset', 'HEIGHT_OFF'],
  lineScale: ['lineScale', 'LINE_SCALE'],
  sampleScale: ['sampScale', 'SAMP_SCALE'],
  latitudeScale: ['latScale', 'LAT_SCALE'],
  longitudeScale: ['longScale', 'LONG_SCALE'],
  heightScale: ['heightScale', 'HEIGHT_SCALE'],
} as const;

const POLYNOMIALS = {
  lineNumerator: ['lineNumCoef', 'LINE_NUM_COEFF'],
  lineDenominator: ['lineDenCoef', 'LINE_DEN_COEFF'],
  sampleNumerator: ['sampNumCoef', 'SAMP_NUM_COEFF'],
  sampleDenominator: ['sampDenCoef', 'SAMP_DEN_COEFF'],
} as const;

/**
 * Rational polynomials of a side file: `.RPB` (DigitalGlobe, and the Gaofen series after it: `lineOffset = ...;`,
 * coefficients in brackets) or `_RPC.TXT` (`LINE_OFF: ... pixels`, a coefficient a line).
 * @throws FormatError where a value is missing or no number; UnsupportedError for terms in another order than RPC00B's
 */
export function parseRpcFile({ url, text }: SideFile): Rpc {
  if (/\bSpecId\s*=\s*"?RPC00A/i.test(text)) {
    throw new UnsupportedError(
      `${url}: its coefficients are in the order of RPC00A, Frustum reads RPC00B; convert it, or warp the scene first (gdalwarp -rpc)`,
      { feature: 'RPC00A coefficients', hint: 'warp the scene first, e.g. with gdalwarp -rpc' },
    );
  }
  const scalar = ([rpb, txt]: readonly [string, string]): string | null =>
    new RegExp(`\\b(?:${rpb}\\s*=|${txt}\\s*[:=])\\s*(${NUMBER})`, 'i').exec(text)?.[1] ?? null;
  const terms = ([rpb, txt]: readonly [string, string]): string[] => {
    const list = new RegExp(`\\b${rpb}\\s*=\\s*\\(([^)]*)\\)`, 'i').exec(text)?.[1];
    if (list !== undefined) return list.split(/[\s,]+/).filter((word) => word !== '');
    return Array.from({ length: 20 }, (_, i) => scalar([`${txt}_${i + 1}`, `${txt}_${i + 1}`]) ?? '').filter(
      (word) => word !== '',
    );
  };
  return assembleRpc(
    url,
    'rational polynomials',
    (name) => scalar(SCALARS[name]),
    (name) => terms(POLYNOMIALS[name]),
    [scalar(['errBias', 'ERR_BIAS']), scalar(['errRand', 'ERR_RAND'])],
  );
}

/** Rational polynomials of GDAL's metadata domain RPC. @throws FormatError where a value is missing or no number */
export function rpcFromItems(items: ReadonlyMap<string, string>, url: string): Rpc {
  return assembleRpc(
    url,
    'its metadata domain RPC',
    (name) => items.get(SCALARS[name][1]) ?? null,
    (name) => (items.get(POLYNOMIALS[name][1]) ?? '').split(/\s+/).filter((word) => word !== ''),
    [items.get('ERR_BIAS') ?? null, items.get('ERR_RAND') ?? null],
  );
}

const NUMBER = '[+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[ed][+-]?\\d+)?';

function assembleRpc(
  url: string,
  what: string,
  scalar: (name: keyof typeof SCALARS) => string | null,
  terms: (name: keyof typeof POLYNOMIALS) => readonly string[],
  [errBias, errRand]: readonly [string | null, string | null],
): Rpc {
  const named: Record<string, number | readonly number[] | null> = {
    errBias: errorOf(errBias),
    errRand: errorOf(errRand),
  };
  for (const name of Object.keys(SCALARS) as (keyof typeof SCALARS)[]) {
    const word = scalar(name);
    if (word === null) {
      throw new FormatError(
        `${url}: ${what} lack ${SCALARS[name].join(' or ')}; the file is cut short or of another kind: repair it, remove it, or give --transform`,
        { url, what: SCALARS[name][1] },
      );
    }
    named[name] = toNumber(word);
  }
  for (const name of Object.keys(POLYNOMIALS) as (keyof typeof POLYNOMIALS)[]) {
    named[name] = terms(name).map(toNumber);
  }
  const rpc = named as unknown as Rpc;
  checkRpc(rpc, url, what);
  return rpc;
}

function toNumber(word: string): number {
  return new RegExp(`^${NUMBER}$`, 'i').test(word) ? Number(word.replace(/d/i, 'e')) : Number.NaN;
}

/** Unknown errors are written as -1. */
function errorOf(word: string | null): number | null {
  const value = word === null ? Number.NaN : toNumber(word);
  return value >= 0 ? value : null;
}
