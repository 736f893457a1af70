import type { CoverageFeature } from '../core/coverage.ts';
import { roundConfidence, roundMetres } from './attributes.ts';
import type { FeatureBoxes } from './hilbert-order.ts';
import {
  blobType,
  DOUBLE,
  FALSE,
  integerBytes,
  integerType,
  NULL,
  putInteger,
  putVarint,
  TRUE,
  textType,
  varintBytes,
} from './sqlite-record.ts';
import type { SqliteTable } from './sqlite-table.ts';
import { putWkb, wkbBytes } from './wkb.ts';

/** A geometry's head: magic, flags, reference system and box. */
const HEAD_BYTES = 40;
const ENCODER = new TextEncoder();

/**
 * Appends features as rows of the table of `featureTable`: fid, geometry, then the attributes in their order.
 * @param boxes hold the feature's box as their last
 */
export function createRowWriter(
  table: SqliteTable,
  boxes: FeatureBoxes,
  srsId: number,
): (feature: CoverageFeature) => void {
  const texts = new Map<string, Uint8Array>();
  const encode = (text: string): Uint8Array => {
    let bytes = texts.get(text);
    if (bytes === undefined) {
      bytes = ENCODER.encode(text);
      texts.set(text, bytes);
    }
    return bytes;
  };
  return (feature) => {
    const { geometry, id, classId, pixelCount, minConfidence } = feature;
    const name = encode(feature.className);
    const color = encode(feature.color);
    const geometrySize = HEAD_BYTES + wkbBytes(geometry, 'always');
    const geometryType = blobType(geometrySize);
    const idType = integerType(id);
    const classType = integerType(classId);
    const nameType = textType(name.length);
    const colorType = textType(color.length);
    const pixelType = integerType(pixelCount);
    const leastType = minConfidence === null ? NULL : integerType(minConfidence);
    const area = roundMetres(feature.areaM2);
    const perimeter = roundMetres(feature.perimeterM);
    const mean = roundConfidence(feature.meanConfidence);
    // The types of the other nine columns, and the head's own size, take a byte each.
    const headSize = 10 + varintBytes(geometryType) + varintBytes(nameType) + varintBytes(colorType);
    const doubles = (area === null ? 0 : 8) + (perimeter === null ? 0 : 8) + (mean === null ? 0 : 8);
    const size =
      headSize +
      geometrySize +
      integerBytes(idType) +
      integerBytes(classType) +
      name.length +
      color.length +
      integerBytes(pixelType) +
      doubles +
      integerBytes(leastType);
    let at = table.begin(boxes.count, size);
    const { bytes, view } = table;
    bytes[at++] = headSize;
    bytes[at++] = NULL; // the fid, which is the row's own number
    at = putVarint(bytes, at, geometryType);
    bytes[at++] = idType;
    bytes[at++] = classType;
    at = putVarint(bytes, at, nameType);
    at = putVarint(bytes, at, colorType);
    bytes[at++] = pixelType;
    bytes[at++] = area === null ? NULL : DOUBLE;
    bytes[at++] = perimeter === null ? NULL : DOUBLE;
    bytes[at++] = mean === null ? NULL : DOUBLE;
    bytes[at++] = leastType;
    bytes[at++] = feature.touchesEdge ? TRUE : FALSE;
    putGeometryHead(view, at, boxes, srsId);
    at = putWkb(bytes, view, at + HEAD_BYTES, geometry, 'always');
    at = putInteger(bytes, at, idType, id);
    at = putInteger(bytes, at, classType, classId);
    bytes.set(name, at);
    at += name.length;
    bytes.set(color, at);
    at += color.length;
    at = putInteger(bytes, at, pixelType, pixelCount);
    for (const value of [area, perimeter, mean]) {
      if (value === null) continue;
      view.setFloat64(at, value);
      at += 8;
    }
    if (minConfidence !== null) putInteger(bytes, at, leastType, minConfidence);
    table.end();
  };
}

/** GP, version 1, little-endian with a box of x and y (GeoPackage 1.3, 2.1.3). */
function putGeometryHead(view: DataView, at: number, boxes: FeatureBoxes, srsId: number): void {
  const last = boxes.count - 1;
  view.setUint32(at, 0x47500003);
  view.setInt32(at + 4, srsId, true);
  view.setFloat64(at + 8, boxes.get(last, 0), true);
  view.setFloat64(at + 16, boxes.get(last, 2), true);
  view.setFloat64(at + 24, boxes.get(last, 1), true);
  view.setFloat64(at + 32, boxes.get(last, 3), true);
}
