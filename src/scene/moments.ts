/** Mean and population standard deviation. */
export interface Moments {
  readonly mean: number;
  readonly deviation: number;
}

/** Gathers {@link Moments} row by row. */
export interface MomentsCollector {
  /** The first `count` values of one row. The result depends on the order of rows, and on nothing else of how they came. */
  addRow(values: Float64Array, count: number): void;
  result(): Moments;
}

/**
 * Rows are summed in two passes each and joined by the rule of Chan, Golub and LeVeque ("Updating formulae and a pairwise
 * algorithm for computing sample variances", 1979), which stays exact where a mean is large beside its deviation.
 */
export function createMoments(): MomentsCollector {
  let total = 0;
  let mean = 0;
  let squares = 0;
  return {
    addRow(values, count) {
      if (count === 0) return;
      let sum = 0;
      for (let i = 0; i < count; i++) sum += values[i]!;
      const rowMean = sum / count;
      let rowSquares = 0;
      for (let i = 0; i < count; i++) rowSquares += (values[i]! - rowMean) ** 2;
      const delta = rowMean - mean;
      const joined = total + count;
      mean += (delta * count) / joined;
      squares += rowSquares + (delta * delta * total * count) / joined;
      total = joined;
    },
    result: () => ({ mean, deviation: total === 0 ? 0 : Math.sqrt(squares / total) }),
  };
}
