import { UnsupportedError } from '../core/errors.ts';

/** Bytes that a graph may take unless told. */
export const DEFAULT_GRAPH_BYTES = 2 * 2 ** 30;

/** Keeps count of the memory of a graph's arrays, so that one that would not fit says so instead of swapping. */
export class GraphBudget {
  private readonly maxBytes: number;
  private bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /**
   * Arrays are about to grow by so much (they double).
   * @throws UnsupportedError
   */
  claim(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes <= this.maxBytes) return;
    throw new UnsupportedError(
      `The class raster has more borders than the ${Math.round(this.maxBytes / 2 ** 20)} MiB hold that generalising may ` +
        'take. Raise the limit (--graph-memory, or --memory where that set it), remove single-pixel noise from the raster ' +
        'first, or leave out the minimum mapping unit, simplification, smoothing and 8-connectivity: plain tracing needs no ' +
        'such memory.',
      { feature: 'a border graph beyond its memory limit', hint: 'raise --graph-memory' },
    );
  }
}
