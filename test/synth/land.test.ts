import { describe, expect, it } from 'vitest';
import { drainLand, RIVER_STRIDE, riverHalfWidth, traceRivers } from '../../src/synth/drainage.ts';
import { makeGeography } from '../../src/synth/geography.ts';
import { hash2, unit } from '../../src/synth/hash.ts';
import { createNeighbourhood } from '../../src/synth/neighbourhood.ts';
import { makeRelief } from '../../src/synth/relief.ts';
import { makeTextures, TILE } from '../../src/synth/textures.ts';

describe('relief and rivers', () => {
  const relief = makeRelief(1500, 1100, 77);
  const drainage = drainLand(relief, 77);

  it('ranks heights evenly, so that shares of land do not depend on the noise', () => {
    for (const field of [relief.rank, relief.moisture]) {
      for (const share of [0.1, 0.5, 0.9]) {
        expect(field.filter((v) => v < share).length / field.length).toBeCloseTo(share, 2);
      }
    }
  });

  it('drains every cell to the sea or the border, and gathers all of the land there', () => {
    const { receiver, areaPx } = drainage;
    let outlets = 0;
    for (let k = 0; k < receiver.length; k++) {
      const to = receiver[k]!;
      if (to === k) outlets += areaPx[k]!;
      else expect(areaPx[to]!).toBeGreaterThan(areaPx[k]!);
    }
    // Growth along every course rules out loops; nothing is lost on the way.
    expect(outlets).toBe(receiver.length * relief.cell ** 2);
  });

  it('has rivers that widen downstream', () => {
    const rivers = traceRivers(relief, drainage, 77);
    expect(rivers.length).toBeGreaterThan(50 * RIVER_STRIDE);
    const widths = new Set<number>();
    for (let k = 0; k < rivers.length; k += RIVER_STRIDE) {
      expect(rivers[k + 5]!).toBeGreaterThanOrEqual(rivers[k + 4]!);
      widths.add(Math.round(rivers[k + 4]!));
    }
    expect(widths.size).toBeGreaterThan(2);
    expect(riverHalfWidth(1e7)).toBeGreaterThan(4 * riverHalfWidth(1e6) * 0.8);
  });

  it('bounds its memory for a scene of any size', () => {
    const { columns, rows } = makeRelief(200_000, 100, 1);
    expect(columns).toBeLessThanOrEqual(1024);
    expect(rows).toBeLessThanOrEqual(1024);
  });
});

describe('neighbourhood', () => {
  const seed = 4242;
  const size = 1400;
  const land = makeGeography(size, size, seed);
  const near = createNeighbourhood(land, makeTextures(seed), size, size, seed);

  it('gathers all that a block can touch: answers are those of a much wider search', () => {
    const seen = { road: 0, river: 0, surface: 0, village: 0 };
    for (let n = 0; n < 6000; n++) {
      const at = hash2(1, n, 0);
      const x = unit(at) * size;
      const y = unit(hash2(2, n, 0)) * size;
      const px = Math.floor(x);
      const py = Math.floor(y);
      const soft = Math.floor(unit(hash2(3, n, 0)) * 254) - 127;
      const ask = () => {
        const surface = near.surfaceAt(px, py, x, y, soft, soft / 2);
        return [
          near.siteAt(px, py, x, y),
          near.roadAt(x, y),
          near.villageAt(x, y, soft),
          surface && { ...surface },
        ] as const;
      };
      // A block of radius 19 whose middle is 18 pixels away, and one that reaches over everything around.
      near.gather(x + (n & 1 ? 18 : -10.8), y + (n & 1 ? 0 : 14.4), 19);
      const narrow = ask();
      const depth = near.riverDepth(x, y);
      near.gather(x, y, 150);
      const wide = ask();
      expect(narrow).toEqual(wide);
      const oracle = riverDepthOf(land.rivers, x, y);
      if (oracle > -2) {
        expect(depth).toBeCloseTo(oracle, 9);
        seen.river++;
      } else expect(depth).toBeLessThanOrEqual(-2);
      if (narrow[1]) seen.road++;
      if (narrow[2]) seen.village++;
      if (narrow[3]) seen.surface++;
    }
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(10);
  });
});

/** Brute force over all pieces of river. */
function riverDepthOf(rivers: Float64Array, x: number, y: number): number {
  let best = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < rivers.length; k += RIVER_STRIDE) {
    const [x0, y0, x1, y1, w0, w1] = rivers.subarray(k, k + RIVER_STRIDE) as unknown as number[];
    const length = (x1! - x0!) ** 2 + (y1! - y0!) ** 2;
    const along = length === 0 ? 0 : ((x - x0!) * (x1! - x0!) + (y - y0!) * (y1! - y0!)) / length;
    const t = Math.min(Math.max(along, 0), 1);
    const gap = Math.hypot(x - x0! - t * (x1! - x0!), y - y0! - t * (y1! - y0!));
    best = Math.max(best, w0! + (w1! - w0!) * t - gap);
  }
  return best;
}

describe('textures', () => {
  it('repeat without a seam', () => {
    for (const tile of Object.values(makeTextures(5)) as Int8Array[]) {
      const step = (x0: number, x1: number) => {
        let sum = 0;
        for (let y = 0; y < TILE; y++) sum += Math.abs(tile[y * TILE + x0]! - tile[y * TILE + x1]!);
        return sum / TILE;
      };
      let inner = 0;
      for (let x = 100; x < 120; x++) inner = Math.max(inner, step(x, x + 1));
      expect(step(TILE - 1, 0)).toBeLessThan(1.3 * inner);
    }
  });
});
