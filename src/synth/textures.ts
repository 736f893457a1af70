import { hash2, unit, valueNoise } from './hash.ts';

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

/** Periodic value noise: `counts[i]` waves a tile with strength `strengths[i]`. */
function noiseTile(seed: number, counts: readonly number[], strengths: readonly number[]): Int8Array {
  const tile = new Int8Array(TILE * TILE);
  for (let y = 0; y < TILE; y++) {
    for (let x = 0; x < TILE; x++) {
      let sum = 0;
      for (let o = 0; o < counts.length; o++) {
        sum +=
          strengths[o]! *
          periodicNoise(seed + o, (x * counts[o]!) / TILE, (y * counts[o]!) / TILE, counts[o]!);
      }
      tile[y * TILE + x] = Math.max(-127, Math.min(127, Math.round(sum)));
    }
  }
  return tile;
}

function periodicNoise(seed: number, x: number, y: number, period: number): number {
  // Blends the noise with its copies one period away, so that opposite edges of the tile meet.
  const wx = x / period;
  const wy = y / period;
  const near = valueNoise(seed, x, y) * (1 - wx) + valueNoise(seed, x - period, y) * wx;
  const far = valueNoise(seed, x, y - period) * (1 - wx) + valueNoise(seed, x - period, y - period) * wx;
  // Blending averages; dividing by the blend's norm restores the contrast.
  const norm = Math.sqrt((wx * wx + (1 - wx) * (1 - wx)) * (wy * wy + (1 - wy) * (1 - wy)));
  return (near * (1 - wy) + far * wy) / norm;
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
