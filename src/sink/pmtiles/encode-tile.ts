import protobuf from 'protobufjs/minimal.js';
import { EXTENT } from './tile-units.ts';

/** The layer in all tiles, whatever the archive is called: styles stay the same. */
export const LAYER = 'landcover';

/** What a class is called and how it looks. */
export interface TileClass {
  readonly name: string;
  readonly color: string;
}

/** Attributes of tile features, as `vector_layers` tells them. */
export const TILE_FIELDS = {
  class_id: 'Number',
  class_name: 'String',
  color: 'String',
  area_m2: 'Number',
  id: 'Number',
} as const;

const KEYS = Object.keys(TILE_FIELDS);
const HEAD_BYTES = 21;

/**
 * A feature's piece in a tile, as it waits for the others.
 * @param id -1 for none
 * @param areaM2 of the whole feature, not of the piece; -1 for none
 */
export function packPiece(classId: number, id: number, areaM2: number, geometry: Uint8Array): Uint8Array {
  const record = new Uint8Array(HEAD_BYTES + geometry.length);
  const view = new DataView(record.buffer);
  view.setUint8(0, classId);
  view.setFloat64(1, id);
  view.setFloat64(9, areaM2);
  view.setUint32(17, geometry.length);
  record.set(geometry, HEAD_BYTES);
  return record;
}

/** A Mapbox Vector Tile (2.1) with one layer of polygons. */
export function encodeTile(records: Uint8Array, classOf: (classId: number) => TileClass): Uint8Array {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const values: Uint8Array[] = [];
  const places = new Map<string, number>();
  const placeOf = (key: string, write: (writer: protobuf.Writer) => protobuf.Writer): number => {
    let place = places.get(key);
    if (place === undefined) {
      place = values.length;
      places.set(key, place);
      values.push(write(protobuf.Writer.create()).finish());
    }
    return place;
  };
  const text = (value: string) => placeOf(`s${value}`, (w) => w.uint32(10).string(value));
  const whole = (value: number) => placeOf(`u${value}`, (w) => w.uint32(40).uint64(value));
  const real = (value: number) => placeOf(`d${value}`, (w) => w.uint32(25).double(value));
  const layer = protobuf.Writer.create().uint32(120).uint32(2).uint32(10).string(LAYER);
  for (let at = 0; at < records.length; ) {
    const classId = view.getUint8(at);
    const id = view.getFloat64(at + 1);
    const areaM2 = view.getFloat64(at + 9);
    const end = at + HEAD_BYTES + view.getUint32(at + 17);
    const { name, color } = classOf(classId);
    const tags = [whole(classId), text(name), text(color)];
    if (areaM2 >= 0) tags.push(real(areaM2));
    layer.uint32(18).fork();
    if (id >= 0) layer.uint32(8).uint64(id);
    layer.uint32(18).fork();
    tags.forEach((value, key) => {
      layer.uint32(key).uint32(value);
    });
    if (id >= 0) layer.uint32(KEYS.indexOf('id')).uint32(whole(id));
    layer.ldelim();
    layer.uint32(24).uint32(3);
    layer.uint32(34).bytes(records.subarray(at + HEAD_BYTES, end));
    layer.ldelim();
    at = end;
  }
  for (const key of KEYS) layer.uint32(26).string(key);
  for (const value of values) layer.uint32(34).bytes(value);
  layer.uint32(40).uint32(EXTENT);
  return protobuf.Writer.create().uint32(26).bytes(layer.finish()).finish();
}
