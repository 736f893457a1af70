import { TiffTag } from '@cogeotiff/core';
import { FormatError } from '../core/errors.ts';
import { type ImageLayout, nameBlock } from './image-layout.ts';
import { type BlockSpan, bytesInRow } from './plan-blocks.ts';
import type { Directory, TiffHeader } from './read-header.ts';

/** Where the blocks of an image lie, in the order of the TIFF specification. Offset or size 0: left out of the file. */
export interface BlockTable {
  readonly offsets: readonly number[];
  readonly byteCounts: readonly number[];
  readonly warnings: readonly string[];
}

/** A block, or a part of one, that is to be read. */
export interface StoredBlock {
  /** Index in the block table. */
  readonly block: number;
  /** Rows of pixels in it that are wanted. */
  readonly rows: number;
  /** 0 for a block that the file leaves out. */
  readonly offset: number;
  readonly length: number;
}

/**
 * Offsets and stored sizes of all blocks. Tables that are a little short are filled up with zeros, as libtiff does; unlike
 * it, this is said aloud.
 * @throws FormatError, SourceError
 */
export async function readBlockTable(
  header: TiffHeader,
  directory: Directory,
  layout: ImageLayout,
): Promise<BlockTable> {
  const planes = layout.planar ? layout.samples : 1;
  const expected = layout.blocksAcross * layout.blocksDown * planes;
  const warnings: string[] = [];
  const read = async (tiles: TiffTag, strips: TiffTag, name: string) => {
    // Some writers put the tables of tiles under the names of strips.
    const own = layout.tiled ? await directory.numbers(tiles) : null;
    const table = own ?? (await directory.numbers(strips));
    if (table === null || table.length >= expected) return table;
    const what = `${layout.tiled ? 'Tile' : 'Strip'}${name}`;
    const said = `${header.url}: ${what} of image ${directory.index} lists ${table.length} of ${expected} blocks`;
    if (table.length * 2 < expected) {
      throw new FormatError(`${said}; the file is damaged`, { url: header.url, what });
    }
    warnings.push(`${said}; the others read as no data`);
    return [...table, ...new Array<number>(expected - table.length).fill(0)];
  };
  const offsets = await read(TiffTag.TileOffsets, TiffTag.StripOffsets, 'Offsets');
  let byteCounts = await read(TiffTag.TileByteCounts, TiffTag.StripByteCounts, 'ByteCounts');
  if (byteCounts === null && layout.compression === 1 && offsets !== null) {
    byteCounts = offsets.map((_, block) => bytesInRow(layout) * rowsOf(layout, block));
  }
  if (offsets === null || byteCounts === null) {
    const what = `${layout.tiled ? 'Tile' : 'Strip'}${offsets === null ? 'Offsets' : 'ByteCounts'}`;
    throw new FormatError(
      `${header.url}: ${what} of image ${directory.index} is missing; the file is damaged`,
      { url: header.url, what },
    );
  }
  return { offsets, byteCounts, warnings };
}

/**
 * The stored blocks of a span, from top to bottom, checked to lie within the file and to be able to hold their pixels:
 * before memory is set aside for them.
 * @throws FormatError
 */
export function locateSpan(
  header: TiffHeader,
  directory: number,
  layout: ImageLayout,
  { offsets, byteCounts }: BlockTable,
  span: BlockSpan,
): StoredBlock[] {
  return Array.from({ length: span.blocks }, (_, i) => {
    const block = span.block + i;
    const rows = span.blocks === 1 ? span.rows : rowsOf(layout, block);
    const offset = offsets[block] ?? 0;
    const count = byteCounts[block] ?? 0;
    if (offset === 0 || count === 0) return { block, rows, offset: 0, length: 0 };
    const what = nameBlock(layout, block, directory);
    const skip = layout.compression === 1 ? span.skipRows * bytesInRow(layout) : 0;
    // All of a block, or the wanted rows of an uncompressed one.
    const length =
      layout.compression === 1 ? Math.max(0, Math.min(count - skip, rows * bytesInRow(layout))) : count;
    assertPlausible(header, layout, rows, length, what);
    // Strips may state more bytes than they have pixels for; tiles are always whole.
    const end = layout.tiled ? offset + count : offset + skip + length;
    if (end > header.sizeBytes) {
      throw new FormatError(
        `${header.url}: ${what} lies at bytes ${offset} to ${end}, but the file ends at ${header.sizeBytes}; it is cut short, fetch it again`,
        { url: header.url, what },
      );
    }
    return { block, rows, offset: offset + skip, length };
  });
}

function rowsOf(layout: ImageLayout, block: number): number {
  if (layout.tiled) return layout.blockHeight;
  const down = block % layout.blocksDown;
  return Math.min(layout.blockHeight, layout.height - down * layout.blockHeight);
}

/** The most that one stored byte can become. zstd has no such bound, pictures state their size. */
const EXPANSION: Readonly<Record<number, number>> = { 1: 1, 5: 4096, 8: 1040, 32773: 65, 32946: 1040 };

function assertPlausible(
  header: TiffHeader,
  layout: ImageLayout,
  rows: number,
  length: number,
  what: string,
): void {
  const most = EXPANSION[layout.compression];
  const needed = bytesInRow(layout) * rows;
  // Compressed streams of a few bytes may exceed their bound; nothing hides in plain ones.
  const slack = most === 1 ? 0 : 64;
  if (most === undefined || needed <= length * most + slack) return;
  throw new FormatError(
    `${header.url}: ${what} has ${length} bytes in the file, too few for its ${needed} bytes of pixels; the file is damaged or cut short`,
    { url: header.url, what },
  );
}
