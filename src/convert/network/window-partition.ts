/**
 * How Swin's (shifted) windows cut a map, as index tables: padding, rolling and partition are one gather, un-partition,
 * rolling back and cropping another.
 */
export interface WindowPartition {
  /** Windows on the padded map. */
  readonly windows: number;
  /** For each window, for each of its tokens (row-major): the token's index in the map; height*width for padding. */
  readonly gather: readonly number[];
  /** For each token of the map: its place in `gather`. */
  readonly scatter: readonly number[];
  /**
   * For each window, for each of its tokens: which region of the rolled map it is from; tokens of different regions do
   * not attend to each other. `null` without a shift.
   */
  readonly regions: readonly number[] | null;
  /** Whether any token is padding. */
  readonly padded: boolean;
}

/**
 * The published order: zero-pad right and bottom to whole windows, roll by -shift, cut. The shift is kept even where the map
 * is no larger than a window, and padding takes part in attention unmasked.
 */
export function partitionWindows(
  height: number,
  width: number,
  window: number,
  shift: number,
): WindowPartition {
  const rows = Math.ceil(height / window);
  const cols = Math.ceil(width / window);
  const paddedHeight = rows * window;
  const paddedWidth = cols * window;
  const gather: number[] = [];
  const regions: number[] = [];
  const scatter = new Array<number>(height * width).fill(0);
  /** Which of the three slices [0, n-window), [n-window, n-shift), [n-shift, n) of a rolled axis holds position p. */
  const slice = (p: number, n: number) => (p < n - window ? 0 : p < n - shift ? 1 : 2);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      for (let token = 0; token < window * window; token++) {
        const rolledY = row * window + Math.floor(token / window);
        const rolledX = col * window + (token % window);
        const y = (rolledY + shift) % paddedHeight;
        const x = (rolledX + shift) % paddedWidth;
        const inside = y < height && x < width;
        if (inside) scatter[y * width + x] = gather.length;
        gather.push(inside ? y * width + x : height * width);
        regions.push(3 * slice(rolledY, paddedHeight) + slice(rolledX, paddedWidth));
      }
    }
  }
  return {
    windows: rows * cols,
    gather,
    scatter,
    regions: shift > 0 ? regions : null,
    padded: paddedHeight > height || paddedWidth > width,
  };
}

/** For each pair (query, key) of tokens of one window: the row of the relative position bias table. */
export function relativePositionIndex(window: number): number[] {
  const tokens = window * window;
  const index: number[] = [];
  for (let i = 0; i < tokens; i++) {
    for (let j = 0; j < tokens; j++) {
      const dy = Math.floor(i / window) - Math.floor(j / window) + window - 1;
      const dx = (i % window) - (j % window) + window - 1;
      index.push(dy * (2 * window - 1) + dx);
    }
  }
  return index;
}
