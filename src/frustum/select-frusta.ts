import type { PixelArea } from '../core/area.ts';
import { ConfigError } from '../core/errors.ts';
import { intersectWindows } from '../core/window.ts';
import type { ColumnRun, FrustumPlan, PlanLine } from './plan.ts';

/**
 * The same plan, cut to the frusta whose local window holds a pixel of `area`. Grid, frame, weights and context windows
 * stay those of the whole scene, and each pixel of the area keeps every window that reaches it: so its scores are, bit for
 * bit, those of a run without the area.
 * @throws ConfigError if the area reaches beyond the scene
 */
export function selectFrusta(plan: FrustumPlan, area: PixelArea): FrustumPlan {
  const { rows, columns, window } = plan;
  const { bounds } = area;
  const scene = { x: 0, y: 0, ...plan.scene };
  const inside = intersectWindows(bounds, scene);
  if (inside?.width !== bounds.width || inside.height !== bounds.height) {
    throw new ConfigError(
      `The area of columns ${bounds.x} to ${bounds.x + bounds.width} and rows ${bounds.y} to ${bounds.y + bounds.height} reaches beyond the scene of ${scene.width} x ${scene.height} px.`,
      { pointer: '/area', value: bounds },
    );
  }
  const hit = rows.map(() => new Uint8Array(columns.length));
  const walk = area.walkRows();
  // Rows of PRPs overlap: those that reach scene row y are first to last, and both only go down.
  let first = 0;
  let last = -1;
  for (let y = bounds.y; y < bounds.y + bounds.height; y++) {
    while (last + 1 < rows.length && rows[last + 1]!.start <= y) last++;
    while (first <= last && rows[first]!.start + window <= y) first++;
    const spans = walk.spansOf(y);
    for (let i = 0; i < spans.length; i += 2) {
      const from = firstAbove(columns, spans[i]! - window);
      const to = firstAbove(columns, spans[i + 1]! - 1);
      for (let row = first; row <= last; row++) hit[row]!.fill(1, from, to);
    }
  }
  const kept = hit.map(runsOf);
  const count = kept.flat().reduce((sum, { from, to }) => sum + to - from, 0);
  return { ...plan, kept, count };
}

/** The first line that starts above `limit`; the number of lines if none does. */
function firstAbove(lines: readonly PlanLine[], limit: number): number {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle]!.start > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}

function runsOf(flags: Uint8Array): ColumnRun[] {
  const runs: ColumnRun[] = [];
  for (let from = flags.indexOf(1); from >= 0; ) {
    const end = flags.indexOf(0, from);
    const to = end < 0 ? flags.length : end;
    runs.push({ from, to });
    from = end < 0 ? -1 : flags.indexOf(1, end);
  }
  return runs;
}
