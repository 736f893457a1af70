import type { AreaWalk } from '../core/area.ts';
import { centreRow, type PixelEdges } from './trace-edges.ts';

/**
 * Walks the rows of an area by scan line. A pixel belongs to the area if its centre lies within an odd number of rings of
 * one polygon; on an outline, if what is right of it and below it does: so areas that tile the land tile its pixels. Holds
 * the edges that cross the row, and sets aside one number an edge.
 */
export function scanArea(edges: PixelEdges, width: number, height: number): () => AreaWalk {
  const { ends, polygon } = edges;
  const { starts, order } = orderByFirstRow(edges, height);
  return () => {
    let active: number[] = [];
    let next = 0;
    const crossing = new Float64Array(edges.count);
    return {
      spansOf(y) {
        const centre = y + 0.5;
        const entering = starts[y + 1]!;
        while (next < entering) active.push(order[next++]!);
        active = active.filter((e) => ends[4 * e + 3]! > centre);
        for (const e of active) {
          const [x0, y0, x1, y1] = [ends[4 * e]!, ends[4 * e + 1]!, ends[4 * e + 2]!, ends[4 * e + 3]!];
          crossing[e] = x0 + ((centre - y0) / (y1 - y0)) * (x1 - x0);
        }
        // Nearly sorted from the row before, which this sort makes use of.
        active.sort((p, q) => polygon[p]! - polygon[q]! || crossing[p]! - crossing[q]!);
        const spans: number[] = [];
        for (let i = 0; i + 1 < active.length; i += 2) {
          const from = clamp(Math.ceil(crossing[active[i]!]! - 0.5), width);
          const to = clamp(Math.ceil(crossing[active[i + 1]!]! - 0.5), width);
          if (from < to) spans.push(from, to);
        }
        return joinSpans(spans);
      },
    };
  };
}

/** Edges by the first row that they cross: those of row y are `order[starts[y]]` to `order[starts[y + 1]]`. */
function orderByFirstRow({ count, ends }: PixelEdges, height: number) {
  const firstRow = (e: number) => Math.max(0, centreRow(ends[4 * e + 1]!));
  const starts = new Uint32Array(height + 1);
  for (let e = 0; e < count; e++) starts[firstRow(e) + 1]!++;
  for (let y = 0; y < height; y++) starts[y + 1]! += starts[y]!;
  const order = new Uint32Array(count);
  const fill = starts.slice(0, height);
  for (let e = 0; e < count; e++) order[fill[firstRow(e)]!++] = e;
  return { starts, order };
}

/** Joins spans that overlap or touch, as those of neighbouring polygons do. */
function joinSpans(spans: readonly number[]): readonly number[] {
  if (spans.length <= 2) return spans;
  const byStart = Array.from({ length: spans.length / 2 }, (_, i) => 2 * i).sort(
    (p, q) => spans[p]! - spans[q]!,
  );
  const joined: number[] = [];
  for (const i of byStart) {
    const end = joined.length - 1;
    if (joined.length > 0 && spans[i]! <= joined[end]!) joined[end] = Math.max(joined[end]!, spans[i + 1]!);
    else joined.push(spans[i]!, spans[i + 1]!);
  }
  return joined;
}

function clamp(column: number, width: number): number {
  return Math.min(Math.max(column, 0), width);
}
