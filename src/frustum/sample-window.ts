import type { RgbReader } from '../core/ports.ts';
import { createResampler, type Resampler, type RowRef, resampleRow } from '../core/resample.ts';
import { intersectWindows, type Window } from '../core/window.ts';

const BANDS = 3;
/** Source bytes in memory at a time. A whole-scene view is made of bands of this size, never of the scene at once. */
const BAND_BYTES = 8 * 1024 * 1024;
/** Reads in flight at a time; they lie below each other, so that they mostly share blocks. */
const BAND_RUNS = 64;
/** Needed rows with fewer unneeded ones than this between them are read in one go. */
const SKIP_ROWS = 8;

/** Rows `y .. y + rowCount - 1` of a window, read together. */
interface RowRun {
  readonly y: number;
  rowCount: number;
}

/**
 * The view of `window` as uint8 RGB `[height, width, 3]`. Where the window reaches past the grid, it sees zeros.
 * Equals cutting the window out of the zero-padded scene and resampling it whole, but reads only the source rows that
 * carry weight, band by band.
 * @throws whatever the reader throws
 */
export async function sampleWindow(
  pixels: RgbReader,
  window: Window,
  width: number,
  height: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const out = new Uint8Array(width * height * BANDS);
  if (window.width === width && window.height === height) {
    await readPadded(pixels, window, out, signal);
    return out;
  }
  const resampler = createResampler(window, { width, height });
  const top = Math.max(0, -window.y);
  const bottom = Math.min(window.height, pixels.grid.height - window.y);
  const beyond: RowRef = { data: new Uint8Array(window.width * BANDS), offset: 0 };
  for (let from = 0; from < height; ) {
    const { until, runs } = planBand(resampler, from, window.width * BANDS, top, bottom);
    const rows = new Map<number, RowRef>();
    await Promise.all(runs.map((run) => readRun(pixels, window, run, rows, signal)));
    for (let row = from; row < until; row++) {
      const lower = rows.get(resampler.rows.lower[row]!) ?? beyond;
      const upper = rows.get(resampler.rows.upper[row]!) ?? beyond;
      resampleRow(resampler, row, lower, upper, out, row * width * BANDS);
    }
    from = until;
  }
  return out;
}

/** The longest stretch of target rows from `from` on that fits the limits, and the source rows it needs. */
function planBand({ rows }: Resampler, from: number, rowBytes: number, top: number, bottom: number) {
  const runs: RowRun[] = [];
  const height = rows.lower.length;
  let bytes = 0;
  let until = from;
  for (; until < height && bytes < BAND_BYTES && runs.length < BAND_RUNS; until++) {
    if (rows.lowerWeight[until] !== 0) bytes += addRow(runs, rows.lower[until]!, top, bottom) * rowBytes;
    if (rows.upperWeight[until] !== 0) bytes += addRow(runs, rows.upper[until]!, top, bottom) * rowBytes;
  }
  return { until, runs };
}

/** Makes `runs` cover source row `y`; rows come in ascending order. Gives the number of rows that this added. */
function addRow(runs: RowRun[], y: number, top: number, bottom: number): number {
  if (y < top || y >= bottom) return 0;
  const last = runs[runs.length - 1];
  if (last === undefined || y >= last.y + last.rowCount + SKIP_ROWS) {
    runs.push({ y, rowCount: 1 });
    return 1;
  }
  const added = Math.max(0, y + 1 - (last.y + last.rowCount));
  last.rowCount += added;
  return added;
}

async function readRun(
  pixels: RgbReader,
  window: Window,
  run: RowRun,
  rows: Map<number, RowRef>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const part = { x: window.x, y: window.y + run.y, width: window.width, height: run.rowCount };
  const data = await readPadded(pixels, part, null, signal);
  for (let i = 0; i < run.rowCount; i++) rows.set(run.y + i, { data, offset: i * window.width * BANDS });
}

/** The pixels of `window`, zeros beyond the grid; into `out` (which is all zeros), or else wherever they are. */
async function readPadded(
  pixels: RgbReader,
  window: Window,
  out: Uint8Array | null,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const { width, height } = pixels.grid;
  const inside = intersectWindows(window, { x: 0, y: 0, width, height });
  if (inside === null) return out ?? new Uint8Array(window.width * window.height * BANDS);
  const block = await pixels.readRgb(inside, signal);
  if (out === null && inside.width === window.width && inside.height === window.height) return block.data;
  const padded = out ?? new Uint8Array(window.width * window.height * BANDS);
  const rowBytes = inside.width * BANDS;
  for (let row = 0; row < inside.height; row++) {
    const at = ((inside.y - window.y + row) * window.width + inside.x - window.x) * BANDS;
    padded.set(block.data.subarray(row * rowBytes, (row + 1) * rowBytes), at);
  }
  return padded;
}
