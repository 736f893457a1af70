import { TiffTag } from '@cogeotiff/core';
import type { Directory } from './read-header.ts';

/** Images up to this width need no tiles, as GDAL's validator has it. */
const NARROW = 1024;
/** Where the first directory is at the latest: behind the file's first bytes and GDAL's note on its layout. */
const LATEST_START = 1024;
/** An offset and a length of a block, at most. */
const BLOCK_ENTRY_BYTES = 16;
/** Bytes of the values of one directory that are not counted one by one. */
const SLACK_BYTES = 256;
/** The tags whose values may be long, and bytes of one value. */
const LONG_VALUES: readonly (readonly [TiffTag, number])[] = [
  [TiffTag.GdalMetadata, 1],
  [TiffTag.JpegTables, 1],
  [TiffTag.ColorMap, 2],
  [TiffTag.GeoKeyDirectory, 2],
  [TiffTag.GeoDoubleParams, 8],
  [TiffTag.GeoAsciiParams, 1],
  [TiffTag.ModelTiePoint, 8],
  [TiffTag.BitsPerSample, 2],
  [TiffTag.SampleFormat, 2],
  [TiffTag.ExtraSamples, 2],
];

/**
 * What keeps a file from being a cloud-optimised GeoTIFF, a few words each; empty if nothing does. From tags that are at
 * hand, so without a read of the block tables: whether the pixels of overviews lie before the full image's is not looked at.
 */
export async function findCogFaults(directories: readonly Directory[]): Promise<readonly string[]> {
  const faults: string[] = [];
  const striped: boolean[] = [];
  let room = LATEST_START;
  let end = 0;
  for (const directory of directories) {
    const width = (await directory.number(TiffTag.ImageWidth)) ?? 0;
    striped.push(directory.count(TiffTag.TileWidth) === 0 && width > NARROW);
    const blocks = Math.max(directory.count(TiffTag.TileOffsets), directory.count(TiffTag.StripOffsets));
    const values = LONG_VALUES.reduce((sum, [tag, bytes]) => sum + directory.count(tag) * bytes, SLACK_BYTES);
    room += directory.end - directory.offset + blocks * BLOCK_ENTRY_BYTES + values;
    end = Math.max(end, directory.end);
  }
  if (striped[0]) faults.push('in strips');
  else if (striped.includes(true)) faults.push('overviews in strips');
  if (end > room || (directories[0]?.offset ?? 0) > LATEST_START) faults.push('directories behind pixels');
  return faults;
}
