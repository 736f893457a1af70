import { TopologyError } from '../core/errors.ts';
import type { RingSet } from './arc-graph.ts';
import { grow } from './grow.ts';
import { type Lines, OUTSIDE_REGION } from './join-lines.ts';
import type { LineShapes } from './line-shapes.ts';

/** Walks the rings of regions along their lines. */
export interface RingAssembler {
  /**
   * The rings of one region; buffers are used again for the next. Rings have no closing point; areas are in the shapes' units.
   * @throws TopologyError
   */
  assemble(region: number): RingSet;
}

/**
 * At a junction the walk takes the first line clockwise from the one it came by, which keeps the region on its left; where
 * the region also fills the opposite wedge of a crossing, it takes the first counter-clockwise instead, so that a ring
 * never touches itself but two rings touch in a point.
 * @param enlarge what the rings' points are multiplied with
 */
export function createRingAssembler(
  lines: Lines,
  shapes: LineShapes,
  regionCount: number,
  enlarge = 1,
): RingAssembler {
  const { sides, starts } = groupSides(lines, regionCount);
  const walked = new Uint8Array(2 * lines.count);
  const rings = {
    points: new Int32Array(1024),
    count: 0,
    ends: new Int32Array(16),
    areas: new Float64Array(16),
    touchesEdge: false,
  };
  let at = 0;
  /** Adds a side's points but its last. @returns its part of twice the ring's area. */
  const addSide = (side: number): number => {
    shapes.get(side >> 1);
    const { points, from, to } = shapes;
    const size = 2 * (to - from - 1);
    if (at + size > rings.points.length) rings.points = grow(rings.points, at + size);
    const out = rings.points;
    let twice = 0;
    const step = side & 1 ? -2 : 2;
    let p = side & 1 ? 2 * (to - 1) : 2 * from;
    for (let n = 0; n < size; n += 2, p += step) {
      const x = points[p]!;
      const y = points[p + 1]!;
      out[at++] = x * enlarge;
      out[at++] = y * enlarge;
      // Rows count down: counter-clockwise on a north-up image is positive.
      twice += points[p + step]! * y - x * points[p + step + 1]!;
    }
    return twice;
  };
  return {
    assemble(region) {
      at = 0;
      rings.count = 0;
      const from = starts[region]!;
      const to = starts[region + 1]!;
      let steps = 0;
      for (let s = from; s < to; s++) {
        const first = sides[s]!;
        if (walked[first] === 1) continue;
        let twice = 0;
        let side = first;
        do {
          if (lines.region[side] !== region || ++steps > to - from) {
            throw new TopologyError(
              `Polygon topology is broken: a ring of region ${region} does not close. This is a defect in Frustum; ` +
                'please report it with the class raster.',
              { arc: side >> 1 },
            );
          }
          walked[side] = 1;
          twice += addSide(side);
          side = turn(lines, side, region);
        } while (side !== first);
        if (rings.count === rings.ends.length) {
          rings.ends = grow(rings.ends, rings.count + 1);
          rings.areas = grow(rings.areas, rings.count + 1);
        }
        rings.ends[rings.count] = at >> 1;
        rings.areas[rings.count++] = twice / 2;
      }
      // Regions may be assembled again.
      for (let s = from; s < to; s++) walked[sides[s]!] = 0;
      return rings;
    },
  };
}

/** The side by which the walk round `region` leaves the junction at the end of `side`. */
function turn({ slot, slotSide, region: regionOf }: Lines, side: number, region: number): number {
  const arrival = slot[side ^ 1]!;
  if (arrival === -1) return side; // a loop
  const node = arrival & ~3;
  const left = slotSide[node | ((arrival + 1) & 3)]!;
  const ahead = slotSide[node | ((arrival + 2) & 3)]!;
  const opposite = slotSide[node | ((arrival + 3) & 3)]!;
  if (left === -1) return ahead;
  if (ahead !== -1 && opposite !== -1 && regionOf[opposite] === region) return opposite;
  return left;
}

/** The sides of each region, region by region. */
function groupSides(lines: Lines, regionCount: number): { sides: Int32Array; starts: Int32Array } {
  const starts = new Int32Array(regionCount + 1);
  for (let s = 0; s < 2 * lines.count; s++) {
    if (lines.region[s] !== OUTSIDE_REGION) starts[lines.region[s]! + 1]!++;
  }
  for (let r = 0; r < regionCount; r++) starts[r + 1]! += starts[r]!;
  const sides = new Int32Array(starts[regionCount]!);
  const next = starts.slice(0, regionCount);
  for (let s = 0; s < 2 * lines.count; s++) {
    const r = lines.region[s]!;
    if (r !== OUTSIDE_REGION) sides[next[r]!++] = s;
  }
  return { sides, starts };
}
