import { type SampleArray, type SampleType, sampleBytes } from '../geotiff/sample-array.ts';
import { createMoments, type Moments } from './moments.ts';
import { readOrderKeys, sampleOfKey } from './order-keys.ts';
import type { MeasuredPlan, ValueRange } from './stretch.ts';

/** Samples of one window, three a pixel, and which of them count. */
export interface ShownWindow {
  readonly samples: SampleArray;
  readonly width: number;
  /** By pixel; `null` if all are valid. */
  readonly valid: Uint8Array | null;
  /** Values that are no data even where the other bands hold some. */
  readonly nodata: readonly number[];
}

/** What is learnt of one band. All windows are shown to it, in order, as often as it asks for. */
export interface BandCollector {
  add(shown: ShownWindow): void;
  /** Ends a showing of all windows. True if they are to be shown again before {@link range} knows. */
  needsMore(): boolean;
  /** Of a band without any value [0, 0]: every pixel is without data, so any range does. */
  range(): ValueRange;
  /** Values that entered. */
  count(): number;
}

/** Up to this many 32 or 64-bit values a band are kept and sorted; among more, ranks are found by further showings. */
const KEPT_VALUES = 1 << 20;
const DIGIT = 65536;

/**
 * A collector of one band. Its numbers are exact: percentiles interpolate linearly between the two nearest values in order,
 * as numpy's do by default; deviations are of the population.
 * @param band which of the three
 * @param pixels no more will be shown
 */
export function collectBand(
  type: SampleType,
  band: number,
  pixels: number,
  plan: MeasuredPlan,
): BandCollector {
  if (sampleBytes(type) <= 2) return collectHistogram(type, band, plan);
  if (plan.kind !== 'percentile') return collectExtremes(band, plan);
  const { percentiles } = plan;
  return pixels <= KEPT_VALUES
    ? collectSorted(band, pixels, percentiles)
    : collectRanks(type, band, percentiles);
}

/** Counts of every value of an 8 or 16-bit band. */
function collectHistogram(type: SampleType, band: number, plan: MeasuredPlan): BandCollector {
  const size = sampleBytes(type) === 2 ? DIGIT : 256;
  const base = type.startsWith('int') ? size / 2 : 0;
  const counts = new Float64Array(size);
  let total = 0;
  const atRank = (rank: number) => indexOfRank(counts, rank).index - base;
  const moments = (): Moments => {
    const mean = counts.reduce((sum, n, i) => sum + n * (i - base), 0) / total;
    const squares = counts.reduce((sum, n, i) => sum + n * (i - base - mean) ** 2, 0);
    return { mean, deviation: Math.sqrt(squares / total) };
  };
  return {
    add(shown) {
      const { samples, valid, nodata } = shown;
      for (let p = 0, i = band; i < samples.length; p++, i += 3) {
        if (valid?.[p] === 0) continue;
        const value = samples[i]!;
        if (nodata.length > 0 && nodata.includes(value)) continue;
        counts[value + base]!++;
        total++;
      }
    },
    needsMore: () => false,
    range() {
      if (total === 0) return [0, 0];
      if (plan.kind === 'minmax') return [atRank(0), atRank(total - 1)];
      if (plan.kind === 'stddev') return aroundMean(moments(), plan.deviations);
      return atPercentiles(plan.percentiles, total, atRank);
    },
    count: () => total,
  };
}

/** Minimum, maximum, mean and deviation of a 32 or 64-bit band. */
function collectExtremes(
  band: number,
  plan: Exclude<MeasuredPlan, { readonly kind: 'percentile' }>,
): BandCollector {
  const moments = createMoments();
  let total = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let row = new Float64Array(0);
  return {
    add(shown) {
      const { width, samples } = shown;
      if (row.length < width) row = new Float64Array(width);
      for (let from = 0; from < samples.length; from += width * 3) {
        let count = 0;
        eachValue(shown, band, from, from + width * 3, (value) => {
          if (value < min) min = value;
          if (value > max) max = value;
          row[count++] = value;
        });
        if (plan.kind === 'stddev') moments.addRow(row, count);
        total += count;
      }
    },
    needsMore: () => false,
    range() {
      if (total === 0) return [0, 0];
      // Adding 0 makes -0 plain zero, which JSON keeps. Rounding must not make a range of one single value.
      if (plan.kind === 'minmax' || min === max) return [min + 0, max + 0];
      return aroundMean(moments.result(), plan.deviations);
    },
    count: () => total,
  };
}

