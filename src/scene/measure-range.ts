import { FormatError } from '../core/errors.ts';
import type { GeoTiffInfo } from '../geotiff/open-geotiff.ts';
import { allocateSamples, type SampleArray } from '../geotiff/sample-array.ts';
import type { PixelReader } from './read-pixels.ts';
import type { StretchPlan, ValueRange } from './stretch.ts';

/** The ranges of a scene-wide stretch and what they were measured on. */
export interface MeasuredRange {
  readonly ranges: readonly [ValueRange, ValueRange, ValueRange];
  /** `all pixels`, or which rows were looked at. */
  readonly sampling: string;
  /** Values that entered, a band. */
  readonly counts: readonly [number, number, number];
}

/** Scenes up to this many pixels are measured whole. */
const WHOLE_SCENE_PIXELS = 64_000_000;
/** Values kept a band where a histogram of all values is not possible. */
const KEPT_VALUES = 1 << 20;
const STRIPE_BYTES = 16 * 1024 * 1024;

/**
 * Measures minimum and maximum or percentiles of three bands over the scene. Invalid pixels, nodata values of a single
 * band and values that are not finite do not count. Larger scenes are measured on every n-th group of rows; the same file
 * always gives the same numbers. Percentiles interpolate linearly between the two nearest values in order.
 *
 * @throws FormatError, SourceError from reading
 */
export async function measureRange(
  info: GeoTiffInfo,
  reader: PixelReader,
  plan: Extract<StretchPlan, { kind: 'minmax' | 'percentile' }>,
  signal?: AbortSignal,
): Promise<MeasuredRange> {
  const { width, height } = info;
  const every = Math.max(1, Math.ceil((width * height) / WHOLE_SCENE_PIXELS));
  const stripes = stripesOf(info, every);
  const pixels = stripes.reduce((sum, stripe) => sum + stripe.rows * width, 0);
  const bands = [0, 1, 2].map(() => createCollector(info, pixels));
  for (const { y, rows } of stripes) {
    const { samples, valid } = await reader.read({ x: 0, y, width, height: rows }, signal);
    bands.forEach((band, i) => {
      band.add(samples, i, valid, reader.nodata);
    });
  }
  const ranges = bands.map((band) => band.range(plan)) as [ValueRange, ValueRange, ValueRange];
  if (ranges.some((range) => range.some((value) => !Number.isFinite(value)))) {
    throw new FormatError(`${info.url}: a stretch could not be measured`, { url: info.url, what: 'pixels' });
  }
  return {
    ranges,
    sampling: every === 1 ? 'all pixels' : `every ${ordinal(every)} group of ${groupRows(info)} rows`,
    counts: bands.map((band) => band.count()) as [number, number, number],
  };
}

/** Rows of one sampled group: whole blocks, so that none is decoded for a part of its rows. */
function groupRows(info: GeoTiffInfo): number {
  return info.blockHeight * Math.ceil(64 / info.blockHeight);
}

/** Row ranges to look at, small enough to hold. */
function stripesOf(info: GeoTiffInfo, every: number): { y: number; rows: number }[] {
  const rowBytes = info.width * 4 * Math.max(1, Math.ceil(info.bitsPerSample / 8));
  const most = Math.max(1, Math.floor(STRIPE_BYTES / rowBytes));
  const unit = every === 1 ? info.height : groupRows(info);
  // Whole blocks where they fit, so that none is decoded for two stripes.
  const step = most >= info.blockHeight ? most - (most % info.blockHeight) : most;
  const out: { y: number; rows: number }[] = [];
  for (let group = 0; group * unit < info.height; group += every) {
    const end = Math.min(info.height, (group + 1) * unit);
    for (let y = group * unit; y < end; y += step) out.push({ y, rows: Math.min(step, end - y) });
  }
  return out;
}

interface Collector {
  add(samples: SampleArray, band: number, valid: Uint8Array | null, nodata: number | null): void;
  range(
    plan: { kind: 'minmax' } | { kind: 'percentile'; percentiles: readonly [number, number] },
  ): ValueRange;
  count(): number;
}

function createCollector(info: GeoTiffInfo, pixels: number): Collector {
  const small = info.sampleType.endsWith('8') || info.sampleType.endsWith('16');
  return small ? createHistogram(info) : createSample(pixels);
}

/** Exact counts of every value of an 8 or 16-bit band. */
function createHistogram(info: GeoTiffInfo): Collector {
  const size = info.sampleType.endsWith('16') ? 65536 : 256;
  const base = info.sampleType.startsWith('int') ? size / 2 : 0;
  const counts = new Float64Array(size);
  let total = 0;
  /** The value at a 0-based rank in order. */
  const atRank = (rank: number) => {
    let before = 0;
    for (let i = 0; i < size; i++) {
      before += counts[i]!;
      if (before > rank) return i - base;
    }
    return 0;
  };
  return {
    add(samples, band, valid, nodata) {
      for (let p = 0, i = band; i < samples.length; p++, i += 3) {
        const value = samples[i]!;
        if (valid?.[p] === 0 || value === nodata) continue;
        counts[value + base]!++;
        total++;
      }
    },
    range: (plan) => rangeOf(plan, total, atRank),
    count: () => total,
  };
}

/** Minimum and maximum of all values, and every n-th one kept for percentiles: for 32-bit and float bands. */
function createSample(pixels: number): Collector {
  const step = Math.max(1, Math.ceil(pixels / KEPT_VALUES));
  const kept = allocateSamples('float64', Math.min(pixels, KEPT_VALUES));
  let keptCount = 0;
  let seen = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  return {
    add(samples, band, valid, nodata) {
      for (let p = 0, i = band; i < samples.length; p++, i += 3) {
        const value = samples[i]!;
        if (valid?.[p] === 0 || value === nodata || !Number.isFinite(value)) continue;
        if (value < min) min = value;
        if (value > max) max = value;
        if (seen++ % step === 0) kept[keptCount++] = value;
      }
    },
    range(plan) {
      if (seen === 0) return [0, 0];
      if (plan.kind === 'minmax') return [min, max];
      const sorted = kept.slice(0, keptCount).sort();
      return rangeOf(plan, keptCount, (rank) => sorted[rank]!);
    },
    count: () => seen,
  };
}

function rangeOf(
  plan: Parameters<Collector['range']>[0],
  total: number,
  atRank: (rank: number) => number,
): ValueRange {
  // A band without any value: every pixel is without data, so any range does.
  if (total === 0) return [0, 0];
  if (plan.kind === 'minmax') return [atRank(0), atRank(total - 1)];
  const [low, high] = plan.percentiles.map((percentile) => {
    const position = (percentile / 100) * (total - 1);
    const below = Math.floor(position);
    const from = atRank(below);
    return from + (atRank(Math.min(below + 1, total - 1)) - from) * (position - below);
  }) as [number, number];
  return [low, high];
}

function ordinal(n: number): string {
  const teens = n % 100 >= 11 && n % 100 <= 13;
  return `${n}${teens ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')}`;
}
