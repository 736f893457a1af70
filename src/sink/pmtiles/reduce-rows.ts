import { NODATA_CLASS } from '../../core/classes.ts';

/**
 * Class rows at half the size, or a little less: an odd count of rows or columns is parted as evenly as can be, so that
 * pixels of the result cover two or three of the former each way, and all of them together the same ground. A pixel is
 * the most frequent class of what it covers, the first in reading order of several; nodata only where more than half is.
 */
export class RowReducer {
  readonly outWidth: number;
  readonly outHeight: number;
  private readonly width: number;
  private readonly height: number;
  private readonly rows: readonly Uint8Array[];
  private readonly out: Uint8Array;
  private readonly values = new Uint8Array(9);
  private y = 0;
  private outY = 0;
  private held = 0;

  /** @param width and height: at least 2 each */
  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.outWidth = Math.floor(width / 2);
    this.outHeight = Math.floor(height / 2);
    this.rows = [0, 1, 2].map(() => new Uint8Array(width));
    this.out = new Uint8Array(this.outWidth);
  }

  /** @returns the next row of the result when it is complete, else `null`; one buffer serves all. */
  push(row: Uint8Array): Uint8Array | null {
    this.rows[this.held++]!.set(row.subarray(0, this.width));
    this.y++;
    if (this.y < Math.floor(((this.outY + 1) * this.height) / this.outHeight)) return null;
    const { out, outWidth, width, values } = this;
    const [first, second] = [this.rows[0]!, this.rows[1]!];
    let from = 0;
    for (let i = 0; i < outWidth; i++) {
      const to = Math.floor(((i + 1) * width) / outWidth);
      const corner = first[from]!;
      const plain = to - from === 2 && this.held === 2;
      if (plain && corner === first[from + 1] && corner === second[from] && corner === second[from + 1]) {
        out[i] = corner;
      } else {
        let n = 0;
        for (let r = 0; r < this.held; r++) for (let x = from; x < to; x++) values[n++] = this.rows[r]![x]!;
        out[i] = mostFrequent(values, n);
      }
      from = to;
    }
    this.held = 0;
    this.outY++;
    return out;
  }
}

function mostFrequent(values: Uint8Array, count: number): number {
  let best = NODATA_CLASS;
  let most = 0;
  let empty = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    if (value === NODATA_CLASS) {
      empty++;
      continue;
    }
    let n = 0;
    for (let k = 0; k < count; k++) if (values[k] === value) n++;
    if (n > most) {
      best = value;
      most = n;
    }
  }
  return 2 * empty > count ? NODATA_CLASS : best;
}