/** Percentiles of few 32 or 64-bit values: all are kept. */
function collectSorted(band: number, pixels: number, percentiles: readonly [number, number]): BandCollector {
  const kept = new Float64Array(pixels);
  let total = 0;
  return {
    add(shown) {
      eachValue(shown, band, 0, shown.samples.length, (value) => {
        kept[total++] = value;
      });
    },
    needsMore: () => false,
    range() {
      const sorted = kept.subarray(0, total).sort();
      return atPercentiles(percentiles, total, (rank) => sorted[rank]!);
    },
    count: () => total,
  };
}

/**
 * Percentiles of many 32 or 64-bit values, by radix selection: each showing counts one digit of 16 bits, highest first, of
 * the values that share their higher digits with one of the ranks looked for.
 */
function collectRanks(type: SampleType, band: number, percentiles: readonly [number, number]): BandCollector {
  const places = sampleBytes(type) / 2;
  let place = 0;
  let total = 0;
  let like: SampleArray | null = null;
  /** Counts of one digit, for each distinct run of the digits above it that a search has found; at most four. */
  let histograms = [{ prefix: 0, counts: new Float64Array(DIGIT) }];
  let searches: { readonly rank: number; within: number; readonly digits: number[] }[] = [];
  return {
    add(shown) {
      const { samples } = shown;
      like ??= samples;
      const keys = readOrderKeys(samples);
      eachValue(shown, band, 0, samples.length, (_, i) => {
        if (place === 0) total++;
        const prefix = keys.prefix(i, place);
        for (let h = 0; h < histograms.length; h++) {
          if (histograms[h]!.prefix === prefix) histograms[h]!.counts[keys.digit(i, place)]!++;
        }
      });
    },
    needsMore() {
      if (total === 0) return false;
      if (place === 0) {
        const ranks = percentiles.flatMap((percentile) => nearestRanks(percentile, total));
        searches = ranks.map((rank) => ({ rank, within: rank, digits: [] }));
      }
      for (const search of searches) {
        const { counts } = histograms.find(({ prefix }) => prefix === joined(search.digits))!;
        const { index, before } = indexOfRank(counts, search.within);
        search.within -= before;
        search.digits.push(index);
      }
      place++;
      if (place === places) return false;
      const prefixes = new Set(searches.map(({ digits }) => joined(digits)));
      histograms = [...prefixes].map((prefix) => ({ prefix, counts: new Float64Array(DIGIT) }));
      return true;
    },
    range: () =>
      atPercentiles(percentiles, total, (rank) =>
        sampleOfKey(like!, searches.find((search) => search.rank === rank)!.digits),
      ),
    count: () => total,
  };
}

function eachValue(
  { samples, valid, nodata }: ShownWindow,
  band: number,
  from: number,
  to: number,
  take: (value: number, i: number) => void,
): void {
  for (let p = from / 3, i = from + band; i < to; p++, i += 3) {
    const value = samples[i]!;
    if (valid?.[p] === 0 || !Number.isFinite(value)) continue;
    if (nodata.length > 0 && nodata.includes(value)) continue;
    take(value, i);
  }
}

/** Where the value of a 0-based rank is counted, and how many are counted before. */
function indexOfRank(counts: Float64Array, rank: number): { index: number; before: number } {
  let before = 0;
  let index = 0;
  while (index < counts.length - 1 && before + counts[index]! <= rank) before += counts[index++]!;
  return { index, before };
}

function joined(digits: readonly number[]): number {
  return digits.reduce((prefix, digit) => prefix * DIGIT + digit, 0);
}

function nearestRanks(percentile: number, total: number): [number, number] {
  const below = Math.floor((percentile / 100) * (total - 1));
  return [below, Math.min(below + 1, total - 1)];
}

function atPercentiles(
  percentiles: readonly [number, number],
  total: number,
  atRank: (rank: number) => number,
): ValueRange {
  if (total === 0) return [0, 0];
  const [low, high] = percentiles.map((percentile) => {
    const [below, above] = nearestRanks(percentile, total);
    const from = atRank(below);
    return from + (atRank(above) - from) * ((percentile / 100) * (total - 1) - below) + 0;
  }) as [number, number];
  return [low, high];
}

function aroundMean({ mean, deviation }: Moments, deviations: number): ValueRange {
  return [mean - deviations * deviation, mean + deviations * deviation];
}
