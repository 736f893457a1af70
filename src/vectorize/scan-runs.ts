/** The pseudo-class of everything outside the raster. */
export const OUTSIDE_CLASS = 256;
/** A start behind every run. */
export const BEYOND = 2 ** 31 - 1;

/**
 * One row as runs of equal class. `starts[count]` is the width, where class and label {@link OUTSIDE_CLASS} and 0 begin,
 * and `starts[count + 1]` is {@link BEYOND}. A row outside the raster has no runs and begins with {@link BEYOND}.
 */
export interface Row {
  count: number;
  readonly starts: Int32Array;
  readonly classes: Int32Array;
  /** Set by the tracer; `labels[count]` is 0. */
  readonly labels: Int32Array;
}

/** A row outside the raster, with room for `width` runs. */
export function createRow(width: number): Row {
  const row = {
    count: 0,
    starts: new Int32Array(width + 2),
    classes: new Int32Array(width + 1),
    labels: new Int32Array(width + 1),
  };
  row.starts[0] = BEYOND;
  return row;
}

/** Finds the runs of the `width` bytes from `offset`; a width of 0 makes a row outside the raster. */
export function scanRuns(bytes: Uint8Array, offset: number, width: number, row: Row): void {
  const { starts, classes } = row;
  let count = 0;
  if (width > 0) {
    let cls = -1;
    for (let x = 0; x < width; x++) {
      const c = bytes[offset + x]!;
      if (c !== cls) {
        starts[count] = x;
        classes[count++] = c;
        cls = c;
      }
    }
    row.labels[count] = 0;
    classes[count] = OUTSIDE_CLASS;
    starts[count] = width;
    starts[count + 1] = BEYOND;
  } else {
    starts[0] = BEYOND;
  }
  row.count = count;
}
