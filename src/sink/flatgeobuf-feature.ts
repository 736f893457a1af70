import type { CoverageFeature, CoverageGeometry } from '../core/coverage.ts';
import { ATTRIBUTES, roundConfidence, roundMetres } from './attributes.ts';
import { type ByteChunks, putUint64 } from './byte-chunks.ts';
import { putPoints } from './wkb.ts';

/** `GeometryType` of the FlatGeobuf schema. */
export const MULTI_POLYGON = 6;
const POLYGON = 3;

const ENCODER = new TextEncoder();
const COLUMN = Object.fromEntries(ATTRIBUTES.map(({ name }, i) => [name, i])) as Readonly<
  Record<string, number>
>;

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
  private properties = new Uint8Array(512);
  private view = new DataView(this.properties.buffer);
  private at = 0;

  constructor(out: ByteChunks) {
    this.out = out;
  }

  append(feature: CoverageFeature): void {
    this.encodeProperties(feature);
    const { geometry } = feature;
    const partsEnd = layParts(geometry, null, null, 0);
    const size = align(partsEnd + 4 + this.at, 8);
    const base = this.out.reserve(size);
    const { bytes, view } = this.out;
    bytes.set(PROLOGUE, base);
    view.setUint32(base, size - 4, true);
    view.setUint32(base + 64, partsEnd - 64, true);
    layParts(geometry, bytes, view, base);
    view.setUint32(base + partsEnd, this.at, true);
    bytes.set(this.properties.subarray(0, this.at), base + partsEnd + 4);
  }

  /** Column number, value; absent ones are left out. */
  private encodeProperties(feature: CoverageFeature): void {
    this.at = 0;
    this.putLong(COLUMN.id!, feature.id);
    this.putInt(COLUMN.class_id!, feature.classId);
    this.putText(COLUMN.class_name!, feature.className);
    this.putText(COLUMN.color!, feature.color);
    this.putLong(COLUMN.pixel_count!, feature.pixelCount);
    this.putDouble(COLUMN.area_m2!, roundMetres(feature.areaM2));
    this.putDouble(COLUMN.perimeter_m!, roundMetres(feature.perimeterM));
    this.putDouble(COLUMN.mean_confidence!, roundConfidence(feature.meanConfidence));
    this.putInt(COLUMN.min_confidence!, feature.minConfidence);
    const at = this.column(COLUMN.touches_edge!, 1);
    this.view.setUint8(at, feature.touchesEdge ? 1 : 0);
  }

  private putInt(column: number, value: number | null): void {
    if (value !== null) this.view.setInt32(this.column(column, 4), value, true);
  }

  private putDouble(column: number, value: number | null): void {
    if (value !== null) this.view.setFloat64(this.column(column, 8), value, true);
  }

  private putLong(column: number, value: number): void {
    putUint64(this.view, this.column(column, 8), value);
  }

  private putText(column: number, value: string): void {
    let text = this.texts.get(value);
    if (text === undefined) {
      text = ENCODER.encode(value);
      this.texts.set(value, text);
    }
    const at = this.column(column, 4 + text.length);
    this.view.setUint32(at, text.length, true);
    this.properties.set(text, at + 4);
  }

  private column(column: number, valueBytes: number): number {
    const start = this.at;
    this.at += 2 + valueBytes;
    if (this.at > this.properties.length) {
      const larger = new Uint8Array(2 * this.at);
      larger.set(this.properties.subarray(0, start));
      this.properties = larger;
      this.view = new DataView(larger.buffer);
    }
    this.view.setUint16(start, column, true);
    return start + 2;
  }
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
