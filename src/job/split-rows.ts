import { areaOfRows, type PixelArea } from '../core/area.ts';
import type { FrustumPlan } from '../frustum/plan.ts';
import { selectFrusta } from '../frustum/select-frusta.ts';

/** A band of rows, `y1` exclusive, and the windows that reach it. */
export interface RowBand {
  readonly y0: number;
  readonly y1: number;
  readonly windows: number;
}

/**
 * Cuts an area into bands of about equally many rows of windows. Bands begin where windows begin, since there the fewest
 * windows reach both sides and are run twice; only where there are fewer rows of windows than bands are wanted, anywhere.
 * @param wanted how many bands; fewer if the area has fewer rows of pixels
 */
export function splitRows(plan: FrustumPlan, area: PixelArea, wanted: number): readonly RowBand[] {
  const top = area.bounds.y;
  const end = top + area.bounds.height;
  const count = Math.max(1, Math.min(wanted, area.bounds.height));
  const starts = plan.rows.map((row) => row.start).filter((y) => y > top && y < end);
  const cuts: number[] = [];
  for (let i = 1; i < count; i++) {
    cuts.push(
      starts.length >= count - 1
        ? starts[Math.floor((i * (starts.length + 1)) / count) - 1]!
        : top + Math.floor((i * area.bounds.height) / count),
    );
  }
  const edges = [top, ...new Set(cuts), end];
  return edges.slice(1).map((y1, i) => {
    const y0 = edges[i]!;
    return { y0, y1, windows: selectFrusta(plan, areaOfRows(area, y0, y1)).count };
  });
}
