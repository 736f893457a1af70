import type { CoverageFeature, CoverageGeometry } from '../core/coverage.ts';
import type { VectorSink } from '../core/ports.ts';
import { openAtomicFile } from '../io/atomic-file.ts';
import { ATTRIBUTES, attributeValues } from './attributes.ts';
import { createWriteQueue, type WriteQueue } from './byte-chunks.ts';
import { finishOnce } from './finish-once.ts';
import { geoParquetCrs, geoParquetMetadata } from './geoparquet-metadata.ts';
import { EMPTY_GROUP, SCHEMA, type SIDES } from './geoparquet-schema.ts';
import { type Box, boxOf } from './hilbert-order.ts';
import { describeLayer, type VectorSinkOptions } from './vector-sink-options.ts';
import { putWkb, wkbBytes } from './wkb.ts';

/** A row group ends with the first of these: what is in memory at a time. */
const GROUP_ROWS = 20_000;
const GROUP_BYTES = 8 << 20;
const CHUNK_BYTES = 1 << 20;
/** Of a page, before compression: the library makes each in buffers that it grows by doubling. */
const PAGE_BYTES = 256 << 10;

/**
 * GeoParquet 1.1: geometries as WKB, their boxes in a `bbox` column whose statistics let readers skip row groups,
 * Snappy compression. Row groups are written as they fill.
 * @throws UnsupportedError for a CRS that cannot be spelt out; SourceError if the file cannot be made.
 */
export async function openGeoParquetSink(options: VectorSinkOptions): Promise<VectorSink> {
  const { space } = options;
  const crs = geoParquetCrs(space);
  const { ParquetWriter, ByteWriter } = await import('hyparquet-writer');
  const file = await openAtomicFile(options.path);
  const queue = createWriteQueue(() => file.abort());
  const writer = streamInto(new ByteWriter(2 * CHUNK_BYTES), (bytes) => file.write(bytes), queue);
  const parquet = new ParquetWriter({ writer, schema: SCHEMA, createdBy: 'Frustum' });
  const types = new Set<string>();
  const group = createGroup();
  let box: Box | null = null;

  const writeGroup = async () => {
    parquet.write({ columnData: group.columns(), rowGroupSize: GROUP_ROWS, pageSize: PAGE_BYTES });
    group.clear();
    await queue.drain();
  };
  const build = async () => {
    if (group.rows > 0) await writeGroup();
    if (box === null) parquet.row_groups.push(EMPTY_GROUP);
    const { description, metadata } = describeLayer(options);
    parquet.kvMetadata = [
      { key: 'geo', value: geoParquetMetadata(crs, types, box) },
      { key: 'description', value: description },
      { key: 'metadata', value: metadata },
    ];
    parquet.finish();
    await queue.drain();
  };
  const finish = finishOnce(file, build, async (error) => {
    await file.abort();
    throw error;
  });
  return {
    path: file.path,
    space,
    write(feature) {
      box = join(box, group.add(feature));
      types.add(feature.geometry.polygonEnds.length > 1 ? 'MultiPolygon' : 'Polygon');
      return group.isFull ? writeGroup() : undefined;
    },
    finish,
    async close() {
      await finish();
      await file.commit();
    },
    abort: () => file.abort(),
  };
}

/** Rows on their way into a group, by columns; used for one group after the other. */
function createGroup() {
  const attributes = ATTRIBUTES.map(() => [] as unknown[]);
  const geometries: Uint8Array[] = [];
  const boxes: Readonly<Record<(typeof SIDES)[number], number>>[] = [];
  // Geometries lie one behind the other; the last one may be larger than what is left, and gets memory of its own.
  const room = new Uint8Array(GROUP_BYTES);
  const roomView = new DataView(room.buffer);
  let bytes = 0;
  const putGeometry = (geometry: CoverageGeometry): Uint8Array => {
    const size = wkbBytes(geometry, 'if-several');
    const start = bytes;
    bytes += size;
    if (bytes > GROUP_BYTES) {
      const own = new Uint8Array(size);
      putWkb(own, new DataView(own.buffer), 0, geometry, 'if-several');
      return own;
    }
    putWkb(room, roomView, start, geometry, 'if-several');
    return room.subarray(start, bytes);
  };
  return {
    get rows() {
      return geometries.length;
    },
    get isFull() {
      return geometries.length >= GROUP_ROWS || bytes >= GROUP_BYTES;
    },
    add(feature: CoverageFeature): Box {
      attributeValues(feature).forEach((value, i) => {
        attributes[i]!.push(ATTRIBUTES[i]!.type === 'int64' ? BigInt(value as number) : value);
      });
      geometries.push(putGeometry(feature.geometry));
      const box = boxOf(feature.geometry.coordinates);
      const [xmin, ymin, xmax, ymax] = box;
      boxes.push({ xmin, ymin, xmax, ymax });
      return box;
    },
    columns: () => [
      ...ATTRIBUTES.map(({ name }, i) => ({ name, data: attributes[i]! })),
      { name: 'geometry', data: geometries, encoding: 'PLAIN' as const, statistics: false },
      { name: 'bbox', data: boxes },
    ],
    clear() {
      for (const values of attributes) values.length = 0;
      geometries.length = 0;
      boxes.length = 0;
      bytes = 0;
    },
  };
}

function join(p: Box | null, q: Box): Box {
  return p === null
    ? q
    : [Math.min(p[0], q[0]), Math.min(p[1], q[1]), Math.max(p[2], q[2]), Math.max(p[3], q[3])];
}

/** Makes the library's writer hand on its bytes in chunks rather than keep them all. */
function streamInto<W extends InstanceType<typeof import('hyparquet-writer').ByteWriter>>(
  writer: W,
  write: (bytes: Uint8Array) => Promise<void>,
  queue: WriteQueue,
): W {
  const grow = writer.ensure.bind(writer);
  const handOn = () => {
    if (writer.index === 0) return;
    queue.add(write(new Uint8Array(writer.buffer.slice(0, writer.index))));
    writer.index = 0;
  };
  writer.ensure = (size) => {
    if (writer.index > CHUNK_BYTES) handOn();
    grow(size);
  };
  writer.finish = handOn;
  return writer;
}
