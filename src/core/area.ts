import type { Window } from './window.ts';

/**
 * The pixels of a scene that a run is asked for. Known row by row, never as a mask: what it holds grows with its outline,
 * not with its pixels.
 */
export interface PixelArea {
  /** The smallest window that holds every pixel of the area. */
  readonly bounds: Window;
  /** At least 1, save in {@link areaOfRows}. */
  readonly pixelCount: number;
  /** Starts a walk down the rows; walks don't hinder each other. */
  walkRows(): AreaWalk;
}

/** A walk down the rows of a {@link PixelArea}. */
export interface AreaWalk {
  /**
   * The area's pixels in scene row `y`: `from, to, from, to, ...`, ascending and apart, `to` exclusive; empty where there
   * are none. Rows may be left out, but must not fall.
   */
  spansOf(y: number): readonly number[];
}

/** The area of a rectangle. */
export function windowArea(window: Window): PixelArea {
  const row = [window.x, window.x + window.width];
  const inside = (y: number) => y >= window.y && y < window.y + window.height;
  return {
    bounds: window,
    pixelCount: window.width * window.height,
    walkRows: () => ({ spansOf: (y) => (inside(y) ? row : []) }),
  };
}

/**
 * The part of an area in scene rows `y0` to `y1` (exclusive), which must lie within its bounds; its bounds are as wide as
 * the area's, also where no pixel of the area lies in these rows.
 */
export function areaOfRows(area: PixelArea, y0: number, y1: number): PixelArea {
  const bounds = { ...area.bounds, y: y0, height: y1 - y0 };
  const walkRows = () => {
    const walk = area.walkRows();
    return { spansOf: (y: number) => (y >= y0 && y < y1 ? walk.spansOf(y) : []) };
  };
  let pixelCount = 0;
  const walk = walkRows();
  for (let y = y0; y < y1; y++) {
    const spans = walk.spansOf(y);
    for (let i = 0; i < spans.length; i += 2) pixelCount += spans[i + 1]! - spans[i]!;
  }
  return { bounds, pixelCount, walkRows };
}
