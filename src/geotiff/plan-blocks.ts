import type { Window } from '../core/window.ts';
import { type ImageLayout, samplesInBlock } from './image-layout.ts';

/** The part of one stored block that is decoded at once: all of it, or some rows of a tall uncompressed strip. */
export interface BlockSpan {
  /** Index in the file's block table. */
  readonly block: number;
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
  const bottom = window.y + window.height;
  const firstColumn = Math.floor(window.x / blockWidth);
  const lastColumn = Math.floor((window.x + window.width - 1) / blockWidth);
  const planes = layout.planar ? [...new Set(bands)].sort((p, q) => p - q) : [0];
  for (const plane of planes) {
    for (let row = Math.floor(window.y / blockHeight); row * blockHeight < bottom; row++) {
      const blockTop = row * blockHeight;
      // Rows below the image are padding that a writer may leave out.
      const stored = Math.min(blockHeight, layout.height - blockTop);
      const firstPart = Math.max(0, Math.floor((window.y - blockTop) / partRows)) * partRows;
      for (let column = firstColumn; column <= lastColumn; column++) {
        const block = (plane * blocksDown + row) * blocksAcross + column;
        for (let skip = firstPart; skip < stored && blockTop + skip < bottom; skip += partRows) {
          yield {
            block,
            plane,
            x: column * blockWidth,
            y: blockTop + skip,
            rows: Math.min(partRows, stored - skip),
            skipRows: skip,
          };
        }
      }
    }
  }
}

function partRowsOf(layout: ImageLayout): number {
  if (layout.tiled || layout.compression !== 1) return layout.blockHeight;
  return Math.min(layout.blockHeight, Math.max(1, Math.floor(PART_BYTES / bytesInRow(layout))));
}
