import { NODATA_CLASS } from '../core/classes.ts';
import type { ClassRows } from '../core/raster.ts';
import type { Window } from '../core/window.ts';
import type { Strip, TileRow } from './strip.ts';
import { upsamplePhases } from './upsample.ts';

/**
 * Decides class rows from finished tile rows: the class with the largest summed score (the first maximum wins, as
 * `numpy.argmax`), and as confidence the softmax of the mean scores at that class, times 255, rounded.
 */
export interface Decider {
  /**
   * @param tileRow sums from {@link Strip.release}
   * @returns rows of the window, counted from its top, or `null` where the tile row lies wholly above or below it. Tiles
   *   that no patch reached are without data. New arrays on each call.
   */
  decide(tileRow: TileRow): ClassRows | null;
}

/**
 * @param strip the strip whose tile rows will be decided
 * @param window the pixels to decide, within the frame: the scene, or the part of it that is asked for
 * @param classIds class id of each score channel
 */
export function createDecider(strip: Strip, window: Window, classIds: readonly number[]): Decider {
  const { tile, cells, halo } = strip;
  const { channels, scoreStride } = strip.options;
  const side = cells + 2 * halo;
  const phases = upsamplePhases(scoreStride);
  const blended = new Float32Array(side);
  const { planes } = strip;
  const line = new Float32Array(planes * tile);
  /** Where in `line` the weights are; `null` where a tile has one weight for all of its pixels. */
  const weightAt = planes > channels ? channels * tile : null;

  /** Upsampled sums of pixel row `row` of a tile into `line`, [planes][tile]. */
  function upsampleRow(sums: Float32Array, base: number, row: number): void {
    const phase = row % scoreStride;
    const cellRow = (row - phase) / scoreStride + halo + phases.offset[phase]!;
    const w1 = phases.weight[phase]!;
    const w0 = 1 - w1;
    for (let c = 0; c < planes; c++) {
      const upper = base + (c * side + cellRow) * side;
      // An exact hit (scoreStride 1) has no second row to read.
      const lower = w1 === 0 ? upper : upper + side;
      for (let k = 0; k < side; k++) blended[k] = w0 * sums[upper + k]! + w1 * sums[lower + k]!;
      let to = c * tile;
      for (let cell = halo; cell < cells + halo; cell++) {
        for (let p = 0; p < scoreStride; p++) {
          const at = cell + phases.offset[p]!;
          const f = phases.weight[p]!;
          line[to++] = f === 0 ? blended[at]! : (1 - f) * blended[at]! + f * blended[at + 1]!;
        }
      }
    }
  }

  function decide(tileRow: TileRow): ClassRows | null {
    const { width } = window;
    const firstRow = Math.max(window.y - tileRow.y, 0);
    const rowCount = Math.min(tile, window.y + window.height - tileRow.y) - firstRow;
    if (rowCount <= 0) return null;
    const classes = new Uint8Array(rowCount * width).fill(NODATA_CLASS);
    const confidence = new Uint8Array(rowCount * width);
    const tileFloats = planes * side * side;
    for (let t = Math.floor(window.x / tile); t * tile < window.x + width; t++) {
      if (tileRow.weights[t] === 0) continue;
      const firstColumn = Math.max(window.x - t * tile, 0);
      const endColumn = Math.min(tile, window.x + width - t * tile);
      const perTile = 1 / tileRow.weights[t]!;
      for (let row = 0; row < rowCount; row++) {
        upsampleRow(tileRow.sums, t * tileFloats, firstRow + row);
        const out = row * width + t * tile - window.x;
        for (let x = firstColumn; x < endColumn; x++) {
          let best = 0;
          let bestScore = line[x]!;
          for (let c = 1; c < channels; c++) {
            const score = line[c * tile + x]!;
            if (score > bestScore) {
              bestScore = score;
              best = c;
            }
          }
          const perUnit = weightAt === null ? perTile : 1 / line[weightAt + x]!;
          let total = 0;
          for (let c = 0; c < channels; c++) total += Math.exp((line[c * tile + x]! - bestScore) * perUnit);
          classes[out + x] = classIds[best]!;
          confidence[out + x] = Math.max(1, Math.round(255 / total));
        }
      }
    }
    return { y: tileRow.y + firstRow - window.y, rowCount, classes, confidence };
  }

  return { decide };
}
