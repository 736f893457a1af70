import type { ByteSource } from '../core/ports.ts';
import type { Window } from '../core/window.ts';
import type { StoredBlock } from './block-table.ts';
import { copyBlock } from './copy-block.ts';
import { type ImageLayout, isPacked } from './image-layout.ts';
import { type BlockSpan, bytesInRow } from './plan-blocks.ts';
import {
  allocateSamples,
  LITTLE_ENDIAN_HOST,
  type SampleArray,
  sampleBytes,
  viewSamples,
} from './sample-array.ts';

/**
 * One read takes in what lies this closely together, up to this much. Bytes between that nobody
 * wants cost less than a call to the system.
 */
const RANGE = { gapBytes: 128 * 1024, mostBytes: 4 * 1024 * 1024 } as const;

/** Ranges under way at once: the system fetches some while others are copied. */
const READERS = 4;

/** Memory for ranges, kept from read to read, of all files: memory new to a process is slow. */
const spare: ArrayBuffer[] = [];
let spareBytes = 0;
const MOST_SPARE_BYTES = 8 * 1024 * 1024;
/** Sizes are multiples of this, so that one fits the next range. */
const SPARE_UNIT = 512 * 1024;

function takeMemory(size: number): ArrayBuffer {
  const fits = spare.findIndex((buffer) => buffer.byteLength >= size);
  if (fits < 0)
    return Buffer.allocUnsafeSlow(Math.ceil(size / SPARE_UNIT) * SPARE_UNIT).buffer as ArrayBuffer;
  const [held] = spare.splice(fits, 1) as [ArrayBuffer];
  spareBytes -= held.byteLength;
  return held;
}

function giveBack(memory: ArrayBuffer): void {
  if (spareBytes + memory.byteLength > MOST_SPARE_BYTES) return;
  spare.push(memory);
  spareBytes += memory.byteLength;
}

/** Whether the file's bytes are the samples, as they are. */
export function isPlain(layout: ImageLayout): boolean {
  const bytes = sampleBytes(layout.type);
  const ordered = bytes === 1 || layout.littleEndian === LITTLE_ENDIAN_HOST;
  return (
    layout.compression === 1 &&
    !isPacked(layout) &&
    layout.bits === 8 * bytes &&
    ordered &&
    !layout.lowBitFirst
  );
}

/** A part of a stored block that a window needs. */
interface Piece extends Pick<BlockSpan, 'x' | 'y' | 'rows' | 'plane'> {
  readonly offset: number;
  readonly length: number;
}

/**
 * Reads a window of plain blocks ({@link isPlain}) from a source that reads into place: no cache, no decoding, and not more than
 * four ranges in memory beside the result.
 * @param locate where the blocks of a span lie
 * @param fill the value of blocks that the file leaves out
 */
export async function readPlain(
  readInto: NonNullable<ByteSource['readInto']>,
  layout: ImageLayout,
  spans: Iterable<BlockSpan>,
  locate: (span: BlockSpan) => readonly StoredBlock[],
  fill: number,
  window: Window,
  bands: readonly number[],
  out: SampleArray,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sampleSize = sampleBytes(layout.type);
  const inPlace = lieInPlace(layout, window, bands);
  const runs = runsOf(piecesOf(layout, spans, locate, window), inPlace);
  const reader = async () => {
    for (const run of runs) {
      const { offset } = run[0]!;
      if (offset === 0) {
        for (const piece of run) {
          const samples = allocateSamples(layout.type, piece.length / sampleSize).fill(fill) as SampleArray;
          copyBlock(layout, piece, samples, window, bands, out);
        }
        continue;
      }
      const last = run.at(-1)!;
      const size = last.offset + last.length - offset;
      if (inPlace) {
        const at = out.byteOffset + (run[0]!.y - window.y) * bytesInRow(layout);
        await readInto(new Uint8Array(out.buffer, at, size), offset, signal);
        continue;
      }
      const memory = takeMemory(size);
      await readInto(new Uint8Array(memory, 0, size), offset, signal);
      for (const piece of run) {
        const bytes = new Uint8Array(memory, piece.offset - offset, piece.length);
        const samples = viewSamples(layout.type, bytes, piece.length / sampleSize);
        copyBlock(layout, piece, samples, window, bands, out);
      }
      giveBack(memory);
    }
  };
  const results = await Promise.allSettled(Array.from({ length: READERS }, reader));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** The rows of each block that the window needs. */
function* piecesOf(
  layout: ImageLayout,
  spans: Iterable<BlockSpan>,
  locate: (span: BlockSpan) => readonly StoredBlock[],
  window: Window,
): Generator<Piece> {
  const rowBytes = bytesInRow(layout);
  for (const span of spans) {
    let y = span.y;
    for (const { rows, offset, length } of locate(span)) {
      const top = Math.max(y, window.y);
      const bottom = Math.min(y + rows, window.y + window.height);
      const skip = (top - y) * rowBytes;
      y += rows;
      if (bottom <= top) continue;
      const there = length > 0;
      yield {
        x: span.x,
        y: top,
        rows: bottom - top,
        plane: span.plane,
        offset: there ? offset + skip : 0,
        length: (bottom - top) * rowBytes,
      };
    }
  }
}

/** Whether rows lie in the file as they do in the result: whole strips of just the bands wanted. */
function lieInPlace(layout: ImageLayout, window: Window, bands: readonly number[]): boolean {
  const wholeRows = layout.blocksAcross === 1 && layout.blockWidth === window.width;
  return (
    wholeRows && !layout.planar && bands.length === layout.samples && bands.every((band, i) => band === i)
  );
}

/**
 * Pieces that one read covers.
 * @param inPlace they are to follow each other without a gap, in the file and in the image
 */
function* runsOf(pieces: Iterable<Piece>, inPlace: boolean): Generator<Piece[]> {
  const gapBytes = inPlace ? 0 : RANGE.gapBytes;
  let run: Piece[] = [];
  let end = 0;
  for (const piece of pieces) {
    const first = run[0];
    const joins =
      first !== undefined &&
      first.offset > 0 &&
      piece.offset >= end &&
      piece.offset - end <= gapBytes &&
      (!inPlace || piece.y > first.y) &&
      piece.offset + piece.length - first.offset <= RANGE.mostBytes;
    if (!joins && first !== undefined) {
      yield run;
      run = [];
    }
    run.push(piece);
    end = piece.offset + piece.length;
  }
  if (run.length > 0) yield run;
}
