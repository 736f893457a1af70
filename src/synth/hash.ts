/**
 * Seeded randomness as pure functions of integer positions. Only 32-bit integer operations and the IEEE-exact
 * `+ - * /` are used (no `Math.sin`, `exp`, `pow`), so that every machine makes the same bits.
 */

/** A well-mixed uint32 of a seed and an integer position. */
export function hash2(seed: number, x: number, y: number): number {
  let h = seed ^ Math.imul(x | 0, 0x9e3779b1) ^ Math.imul(y | 0, 0x85ebca77);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  h = Math.imul(h ^ (h >>> 15), 0x1b56c4e9);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A fresh uint32 from a hash, one for each small integer `salt`: lets one site draw many independent values. */
export function rehash(h: number, salt: number): number {
  return hash2(h | 0, salt, 0x51ed27);
}

/** A uint32 as a number in [0, 1). */
export function unit(h: number): number {
  return h / 4294967296;
}

/** A number in [low, high) drawn from hash `h` with `salt`. */
export function between(h: number, salt: number, low: number, high: number): number {
  return low + (high - low) * unit(rehash(h, salt));
}

/**
 * Smooth value noise in [-1, 1]: random values at integer positions, blended with a quintic fade. `x` and `y` are in
 * units of the wavelength.
 */
export function valueNoise(seed: number, x: number, y: number): number {
  const ix = Math.floor(x);
  const iy = Math.floor(y);
  const fx = x - ix;
  const fy = y - iy;
  const u = fx * fx * fx * (fx * (fx * 6 - 15) + 10);
  const v = fy * fy * fy * (fy * (fy * 6 - 15) + 10);
  const a = hash2(seed, ix, iy);
  const b = hash2(seed, ix + 1, iy);
  const c = hash2(seed, ix, iy + 1);
  const d = hash2(seed, ix + 1, iy + 1);
  const top = a + (b - a) * u;
  const bottom = c + (d - c) * u;
  return (top + (bottom - top) * v) / 2147483648 - 1;
}

/** `octaves` layers of {@link valueNoise}, each half as wide and `gain` times as strong; about [-1, 1] after scaling. */
export function layeredNoise(seed: number, x: number, y: number, octaves: number, gain = 0.5): number {
  let sum = 0;
  let total = 0;
  let strength = 1;
  let scale = 1;
  for (let o = 0; o < octaves; o++) {
    // Each layer is shifted, so that the lattices of the layers don't share their corners.
    sum += strength * valueNoise(seed + o * 7919, x * scale + o * 17.31, y * scale - o * 9.73);
    total += strength;
    strength *= gain;
    scale *= 2;
  }
  return sum / total;
}

/** A direction as (cosine, sine), by the rational parametrisation of the circle: angles of -90 to 90 degrees. */
export function direction(h: number): readonly [cosine: number, sine: number] {
  const t = unit(h) * 2 - 1;
  const n = 1 + t * t;
  return [(1 - t * t) / n, (2 * t) / n];
}
