import { intersectWindows, type Window } from '../core/window.ts';
import { allocateSamples, type SampleType } from '../geotiff/sample-array.ts';
import type { PixelReader, ValidSamples } from './read-pixels.ts';

/** One file of a mosaic: its reader, and the window of the mosaic that it covers. */
export interface MosaicPart {
  readonly reader: PixelReader;
  readonly window: Window;
}

/** Parts read side by side for one window. */
const PARALLEL = 4;

/**
 * Several files as one. Where they overlap a pixel is that of the first file, as listed, that has data there; what no file
 * has is without data and reads as 0.
 */
export function createMosaicReader(parts: readonly MosaicPart[], sampleType: SampleType): PixelReader {
  const isAlwaysValid =
    parts.every(({ reader }) => reader.isAlwaysValid) && fillsUnion(parts.map(({ window }) => window));

  /** Shows `paint` each part's piece of the window, in the order of the list, until all pixels have data. */
  const visit = async <T>(
    window: Window,
    read: (part: MosaicPart, piece: Window) => Promise<T>,
    paint: (answer: T, piece: Window) => void,
    isMissing: (piece: Window) => boolean,
  ) => {
    const touched = parts.flatMap((part) => {
      const piece = intersectWindows(part.window, window);
      return piece === null ? [] : [{ part, piece }];
    });
    for (let i = 0; i < touched.length; i += PARALLEL) {
      const batch = touched.slice(i, i + PARALLEL).filter(({ piece }) => isMissing(piece));
      const wait = batch.map(({ part, piece }) => read(part, shift(piece, part.window)));
      const settled = await Promise.allSettled(wait);
      settled.forEach((answer, j) => {
        if (answer.status === 'rejected') throw answer.reason;
        paint(answer.value, batch[j]!.piece);
      });
    }
  };

  return {
    nodata: [...new Set(parts.flatMap(({ reader }) => reader.nodata))],
    alphaBand: parts[0]!.reader.alphaBand,
    isAlwaysValid,
    async read(window, signal) {
      const samples = allocateSamples(sampleType, window.width * window.height * 3);
      const valid = new Uint8Array(window.width * window.height);
      await visit(
        window,
        (part, piece) => part.reader.read(piece, signal),
        (answer, piece) => paintSamples(answer, piece, window, samples, valid),
        (piece) => hasMissing(valid, piece, window),
      );
      return { samples, valid: isAlwaysValid ? null : valid };
    },
    async readValidity(window, signal) {
      if (isAlwaysValid) return null;
      const valid = new Uint8Array(window.width * window.height);
      await visit(
        window,
        (part, piece) => part.reader.readValidity(piece, signal),
        (answer, piece) => paintValid(answer, piece, window, valid),
        (piece) => hasMissing(valid, piece, window),
      );
      return valid;
    },
  };
}

function paintSamples(
  answer: ValidSamples,
  piece: Window,
  window: Window,
  samples: ValidSamples['samples'],
  valid: Uint8Array,
): void {
  for (let row = 0, p = 0; row < piece.height; row++) {
    let to = (piece.y - window.y + row) * window.width + piece.x - window.x;
    for (let column = 0; column < piece.width; column++, p++, to++) {
      if (valid[to] === 1 || answer.valid?.[p] === 0) continue;
      valid[to] = 1;
      samples[to * 3] = answer.samples[p * 3]!;
      samples[to * 3 + 1] = answer.samples[p * 3 + 1]!;
      samples[to * 3 + 2] = answer.samples[p * 3 + 2]!;
    }
  }
}

function paintValid(answer: Uint8Array | null, piece: Window, window: Window, valid: Uint8Array): void {
  for (let row = 0; row < piece.height; row++) {
    const to = (piece.y - window.y + row) * window.width + piece.x - window.x;
    if (answer === null) {
      valid.fill(1, to, to + piece.width);
      continue;
    }
    const from = row * piece.width;
    for (let i = 0; i < piece.width; i++) if (answer[from + i] === 1) valid[to + i] = 1;
  }
}

function hasMissing(valid: Uint8Array, piece: Window, window: Window): boolean {
  for (let row = 0; row < piece.height; row++) {
    const from = (piece.y - window.y + row) * window.width + piece.x - window.x;
    if (valid.subarray(from, from + piece.width).includes(0)) return true;
  }
  return false;
}

function shift({ x, y, width, height }: Window, origin: Window): Window {
  return { x: x - origin.x, y: y - origin.y, width, height };
}

/** Whether windows together cover the smallest window around them. */
export function fillsUnion(windows: readonly Window[]): boolean {
  const edges = (from: (w: Window) => number, to: (w: Window) => number) =>
    [...new Set(windows.flatMap((w) => [from(w), to(w)]))].sort((p, q) => p - q);
  const xs = edges(
    (w) => w.x,
    (w) => w.x + w.width,
  );
  const ys = edges(
    (w) => w.y,
    (w) => w.y + w.height,
  );
  // Between two neighbouring horizontal edges all windows stay the same: their spans must join without a gap.
  const byLeft = [...windows].sort((p, q) => p.x - q.x);
  return ys.slice(0, -1).every((y) => {
    let reached = xs[0]!;
    for (const w of byLeft) {
      if (w.y <= y && y < w.y + w.height && w.x <= reached) reached = Math.max(reached, w.x + w.width);
    }
    return reached === xs.at(-1);
  });
}
