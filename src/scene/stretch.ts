import { ConfigError } from '../core/errors.ts';
import type { GeoTiffInfo } from '../geotiff/open-geotiff.ts';
import type { SampleArray } from '../geotiff/sample-array.ts';

/**
 * How samples become the 8-bit values that the network sees.
 * - `auto`: 8-bit samples as they are; all others by percentiles 2 and 98.
 * - `none`: 8-bit samples as they are; others are refused.
 * - `minmax`: each band's own smallest and largest value.
 * - `percentile`: each band's values at these two percentiles (0 to 100).
 * - `fixed`: these values, one pair for all bands or one a band.
 */
export type Stretch =
  | 'auto'
  | 'none'
  | 'minmax'
  | { readonly percentile: readonly [number, number] }
  | { readonly fixed: ValueRange | readonly [ValueRange, ValueRange, ValueRange] };

/** Samples at or below the first become 0, at or above the second 255. */
export type ValueRange = readonly [min: number, max: number];

/** A stretch against one file: what is still to be measured. */
export type StretchPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'fixed'; readonly ranges: readonly [ValueRange, ValueRange, ValueRange] }
  | { readonly kind: 'minmax' }
  | { readonly kind: 'percentile'; readonly percentiles: readonly [number, number] };

/**
 * Decides what a stretch means for a file.
 * @throws ConfigError if `none` is asked of samples that are not 8-bit, or numbers make no range
 */
export function planStretch(info: GeoTiffInfo, stretch: Stretch = 'auto'): StretchPlan {
  const eightBit = info.sampleType === 'uint8' && info.bitsPerSample === 8;
  if (stretch === 'auto') return eightBit ? { kind: 'none' } : { kind: 'percentile', percentiles: [2, 98] };
  if (stretch === 'none') {
    if (info.sampleType === 'uint8') return { kind: 'none' };
    throw stretchError(
      `${info.url} has ${info.sampleType} samples; without a stretch only 8-bit ones can be shown to the network; give --stretch auto or --stretch fixed:MIN,MAX`,
      stretch,
    );
  }
  if (stretch === 'minmax') return { kind: 'minmax' };
  if ('percentile' in stretch) {
    const [low, high] = stretch.percentile;
    if (!(low >= 0 && low < high && high <= 100)) {
      throw stretchError(
        `a percentile stretch needs 0 <= low < high <= 100, got ${low} and ${high}`,
        stretch,
      );
    }
    return { kind: 'percentile', percentiles: [low, high] };
  }
  const { fixed } = stretch;
  const ranges = isPair(fixed) ? ([fixed, fixed, fixed] as const) : fixed;
  for (const [min, max] of ranges) {
    if (!Number.isFinite(min) || !Number.isFinite(max) || min >= max) {
      throw stretchError(
        `a fixed stretch needs a smaller and a larger number, got ${min} and ${max}`,
        stretch,
      );
    }
  }
  return { kind: 'fixed', ranges };
}

function isPair(fixed: ValueRange | readonly [ValueRange, ValueRange, ValueRange]): fixed is ValueRange {
  return typeof fixed[0] === 'number';
}

function stretchError(message: string, value: unknown): ConfigError {
  return new ConfigError(message, { pointer: '--stretch', value });
}

/** Turns interleaved samples of three bands into bytes. */
export type ApplyStretch = (samples: SampleArray) => Uint8Array<ArrayBuffer>;

/** Samples as they are: for 8-bit files. */
export const keepBytes: ApplyStretch = (samples) =>
  samples instanceof Uint8Array ? samples : Uint8Array.from(samples);

/**
 * `round((v - min) / (max - min) * 255)`, clamped to 0..255; NaN becomes 0. A band whose range is empty (`min = max`)
 * becomes 0 up to that value and 255 above it.
 */
export function stretchValue(value: number, [min, max]: ValueRange): number {
  // The order of the tests matters: NaN fails all of them.
  if (!(value > min)) return 0;
  if (value >= max) return 255;
  return Math.round(((value - min) / (max - min)) * 255);
}

/** A stretch with all its numbers known; 8 and 16-bit samples go through a table. */
export function createStretch(ranges: readonly [ValueRange, ValueRange, ValueRange]): ApplyStretch {
  const tables = new Map<string, readonly Uint8Array[]>();
  return (samples) => {
    const out = new Uint8Array(samples.length);
    const base = TABLE_BASE[samples.constructor.name];
    if (base === undefined) {
      for (let i = 0; i < out.length; i++) out[i] = stretchValue(samples[i]!, ranges[i % 3]!);
      return out;
    }
    let bands = tables.get(samples.constructor.name);
    if (!bands) {
      const size = samples.BYTES_PER_ELEMENT === 1 ? 256 : 65536;
      bands = ranges.map((range) =>
        Uint8Array.from({ length: size }, (_, i) => stretchValue(i - base, range)),
      );
      tables.set(samples.constructor.name, bands);
    }
    const [red, green, blue] = bands as [Uint8Array, Uint8Array, Uint8Array];
    for (let i = 0; i < out.length; i += 3) {
      out[i] = red[samples[i]! + base]!;
      out[i + 1] = green[samples[i + 1]! + base]!;
      out[i + 2] = blue[samples[i + 2]! + base]!;
    }
    return out;
  };
}

/** What is added to a sample to find it in its table. */
const TABLE_BASE: Readonly<Record<string, number>> = {
  Uint8Array: 0,
  Int8Array: 128,
  Uint16Array: 0,
  Int16Array: 32768,
};
