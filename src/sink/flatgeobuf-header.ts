import { Builder } from 'flatbuffers';
import { ATTRIBUTES, type AttributeType } from './attributes.ts';
import type { CrsDefinition } from './crs-definition.ts';
import { MULTI_POLYGON } from './flatgeobuf-feature.ts';
import type { Box } from './hilbert-order.ts';

/** `fgb`, version 3, `fgb`, patch level 1. */
export const MAGIC = Uint8Array.of(0x66, 0x67, 0x62, 0x03, 0x66, 0x67, 0x62, 0x01);

/** `ColumnType` of header.fbs. */
const COLUMN_TYPES: Readonly<Record<AttributeType, number>> = {
  boolean: 2,
  int32: 5,
  int64: 7,
  double: 10,
  text: 11,
};

export interface FlatGeobufHeader {
  readonly name: string;
  readonly description: string;
  /** JSON */
  readonly metadata: string;
  readonly box: Box | null;
  readonly featureCount: number;
  /** Children of an index node; 0 for no index. */
  readonly nodeSize: number;
  readonly crs: CrsDefinition | null;
}

/** The size-prefixed `Header` table of header.fbs; slots are numbered as there. */
export function encodeHeader(header: FlatGeobufHeader): Uint8Array {
  const b = new Builder(1024);
  const name = b.createString(header.name);
  const title = b.createString(header.name);
  const description = b.createString(header.description);
  const metadata = b.createString(header.metadata);
  const columns = ATTRIBUTES.map((attribute) => {
    const columnName = b.createString(attribute.name);
    const columnDescription = b.createString(attribute.description);
    b.startObject(11);
    b.addFieldOffset(0, columnName, 0);
    b.addFieldInt8(1, COLUMN_TYPES[attribute.type], 0);
    b.addFieldOffset(3, columnDescription, 0);
    b.addFieldInt8(7, attribute.nullable ? 1 : 0, 1);
    return b.endObject();
  });
  b.startVector(4, columns.length, 4);
  for (const column of [...columns].reverse()) b.addOffset(column);
  const columnVector = b.endVector();
  let envelope = 0;
  if (header.box !== null) {
    b.startVector(8, 4, 8);
    for (const value of [...header.box].reverse()) b.addFloat64(value);
    envelope = b.endVector();
  }
  const crs = header.crs === null ? 0 : encodeCrs(b, header.crs);
  b.startObject(14);
  b.addFieldOffset(0, name, 0);
  b.addFieldOffset(1, envelope, 0);
  b.addFieldInt8(2, MULTI_POLYGON, 0);
  b.addFieldOffset(7, columnVector, 0);
  b.addFieldInt64(8, BigInt(header.featureCount), 0n);
  b.addFieldInt16(9, header.nodeSize, 16);
  b.addFieldOffset(10, crs, 0);
  b.addFieldOffset(11, title, 0);
  b.addFieldOffset(12, description, 0);
  b.addFieldOffset(13, metadata, 0);
  b.finishSizePrefixed(b.endObject());
  return b.asUint8Array().slice();
}

function encodeCrs(b: Builder, crs: CrsDefinition): number {
  const org = crs.epsg === null ? 0 : b.createString('EPSG');
  const name = b.createString(crs.name);
  const wkt = crs.wkt === null ? 0 : b.createString(crs.wkt);
  b.startObject(6);
  b.addFieldOffset(0, org, 0);
  b.addFieldInt32(1, crs.epsg ?? 0, 0);
  b.addFieldOffset(2, name, 0);
  b.addFieldOffset(4, wkt, 0);
  return b.endObject();
}
