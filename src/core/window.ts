/** An integer pixel rectangle in a scene's grid; (x, y) is its top-left pixel. */
export interface Window {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The common part of two windows, or `null` where they do not meet. */
export function intersectWindows(p: Window, q: Window): Window | null {
  const x = Math.max(p.x, q.x);
  const y = Math.max(p.y, q.y);
  const width = Math.min(p.x + p.width, q.x + q.width) - x;
  const height = Math.min(p.y + p.height, q.y + q.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : null;
}
