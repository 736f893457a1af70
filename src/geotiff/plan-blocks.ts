import type { Window } from '../core/window.ts';
import { WITH_PREDICTOR } from './decompress.ts';
import { decodedBlockBytes, type ImageLayout, samplesInBlock } from './image-layout.ts';

/**
 * What is decoded and kept as one: a tile or strip, some rows of a tall uncompressed strip, or several low strips that
 * follow each other.
 */
export interface BlockSpan {
  /** Index in the file's block table of the first block. */
  readonly block: number;
  /** How many blocks, one below the other; 1 unless strips are joined. */
  readonly blocks: number;
  /** Band of a planar file; 0 else. */
  readonly plane: number;
  /** First pixel column and row, in the image. */
  readonly x: number;
  readonly y: number;
  readonly rows: number;
  /** Rows of the stored block above `y`. */
  readonly skipRows: number;
}

/** Uncompressed strips are read in parts of about this size; one strip often is the whole image. */
const PART_BYTES = 1024 * 1024;

/** Low strips are decoded together up to this size, about that of a tile: thousands of rows would else be as many errands. */
const JOINED_BYTES = 256 * 1024;

/** Bytes of one block row in the file, before compression. */
export function bytesInRow(layout: ImageLayout): number {
  return Math.ceil((layout.blockWidth * samplesInBlock(layout) * layout.bits) / 8);
}

/** The spans that a window touches, in the order of the file's block table. Pure arithmetic: reads nothing. */
export function* planBlocks(
  layout: ImageLayout,
  window: Window,
  bands: readonly number[],
): Generator<BlockSpan> {
  const { blockWidth, blockHeight, blocksAcross, blocksDown } = layout;
  const partRows = partRowsOf(layout);
  const joined = joinedStrips(layout);
  const bottom = window.y + window.height;
  const firstColumn = Math.floor(window.x / blockWidth);
  const lastColumn = Math.floor((window.x + window.width - 1) / blockWidth);
  const planes = layout.planar ? [...new Set(bands)].sort((p, q) => p - q) : [0];
  const firstRow = Math.floor(window.y / (blockHeight * joined)) * joined;
  for (const plane of planes) {
    for (let row = firstRow; row * blockHeight < bottom; row += joined) {
      const blockTop = row * blockHeight;
      // Rows below the image are padding that a writer may leave out.
      const stored = Math.min(blockHeight * joined, layout.height - blockTop);
      const partHeight = joined > 1 ? stored : partRows;
      const firstPart = Math.max(0, Math.floor((window.y - blockTop) / partHeight)) * partHeight;
      for (let column = firstColumn; column <= lastColumn; column++) {
        const block = (plane * blocksDown + row) * blocksAcross + column;
        for (let skip = firstPart; skip < stored && blockTop + skip < bottom; skip += partHeight) {
          yield {
            block,
            blocks: Math.min(joined, blocksDown - row),
            plane,
            x: column * blockWidth,
            y: blockTop + skip,
            rows: Math.min(partHeight, stored - skip),
            skipRows: skip,
          };
        }
      }
    }
  }
}

/** Decoded bytes of a span. */
export function spanBytes(layout: ImageLayout, span: BlockSpan): number {
  return (decodedBlockBytes(layout) / layout.blockHeight) * span.rows;
}

function partRowsOf(layout: ImageLayout): number {
  if (layout.tiled || layout.compression !== 1) return layout.blockHeight;
  return Math.min(layout.blockHeight, Math.max(1, Math.floor(PART_BYTES / bytesInRow(layout))));
}

/** How many strips make one span. Pictures keep to themselves: their last strip tells its height by its own header. */
function joinedStrips(layout: ImageLayout): number {
  const bytewise = WITH_PREDICTOR.has(layout.compression) || layout.compression === 32773;
  if (layout.tiled || !(bytewise || layout.compression === 1)) return 1;
  return Math.max(1, Math.min(layout.blocksDown, Math.floor(JOINED_BYTES / decodedBlockBytes(layout))));
}
