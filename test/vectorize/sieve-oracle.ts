import { NODATA_CLASS } from '../../src/core/classes.ts';
import type { Raster } from './oracle.ts';

export interface SieveOracleOptions {
  readonly minPixels: number;
  readonly connectedness?: 4 | 8;
  readonly affinity?: (from: number, to: number) => number;
  /** Weight of a pixel of each row; 1 unless given. */
  readonly weights?: readonly number[];
  /** Decides one cluster of small areas after the other, in an order by this key, instead of all at once. */
  readonly clusterKey?: (cluster: number) => number;
}

/** The sieve by its definition, pixel by pixel: find all areas anew, merge the smallest, again and again. */
export function sieveOracle(raster: Raster, options: SieveOracleOptions): Uint8Array {
  const { width, height } = raster;
  const { minPixels, connectedness = 4, affinity = () => 1, weights, clusterKey } = options;
  const classes = raster.classes.slice();
  const sides = (p: number): number[] => {
    const x = p % width;
    return [
      x > 0 ? p - 1 : -1,
      x < width - 1 ? p + 1 : -1,
      p >= width ? p - width : -1,
      p + width < width * height ? p + width : -1,
    ].filter((q) => q >= 0);
  };
  const around = (p: number): number[] => {
    if (connectedness === 4) return sides(p);
    const x = p % width;
    const list: number[] = [];
    for (const dy of [-1, 0, 1]) {
      for (const dx of [-1, 0, 1]) {
        const q = p + dy * width + dx;
        if ((dx !== 0 || dy !== 0) && x + dx >= 0 && x + dx < width && q >= 0 && q < width * height)
          list.push(q);
      }
    }
    return list;
  };
  const size = (pixels: readonly number[]) =>
    pixels.reduce((n, p) => n + (weights?.[Math.floor(p / width)] ?? 1), 0);
  /** Areas of pixels that `joins` lets be one, each with its pixels in order, by first pixel. */
  const areas = (joins: (p: number, q: number) => boolean, takes: (p: number) => boolean): number[][] => {
    const seen = new Uint8Array(classes.length);
    const list: number[][] = [];
    for (let start = 0; start < classes.length; start++) {
      if (seen[start] === 1 || !takes(start)) continue;
      const pixels = [start];
      seen[start] = 1;
      for (const p of pixels) {
        for (const q of around(p)) {
          if (seen[q] === 1 || !takes(q) || !joins(p, q)) continue;
          seen[q] = 1;
          pixels.push(q);
        }
      }
      list.push(pixels);
    }
    return list;
  };
  const valid = (p: number) => classes[p] !== NODATA_CLASS;
  const faces = () => areas((p, q) => classes[p] === classes[q], valid);
  const small = new Uint8Array(classes.length);
  for (const face of faces()) if (size(face) < minPixels) for (const p of face) small[p] = 1;
  const clusters = areas(
    () => true,
    (p) => small[p] === 1,
  ).map((pixels) => new Set(pixels));
  if (clusterKey !== undefined) {
    const keys = new Map(clusters.map((cluster, i) => [cluster, clusterKey(i)]));
    clusters.sort((a, b) => keys.get(a)! - keys.get(b)!);
  }
  const groups = clusterKey === undefined ? [new Set(clusters.flatMap((cluster) => [...cluster]))] : clusters;
  for (const group of groups) {
    // Areas without a class to go to; they are tried again once they have grown.
    const stuck = new Set<string>();
    const key = (f: readonly number[]) => `${f[0]} ${f.length}`;
    for (;;) {
      const candidates = faces().filter((f) => size(f) < minPixels && group.has(f[0]!) && !stuck.has(key(f)));
      if (candidates.length === 0) break;
      candidates.sort((f, g) => size(f) - size(g) || f[0]! - g[0]!);
      const region = candidates[0]!;
      const own = new Set(region);
      const votes = new Map<number, number>();
      for (const p of region) {
        for (const q of sides(p)) {
          if (own.has(q) || !valid(q)) continue;
          votes.set(classes[q]!, (votes.get(classes[q]!) ?? 0) + 1);
        }
      }
      const from = classes[region[0]!]!;
      const ranked = [...votes].map(([k, n]) => ({ k, n: n * affinity(from, k) })).filter(({ n }) => n > 0);
      ranked.sort((a, b) => b.n - a.n || a.k - b.k);
      if (ranked.length === 0) stuck.add(key(region));
      else for (const p of region) classes[p] = ranked[0]!.k;
    }
  }
  return classes;
}
