import { type LandCoverClass, NODATA_CLASS, parseColor } from '../core/classes.ts';
import type { Grid } from '../core/grid.ts';
import type { ClassRows } from '../core/raster.ts';
import { createTiffWriter, type TiffWriter } from '../geotiff/write-tiff.ts';

/** A raster output under way. A call that fails has removed what was written; `abort` may follow and does no harm. */
export interface RasterSink {
  /** Absolute. */
  readonly path: string;
  /** Files that appear beside it. */
  readonly sideFiles: readonly string[];
  /**
   * Takes the next rows; they may be used again once the promise settles.
   * @throws FormatError if rows are missing, doubled or of another width; SourceError if they cannot be stored.
   */
  writeRows(rows: ClassRows): Promise<void>;
  /**
   * Does all that is left to do and can fail for want of space, short of putting the file in its place. For outputs that
   * should appear together: finish each, then close each.
   */
  finish(): Promise<void>;
  /** Finishes if that is still to be done, and puts the file in its place. */
  close(): Promise<void>;
  /** Removes what was written; does nothing after `close`. */
  abort(): Promise<void>;
}

export interface RasterSinkOptions {
  readonly path: string;
  readonly grid: Grid;
  /** Key-value pairs for the file's metadata, e.g. the model's name. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The class map: a palette COG of class ids with the classes' names and colours, nodata 255, and overviews that show the
 * most frequent class of the pixels they cover.
 * @throws UnsupportedError for a CRS that a GeoTIFF cannot hold; SourceError if the file cannot be made.
 */
export async function openLandcoverSink(
  options: RasterSinkOptions & { readonly classes: readonly LandCoverClass[] },
): Promise<RasterSink> {
  const { path, grid, classes, metadata = {} } = options;
  // GDAL takes names from the side file; these make the file readable without it.
  const names = Object.fromEntries(classes.map(({ id, name }) => [`CLASS_${id}`, name]));
  const writer = await createTiffWriter({
    path,
    grid,
    nodata: NODATA_CLASS,
    palette: classes.map(({ id, name, color }) => ({ value: id, name, rgb: parseColor(color) })),
    bandNames: ['land cover'],
    metadata: { ...metadata, ...names },
    overviews: 'mode',
  });
  return sinkOf(writer, (rows) => rows.classes);
}

/**
 * The confidence map: an uint8 COG, 1 to 255 for 0 to 100 %, nodata 0 (no valid pixel has a confidence of 0: the winning
 * class of n has at least 1/n), and overviews that show the mean of the pixels with data.
 * @throws UnsupportedError for a CRS that a GeoTIFF cannot hold; SourceError if the file cannot be made.
 */
export async function openConfidenceSink(options: RasterSinkOptions): Promise<RasterSink> {
  const { path, grid, metadata = {} } = options;
  const writer = await createTiffWriter({
    path,
    grid,
    nodata: 0,
    bandNames: ['confidence'],
    metadata,
    overviews: 'average',
  });
  return sinkOf(writer, (rows) => rows.confidence);
}

function sinkOf(writer: TiffWriter, pick: (rows: ClassRows) => Uint8Array): RasterSink {
  return {
    path: writer.path,
    sideFiles: writer.sideFiles,
    writeRows: (rows) => writer.writeRows(pick(rows), rows.rowCount),
    finish: writer.finish,
    close: writer.close,
    abort: writer.abort,
  };
}
