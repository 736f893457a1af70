import { coverageSpace } from '../core/coverage.ts';
import { ConfigError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { type GroundScale, measureGround } from './ground-scale.ts';
import type { Simplification } from './simplify-lines.ts';

/** How a coverage is generalised. Everything is optional; without any of it polygons are those of the pixels. */
export interface Generalisation {
  /** Minimum mapping unit: smaller areas are merged into a neighbour. Square metres on the ground, or whole pixels. */
  readonly mmu?: { readonly areaM2: number } | { readonly pixels: number };
  /** 8: areas that meet in a corner only are one feature (of several polygons), and one area for the MMU. 4 unless told. */
  readonly connectedness?: 4 | 8;
  /** How well classes go over into each other when areas are merged; every pair that is not named counts 1. */
  readonly affinity?: AffinityTable;
  readonly simplify?: Simplification;
  /** Rounds corners, each drawn in 2^smooth edges: 1 to 4. */
  readonly smooth?: number;
  /** Memory that the graph of all borders may take, in bytes; 2 GiB unless told. */
  readonly maxGraphBytes?: number;
}

/**
 * What a metre of border with class `to` counts when an area of class `from` chooses its neighbour: `table[from][to]`, by
 * class ids; 0 for never.
 */
export type AffinityTable = Readonly<Record<number, Readonly<Record<number, number>>>>;

/** Whether anything is to be done to a coverage; otherwise it can be traced in a stream, in constant memory. */
export function isGeneralised(how: Generalisation): boolean {
  return (
    how.mmu !== undefined || how.connectedness === 8 || how.simplify !== undefined || (how.smooth ?? 0) > 0
  );
}

/** A generalisation in the terms of one grid. */
export interface GeneralisationPlan {
  readonly ground: GroundScale;
  /** What a pixel of each row adds to its face's size; absent where each adds 1. */
  readonly weights?: Float64Array;
  /** In the unit of the weights; 0 for no minimum. */
  readonly minSize: number;
}

/** Sizes on the ground are added up in whole square millimetres: exactly, in any order. */
const SIZE_UNITS = 1e6;

/**
 * @throws ConfigError for values out of range; UnsupportedError if sizes on the ground are asked for and the CRS has no
 *   known way to longitude and latitude.
 */
export function planGeneralisation(grid: Grid, how: Generalisation): GeneralisationPlan {
  const refuse = (pointer: string, value: unknown, expected: string): never => {
    throw new ConfigError(`${pointer} ${String(value)}: expected ${expected}`, { pointer, value });
  };
  const { mmu, simplify, smooth = 0 } = how;
  if (!Number.isInteger(smooth) || smooth < 0 || smooth > 4)
    refuse('smooth', smooth, 'a whole number from 0 to 4');
  if (simplify !== undefined && !(simplify.toleranceM > 0 && Number.isFinite(simplify.toleranceM))) {
    refuse('simplify', simplify.toleranceM, 'a tolerance in metres above 0');
  }
  for (const [from, row] of Object.entries(how.affinity ?? {})) {
    for (const [to, weight] of Object.entries(row)) {
      if (!(weight >= 0 && Number.isFinite(weight)))
        refuse(`affinity/${from}/${to}`, weight, 'a weight of at least 0');
    }
  }
  const georeferenced = coverageSpace(grid).kind !== 'pixel';
  const inMetres = mmu !== undefined && 'areaM2' in mmu;
  const size = mmu === undefined ? 0 : 'areaM2' in mmu ? mmu.areaM2 : mmu.pixels;
  if (!(size >= 0 && Number.isFinite(size))) refuse('mmu', size, 'an area of at least 0');
  if (inMetres && !georeferenced) {
    refuse('mmu', `${size} m2`, 'a size in pixels (e.g. 25px), since the scene has no georeferencing');
  }
  const ground =
    inMetres || simplify !== undefined
      ? measureGround(grid)
      : measureGround({ width: grid.width, height: grid.height, transform: null, crs: null });
  if (!inMetres) return { ground, minSize: size };
  if (ground.uniform) return { ground, minSize: Math.ceil(size / ground.pixelM2[0]! - 1e-9) };
  const weights = ground.pixelM2.map((area) => Math.round(area * SIZE_UNITS));
  return { ground, weights, minSize: size * SIZE_UNITS };
}
