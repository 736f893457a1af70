import { NODATA_CLASS } from '../core/classes.ts';
import type { ClassRows } from '../core/raster.ts';

/** Counts of neighbouring pixels, both with data: across window borders, and elsewhere. Counts of parts add up. */
export interface SeamCounts {
  readonly seamPairs: number;
  /** Pairs across a window border whose classes differ. */
  readonly seamChanges: number;
  readonly otherPairs: number;
  readonly otherChanges: number;
}

/** How much window borders show in a class map. */
export interface SeamReport extends SeamCounts {
  /** Share of the pairs across window borders whose classes differ; `null` without such pairs. */
  readonly seamRate: number | null;
  /** The same elsewhere. */
  readonly otherRate: number | null;
  /** `seamRate / otherRate`: 1 where window borders don't show; `null` where either is missing or the latter is 0. */
  readonly excess: number | null;
}

export interface SeamMeterOptions {
  readonly width: number;
  readonly height: number;
  /** Columns at which windows begin or end: a border lies between columns `x - 1` and `x`. */
  readonly columns: Iterable<number>;
  /** Rows, likewise. */
  readonly rows: Iterable<number>;
  /**
   * Pixels a score cell stands for. Elsewhere is only looked at where a line has the same place within its cell as the
   * borders have, since classes change more often in some places of an upsampled cell than in others. 1 unless told.
   */
  readonly scoreStride?: number;
}

/** Reads class rows as they pass. */
export interface SeamMeter {
  /** Takes the next rows: in order, without gaps. */
  add(rows: ClassRows): void;
  readonly counts: SeamCounts;
}

/**
 * Measures how often classes change across window borders, where another set of windows has its say, beside how often
 * they change elsewhere. Land knows nothing of the window grid, so that a map without seams changes equally often in both
 * places. Memory grows with the width only.
 */
export function createSeamMeter(options: SeamMeterOptions): SeamMeter {
  const { width, height, scoreStride = 1 } = options;
  const columns = linesOf(options.columns, width, scoreStride);
  const rows = linesOf(options.rows, height, scoreStride);
  const columnList = Uint32Array.from(columns.keys());
  const columnIsSeam = Uint8Array.from(columns.values(), Number);
  const above = new Uint8Array(width).fill(NODATA_CLASS);
  const counts = { seamPairs: 0, seamChanges: 0, otherPairs: 0, otherChanges: 0 };

  const add = (seam: boolean, pairs: number, changes: number) => {
    counts[seam ? 'seamPairs' : 'otherPairs'] += pairs;
    counts[seam ? 'seamChanges' : 'otherChanges'] += changes;
  };
  const compareAcross = (line: Uint8Array) => {
    const pairs = [0, 0];
    const changes = [0, 0];
    for (let i = 0; i < columnList.length; i++) {
      const x = columnList[i]!;
      const left = line[x - 1]!;
      const right = line[x]!;
      if (left === NODATA_CLASS || right === NODATA_CLASS) continue;
      const seam = columnIsSeam[i]!;
      pairs[seam]!++;
      if (left !== right) changes[seam]!++;
    }
    add(false, pairs[0]!, changes[0]!);
    add(true, pairs[1]!, changes[1]!);
  };
  const compareDown = (line: Uint8Array, seam: boolean) => {
    let pairs = 0;
    let changes = 0;
    for (let x = 0; x < width; x++) {
      const upper = above[x]!;
      const lower = line[x]!;
      if (upper === NODATA_CLASS || lower === NODATA_CLASS) continue;
      pairs++;
      if (upper !== lower) changes++;
    }
    add(seam, pairs, changes);
  };

  return {
    add({ y, rowCount, classes }) {
      for (let row = 0; row < rowCount; row++) {
        const line = classes.subarray(row * width, (row + 1) * width);
        compareAcross(line);
        const seam = rows.get(y + row);
        if (seam !== undefined) compareDown(line, seam);
        if (rows.has(y + row + 1)) above.set(line);
      }
    },
    get counts() {
      return { ...counts };
    },
  };
}

/** Rates of counts, which may be the sum of several parts' counts. */
export function reportSeams(counts: SeamCounts): SeamReport {
  const { seamPairs, seamChanges, otherPairs, otherChanges } = counts;
  const seamRate = seamPairs === 0 ? null : seamChanges / seamPairs;
  const otherRate = otherPairs === 0 ? null : otherChanges / otherPairs;
  const excess = seamRate === null || otherRate === null || otherRate === 0 ? null : seamRate / otherRate;
  return { ...counts, seamRate, otherRate, excess };
}

/** Lines to look at, in order: window borders within the map, and the lines to compare them with (`false`). */
function linesOf(seams: Iterable<number>, size: number, scoreStride: number): Map<number, boolean> {
  const borders = new Set([...seams].filter((at) => at > 0 && at < size));
  const phases = new Set([...borders].map((at) => at % scoreStride));
  const lines = new Map<number, boolean>();
  for (let at = 1; at < size; at++) {
    if (borders.has(at)) lines.set(at, true);
    else if (phases.has(at % scoreStride)) lines.set(at, false);
  }
  return lines;
}
