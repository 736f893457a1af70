import { ConfigError } from '../core/errors.ts';

/**
 * How the scores of overlapping windows are weighted: all of a window alike, as published, or less towards its edges.
 *
 * A window that ends loses its say at once where all cells count alike, and classes change in a straight line there. A
 * tapered window has none left where it ends: its weight is the product of one ramp along each axis, and the weighted
 * sums are divided by the sum of weights.
 */
export type Blend = 'uniform' | 'tapered';

/** Names of {@link Blend}. */
export const BLENDS = ['uniform', 'tapered'] as const satisfies readonly Blend[];

/**
 * Weights of a window's score cells along one axis: 1 in the middle, and down to nearly nothing over the cells that the
 * neighbouring window shares, as the square of a sine, so that neighbours add up to 1. No weight is 0: a window alone
 * still decides all of its pixels. All 1 where windows don't overlap.
 */
export function rampOf(options: {
  readonly window: number;
  readonly scoreStride: number;
  readonly stride: number;
}): Float64Array {
  const { window, scoreStride, stride } = options;
  const cells = window / scoreStride;
  // Where more than two windows overlap along an axis, the ramps meet in the middle.
  const length = Math.min(window - stride, window / 2) / scoreStride;
  return Float64Array.from({ length: cells }, (_, cell) => {
    const depth = Math.min(cell, cells - 1 - cell) + 0.5;
    return depth >= length ? 1 : Math.sin((Math.PI / 2) * (depth / length)) ** 2;
  });
}

/** @throws ConfigError if it is none */
export function checkBlend(blend: string): asserts blend is Blend {
  if ((BLENDS as readonly string[]).includes(blend)) return;
  throw new ConfigError(`--blend ${blend}: must be one of ${BLENDS.join(', ')}`, {
    pointer: '--blend',
    value: blend,
  });
}
