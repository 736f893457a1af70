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
  const head = (type: number, count: number) => {
    bytes[end] = LITTLE_ENDIAN;
    view.setUint32(end + 1, type, true);
    view.setUint32(end + 5, count, true);
    end += 9;
  };
  if (multi === 'always' || polygonEnds.length > 1) head(MULTI_POLYGON, polygonEnds.length);
  let ring = 0;
  let point = 0;
  for (const polygonEnd of polygonEnds) {
    head(POLYGON, polygonEnd - ring);
    for (; ring < polygonEnd; ring++) {
      const count = ringEnds[ring]! - point;
      view.setUint32(end, count, true);
      bytes.set(new Uint8Array(coordinates.buffer, coordinates.byteOffset + 16 * point, 16 * count), end + 4);
      end += 4 + 16 * count;
      point = ringEnds[ring]!;
    }
  }
  return end;
}
