import { UnsupportedError } from '../core/errors.ts';

type IntArray = Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

/**
 * A copy of `array` with room for at least `length` elements, at least doubled, so that growing is linear over a run.
 * @throws UnsupportedError if more is needed than 32-bit addresses reach (about 2^31 elements).
 */
export function grow<A extends IntArray | Float64Array<ArrayBuffer>>(array: A, length: number): A {
  const limit = 2 ** 31 - 64;
  if (length > limit) {
    throw new UnsupportedError(
      'The class raster has more open polygon borders than Frustum can hold at once. ' +
        'Trace it in parts, or filter its single-pixel noise first.',
      { feature: 'open polygon borders beyond 32-bit addresses', hint: 'trace the raster in parts' },
    );
  }
  const bigger = new (array.constructor as new (n: number) => A)(
    Math.min(limit, Math.max(length, array.length * 2)),
  );
  bigger.set(array as never);
  return bigger;
}
