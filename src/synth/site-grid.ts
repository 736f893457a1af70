import { hash2, unit } from './hash.ts';

/** Things strewn over the plane, at most one in each square cell; made when first asked for. */
export interface SiteGrid<T> {
  /** Appends to `out` the things of all cells within `reach` pixels of (x, y). */
  collect(x: number, y: number, reach: number, out: T[]): void;
  /** The thing of cell (i, j), or `null` where the cell is empty. */
  at(i: number, j: number): T | null;
  /** Forgets the cells that lie wholly above row `y`: memory stays bounded while rows are made downwards. */
  forgetAbove(y: number): void;
}

/**
 * A grid of sites. `make` gets the cell, its hash and a position jittered within the cell (between 12 % and 88 % of
 * its side), and must be a function of those alone.
 */
export function createSiteGrid<T>(
  spacing: number,
  seed: number,
  make: (i: number, j: number, hash: number, x: number, y: number) => T | null,
): SiteGrid<T> {
  const rows = new Map<number, Map<number, T | null>>();
  const at = (i: number, j: number): T | null => {
    let row = rows.get(j);
    if (row === undefined) {
      row = new Map();
      rows.set(j, row);
    }
    let site = row.get(i);
    if (site === undefined) {
      const [x, y] = sitePosition(spacing, seed, i, j);
      site = make(i, j, hash2(seed, i, j), x, y);
      row.set(i, site);
    }
    return site;
  };
  return {
    at,
    collect(x, y, reach, out) {
      const toI = Math.floor((x + reach) / spacing);
      const toJ = Math.floor((y + reach) / spacing);
      for (let j = Math.floor((y - reach) / spacing); j <= toJ; j++) {
        for (let i = Math.floor((x - reach) / spacing); i <= toI; i++) {
          const site = at(i, j);
          if (site !== null) out.push(site);
        }
      }
    },
    forgetAbove(y) {
      for (const j of rows.keys()) if ((j + 1) * spacing < y) rows.delete(j);
    },
  };
}

/** Where the site of cell (i, j) lies. */
export function sitePosition(spacing: number, seed: number, i: number, j: number): [x: number, y: number] {
  const x = (i + 0.12 + 0.76 * unit(hash2(seed + 5, i, j))) * spacing;
  const y = (j + 0.12 + 0.76 * unit(hash2(seed + 6, i, j))) * spacing;
  return [x, y];
}
