import { CornerSet } from './corner-set.ts';
import { createLineCorners, decodeLine, type LineCorners } from './decode-line.ts';
import { DouglasPeucker } from './douglas-peucker.ts';
import type { GroundScale } from './ground-scale.ts';
import { type Lines, OUTSIDE_REGION } from './join-lines.ts';
import { ShapeList } from './line-shapes.ts';
import { Visvalingam } from './visvalingam.ts';

/** How borders are simplified. */
export interface Simplification {
  /**
   * `dp`, Douglas and Peucker: no corner left out lies further than the tolerance from the new border. `vw`, Visvalingam
   * and Whyatt: corners whose triangle is smaller than the tolerance squared are left out, the smallest first.
   */
  readonly method: 'dp' | 'vw';
  /** Metres; pixels for a raster without georeferencing. */
  readonly toleranceM: number;
}

/** Marks in `keep` which corners of one line stay; the first and the last do. */
export interface LineSimplifier {
  /**
   * @param corners the corners of all lines; those of this line that fall away are taken out
   * @param least how many points must stay
   */
  run(line: LineCorners, least: number, corners: CornerSet, keep: Uint8Array): void;
}

/**
 * Simplifies each line once, for both its sides. Its ends, junctions, stay where they are, as do all points on the
 * raster's edge. A new edge is drawn only where it leaves every original corner of every other line, and every corner of
 * its own that is left, on the side where it was: so that nothing crosses, no ring collapses, and each line may be
 * simplified by itself, in any order, with the same result.
 */
export function simplifyLines(lines: Lines, ground: GroundScale, how: Simplification): ShapeList {
  const corners = cornersOfLines(lines);
  const simplifier: LineSimplifier =
    how.method === 'dp'
      ? new DouglasPeucker(ground, how.toleranceM)
      : new Visvalingam(ground, how.toleranceM);
  const shapes = new ShapeList(lines.count, 1);
  const line = createLineCorners();
  let keep = new Uint8Array(1024);
  for (let l = 0; l < lines.count; l++) {
    decodeLine(lines, l, line);
    const { points, count } = line;
    if (count > keep.length) keep = new Uint8Array(2 * count);
    const least = leastPoints(lines, l);
    const free = !onFrame(lines, l) && count > least;
    if (free) simplifier.run(line, least, corners, keep);
    for (let i = 0; i < count; i++) {
      const x = points[2 * i]!;
      const y = points[2 * i + 1]!;
      if (!free || keep[i] === 1) shapes.put(x, y);
      else corners.add(x, y); // back again for the other lines
    }
    shapes.endLine();
  }
  return shapes;
}

/** All corners of all lines. */
function cornersOfLines(lines: Lines): CornerSet {
  const corners = new CornerSet(lines.graph.width, lines.graph.height);
  const line = createLineCorners();
  for (let l = 0; l < lines.count; l++) {
    decodeLine(lines, l, line);
    for (let i = 0; i < 2 * line.count; i += 2) corners.add(line.points[i]!, line.points[i + 1]!);
  }
  return corners;
}

/** Whether a line runs along the raster's edge: there it stays as it is, corners included. */
export function onFrame(lines: Lines, line: number): boolean {
  return lines.region[2 * line] === OUTSIDE_REGION || lines.region[2 * line + 1] === OUTSIDE_REGION;
}

/** Points that a line must keep so that its rings stay rings: what two lines between the same two junctions share is nothing. */
function leastPoints(lines: Lines, line: number): number {
  const start = lines.slot[2 * line]!;
  const end = lines.slot[2 * line + 1]!;
  if (start === -1 || start >> 2 === end >> 2) return 4;
  for (let s = start & ~3; s < (start & ~3) + 4; s++) {
    const side = lines.slotSide[s]!;
    if (side !== -1 && s !== start && lines.slot[side ^ 1]! >> 2 === end >> 2) return 3;
  }
  return 2;
}
