import { createResampler, type Resampler, type RowRef, resampleRow } from '../core/resample.ts';

/** Scene rows `y .. y + rowCount - 1`: row-major RGB, `strideBytes` a row. */
export interface SceneRows {
  readonly y: number;
  readonly rowCount: number;
  readonly strideBytes: number;
  readonly data: Uint8Array;
}

/** Makes one level out of scene rows as they pass by. */
export interface LevelSampler {
  readonly width: number;
  readonly height: number;
  /** Scene columns that a row of {@link SceneRows} must have; beyond the scene they are zero. */
  readonly sourceWidth: number;
  /** Scene rows it wants to see; beyond the scene they are zero. */
  readonly sourceHeight: number;
  /**
   * Takes the next scene rows and gives the level rows that they complete: RGB, row-major. Rows must come in order and
   * without gaps. The result is valid until the next call.
   */
  push(rows: SceneRows): { readonly rowCount: number; readonly data: Uint8Array };
}

const BANDS = 3;

/**
 * A level at a whole `distance`: as many pixels as it takes to cover the scene, each sampled from its own
 * `distance x distance` cell of the zero-padded scene exactly as the network's view at that distance is.
 */
export function createLevelSampler(width: number, height: number, distance: number): LevelSampler {
  const level = { width: Math.ceil(width / distance), height: Math.ceil(height / distance) };
  const source = { width: level.width * distance, height: level.height * distance };
  const resampler: Resampler = createResampler(source, level, BANDS);
  const { lower, upper, upperWeight } = resampler.rows;
  /** The scene row before the ones at hand: a level row may need one on either side of a cut. */
  let before = new Uint8Array(0);
  let done = 0;
  let out = new Uint8Array(0);
  return {
    ...level,
    sourceWidth: source.width,
    sourceHeight: source.height,
    push(rows) {
      const from = done;
      const end = rows.y + rows.rowCount;
      const needed = (row: number) => (upperWeight[row] === 0 ? lower[row]! : upper[row]!);
      let until = from;
      while (until < level.height && needed(until) < end) until++;
      const bytes = (until - from) * level.width * BANDS;
      if (out.length < bytes) out = new Uint8Array(bytes);
      const rowAt = (y: number): RowRef =>
        y < rows.y
          ? { data: before, offset: 0 }
          : { data: rows.data, offset: (y - rows.y) * rows.strideBytes };
      for (; done < until; done++) {
        const at = (done - from) * level.width * BANDS;
        resampleRow(resampler, done, rowAt(lower[done]!), rowAt(needed(done)), out, at);
      }
      before = rows.data.slice((rows.rowCount - 1) * rows.strideBytes, rows.rowCount * rows.strideBytes);
      return { rowCount: until - from, data: out.subarray(0, bytes) };
    },
  };
}
