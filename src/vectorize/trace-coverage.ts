import type { LandCoverClass } from '../core/classes.ts';
import { type CoverageFeature, type CoverageSpace, coverageSpace } from '../core/coverage.ts';
import type { Grid } from '../core/grid.ts';
import type { ClassRows } from '../core/raster.ts';
import type { Face } from './face.ts';
import { type Generalisation, isGeneralised } from './generalisation.ts';
import { createCoverageGeneraliser, type GeneralisationSummary } from './generalise-coverage.ts';
import { createFeatureMaker } from './make-features.ts';
import { createFaceShaper } from './shape-face.ts';
import type { ClassTotal } from './total-classes.ts';
import { createFaceTracer, type TraceCounts } from './trace-faces.ts';

/** What a finished coverage holds. */
export interface CoverageSummary extends TraceCounts {
  /** One entry a class that occurs, by class id. */
  readonly classes: readonly ClassTotal[];
  /** Absent where polygons are those of the pixels. */
  readonly generalisation?: GeneralisationSummary;
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

/**
 * Traces class rows into coverage features, in push form. Rows may come in blocks of any size; features, their order
 * and their bytes do not depend on it.
 * @param options.spaces what coordinates features get: each feature is handed out once a space. One unless told: longitude
 *   and latitude, or pixels for a grid without georeferencing.
 * @throws UnsupportedError if the grid's CRS has no known way to a space.
 */
export function createCoverageTracer(options: {
  readonly grid: Grid;
  readonly classes: readonly LandCoverClass[];
  readonly spaces?: readonly CoverageSpace[];
  readonly onFeature: (feature: CoverageFeature, space: number) => void;
}): CoverageTracer {
  const { grid, classes, onFeature } = options;
  const shapeFace = createFaceShaper(grid, options.spaces ?? [coverageSpace(grid)]);
  const maker = createFeatureMaker(classes);
  let hasConfidence = false;
  const tracer = createFaceTracer(grid.width, (face: Face) => {
    const { id, classId, pixelCount, leastConfidence, touchesEdge } = face;
    const confidenceSum = hasConfidence ? face.confidenceSum : null;
    const facts = { id, classId, pixelCount, confidenceSum, leastConfidence, touchesEdge, belowMmu: false };
    maker.make(facts, shapeFace(face)).forEach(onFeature);
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
      return { ...counts, classes: maker.totals() };
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
 * Traces class rows into coverage features, in pull form: the rows are read only as fast as features are taken. With a
 * generalisation all rows are read first.
 * @throws TopologyError, UnsupportedError, ConfigError, and what `rows` throws
 */
export async function* traceCoverage(
  rows: AsyncIterable<ClassRows>,
  grid: Grid,
  classes: readonly LandCoverClass[],
  options: { readonly generalisation?: Generalisation; readonly space?: CoverageSpace } = {},
): AsyncGenerator<CoverageFeature, CoverageSummary> {
  const { generalisation, space = coverageSpace(grid) } = options;
  if (generalisation !== undefined && isGeneralised(generalisation)) {
    const generaliser = createCoverageGeneraliser({ grid, classes, generalisation, spaces: [space] });
    for await (const { classes: codes, confidence, rowCount } of rows) {
      generaliser.pushRows(codes, confidence, rowCount);
    }
    const coverage = generaliser.finish();
    for (const [feature] of coverage.features()) yield feature!;
    return coverage.summary();
  }
  let ready: CoverageFeature[] = [];
  const onFeature = (feature: CoverageFeature) => void ready.push(feature);
  const tracer = createCoverageTracer({ grid, classes, spaces: [space], onFeature });
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
