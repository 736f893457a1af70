import type { LandCoverClass } from '../core/classes.ts';
import type { CoverageFeature } from '../core/coverage.ts';
import type { Grid } from '../core/grid.ts';
import type { ClassRows } from '../core/raster.ts';
import type { Face } from './face.ts';
import { createFaceShaper } from './shape-face.ts';
import { type ClassTotal, createClassTotals } from './total-classes.ts';
import { createFaceTracer, type TraceCounts } from './trace-faces.ts';

/** What a finished coverage holds. */
export interface CoverageSummary extends TraceCounts {
  /** One entry a class that occurs, by class id. */
  readonly classes: readonly ClassTotal[];
}

export interface CoverageTracer {
  /**
   * Takes the next `rowCount` rows of the grid; features that are complete are handed out before this returns.
   * @param confidence one byte a pixel, or `null` for none; the same choice for all rows.
   * @throws TopologyError, UnsupportedError
   */
  pushRows(classes: Uint8Array, confidence: Uint8Array | null, rowCount: number): void;
  /**
   * Hands out the rest.
   * @throws TopologyError unless the features hold each valid pixel exactly once; UnsupportedError
   */
  finish(): CoverageSummary;
}

/** The colour of class values that the list of classes does not know; they are called `class N`. */
export const UNKNOWN_COLOR = '#808080';

/**
 * Traces class rows into coverage features, in push form. Rows may come in blocks of any size; features, their order
 * and their bytes do not depend on it.
 * @throws UnsupportedError if the grid's CRS has no known way to longitude and latitude.
 */
export function createCoverageTracer(options: {
  readonly grid: Grid;
  readonly classes: readonly LandCoverClass[];
  readonly onFeature: (feature: CoverageFeature) => void;
}): CoverageTracer {
  const { grid, classes, onFeature } = options;
  const shapeFace = createFaceShaper(grid);
  const byId = new Map(classes.map((c) => [c.id, c]));
  const totals = createClassTotals();
  let hasConfidence = false;
  const tracer = createFaceTracer(grid.width, (face: Face) => {
    const { id, classId, pixelCount, touchesEdge } = face;
    const { name, color } = byId.get(classId) ?? { name: `class ${classId}`, color: UNKNOWN_COLOR };
    const { geometry, areaM2, perimeterM } = shapeFace(face);
    const confidenceSum = hasConfidence ? face.confidenceSum : null;
    const feature: CoverageFeature = {
      id,
      classId,
      className: name,
      color,
      pixelCount,
      areaM2,
      perimeterM,
      meanConfidence: confidenceSum === null ? null : confidenceSum / pixelCount,
      minConfidence: hasConfidence ? face.leastConfidence : null,
      touchesEdge,
      belowMmu: false,
      geometry,
    };
    totals.add(feature, confidenceSum);
    onFeature(feature);
  });
  return {
    pushRows(rows, confidence, rowCount) {
      hasConfidence = confidence !== null;
      tracer.pushRows(rows, confidence, rowCount);
    },
    finish() {
      const counts = tracer.finish();
      if (counts.rows !== grid.height) {
        throw new RangeError(`expected ${grid.height} rows of the grid, got ${counts.rows}`);
      }
      return { ...counts, classes: totals.list() };
    },
  };
}

// Features wait in memory while one slice of rows is traced: so few pixels that they stay a few megabytes.
const SLICE_PIXELS = 1 << 16;

/** Cuts rows into slices that complete a bounded number of features. */
export function* sliceRows(rows: ClassRows, width: number): Generator<ClassRows> {
  const step = Math.max(1, Math.floor(SLICE_PIXELS / width));
  for (let row = 0; row < rows.rowCount; row += step) {
    const rowCount = Math.min(step, rows.rowCount - row);
    const from = row * width;
    const to = (row + rowCount) * width;
    yield {
      y: rows.y + row,
      rowCount,
      classes: rows.classes.subarray(from, to),
      confidence: rows.confidence.subarray(from, to),
    };
  }
}

/**
 * Traces class rows into coverage features, in pull form: the rows are read only as fast as features are taken.
 * @throws TopologyError, UnsupportedError, and what `rows` throws
 */
export async function* traceCoverage(
  rows: AsyncIterable<ClassRows>,
  grid: Grid,
  classes: readonly LandCoverClass[],
): AsyncGenerator<CoverageFeature, CoverageSummary> {
  let ready: CoverageFeature[] = [];
  const tracer = createCoverageTracer({ grid, classes, onFeature: (feature) => ready.push(feature) });
  for await (const block of rows) {
    for (const slice of sliceRows(block, grid.width)) {
      tracer.pushRows(slice.classes, slice.confidence, slice.rowCount);
      yield* ready;
      ready = [];
    }
  }
  const summary = tracer.finish();
  yield* ready;
  return summary;
}
