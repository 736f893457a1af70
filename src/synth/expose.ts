import { hash2 } from './hash.ts';
import { type Lattice, sampleLattice } from './lattice.ts';
import { type Canvas, SPECTRA } from './materials.ts';

/** Bands inside the generator: NIR, red, green, blue. */
export const BANDS = 4;

/** Radiance is kept in 1/16 of an 8-bit step. */
const FIXED = 16;

/** How strongly haze brightens NIR, red, green, blue: the shorter the wave, the more. */
const HAZE = [0.45, 0.8, 1, 1.3] as const;

/**
 * Light of the painted surfaces as it reaches the sensor: `radiance[(row*width + x)*4 + band]`, 1/16 steps, for
 * `rowCount` rows of canvas and radiance from row `at`; `lattice` belongs to the same rows.
 */
export function lightStrip(
  canvas: Canvas,
  lattice: Lattice,
  width: number,
  at: number,
  rowCount: number,
  radiance: Int16Array,
): void {
  for (let r = 0; r < rowCount; r++) {
    for (let px = 0; px < width; px++) {
      const k = (at + r) * width + px;
      const light = ((sampleLattice(lattice, lattice.light, px, r) * 256) | 0) * (256 + canvas.tone[k]!);
      const haze = sampleLattice(lattice, lattice.haze, px, r) * FIXED;
      const vigour = canvas.vigour[k]! * FIXED;
      const s = canvas.material[k]! * BANDS;
      const o = k * BANDS;
      // light is in 1/65536; a shift by 12 leaves the 1/16 steps.
      radiance[o] = ((SPECTRA[s]! * light) >> 12) + vigour + haze * HAZE[0];
      radiance[o + 1] = ((SPECTRA[s + 1]! * light) >> 12) - (vigour >> 1) + haze * HAZE[1];
      radiance[o + 2] = ((SPECTRA[s + 2]! * light) >> 12) + haze * HAZE[2];
      radiance[o + 3] = ((SPECTRA[s + 3]! * light) >> 12) + haze * HAZE[3];
    }
  }
}

/**
 * One row as the sensor gives it: blurred a little over its neighbours (1-6-1 each way), with noise of about one and
 * a half 8-bit steps, rounded. `above` to `below` are row numbers in `radiance`; `y` is the scene row, for the noise.
 * 8 bit: NIR, red, green, blue. 16 bit: blue, green, red, NIR in about 0..1023, as Gaofen-2's 10-bit products are.
 */
export function exposeRow(
  radiance: Int16Array,
  width: number,
  above: number,
  row: number,
  below: number,
  y: number,
  seed: number,
  out: Uint8Array | Uint16Array,
  at: number,
  scratch: Int32Array,
): void {
  const length = width * BANDS;
  const a = above * length;
  const m = row * length;
  const b = below * length;
  for (let i = 0; i < length; i++)
    scratch[i + BANDS] = radiance[a + i]! + 6 * radiance[m + i]! + radiance[b + i]!;
  for (let band = 0; band < BANDS; band++) {
    scratch[band] = scratch[band + BANDS]!;
    scratch[length + BANDS + band] = scratch[length + band]!;
  }
  const isWide = out instanceof Uint16Array;
  for (let px = 0; px < width; px++) {
    let noise = hash2(seed + 83, px, y);
    for (let band = 0; band < BANDS; band++) {
      const i = px * BANDS + band;
      const sum = scratch[i]! + 6 * scratch[i + BANDS]! + scratch[i + 2 * BANDS]!;
      // Two nibbles of the hash: a triangular distribution.
      const value = (sum >> 6) + ((noise & 15) - ((noise >>> 4) & 15)) * 4;
      noise >>>= 8;
      if (isWide) out[at + px * BANDS + 3 - band] = Math.min(Math.max((value + 2) >> 2, 0), 1023);
      else out[at + i] = Math.min(Math.max((value + 8) >> 4, 0), 255);
    }
  }
}
