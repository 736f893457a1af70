/** Diagonal entries of the triangle below this share of the largest one mean that the columns do not stand alone. */
const RANK_TOLERANCE = 1e-10;

/**
 * Least-squares solutions of `design * solution = target` by Householder reflections (Golub and Van Loan, Matrix
 * Computations, algorithm 5.3.2).
 *
 * @param design `rows * columns` numbers, row-major, `rows >= columns`; overwritten
 * @param targets `rows` numbers each; overwritten
 * @returns `columns` numbers for each target; `null` where the design has not full rank or holds what is not finite
 */
export function solveLeastSquares(
  design: Float64Array,
  rows: number,
  columns: number,
  targets: readonly Float64Array[],
): Float64Array[] | null {
  const diagonal = new Float64Array(columns);
  for (let k = 0; k < columns; k++) {
    let norm = 0;
    for (let i = k; i < rows; i++) norm = Math.hypot(norm, design[i * columns + k]!);
    if (norm === 0 || !Number.isFinite(norm)) return null;
    const head = design[k * columns + k]!;
    const alpha = head > 0 ? -norm : norm;
    diagonal[k] = alpha;
    // The reflection's vector takes the place of the column; its squared length is 2 * norm * (norm + |head|).
    design[k * columns + k] = head - alpha;
    const half = norm * (norm + Math.abs(head));
    for (let j = k + 1; j < columns; j++) {
      let dot = 0;
      for (let i = k; i < rows; i++) dot += design[i * columns + k]! * design[i * columns + j]!;
      for (let i = k; i < rows; i++) design[i * columns + j]! -= (dot / half) * design[i * columns + k]!;
    }
    for (const target of targets) {
      let dot = 0;
      for (let i = k; i < rows; i++) dot += design[i * columns + k]! * target[i]!;
      for (let i = k; i < rows; i++) target[i]! -= (dot / half) * design[i * columns + k]!;
    }
  }
  const largest = diagonal.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (!diagonal.every((value) => Math.abs(value) > largest * RANK_TOLERANCE)) return null;
  return targets.map((target) => {
    const solution = new Float64Array(columns);
    for (let k = columns - 1; k >= 0; k--) {
      let rest = target[k]!;
      for (let j = k + 1; j < columns; j++) rest -= design[k * columns + j]! * solution[j]!;
      solution[k] = rest / diagonal[k]!;
    }
    return solution;
  });
}
