import { georeferenceTags } from './write-georeference.ts';
import { gdalMetadataXml, type PaletteClass } from './write-metadata.ts';
import type { TiffOptions } from './write-options.ts';
import type { TiffTag } from './write-tags.ts';

/** One resolution of a finished image. */
export interface DirectoryLevel {
  readonly width: number;
  readonly height: number;
  /** Offset of each tile's compressed bytes in the file, row-major. */
  readonly tileOffsets: ArrayLike<number>;
  /** Number of each tile's compressed bytes. */
  readonly tileBytes: ArrayLike<number>;
}

const BITS = { uint8: 8, uint16: 16, int16: 16 } as const;
const PHOTOMETRIC = { gray: 1, rgb: 2, palette: 3 } as const;
const COLORS = { gray: 1, rgb: 3, palette: 1 } as const;

/** The tags (TIFF 6.0 and GDAL's) of each level, full resolution first. Georeferencing and metadata stand with the first. */
export function describeTiff(options: TiffOptions, levels: readonly DirectoryLevel[]): TiffTag[][] {
  return levels.map((level, i) => {
    const tags = describeLevel(options, level, i > 0);
    if (i > 0) return tags;
    const xml = gdalMetadataXml(options.metadata ?? {}, options.bandNames ?? []);
    if (xml !== null) tags.push({ tag: 42112, type: 'ascii', values: xml });
    return [...tags, ...georeferenceTags(options.grid)];
  });
}

function describeLevel(options: TiffOptions, level: DirectoryLevel, reduced: boolean): TiffTag[] {
  const { bands = 1, sampleType = 'uint8', compression = 'deflate', predictor = 1, tileSize = 512 } = options;
  const { palette, alpha = false, nodata = null } = options;
  const photometric =
    palette !== undefined
      ? 'palette'
      : (options.photometric ?? (bands === 3 && sampleType === 'uint8' && !alpha ? 'rgb' : 'gray'));
  const extraSamples = bands - COLORS[photometric];
  const perBand = (value: number) => new Array<number>(bands).fill(value);
  const tags: TiffTag[] = [
    { tag: 256, type: 'long', values: [level.width] },
    { tag: 257, type: 'long', values: [level.height] },
    { tag: 258, type: 'short', values: perBand(BITS[sampleType]) },
    { tag: 259, type: 'short', values: [compression === 'deflate' ? 8 : 1] },
    { tag: 262, type: 'short', values: [PHOTOMETRIC[photometric]] },
    { tag: 277, type: 'short', values: [bands] },
    // Pixel-interleaved.
    { tag: 284, type: 'short', values: [1] },
    { tag: 322, type: 'short', values: [tileSize] },
    { tag: 323, type: 'short', values: [tileSize] },
    { tag: 324, type: 'offset', values: level.tileOffsets },
    { tag: 325, type: 'long', values: level.tileBytes },
    // 1 unsigned, 2 signed integers.
    { tag: 339, type: 'short', values: perBand(sampleType === 'int16' ? 2 : 1) },
  ];
  if (reduced) tags.push({ tag: 254, type: 'long', values: [1] });
  if (predictor === 2) tags.push({ tag: 317, type: 'short', values: [2] });
  if (palette !== undefined) tags.push({ tag: 320, type: 'short', values: colorMap(palette) });
  if (extraSamples > 0) {
    // 0 unspecified, 2 opacity that the colours are not multiplied by.
    const kinds = new Array<number>(extraSamples).fill(0);
    if (alpha) kinds[extraSamples - 1] = 2;
    tags.push({ tag: 338, type: 'short', values: kinds });
  }
  if (nodata !== null) tags.push({ tag: 42113, type: 'ascii', values: String(nodata) });
  return tags;
}

/** 256 reds, 256 greens, 256 blues, each scaled to 16 bits. */
function colorMap(palette: readonly PaletteClass[]): Uint16Array {
  const map = new Uint16Array(3 * 256);
  for (const { value, rgb } of palette) {
    rgb.forEach((level, channel) => {
      map[channel * 256 + value] = level * 257;
    });
  }
  return map;
}
