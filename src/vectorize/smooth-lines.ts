import { CornerSet } from './corner-set.ts';
import { isTriangleFree } from './guard.ts';
import type { Lines } from './join-lines.ts';
import { type LineShapes, ShapeList, SUBPIXELS } from './line-shapes.ts';
import { onFrame } from './simplify-lines.ts';

/**
 * Rounds the corners of lines: a corner v between u and w becomes the parabola from the middle of u-v to the middle of v-w
 * (what Chaikin's corner cutting tends to), drawn in 2^halvings edges. Junctions and the raster's edge stay.
 *
 * It lies within the triangle u, v, w. A corner is rounded only if that triangle (with a margin) holds no other corner:
 * then no other border passes through it, the triangles of two rounded corners do not overlap, and all corners can be
 * rounded at once.
 * @param halvings 1 to 4
 */
export function smoothLines(lines: Lines, shapes: LineShapes, halvings: number): ShapeList {
  const corners = new CornerSet(lines.graph.width, lines.graph.height);
  for (let l = 0; l < lines.count; l++) {
    shapes.get(l);
    for (let i = 2 * shapes.from; i < 2 * shapes.to; i += 2) {
      corners.add(shapes.points[i]!, shapes.points[i + 1]!);
    }
  }
  const smooth = new ShapeList(lines.count, SUBPIXELS);
  for (let l = 0; l < lines.count; l++) {
    shapes.get(l);
    if (onFrame(lines, l)) {
      for (let i = shapes.from; i < shapes.to; i++) {
        smooth.put(shapes.points[2 * i]! * SUBPIXELS, shapes.points[2 * i + 1]! * SUBPIXELS);
      }
    } else {
      smoothLine(shapes, lines.slot[2 * l] === -1, corners, 2 ** halvings, smooth);
    }
    smooth.endLine();
  }
  return smooth;
}

function smoothLine(
  { points, from, to }: LineShapes,
  isLoop: boolean,
  corners: CornerSet,
  edges: number,
  out: ShapeList,
): void {
  const last = to - 1;
  const round = (u: number, v: number, w: number) => {
    const [ux, uy] = [points[2 * u]!, points[2 * u + 1]!];
    const [vx, vy] = [points[2 * v]!, points[2 * v + 1]!];
    const [wx, wy] = [points[2 * w]!, points[2 * w + 1]!];
    const cross = (vx - ux) * (wy - vy) - (vy - uy) * (wx - vx);
    if (cross === 0 || !isTriangleFree(corners, ux, uy, vx, vy, wx, wy)) {
      out.put(vx * SUBPIXELS, vy * SUBPIXELS);
      return;
    }
    for (let i = 0; i <= edges; i++) {
      // The parabola with the control points (u+v)/2, v, (v+w)/2: whole numbers up to the last division.
      const s = edges - i;
      const a = s * s;
      const b = 2 * s * i;
      const c = i * i;
      const x = (a * (ux + vx) + 2 * b * vx + c * (vx + wx)) / (2 * edges * edges);
      const y = (a * (uy + vy) + 2 * b * vy + c * (vy + wy)) / (2 * edges * edges);
      out.putNew(Math.round(x * SUBPIXELS), Math.round(y * SUBPIXELS));
    }
  };
  if (isLoop) {
    const start = out.size;
    for (let i = from; i < last; i++) round(i === from ? last - 1 : i - 1, i, i + 1);
    out.close(start);
    return;
  }
  out.put(points[2 * from]! * SUBPIXELS, points[2 * from + 1]! * SUBPIXELS);
  for (let i = from + 1; i < last; i++) round(i - 1, i, i + 1);
  out.put(points[2 * last]! * SUBPIXELS, points[2 * last + 1]! * SUBPIXELS);
}
