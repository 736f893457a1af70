import { createLineCorners, decodeLine } from './decode-line.ts';
import { grow } from './grow.ts';
import type { Lines } from './join-lines.ts';

/** Parts of a pixel in which smoothed corners are given. */
export const SUBPIXELS = 256;

/** How lines are drawn: both sides of a line have the same points. */
export interface LineShapes {
  /** Units of the points in a pixel: 1, or {@link SUBPIXELS}. */
  readonly scale: number;
  /**
   * A line's points from its start to its end, both included (a loop comes back to its first point), as x, y in `points`
   * from `from` to `to` (in points). Buffers may be used again for the next line.
   */
  readonly get: (line: number) => void;
  points: Int32Array;
  from: number;
  to: number;
}

/** The lines as traced: along the sides of pixels. */
export function exactShapes(lines: Lines): LineShapes {
  const corners = createLineCorners();
  const shapes = {
    scale: 1,
    points: corners.points,
    from: 0,
    to: 0,
    get(line: number) {
      decodeLine(lines, line, corners);
      shapes.points = corners.points;
      shapes.to = corners.count;
    },
  };
  return shapes;
}

/** Shapes as they are made, line by line, in one buffer. */
export class ShapeList implements LineShapes {
  readonly scale: number;
  points: Int32Array<ArrayBuffer> = new Int32Array(4096);
  from = 0;
  to = 0;
  private readonly starts: Int32Array;
  private lines = 0;
  private count = 0;

  constructor(lineCount: number, scale: number) {
    this.scale = scale;
    this.starts = new Int32Array(lineCount + 1);
  }

  /** Adds a point to the line at hand. */
  put(x: number, y: number): void {
    const at = 2 * this.count++;
    if (at + 2 > this.points.length) this.points = grow(this.points, at + 2);
    this.points[at] = x;
    this.points[at + 1] = y;
  }

  /** Adds a point unless the line at hand ends there already. */
  putNew(x: number, y: number): void {
    const at = 2 * (this.count - 1);
    const isFirst = this.count === this.starts[this.lines];
    if (isFirst || this.points[at] !== x || this.points[at + 1] !== y) this.put(x, y);
  }

  /** Brings the line at hand back to its first point, which is point `start` of all. */
  close(start: number): void {
    this.putNew(this.points[2 * start]!, this.points[2 * start + 1]!);
  }

  /** Ends the line at hand; lines are added in order. */
  endLine(): void {
    this.starts[++this.lines] = this.count;
  }

  get(line: number): void {
    this.from = this.starts[line]!;
    this.to = this.starts[line + 1]!;
  }

  /** Points of all lines. */
  get size(): number {
    return this.count;
  }
}
