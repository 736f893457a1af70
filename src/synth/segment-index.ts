/** Finds the straight pieces near a position. */
export interface SegmentIndex {
  /** Numbers of the pieces that may come within the index's reach of (x, y): `items[from .. to)`. */
  range(x: number, y: number): readonly [from: number, to: number];
  readonly items: Int32Array;
}

const CELL = 64;

/**
 * Sorts pieces into square cells by their bounding boxes, grown by their half width and by `reach`.
 * `ends(n)` gives x0, y0, x1, y1 and the greatest half width of piece `n`.
 */
export function indexSegments(
  count: number,
  ends: (n: number) => readonly [x0: number, y0: number, x1: number, y1: number, halfWidth: number],
  reach: number,
  width: number,
  height: number,
): SegmentIndex {
  // One ring of cells outside takes what the warp pushes over the border.
  const columns = Math.ceil(width / CELL) + 2;
  const rows = Math.ceil(height / CELL) + 2;
  const column = (x: number) => Math.min(Math.max(Math.floor(x / CELL) + 1, 0), columns - 1);
  const row = (y: number) => Math.min(Math.max(Math.floor(y / CELL) + 1, 0), rows - 1);
  const visit = (n: number, put: (cell: number) => void) => {
    const [x0, y0, x1, y1, halfWidth] = ends(n);
    const grow = reach + halfWidth;
    const near = CELL * 0.7072 + grow;
    const lengthSquared = (x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0);
    for (let j = row(Math.min(y0, y1) - grow); j <= row(Math.max(y0, y1) + grow); j++) {
      for (let i = column(Math.min(x0, x1) - grow); i <= column(Math.max(x0, x1) + grow); i++) {
        // Outer cells stand for everything beyond, so only inner ones can be told from their centre.
        if (i > 0 && j > 0 && i < columns - 1 && j < rows - 1) {
          const cx = (i - 0.5) * CELL - x0;
          const cy = (j - 0.5) * CELL - y0;
          const cross = cx * (y1 - y0) - cy * (x1 - x0);
          if (cross * cross > near * near * lengthSquared) continue;
        }
        put(j * columns + i);
      }
    }
  };
  const starts = new Int32Array(columns * rows + 1);
  for (let n = 0; n < count; n++) {
    visit(n, (cell) => {
      starts[cell + 1] = starts[cell + 1]! + 1;
    });
  }
  for (let c = 0; c < columns * rows; c++) starts[c + 1] = starts[c + 1]! + starts[c]!;
  const items = new Int32Array(starts[columns * rows]!);
  const next = starts.slice();
  for (let n = 0; n < count; n++) {
    visit(n, (cell) => {
      items[next[cell]!] = n;
      next[cell] = next[cell]! + 1;
    });
  }
  return {
    items,
    range(x, y) {
      const cell = row(y) * columns + column(x);
      return [starts[cell]!, starts[cell + 1]!];
    },
  };
}

/** Squared distance from (x, y) to a piece, and where along it (0 to 1) the nearest point lies, in `out[0]`, `out[1]`. */
export function nearestOnSegment(
  x: number,
  y: number,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  out: Float64Array,
): void {
  const ex = x1 - x0;
  const ey = y1 - y0;
  const length = ex * ex + ey * ey;
  let t = length > 0 ? ((x - x0) * ex + (y - y0) * ey) / length : 0;
  t = Math.min(Math.max(t, 0), 1);
  const dx = x - x0 - t * ex;
  const dy = y - y0 - t * ey;
  out[0] = dx * dx + dy * dy;
  out[1] = t;
}
