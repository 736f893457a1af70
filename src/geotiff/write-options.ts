import { ConfigError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import type { PaletteClass } from './write-metadata.ts';

export type SampleType = 'uint8' | 'uint16' | 'int16';
export type TiffSamples = Uint8Array | Uint16Array | Int16Array;

/** What a TIFF is to hold, and how. */
export interface TiffOptions {
  readonly path: string;
  /** Size and place. Without a transform the file carries no georeferencing. */
  readonly grid: Grid;
  /** Bands, pixel-interleaved. Default 1. */
  readonly bands?: number;
  /** Default `uint8`. */
  readonly sampleType?: SampleType;
  /** Default `deflate` (level 6). */
  readonly compression?: 'deflate' | 'none';
  /** 2 stores differences to the left neighbour, which helps with photographs and not with classes; for `deflate` only. Default 1 (none). */
  readonly predictor?: 1 | 2;
  /** Pixels a side, a multiple of 16. Default 512. */
  readonly tileSize?: number;
  readonly nodata?: number | null;
  /**
   * Colours and names by value, for one uint8 band: makes a palette image, and a side file `PATH.aux.xml` with the names,
   * which GDAL and QGIS read along with it.
   */
  readonly palette?: readonly PaletteClass[];
  /** `rgb` (the first three bands are red, green and blue) or `gray`. Default `rgb` for three uint8 bands, else `gray`. */
  readonly photometric?: 'rgb' | 'gray';
  /** The last band is opacity. Default false. */
  readonly alpha?: boolean;
  /** One description a band. */
  readonly bandNames?: readonly string[];
  /** Key-value pairs that GDAL shows as the file's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Each level is made from the one above by `reduceMode` or `reduceAverage`, until one tile holds it. Default `none`. */
  readonly overviews?: 'none' | 'mode' | 'average';
  /** `auto` (default) writes a BigTIFF where a classic one might not be able to hold the file. */
  readonly bigTiff?: 'auto' | 'always';
}

export const SAMPLE_ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, int16: Int16Array } as const;

/** @throws ConfigError if options are out of range or contradict each other. */
export function checkOptions(options: TiffOptions): void {
  const { grid, bands = 1, sampleType = 'uint8', tileSize = 512, palette, overviews, predictor } = options;
  const fail = (pointer: string, value: unknown, expected: string): never => {
    throw new ConfigError(`Cannot write ${options.path}: ${pointer} is ${value}, expected ${expected}.`, {
      pointer,
      value,
    });
  };
  for (const side of ['width', 'height'] as const) {
    if (!Number.isInteger(grid[side]) || grid[side] < 1)
      fail(`grid.${side}`, grid[side], 'a whole number from 1');
  }
  if (!Number.isInteger(bands) || bands < 1) fail('bands', bands, 'a whole number from 1');
  if (!Number.isInteger(tileSize) || tileSize < 16 || tileSize % 16 !== 0)
    fail('tileSize', tileSize, 'a multiple of 16');
  // Readers undo a predictor as a part of decompression only.
  if (predictor === 2 && options.compression === 'none')
    fail('predictor', predictor, '1 without compression');
  if (palette !== undefined && (bands !== 1 || sampleType !== 'uint8'))
    fail('palette', `given for ${bands} band(s) of ${sampleType}`, 'one band of uint8');
  if (palette !== undefined && overviews === 'average')
    fail('overviews', overviews, 'mode: classes have no average');
}
