import { UnsupportedError } from '../core/errors.ts';
import { clipRing } from './clip-ring.ts';
import type { PixelLocator } from './locate-pixels.ts';
import type { LonLatArea } from './lon-lat-area.ts';

/** Outlines of an area in a scene's pixels: straight edges, each from its upper end to its lower. */
export interface PixelEdges {
  readonly count: number;
  /** Columns and rows (fractions, counted from outer corners): `x0, y0, x1, y1` an edge, y0 < y1. */
  readonly ends: Float64Array;
  /** Which polygon each edge belongs to; ascending. */
  readonly polygon: Int32Array;
}

/** Pixels by which an edge may leave the line that is straight in longitude and latitude. */
const TOLERANCE = 1e-3;
/** Halvings of one edge. */
const MOST_HALVINGS = 24;
/** Edges of one area: 36 bytes each. */
const MOST_EDGES = 8_000_000;

/**
 * Takes an area to a scene's pixels. Edges that are straight in longitude and latitude bend in most scenes: they are halved
 * until they fit. Where they are halved depends on the edge alone, not on its direction or its polygon, so neighbours with
 * a common edge keep it common. Edges that cross no row of pixel centres are left out.
 * @throws UnsupportedError where the scene's CRS has no place for the area, or the area has too many edges
 */
export function traceEdges(area: LonLatArea, locator: PixelLocator, height: number, url: string): PixelEdges {
  const { box, toPixel } = locator;
  let count = 0;
  let ends = new Float64Array(1024);
  let polygonOf = new Int32Array(256);
  let polygon = 0;

  function place(lon: number, lat: number): readonly [number, number] {
    const at = toPixel(lon, lat);
    if (Number.isFinite(at[0]) && Number.isFinite(at[1])) return at;
    throw new UnsupportedError(
      `${url}: the area's place ${lon}, ${lat} has none in the scene's coordinate system; cut the area to where the system is defined, or give it in pixels, with --bbox-px X0,Y0,X1,Y1`,
      { feature: 'an area beyond the coordinate system', hint: 'cut the area' },
    );
  }

  function add(x0: number, y0: number, x1: number, y1: number): void {
    if (centreRow(y0) === centreRow(y1)) return;
    if (Math.max(y0, y1) <= 0.5 || Math.min(y0, y1) > height - 0.5) return;
    if (count === MOST_EDGES) {
      throw new UnsupportedError(
        `${url}: the area has more than ${MOST_EDGES} edges in this scene; simplify it, or map it in parts`,
        { feature: 'areas of so many edges', hint: 'simplify the area' },
      );
    }
    if (count === polygonOf.length) {
      ends = grow(ends, new Float64Array(ends.length * 2));
      polygonOf = grow(polygonOf, new Int32Array(polygonOf.length * 2));
    }
    ends.set(y0 < y1 ? [x0, y0, x1, y1] : [x1, y1, x0, y0], count * 4);
    polygonOf[count++] = polygon;
  }

  function halve(a: Place, b: Place, halvings: number): void {
    const middle = between(a, b, 0.5);
    if (halvings >= MOST_HALVINGS || isStraight(a, middle, b)) {
      add(a.x, a.y, b.x, b.y);
      return;
    }
    halve(a, middle, halvings + 1);
    halve(middle, b, halvings + 1);
  }

  function isStraight(a: Place, middle: Place, b: Place): boolean {
    if (distanceToLine(middle, a, b) > TOLERANCE) return false;
    // An edge that bends both ways may cross its chord in the middle; a short one can't bend that much.
    if (Math.hypot(b.x - a.x, b.y - a.y) < 64) return true;
    return (
      distanceToLine(between(a, b, 0.25), a, b) <= TOLERANCE &&
      distanceToLine(between(a, b, 0.75), a, b) <= TOLERANCE
    );
  }

  function between(a: Place, b: Place, t: number): Place {
    return placeOf(a.lon + t * (b.lon - a.lon), a.lat + t * (b.lat - a.lat));
  }

  function placeOf(lon: number, lat: number): Place {
    const [x, y] = place(lon, lat);
    return { lon, lat, x, y };
  }

  for (const { rings } of area.polygons) {
    for (const ring of rings) {
      for (const shift of turnsOf(ring, box)) {
        const clipped = clipRing(ring, shift, box);
        for (let i = 0; i + 3 < clipped.length; i += 2) {
          const p = placeOf(clipped[i]!, clipped[i + 1]!);
          const q = placeOf(clipped[i + 2]!, clipped[i + 3]!);
          if (p.lon === q.lon && p.lat === q.lat) continue;
          if (p.lon < q.lon || (p.lon === q.lon && p.lat < q.lat)) halve(p, q, 0);
          else halve(q, p, 0);
        }
      }
    }
    polygon++;
  }
  return { count, ends: ends.subarray(0, count * 4), polygon: polygonOf.subarray(0, count) };
}

interface Place {
  readonly lon: number;
  readonly lat: number;
  readonly x: number;
  readonly y: number;
}

/** The first row whose centre is at `y` or below. */
export function centreRow(y: number): number {
  return Math.ceil(y - 0.5);
}

/** Whole turns, in degrees, that bring a ring's longitudes to those of the box. */
function turnsOf(ring: Float64Array, [west, , east]: PixelLocator['box']): number[] {
  let [least, most] = [Infinity, -Infinity];
  for (let i = 0; i < ring.length; i += 2) {
    least = Math.min(least, ring[i]!);
    most = Math.max(most, ring[i]!);
  }
  const turns: number[] = [];
  for (let n = Math.ceil((west - most) / 360); n <= Math.floor((east - least) / 360); n++)
    turns.push(360 * n);
  return turns;
}

/** From `p` to the line through `a` and `b`, or to `a` where both are one place. */
function distanceToLine(p: Place, a: Place, b: Place): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = Math.hypot(dx, dy);
  if (length < TOLERANCE) return Math.hypot(p.x - a.x, p.y - a.y);
  return Math.abs((p.x - a.x) * dy - (p.y - a.y) * dx) / length;
}

function grow<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from as never);
  return to;
}
