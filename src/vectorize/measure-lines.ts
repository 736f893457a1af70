import { TopologyError } from '../core/errors.ts';
import { createLineCorners, decodeLine } from './decode-line.ts';
import { type Lines, OUTSIDE_REGION } from './join-lines.ts';
import type { Regions } from './merge-regions.ts';

/**
 * Checks that the lines bound exactly the regions' pixels: minus the sum of x*dy along all sides of a region is its area.
 * All integers, so that nothing is lost whatever the order.
 * @returns the points of all lines
 * @throws TopologyError
 */
export function assertRegionAreas(lines: Lines, regions: Regions): number {
  const area = new Float64Array(regions.count);
  const corners = createLineCorners();
  let total = 0;
  for (let line = 0; line < lines.count; line++) {
    decodeLine(lines, line, corners);
    const { points, count } = corners;
    total += count;
    let sum = 0;
    for (let i = 0; i + 1 < count; i++) sum -= points[2 * i]! * (points[2 * i + 3]! - points[2 * i + 1]!);
    const left = lines.region[2 * line]!;
    const right = lines.region[2 * line + 1]!;
    if (left !== OUTSIDE_REGION) area[left]! += sum;
    if (right !== OUTSIDE_REGION) area[right]! -= sum;
  }
  for (let r = 0; r < regions.count; r++) {
    if (area[r] === regions.pixelCount[r]) continue;
    throw new TopologyError(
      `Polygon topology is broken: the borders of region ${regions.first[r]} hold ${area[r]} pixels (expected ` +
        `${regions.pixelCount[r]}). This is a defect in Frustum; please report it with the class raster.`,
      { arc: -1 },
    );
  }
  return total;
}
