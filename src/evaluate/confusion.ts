/** Values a class raster can hold. */
export const CLASS_VALUES = 256;

/**
 * How often each pair of values meets: `counts[truth * 256 + predicted]` pixels. Doubles, so that scenes of any size are
 * counted exactly (up to 2^53 pixels).
 */
export type PairCounts = Float64Array;

/** Counts of nothing yet. */
export function createPairCounts(): PairCounts {
  return new Float64Array(CLASS_VALUES * CLASS_VALUES);
}

/** Adds the pixels of two runs of class values of equal length. */
export function countPairs(counts: PairCounts, truth: Uint8Array, predicted: Uint8Array): void {
  if (truth.length !== predicted.length) throw new RangeError('truth and prediction differ in length');
  for (let i = 0; i < truth.length; i++) counts[truth[i]! * CLASS_VALUES + predicted[i]!]!++;
}

/**
 * The matrix of chosen truth rows and prediction columns: `matrix[row][column]` pixels. Pixels of other pairs are not in it.
 */
export function confusionMatrix(
  counts: PairCounts,
  truthValues: readonly number[],
  predictedValues: readonly number[],
): number[][] {
  return truthValues.map((truth) => predictedValues.map((value) => counts[truth * CLASS_VALUES + value]!));
}

/** Values that occur in the truth, ascending. */
export function truthValuesOf(counts: PairCounts): number[] {
  return valuesWhere((truth) => sumOf(CLASS_VALUES, (value) => counts[truth * CLASS_VALUES + value]!) > 0);
}

/** Values that occur in the prediction, ascending. */
export function predictedValuesOf(counts: PairCounts): number[] {
  return valuesWhere((value) => sumOf(CLASS_VALUES, (truth) => counts[truth * CLASS_VALUES + value]!) > 0);
}

function valuesWhere(test: (value: number) => boolean): number[] {
  return Array.from({ length: CLASS_VALUES }, (_, value) => value).filter(test);
}

/** The sum of `term(0)` to `term(count - 1)`. */
export function sumOf(count: number, term: (index: number) => number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += term(i);
  return sum;
}
