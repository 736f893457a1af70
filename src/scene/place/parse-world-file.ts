import type { Affine } from '../../core/affine.ts';
import { FormatError } from '../../core/errors.ts';
import { checkTransform } from '../../geotiff/read-transform.ts';
import type { SideFile } from './side-files.ts';

/**
 * Six lines: x and y that a column adds and a row adds (a, d, b, e), then x and y of the first pixel's centre.
 * @throws FormatError where there are not six numbers, or they place no pixel
 */
export function parseWorldFile({ url, text }: SideFile): Affine {
  const words = text.trim().split(/\s+/);
  // Some programs write the decimal sign of their user's language.
  const [a, d, b, e, x, y] = words.slice(0, 6).map((word) => toNumber(word.replace(',', '.')));
  if (y === undefined || Number.isNaN([a, d, b, e, x, y].reduce<number>((sum, n) => sum + 0 * n!, 0))) {
    throw new FormatError(
      `${url} is not a world file: expected six numbers, one a line, got "${text.trim().slice(0, 60)}"; repair it, remove it, or give --transform`,
      { url, what: 'world file' },
    );
  }
  const transform = { a: a!, b: b!, c: x! - (a! + b!) / 2, d: d!, e: e!, f: y - (d! + e!) / 2 };
  checkTransform(transform, url, 'the six lines');
  return transform;
}

function toNumber(word: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word) ? Number(word) : Number.NaN;
}
