import type { CoverageGeometry } from '../core/coverage.ts';

const LITTLE_ENDIAN = 1;
const POLYGON = 3;
const MULTI_POLYGON = 6;

/** How several polygons, or one, are wrapped: `always` for layers that hold multipolygons alone. */
export type WkbMulti = 'always' | 'if-several';

/** Bytes of a geometry in {@link putWkb}'s form. */
export function wkbBytes({ ringEnds, polygonEnds }: CoverageGeometry, multi: WkbMulti): number {
  const points = ringEnds.length === 0 ? 0 : ringEnds[ringEnds.length - 1]!;
  const wrapped = multi === 'always' || polygonEnds.length > 1;
  return (wrapped ? 9 : 0) + 9 * polygonEnds.length + 4 * ringEnds.length + 16 * points;
}

/** Well-known binary (OGC 06-103r4, 8.2), little-endian, at `at`. @returns where it ends */
export function putWkb(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  { coordinates, ringEnds, polygonEnds }: CoverageGeometry,
  multi: WkbMulti,
): number {
  let end = at;
  if (multi === 'always' || polygonEnds.length > 1)
    end = putHead(view, end, MULTI_POLYGON, polygonEnds.length);
  let ring = 0;
  let point = 0;
  for (const polygonEnd of polygonEnds) {
    end = putHead(view, end, POLYGON, polygonEnd - ring);
    for (; ring < polygonEnd; ring++) {
      const count = ringEnds[ring]! - point;
      view.setUint32(end, count, true);
      putPoints(bytes, view, end + 4, coordinates, point, count);
      end += 4 + 16 * count;
      point = ringEnds[ring]!;
    }
  }
  return end;
}

function putHead(view: DataView, at: number, type: number, count: number): number {
  view.setUint8(at, LITTLE_ENDIAN);
  view.setUint32(at + 1, type, true);
  view.setUint32(at + 5, count, true);
  return at + 9;
}

/** Points up to which it is faster to write numbers than to make a view for copying bytes. */
const FEW = 24;

/** Points of `coordinates` from `first` on as pairs of little-endian doubles, the order of bytes of every machine that runs this. */
export function putPoints(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  coordinates: Float64Array,
  first: number,
  count: number,
): void {
  if (count > FEW) {
    bytes.set(new Uint8Array(coordinates.buffer, coordinates.byteOffset + 16 * first, 16 * count), at);
    return;
  }
  const end = 2 * (first + count);
  for (let i = 2 * first, to = at; i < end; i++, to += 8) view.setFloat64(to, coordinates[i]!, true);
}
