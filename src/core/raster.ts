/**
 * Finished rows of a run: `rowCount` rows from scene row `y`, row-major, `width` bytes a row. Blocks arrive in order
 * from row 0, without gaps or overlaps.
 */
export interface ClassRows {
  readonly y: number;
  readonly rowCount: number;
  /** Class id a pixel; {@link NODATA_CLASS} where there is no data. */
  readonly classes: Uint8Array;
  /** Confidence a pixel, 0..255: softmax of the mean scores of the winning class times 255, rounded; 0 where there is no data. */
  readonly confidence: Uint8Array;
}

/** An uint8 pixel-interleaved raster: `data[(y*width + x)*bands + band]`. */
export interface PixelBlock {
  readonly width: number;
  readonly height: number;
  readonly bands: number;
  readonly data: Uint8Array;
}
