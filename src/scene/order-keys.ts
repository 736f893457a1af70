import { LITTLE_ENDIAN_HOST, type SampleArray } from '../geotiff/sample-array.ts';

/**
 * 32 and 64-bit samples as whole numbers of the same order, in digits of 16 bits, highest first. IEEE 754 numbers are ordered
 * like their bits once those of negative ones are inverted and the sign bit of the others is set.
 */
export interface OrderKeys {
  /** Digit `place` of the sample at `i`; 0 is the highest. */
  digit(i: number, place: number): number;
  /** All digits above `place` as one number, 0 for the highest place. */
  prefix(i: number, place: number): number;
}

const SIGN = 0x80000000;
const HALF = 0x10000;

/** The keys of samples in a 32 or 64-bit type. */
export function readOrderKeys(samples: SampleArray): OrderKeys {
  const wide = samples.BYTES_PER_ELEMENT === 8;
  const words = new Uint32Array(samples.buffer, samples.byteOffset, samples.byteLength / 4);
  const signed = samples.constructor.name.startsWith('Int');
  const float = samples.constructor.name.startsWith('Float');
  const step = wide ? 2 : 1;
  const highAt = wide && LITTLE_ENDIAN_HOST ? 1 : 0;
  const high = (i: number) => {
    const word = words[i * step + highAt]!;
    if (float) return (word >= SIGN ? ~word : word ^ SIGN) >>> 0;
    return signed ? (word ^ SIGN) >>> 0 : word;
  };
  const low = (i: number) => {
    const word = words[i * step + 1 - highAt]!;
    return float && words[i * step + highAt]! >= SIGN ? ~word >>> 0 : word;
  };
  return {
    digit(i, place) {
      const word = place < 2 ? high(i) : low(i);
      return place % 2 === 0 ? word >>> 16 : word & 0xffff;
    },
    prefix(i, place) {
      if (place === 0) return 0;
      if (place === 1) return high(i) >>> 16;
      return place === 2 ? high(i) : high(i) * HALF + (low(i) >>> 16);
    },
  };
}

/** The sample of a key, given as all of its digits. */
export function sampleOfKey(like: SampleArray, digits: readonly number[]): number {
  const [d0 = 0, d1 = 0, d2 = 0, d3 = 0] = digits;
  const high = d0 * HALF + d1;
  const low = d2 * HALF + d3;
  const name = like.constructor.name;
  if (name === 'Uint32Array') return high;
  if (name === 'Int32Array') return (high ^ SIGN) | 0;
  const negative = high < SIGN;
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, (negative ? ~high : high ^ SIGN) >>> 0);
  view.setUint32(4, (negative ? ~low : low) >>> 0);
  return like.BYTES_PER_ELEMENT === 4 ? view.getFloat32(0) : view.getFloat64(0);
}
