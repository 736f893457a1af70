import type { Window } from '../core/window.ts';

/** Which pixels a measurement looks at. */
export interface SceneSample {
  /** In order; together they hold each pixel at most once. */
  readonly windows: readonly Window[];
  readonly pixels: number;
  /** In words, for the record. */
  readonly sampling: string;
}

/** Scenes up to this many pixels are measured whole. */
const WHOLE_SCENE_PIXELS = 64_000_000;
/** Side of a cell of the lattice that larger scenes are looked at by; a multiple of usual tile sides. */
const CELL = 512;
const WINDOW_BYTES = 16 * 1024 * 1024;
/** Shifts neighbouring lattice rows against each other, so that no column of a scene is favoured. */
const GOLDEN_RATIO = 0.6180339887498949;

/**
 * Chooses what to measure a scene on: all of it up to 64 million pixels, else one cell of 512 x 512 pixels in every n, spread
 * evenly. The pixels and the order of their rows are a function of the scene's size alone, not of files or their blocks.
 * @param blockHeight rows that the scene's files keep together, so that few blocks are decoded twice
 */
export function sampleScene(
  width: number,
  height: number,
  blockHeight: number,
  sampleBytes: number,
): SceneSample {
  const every = Math.ceil((width * height) / WHOLE_SCENE_PIXELS);
  if (every <= 1) {
    const windows = stripesOf(width, height, blockHeight, sampleBytes);
    return { windows, pixels: width * height, sampling: 'all pixels' };
  }
  const windows = cellsOf(width, height, every);
  const pixels = windows.reduce((sum, window) => sum + window.width * window.height, 0);
  const share = ((pixels / (width * height)) * 100).toPrecision(3);
  return {
    windows,
    pixels,
    sampling: `${windows.length} cells of ${CELL} x ${CELL} pixels, one in ${every}, on an even lattice: ${share} % of all pixels`,
  };
}

/** The whole scene in full-width windows, small enough to hold. */
function stripesOf(width: number, height: number, blockHeight: number, sampleBytes: number): Window[] {
  const most = Math.max(1, Math.floor(WINDOW_BYTES / (width * 4 * sampleBytes)));
  // Whole blocks where they fit, so that none is decoded for two stripes.
  const step = most >= blockHeight ? most - (most % blockHeight) : most;
  const windows: Window[] = [];
  for (let y = 0; y < height; y += step) windows.push({ x: 0, y, width, height: Math.min(step, height - y) });
  return windows;
}

function cellsOf(width: number, height: number, every: number): Window[] {
  const windows: Window[] = [];
  for (let y = 0, row = 0; y < height; y += CELL, row++) {
    const first = Math.floor(((row * GOLDEN_RATIO) % 1) * every);
    for (let x = first * CELL; x < width; x += every * CELL) {
      windows.push({ x, y, width: Math.min(CELL, width - x), height: Math.min(CELL, height - y) });
    }
  }
  return windows;
}
