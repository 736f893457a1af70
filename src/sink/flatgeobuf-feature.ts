import type { CoverageFeature, CoverageGeometry } from '../core/coverage.ts';
import { ATTRIBUTES, roundConfidence, roundMetres } from './attributes.ts';
import { type ByteChunks, putUint64 } from './byte-chunks.ts';
import { putPoints } from './wkb.ts';

/** `GeometryType` of the FlatGeobuf schema. */
export const MULTI_POLYGON = 6;
const POLYGON = 3;

const ENCODER = new TextEncoder();
const columnOf = (attribute: string) => ATTRIBUTES.findIndex(({ name }) => name === attribute);
/** Numbers of the attributes' columns. */
const COLUMN = {
  id: columnOf('id'),
  class_id: columnOf('class_id'),
  class_name: columnOf('class_name'),
  color: columnOf('color'),
  pixel_count: columnOf('pixel_count'),
  area_m2: columnOf('area_m2'),
  perimeter_m: columnOf('perimeter_m'),
  mean_confidence: columnOf('mean_confidence'),
  min_confidence: columnOf('min_confidence'),
  touches_edge: columnOf('touches_edge'),
};

/** Where the feature's table and the vector of parts begin, counted from the size prefix. */
const FEATURE_TABLE = 56;
const PARTS = 80;

/**
 * What all features begin with: the size (4 bytes, set later), the root offset, the three vtables, and the two outer
 * tables, whose offsets are known but for that of the properties. A FlatBuffers builder would lay the same out anew,
 * backwards, for each feature; the tables are those of the `Feature` and `Geometry` of feature.fbs.
 */
const PROLOGUE = layPrologue();

function layPrologue(): Uint8Array {
  const bytes = new Uint8Array(PARTS);
  const view = new DataView(bytes.buffer);
  const shorts = (at: number, values: readonly number[]) => {
    values.forEach((value, i) => {
      view.setUint16(at + 2 * i, value, true);
    });
  };
  view.setUint32(4, FEATURE_TABLE - 4, true);
  // vtable: its size, the table's size, then where each field lies in the table (0: absent).
  shorts(8, [8, 12, 4, 8]); // Feature: geometry, properties
  shorts(16, [20, 12, 0, 0, 0, 0, 0, 0, 8, 4]); // MultiPolygon: type, parts
  shorts(36, [18, 16, 4, 8, 0, 0, 0, 0, 12]); // Polygon: ends, xy, type
  view.setInt32(56, 56 - 8, true);
  view.setUint32(60, 68 - 60, true);
  view.setInt32(68, 68 - 16, true);
  view.setUint32(72, PARTS - 72, true);
  view.setUint8(76, MULTI_POLYGON);
  return bytes;
}

/** Appends features as size-prefixed FlatBuffers. Each is a MultiPolygon, so that a layer has one type whatever it holds. */
export class FlatGeobufFeatures {
  private readonly out: ByteChunks;
  private readonly texts = new Map<string, Uint8Array>();

  constructor(out: ByteChunks) {
    this.out = out;
  }

  append(feature: CoverageFeature): void {
    const { geometry } = feature;
    const name = this.encode(feature.className);
    const color = this.encode(feature.color);
    const partsEnd = layParts(geometry, null, null, 0);
    const propertiesSize = sizeOfProperties(feature, name, color);
    const size = align(partsEnd + 4 + propertiesSize, 8);
    const base = this.out.reserve(size);
    const { bytes, view } = this.out;
    bytes.set(PROLOGUE, base);
    view.setUint32(base, size - 4, true);
    view.setUint32(base + 64, partsEnd - 64, true);
    layParts(geometry, bytes, view, base);
    view.setUint32(base + partsEnd, propertiesSize, true);
    putProperties(bytes, view, base + partsEnd + 4, feature, name, color);
  }

  private encode(value: string): Uint8Array {
    let text = this.texts.get(value);
    if (text === undefined) {
      text = ENCODER.encode(value);
      this.texts.set(value, text);
    }
    return text;
  }
}

const LONG = 8;
const INT = 4;
const BOOL = 1;
/** A property is its column's number and its value; absent ones are left out. */
const NUMBER = 2;

