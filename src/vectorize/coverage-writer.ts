import type { LandCoverClass } from '../core/classes.ts';
import type { CoverageFeature } from '../core/coverage.ts';
import type { Grid } from '../core/grid.ts';
import type { VectorSink } from '../core/ports.ts';
import type { ClassRows } from '../core/raster.ts';
import { type CoverageSummary, createCoverageTracer, sliceRows } from './trace-coverage.ts';

/** Class rows in, features out to sinks: what stands beside the raster sinks where rows fork. */
export interface CoverageWriter {
  /**
   * Takes the next rows, and settles when every sink is ready for more. The rows may be used again then.
   * @throws TopologyError, UnsupportedError, SourceError
   */
  writeRows(rows: ClassRows): Promise<void>;
  /**
   * Hands out what is left and checks that each valid pixel is in exactly one feature; the sinks stay open, for who
   * wants several outputs to appear together. To be called once, and not with {@link close}.
   */
  finish(): Promise<CoverageSummary>;
  /** {@link finish}, and then closes the sinks. */
  close(): Promise<CoverageSummary>;
  /** Aborts the sinks: nothing of them stays. */
  abort(): Promise<void>;
}

/**
 * Traces class rows into features and gives each to all sinks, in one order. Sinks are closed (or aborted) with it.
 * @param options.withConfidence false if the rows' confidences say nothing, as for a class raster made elsewhere.
 * @throws UnsupportedError if the grid's CRS has no known way to longitude and latitude.
 */
export function createCoverageWriter(options: {
  readonly grid: Grid;
  readonly classes: readonly LandCoverClass[];
  readonly sinks: readonly VectorSink[];
  readonly withConfidence?: boolean;
}): CoverageWriter {
  const { grid, classes, sinks, withConfidence = true } = options;
  let ready: CoverageFeature[] = [];
  const tracer = createCoverageTracer({ grid, classes, onFeature: (feature) => ready.push(feature) });
  const drain = async () => {
    for (const feature of ready) {
      for (const sink of sinks) {
        const busy = sink.write(feature);
        if (busy !== undefined) await busy;
      }
    }
    ready = [];
  };
  const finish = async () => {
    const summary = tracer.finish();
    await drain();
    return summary;
  };
  return {
    async writeRows(rows) {
      for (const slice of sliceRows(rows, grid.width)) {
        tracer.pushRows(slice.classes, withConfidence ? slice.confidence : null, slice.rowCount);
        await drain();
      }
    },
    finish,
    async close() {
      const summary = await finish();
      for (const sink of sinks) await sink.close();
      return summary;
    },
    async abort() {
      for (const sink of sinks) await sink.abort();
    },
  };
}
