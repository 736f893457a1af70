import { hash2, unit } from './hash.ts';

/** Side of a texture tile; tiles repeat without a seam. */
export const TILE = 512;
/** Mask that wraps a coordinate into a tile. */
export const TILE_MASK = TILE - 1;

/** Brightness patterns, int8, row-major {@link TILE} x {@link TILE}; 0 is the material's own brightness. */
export interface Textures {
  /** Grain of about 5 pixels: grass, soil. */
  readonly fine: Int8Array;
  /** Clouds of about 12 to 48 pixels: moisture and soil patterns. */
  readonly soft: Int8Array;
  /** An even stand of trees: crowns of like size, lit from one side. */
  readonly stand: Int8Array;
  /** Natural forest: crowns of all sizes, gaps, shadow. */
  readonly wild: Int8Array;
}

/** Draws the texture tiles of a scene. */
export function makeTextures(seed: number): Textures {
  return {
    fine: noiseTile(seed + 1009, [128, 64], [70, 45]),
    soft: noiseTile(seed + 2003, [11, 24, 43], [60, 40, 25]),
    stand: crownTile(seed + 3001, 4.1, 2.3, 3.4),
    wild: crownTile(seed + 4001, 5.6, 2.2, 5.4),
  };
}

/** Periodic noise: `counts[i]` waves a tile with strength `strengths[i]`. */
function noiseTile(seed: number, counts: readonly number[], strengths: readonly number[]): Int8Array {
  const sum = new Float64Array(TILE * TILE);
  counts.forEach((count, o) => {
    addPeriodicNoise(sum, seed + o, count, strengths[o]!);
  });
  return Int8Array.from(sum, (v) => Math.max(-127, Math.min(127, Math.round(v))));
}

/**
 * Adds value noise of `period` waves a tile: noise blended with its copies one period away, so that opposite edges
 * meet. Blending averages; dividing by the blend's norm restores the contrast.
 */
function addPeriodicNoise(sum: Float64Array, seed: number, period: number, strength: number): void {
  const side = 2 * period + 1;
  const corner = new Float64Array(side * side);
  for (let j = 0; j < side; j++) {
    for (let i = 0; i < side; i++) corner[j * side + i] = hash2(seed, i - period, j - period);
  }
  const cell = new Int32Array(TILE);
  const fade = new Float64Array(TILE);
  const weight = new Float64Array(TILE);
  for (let p = 0; p < TILE; p++) {
    const at = (p * period) / TILE;
    const f = at - Math.floor(at);
    cell[p] = Math.floor(at);
    fade[p] = f * f * f * (f * (f * 6 - 15) + 10);
    weight[p] = at / period;
  }
  for (let y = 0, k = 0; y < TILE; y++) {
    const v = fade[y]!;
    const wy = weight[y]!;
    for (let x = 0; x < TILE; x++, k++) {
      const u = fade[x]!;
      const wx = weight[x]!;
      const home = (cell[y]! + period) * side + cell[x]! + period;
      const above = home - period * side;
      const near = blend(corner, home, side, u, v) * (1 - wx) + blend(corner, home - period, side, u, v) * wx;
      const far =
        blend(corner, above, side, u, v) * (1 - wx) + blend(corner, above - period, side, u, v) * wx;
      const norm = Math.sqrt((wx * wx + (1 - wx) * (1 - wx)) * (wy * wy + (1 - wy) * (1 - wy)));
      sum[k] = sum[k]! + strength * ((near * (1 - wy) + far * wy) / norm);
    }
  }
}

/** Random corner values (uint32) blended within a cell, in [-1, 1]. */
function blend(corner: Float64Array, at: number, side: number, u: number, v: number): number {
  const top = corner[at]! + (corner[at + 1]! - corner[at]!) * u;
  const bottom = corner[at + side]! + (corner[at + side + 1]! - corner[at + side]!) * u;
  return (top + (bottom - top) * v) / 2147483648 - 1;
}

/** Tree crowns as lit domes on dark ground, one in each jittered cell of about `spacing` pixels. */
function crownTile(seed: number, spacing: number, smallest: number, largest: number): Int8Array {
  const tile = new Int8Array(TILE * TILE).fill(-100);
  const top = new Float32Array(TILE * TILE);
  const count = Math.round(TILE / spacing);
  const step = TILE / count;
  for (let j = 0; j < count; j++) {
    for (let i = 0; i < count; i++) {
      const draw = unit(hash2(seed, i, j));
      const radius = smallest + (largest - smallest) * draw * draw;
      const cx = (i + unit(hash2(seed + 1, i, j))) * step;
      const cy = (j + unit(hash2(seed + 2, i, j))) * step;
      const tone = -22 + 44 * unit(hash2(seed + 3, i, j));
      const reach = Math.ceil(radius);
      for (let y = Math.floor(cy) - reach; y <= cy + reach; y++) {
        for (let x = Math.floor(cx) - reach; x <= cx + reach; x++) {
          const dx = (x - cx) / radius;
          const dy = (y - cy) / radius;
          const dome = 1 - dx * dx - dy * dy;
          const k = (y & TILE_MASK) * TILE + (x & TILE_MASK);
          if (dome <= 0 || dome * radius <= top[k]!) continue;
          top[k] = dome * radius;
          // The sun stands in the upper left.
          const lit = -(dx + dy) * 40;
          tile[k] = Math.max(-127, Math.min(127, Math.round(tone + 45 * dome - 18 + lit)));
        }
      }
    }
  }
  return tile;
}