function sizeOfProperties(feature: CoverageFeature, name: Uint8Array, color: Uint8Array): number {
  return (
    2 * (NUMBER + LONG) +
    (NUMBER + INT) +
    2 * (NUMBER + INT) +
    name.length +
    color.length +
    (feature.areaM2 === null ? 0 : NUMBER + LONG) +
    (feature.perimeterM === null ? 0 : NUMBER + LONG) +
    (feature.meanConfidence === null ? 0 : NUMBER + LONG) +
    (feature.minConfidence === null ? 0 : NUMBER + INT) +
    (NUMBER + BOOL)
  );
}

function putProperties(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  feature: CoverageFeature,
  name: Uint8Array,
  color: Uint8Array,
): void {
  let at = putLong(view, start, COLUMN.id, feature.id);
  at = putInt(view, at, COLUMN.class_id, feature.classId);
  at = putText(bytes, view, at, COLUMN.class_name, name);
  at = putText(bytes, view, at, COLUMN.color, color);
  at = putLong(view, at, COLUMN.pixel_count, feature.pixelCount);
  at = putDouble(view, at, COLUMN.area_m2, roundMetres(feature.areaM2));
  at = putDouble(view, at, COLUMN.perimeter_m, roundMetres(feature.perimeterM));
  at = putDouble(view, at, COLUMN.mean_confidence, roundConfidence(feature.meanConfidence));
  at = putInt(view, at, COLUMN.min_confidence, feature.minConfidence);
  view.setUint16(at, COLUMN.touches_edge, true);
  view.setUint8(at + NUMBER, feature.touchesEdge ? 1 : 0);
}

function putInt(view: DataView, at: number, column: number, value: number | null): number {
  if (value === null) return at;
  view.setUint16(at, column, true);
  view.setInt32(at + NUMBER, value, true);
  return at + NUMBER + INT;
}

function putDouble(view: DataView, at: number, column: number, value: number | null): number {
  if (value === null) return at;
  view.setUint16(at, column, true);
  view.setFloat64(at + NUMBER, value, true);
  return at + NUMBER + LONG;
}

function putLong(view: DataView, at: number, column: number, value: number): number {
  view.setUint16(at, column, true);
  putUint64(view, at + NUMBER, value);
  return at + NUMBER + LONG;
}

function putText(bytes: Uint8Array, view: DataView, at: number, column: number, text: Uint8Array): number {
  view.setUint16(at, column, true);
  view.setUint32(at + NUMBER, text.length, true);
  bytes.set(text, at + NUMBER + INT);
  return at + NUMBER + INT + text.length;
}

/**
 * The `parts` vector and its polygons, from {@link PARTS} on; only measured if there is nothing to write to.
 * @returns where they end, relative to the feature's start
 */
function layParts(
  { coordinates, ringEnds, polygonEnds }: CoverageGeometry,
  bytes: Uint8Array | null,
  view: DataView | null,
  base: number,
): number {
  const count = polygonEnds.length;
  let at = PARTS + 4 + 4 * count;
  view?.setUint32(base + PARTS, count, true);
  let ring = 0;
  for (let p = 0; p < count; p++) {
    const rings = polygonEnds[p]! - ring;
    const from = ring === 0 ? 0 : ringEnds[ring - 1]!;
    const to = ringEnds[polygonEnds[p]! - 1]!;
    const table = at;
    const ends = table + 16;
    // The doubles behind the vector's length lie on a multiple of 8, counted from the size prefix on.
    const xy = align(ends + 4 + 4 * rings + 4, 8) - 4;
    at = xy + 4 + 16 * (to - from);
    if (bytes !== null && view !== null) {
      const slot = PARTS + 4 + 4 * p;
      view.setUint32(base + slot, table - slot, true);
      view.setInt32(base + table, table - 36, true);
      view.setUint32(base + table + 4, ends - (table + 4), true);
      view.setUint32(base + table + 8, xy - (table + 8), true);
      view.setUint8(base + table + 12, POLYGON);
      view.setUint32(base + ends, rings, true);
      for (let r = 0; r < rings; r++) {
        view.setUint32(base + ends + 4 + 4 * r, ringEnds[ring + r]! - from, true);
      }
      view.setUint32(base + xy, 2 * (to - from), true);
      putPoints(bytes, view, base + xy + 4, coordinates, from, to - from);
    }
    ring = polygonEnds[p]!;
  }
  return at;
}

function align(at: number, to: number): number {
  return Math.ceil(at / to) * to;
}
