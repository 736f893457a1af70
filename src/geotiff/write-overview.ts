import type { TiffSamples } from './write-options.ts';

/**
 * Halves `rows` rows of `width` pixels (pixel-interleaved) into `target`, from its row `targetRow`, which is
 * `ceil(width / 2)` pixels wide. Blocks at an odd right or lower edge have 2 or 1 source pixels instead of 4.
 */
export type ReduceRows = (source: ReduceSource, target: TiffSamples, targetRow: number) => void;

export interface ReduceSource {
  readonly samples: TiffSamples;
  readonly width: number;
  readonly rows: number;
  readonly bands: number;
  readonly nodata: number | null;
}

/**
 * The most frequent value of each 2 x 2 block, for classes. A tie goes to the value whose first pixel comes first in
 * reading order: this moves borders by half a pixel to the upper left instead of letting one class grow at the cost of
 * another. A block is nodata only where more than half of it is; otherwise nodata has no vote.
 */
export const reduceMode: ReduceRows = (source, target, targetRow) =>
  reduceBlocks(source, target, targetRow, modeOfFour);

/**
 * The mean of each 2 x 2 block's pixels that have data, rounded half up, for measurements. A block is nodata where more
 * than half of it is, as in {@link reduceMode}, so that both show the same valid area.
 */
export const reduceAverage: ReduceRows = (source, target, targetRow) =>
  reduceBlocks(source, target, targetRow, meanOfFour);

/** A reducer of the pixels p q / r s; `hole` is the nodata value, or NaN, which equals no pixel. */
type ReduceBlock = (p: number, q: number, r: number, s: number, hole: number) => number;

function reduceBlocks(
  source: ReduceSource,
  target: TiffSamples,
  targetRow: number,
  reduce: ReduceBlock,
): void {
  const { samples, width, rows, bands } = source;
  const hole = source.nodata ?? Number.NaN;
  const stride = width * bands;
  let out = targetRow * ((width + 1) >> 1) * bands;
  for (let y = 0; y < rows; y += 2) {
    // At an odd edge a pixel stands in for its missing neighbour: all votes double, and no comparison changes.
    const down = y + 1 < rows ? stride : 0;
    for (let x = 0; x < width; x += 2) {
      const right = x + 1 < width ? bands : 0;
      for (let band = 0; band < bands; band++, out++) {
        const at = y * stride + x * bands + band;
        const p = samples[at]!;
        const q = samples[at + right]!;
        const r = samples[at + down]!;
        const s = samples[at + down + right]!;
        target[out] = p === q && p === r && p === s ? p : reduce(p, q, r, s, hole);
      }
    }
  }
}

function modeOfFour(p: number, q: number, r: number, s: number, hole: number): number {
  const pVotes = p === hole ? 0 : 1 + Number(q === p) + Number(r === p) + Number(s === p);
  const qVotes = q === hole ? 0 : 1 + Number(p === q) + Number(r === q) + Number(s === q);
  const rVotes = r === hole ? 0 : 1 + Number(p === r) + Number(q === r) + Number(s === r);
  const sVotes = s === hole ? 0 : 1 + Number(p === s) + Number(q === s) + Number(r === s);
  if (isMostlyHole(p, q, r, s, hole)) return hole;
  const most = Math.max(pVotes, qVotes, rVotes, sVotes);
  return pVotes === most ? p : qVotes === most ? q : rVotes === most ? r : s;
}

function meanOfFour(p: number, q: number, r: number, s: number, hole: number): number {
  if (isMostlyHole(p, q, r, s, hole)) return hole;
  const sum = (p === hole ? 0 : p) + (q === hole ? 0 : q) + (r === hole ? 0 : r) + (s === hole ? 0 : s);
  const count = Number(p !== hole) + Number(q !== hole) + Number(r !== hole) + Number(s !== hole);
  return Math.floor(sum / count + 0.5);
}

function isMostlyHole(p: number, q: number, r: number, s: number, hole: number): boolean {
  return Number(p === hole) + Number(q === hole) + Number(r === hole) + Number(s === hole) > 2;
}
