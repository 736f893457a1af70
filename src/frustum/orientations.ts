/**
 * The eight symmetries of the square (D4): a view can be shown to the network turned and mirrored, and its answer turned
 * back. Seen from above, land has no up or down.
 */

/** How many there are; number 0 leaves everything as it is. */
export const ORIENTATIONS = 8;

/**
 * Where the cells of a square of side `side` come from in an orientation: cell `i` of the turned square is cell `table[i]`
 * of the square as it was (row by row). Orientation `4t + 2v + h`: columns reversed if `h`, rows if `v`, then both axes
 * swapped if `t`.
 */
export function orientationTable(orientation: number, side: number): Uint32Array {
  const reverseColumns = (orientation & 1) !== 0;
  const reverseRows = (orientation & 2) !== 0;
  const swapAxes = (orientation & 4) !== 0;
  const table = new Uint32Array(side * side);
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++, i++) {
      const [row, column] = swapAxes ? [x, y] : [y, x];
      table[i] = (reverseRows ? side - 1 - row : row) * side + (reverseColumns ? side - 1 - column : column);
    }
  }
  return table;
}

/** A view, uint8 RGB `[side][side][3]`, turned as `table` says; a new array. */
export function orientView(view: Uint8Array, table: Uint32Array): Uint8Array {
  const out = new Uint8Array(view.length);
  for (let i = 0, to = 0; i < table.length; i++) {
    const from = table[i]! * 3;
    out[to++] = view[from]!;
    out[to++] = view[from + 1]!;
    out[to++] = view[from + 2]!;
  }
  return out;
}

/** Adds scores of a turned view, float32 `[channels][n][n]`, to `sums` of the same shape, turned back. */
export function addTurnedBack(sums: Float32Array, scores: Float32Array, table: Uint32Array): void {
  for (let plane = 0; plane < scores.length; plane += table.length) {
    for (let i = 0; i < table.length; i++) sums[plane + table[i]!]! += scores[plane + i]!;
  }
}
