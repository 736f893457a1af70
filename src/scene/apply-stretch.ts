import type { SampleArray } from '../geotiff/sample-array.ts';
import type { BandRanges, ValueRange } from './stretch.ts';

/** Turns interleaved samples of three bands into bytes. */
export type ApplyStretch = (samples: SampleArray) => Uint8Array<ArrayBuffer>;

/** Samples as they are: for 8-bit files. */
export const keepBytes: ApplyStretch = (samples) =>
  samples instanceof Uint8Array ? samples : Uint8Array.from(samples);

/**
 * `round(((v - min) / (max - min)) ^ (1 / gamma) * 255)`, clamped to 0..255; NaN becomes 0. A band whose range is empty
 * (`min = max`) becomes 0 up to that value and 255 above it.
 */
export function stretchValue(value: number, [min, max]: ValueRange, gamma = 1): number {
  // The order of the tests matters: NaN fails all of them.
  if (!(value > min)) return 0;
  if (value >= max) return 255;
  const share = (value - min) / (max - min);
  return Math.round((gamma === 1 ? share : share ** (1 / gamma)) * 255);
}

/** A stretch with all its numbers known; 8 and 16-bit samples go through a table. */
export function createStretch(ranges: BandRanges, gamma = 1): ApplyStretch {
  const tables = new Map<string, readonly Uint8Array[]>();
  return (samples) => {
    const out = new Uint8Array(samples.length);
    const base = TABLE_BASE[samples.constructor.name];
    if (base === undefined) {
      for (let i = 0; i < out.length; i++) out[i] = stretchValue(samples[i]!, ranges[i % 3]!, gamma);
      return out;
    }
    let bands = tables.get(samples.constructor.name);
    if (!bands) {
      const size = samples.BYTES_PER_ELEMENT === 1 ? 256 : 65536;
      bands = ranges.map((range) =>
        Uint8Array.from({ length: size }, (_, i) => stretchValue(i - base, range, gamma)),
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
