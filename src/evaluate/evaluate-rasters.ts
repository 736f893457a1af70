import { ConfigError } from '../core/errors.ts';
import type { ClassRows } from '../core/raster.ts';
import { countPairs, createPairCounts, type PairCounts } from './confusion.ts';
import { type Evaluation, type ScoreOptions, scorePairs } from './score.ts';

/** The class values of rows: what a comparison needs of {@link ClassRows}. */
export type LabelRows = Pick<ClassRows, 'y' | 'rowCount' | 'classes'>;

/**
 * Compares a predicted class raster with the truth, pixel by pixel. The two streams may be cut into rows differently;
 * neither is held in memory.
 * @throws ConfigError if the two differ in width or height, or hold values that {@link scorePairs} refuses
 */
export async function evaluateRasters(
  predicted: AsyncIterable<LabelRows>,
  truth: AsyncIterable<LabelRows>,
  options: ScoreOptions,
): Promise<Evaluation> {
  const counts = createPairCounts();
  await countRasters(counts, predicted, truth);
  return scorePairs(counts, options);
}

/**
 * Adds the pixel pairs of two class rasters to `counts`, so that several scenes can be scored as one.
 * @throws ConfigError if the two differ in width or height
 */
export async function countRasters(
  counts: PairCounts,
  predicted: AsyncIterable<LabelRows>,
  truth: AsyncIterable<LabelRows>,
): Promise<void> {
  const left = createRowCursor(predicted);
  const right = createRowCursor(truth);
  try {
    for (let y = 0; ; ) {
      const [hasLeft, hasRight] = await Promise.all([left.fill(), right.fill()]);
      if (!hasLeft && !hasRight) break;
      if (hasLeft !== hasRight) {
        throw sizeError(
          `${hasLeft ? 'the truth' : 'the prediction'} ends after ${y} rows, the other goes on`,
        );
      }
      if (left.width() !== right.width()) {
        throw sizeError(`the prediction is ${left.width()} pixels wide, the truth ${right.width()}`);
      }
      const rowCount = Math.min(left.rowsLeft(), right.rowsLeft());
      countPairs(counts, right.take(rowCount), left.take(rowCount));
      y += rowCount;
    }
  } finally {
    await Promise.allSettled([left.close(), right.close()]);
  }
}

function sizeError(how: string): ConfigError {
  return new ConfigError(
    `Prediction and truth are not on the same pixel grid: ${how}. Compare rasters of one scene at one resolution.`,
    { pointer: '/truth' },
  );
}

/** Walks through a stream of rows in steps of any height. */
function createRowCursor(stream: AsyncIterable<LabelRows>) {
  const iterator = stream[Symbol.asyncIterator]();
  let rows: LabelRows = { y: 0, rowCount: 0, classes: new Uint8Array(0) };
  let used = 0;
  const width = () => rows.classes.length / rows.rowCount;
  return {
    width,
    rowsLeft: () => rows.rowCount - used,
    /** Makes sure that at least one row is at hand; false at the end of the stream. */
    async fill(): Promise<boolean> {
      while (used === rows.rowCount) {
        const next = await iterator.next();
        if (next.done) return false;
        rows = next.value;
        used = 0;
      }
      return true;
    },
    take(rowCount: number): Uint8Array {
      const from = used * width();
      used += rowCount;
      return rows.classes.subarray(from, used * width());
    },
    async close(): Promise<void> {
      await iterator.return?.();
    },
  };
}
