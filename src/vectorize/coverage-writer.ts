import { setImmediate } from 'node:timers/promises';
import type { LandCoverClass } from '../core/classes.ts';
import { type CoverageFeature, type CoverageSpace, coverageSpace, spaceKey } from '../core/coverage.ts';
import type { Grid } from '../core/grid.ts';
import type { VectorSink } from '../core/ports.ts';
import type { ClassRows } from '../core/raster.ts';
import { type Generalisation, isGeneralised } from './generalisation.ts';
import { createCoverageGeneraliser } from './generalise-coverage.ts';
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
 * Traces class rows into features and gives each to all sinks, in one order; each sink in the space that it takes. Sinks
 * are closed (or aborted) with it.
 * @param options.withConfidence false if the rows' confidences say nothing, as for a class raster made elsewhere.
 * @param options.generalisation features are handed out at the end then, in order of their ids
 * @param options.onSievedRows takes the rows of the class raster that a generalised coverage is, before its features
 * @param options.signal stops a generalised coverage while it is handed out, which may take long
 * @throws UnsupportedError if the grid's CRS has no known way to a sink's space; ConfigError
 */
export function createCoverageWriter(options: {
  readonly grid: Grid;
  readonly classes: readonly LandCoverClass[];
  readonly sinks: readonly VectorSink[];
  readonly withConfidence?: boolean;
  readonly generalisation?: Generalisation;
  readonly onSievedRows?: (rows: ClassRows) => Promise<void>;
  readonly signal?: AbortSignal;
}): CoverageWriter {
  const { grid, classes, sinks, withConfidence = true, generalisation = {}, onSievedRows, signal } = options;
  const spaces = [...new Map(sinks.map(({ space }) => [spaceKey(space), space])).values()];
  if (spaces.length === 0) spaces.push(coverageSpace(grid));
  const sinksOf = spaces.map((space) => sinks.filter((sink) => spaceKey(sink.space) === spaceKey(space)));
  const give = (feature: CoverageFeature, space: number) => giveTo(sinksOf[space]!, 0, feature);
  const drawers = sinks.filter((sink) => sink.writeRows !== undefined);
  const draw =
    drawers.length === 0
      ? null
      : (rows: Uint8Array, rowCount: number) => {
          for (const sink of drawers) sink.writeRows!(rows, rowCount);
        };
  const trace = { grid, classes, spaces, withConfidence, give, draw };
  const { writeRows, finish } =
    isGeneralised(generalisation) || onSievedRows !== undefined
      ? generalise({ ...trace, generalisation, onSievedRows, signal })
      : stream(trace);
  return {
    writeRows,
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

/**
 * Gives a feature to the sinks from number `from` on, one after the other.
 * @returns a promise only if one of them wants to be waited for: waiting for nothing takes longer than a small feature does
 */
function giveTo(
  sinks: readonly VectorSink[],
  from: number,
  feature: CoverageFeature,
): Promise<void> | undefined {
  for (let i = from; i < sinks.length; i++) {
    const busy = sinks[i]!.write(feature);
    if (busy !== undefined) return busy.then(() => giveTo(sinks, i + 1, feature));
  }
  return undefined;
}

interface Trace {
  readonly grid: Grid;
  readonly classes: readonly LandCoverClass[];
  readonly spaces: readonly CoverageSpace[];
  readonly withConfidence: boolean;
  readonly give: (feature: CoverageFeature, space: number) => Promise<void> | undefined;
  /** Hands class rows to the sinks that take them; `null` if none does. */
  readonly draw: ((rows: Uint8Array, rowCount: number) => void) | null;
}

/** Each feature as soon as its last row is over: constant memory. */
function stream({
  grid,
  classes,
  spaces,
  withConfidence,
  give,
  draw,
}: Trace): Pick<CoverageWriter, 'writeRows' | 'finish'> {
  // Features go straight to the sinks; only behind one that a sink is busy with do they wait for the slice's end.
  let busy: Promise<void> | undefined;
  let waiting: [CoverageFeature, number][] = [];
  const onFeature = (feature: CoverageFeature, space: number) => {
    if (busy === undefined) busy = give(feature, space);
    else waiting.push([feature, space]);
  };
  const tracer = createCoverageTracer({ grid, classes, spaces, onFeature });
  const drain = async () => {
    await busy;
    for (const [feature, space] of waiting) await give(feature, space);
    waiting = [];
    busy = undefined;
  };
  return {
    async writeRows(rows) {
      for (const slice of sliceRows(rows, grid.width)) {
        draw?.(slice.classes, slice.rowCount);
        tracer.pushRows(slice.classes, withConfidence ? slice.confidence : null, slice.rowCount);
        if (busy !== undefined) await drain();
      }
    },
    async finish() {
      const summary = tracer.finish();
      await drain();
      return summary;
    },
  };
}

/** Features, or rows, that are handed out at a stretch. */
const TURN = 512;

/** All borders first, then all features. */
function generalise(
  options: Trace & {
    readonly generalisation: Generalisation;
    readonly onSievedRows: ((rows: ClassRows) => Promise<void>) | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Pick<CoverageWriter, 'writeRows' | 'finish'> {
  const { grid, withConfidence, give, draw, onSievedRows, signal } = options;
  // Sinks need not wait for anything, and then nothing else would run until the last feature: no signal, no timer.
  const letOthersRun = async () => {
    await setImmediate();
    signal?.throwIfAborted();
  };
  const generaliser = createCoverageGeneraliser(options);
  return {
    async writeRows({ classes, confidence, rowCount }) {
      generaliser.pushRows(classes, withConfidence ? confidence : null, rowCount);
    },
    async finish() {
      const coverage = generaliser.finish();
      if (onSievedRows !== undefined || draw !== null) {
        const confidence = new Uint8Array(grid.width);
        let y = 0;
        for (const classes of coverage.rows()) {
          if (y % TURN === 0) await letOthersRun();
          draw?.(classes, 1);
          await onSievedRows?.({ y, rowCount: 1, classes, confidence });
          y++;
        }
      }
      let count = 0;
      for (const features of coverage.features()) {
        if (count++ % TURN === 0) await letOthersRun();
        for (let space = 0; space < features.length; space++) {
          const busy = give(features[space]!, space);
          if (busy !== undefined) await busy;
        }
      }
      await letOthersRun();
      return coverage.summary();
    },
  };
}
