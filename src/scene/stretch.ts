import { ConfigError } from '../core/errors.ts';
import type { GeoTiffInfo } from '../geotiff/open-geotiff.ts';
import type { StretchRecord } from './stretch-record.ts';

/**
 * How samples, as stored in the file, become the 8-bit values that the network sees.
 * - `auto`: 8-bit samples as they are; all others by percentiles 2 and 98.
 * - `none`: 8-bit samples as they are; others are refused.
 * - `minmax`: each band's own smallest and largest value.
 * - `percentile`: each band's values at these two percentiles (0 to 100).
 * - `stddev`: from each band's mean minus this many (population) standard deviations to its mean plus as many.
 * - `fixed`: these values, one pair for all bands or one a band.
 * - `recorded`: the very stretch of an earlier run; it gives the same bytes as measuring did.
 *
 * `gamma` goes with any but `none` and `recorded`: above 1 it brightens, below 1 it darkens what lies between the two ends.
 */
export type Stretch =
  | 'auto'
  | 'none'
  | 'minmax'
  | ({ readonly auto: true } & Tone)
  | ({ readonly minmax: true } & Tone)
  | ({ readonly percentile: readonly [number, number] } & Tone)
  | ({ readonly stddev: number } & Tone)
  | ({ readonly fixed: ValueRange | BandRanges } & Tone)
  | { readonly recorded: StretchRecord };

interface Tone {
  /** 1 unless told. */
  readonly gamma?: number | undefined;
}

/** Samples at or below the first become 0, at or above the second 255. */
export type ValueRange = readonly [min: number, max: number];

/** One range for each of red, green and blue. */
export type BandRanges = readonly [ValueRange, ValueRange, ValueRange];

/** A stretch whose ends are still to be measured. */
export type MeasuredPlan =
  | { readonly kind: 'minmax' }
  | { readonly kind: 'percentile'; readonly percentiles: readonly [number, number] }
  | { readonly kind: 'stddev'; readonly deviations: number };

/** A stretch against one scene: known, or still to be measured. */
export type StretchPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'fixed'; readonly ranges: BandRanges; readonly gamma: number }
  | { readonly kind: 'recorded'; readonly record: StretchRecord }
  | (MeasuredPlan & { readonly gamma: number });

/** What a stretch needs to know of a scene's samples. */
export type SampleForm = Pick<GeoTiffInfo, 'url' | 'sampleType' | 'bitsPerSample'>;

/**
 * Decides what a stretch means for a scene.
 * @throws ConfigError if `none` is asked of samples that are not 8-bit, or numbers make no range
 */
export function planStretch(form: SampleForm, stretch: Stretch = 'auto'): StretchPlan {
  if (stretch === 'none') return keepOrRefuse(form, stretch);
  if (stretch === 'auto') return planAuto(form, undefined);
  if (stretch === 'minmax') return { kind: 'minmax', gamma: 1 };
  if ('recorded' in stretch) {
    const { recorded } = stretch;
    return recorded.kind === 'none' ? keepOrRefuse(form, stretch) : { kind: 'recorded', record: recorded };
  }
  const gamma = checkGamma(stretch);
  if ('auto' in stretch) return planAuto(form, gamma);
  if ('minmax' in stretch) return { kind: 'minmax', gamma };
  if ('percentile' in stretch) return planPercentile(stretch, gamma);
  if ('stddev' in stretch) {
    if (Number.isFinite(stretch.stddev) && stretch.stddev > 0) {
      return { kind: 'stddev', deviations: stretch.stddev, gamma };
    }
    throw stretchError(
      `a stddev stretch needs a number of standard deviations above 0, got ${stretch.stddev}`,
      stretch,
    );
  }
  return planFixed(stretch, gamma);
}

function isEightBit({ sampleType, bitsPerSample }: SampleForm): boolean {
  return sampleType === 'uint8' && bitsPerSample === 8;
}

function keepOrRefuse(form: SampleForm, stretch: Stretch): StretchPlan {
  if (isEightBit(form)) return { kind: 'none' };
  const { url, sampleType, bitsPerSample } = form;
  const samples = sampleType === 'uint8' ? `${bitsPerSample}-bit` : sampleType;
  throw stretchError(
    `${url} has ${samples} samples; without a stretch only 8-bit ones can be shown to the network; give --stretch auto or --stretch fixed:MIN,MAX`,
    stretch,
  );
}

function planAuto(form: SampleForm, gamma: number | undefined): StretchPlan {
  if (!isEightBit(form)) return { kind: 'percentile', percentiles: [2, 98], gamma: gamma ?? 1 };
  if (gamma === undefined || gamma === 1) return { kind: 'none' };
  return { kind: 'fixed', ranges: forAllBands([0, 255]), gamma };
}

function planPercentile(
  stretch: { readonly percentile: readonly [number, number] },
  gamma: number,
): StretchPlan {
  const [low, high] = stretch.percentile;
  if (low >= 0 && low < high && high <= 100) return { kind: 'percentile', percentiles: [low, high], gamma };
  throw stretchError(`a percentile stretch needs 0 <= low < high <= 100, got ${low} and ${high}`, stretch);
}

function planFixed(stretch: { readonly fixed: ValueRange | BandRanges }, gamma: number): StretchPlan {
  const { fixed } = stretch;
  const ranges = isPair(fixed) ? forAllBands(fixed) : fixed;
  for (const [min, max] of ranges) {
    if (Number.isFinite(min) && Number.isFinite(max) && min < max) continue;
    throw stretchError(`a fixed stretch needs a smaller and a larger number, got ${min} and ${max}`, stretch);
  }
  return { kind: 'fixed', ranges, gamma };
}

function checkGamma(stretch: Tone & object): number {
  const { gamma = 1 } = stretch;
  if (Number.isFinite(gamma) && gamma > 0) return gamma;
  throw stretchError(`gamma must be above 0, for example 1.4, got ${gamma}`, stretch);
}

function forAllBands(range: ValueRange): BandRanges {
  return [range, range, range];
}

function isPair(fixed: ValueRange | BandRanges): fixed is ValueRange {
  return typeof fixed[0] === 'number';
}

function stretchError(message: string, value: unknown): ConfigError {
  return new ConfigError(message, { pointer: '--stretch', value });
}
