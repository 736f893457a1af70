import type { VectorSink } from '../core/ports.ts';
import { openAtomicFile, openScratchFile, type ScratchFile } from '../io/atomic-file.ts';
import { ByteChunks, createWriteQueue } from './byte-chunks.ts';
import { defineSpace } from './crs-definition.ts';
import { finishOnce } from './finish-once.ts';
import { FlatGeobufFeatures } from './flatgeobuf-feature.ts';
import { encodeHeader, MAGIC } from './flatgeobuf-header.ts';
import { FeatureBoxes } from './hilbert-order.ts';
import { writePackedRtree } from './packed-rtree.ts';
import { describeLayer, type VectorSinkOptions } from './vector-sink-options.ts';

/** Children of an index node, as in FlatGeobuf's own writers. */
const NODE_SIZE = 16;
/** Features are put into their order in pieces of this size. */
const PIECE_BYTES = 16 << 20;
/** What is read in one go at most, unless a single feature is larger. */
const RANGE_BYTES = 2 << 20;
/** Gaps up to this size are read over rather than skipped. */
const GAP_BYTES = 128 << 10;
/** More features than fit into a piece: their numbers within it are the lower digits of keys. */
const LOCAL = 2 ** 20;

/**
 * FlatGeobuf 3 with its spatial index. The index comes before the features and wants them along a Hilbert curve, so
 * they go to a nameless file beside the target first; in memory stay 40 bytes a feature, and 16 more while it is
 * finished.
 * @throws SourceError if the file cannot be made.
 */
export async function openFlatGeobufSink(options: VectorSinkOptions): Promise<VectorSink> {
  const { name = 'landcover', space } = options;
  const crs = defineSpace(space);
  const file = await openAtomicFile(options.path);
  const scratch = await openScratchFile(options.path).catch(async (error: unknown) => {
    await file.abort();
    throw error;
  });
  const abort = async () => {
    await Promise.all([file.abort(), scratch.close()]);
  };
  const queue = createWriteQueue(abort);
  const data = new ByteChunks((bytes) => queue.add(scratch.write(bytes)));
  const features = new FlatGeobufFeatures(data);
  const boxes = new FeatureBoxes();

  const build = async () => {
    data.flush();
    await queue.drain();
    const out = new ByteChunks((bytes) => queue.add(file.write(bytes)));
    const order = boxes.hilbertOrder();
    const sizeOf = (i: number) =>
      (i + 1 < boxes.count ? boxes.get(i + 1, 4) : data.position) - boxes.get(i, 4);
    out.append(MAGIC);
    out.append(
      encodeHeader({
        ...describeLayer(options),
        name,
        crs,
        box: boxes.box(),
        featureCount: boxes.count,
        nodeSize: boxes.count === 0 ? 0 : NODE_SIZE,
      }),
    );
    if (boxes.count > 0) await writePackedRtree(out, boxes, order, NODE_SIZE, sizeOf, () => queue.settle());
    out.flush();
    await queue.drain();
    for await (const piece of readInOrder(scratch, boxes, order, sizeOf)) await file.write(piece);
    await scratch.close();
  };
  const finish = finishOnce(file, build, async (error) => {
    await abort();
    throw error;
  });
  return {
    path: file.path,
    space,
    write(feature) {
      boxes.add(feature.geometry.coordinates, data.position);
      features.append(feature);
      return queue.settle();
    },
    finish,
    async close() {
      await finish();
      await file.commit();
    },
    abort,
  };
}

/**
 * The features in `order`, in pieces: each piece is read in the order in which its features lie, neighbours in one go. A
 * piece is good until the next one is asked for.
 */
async function* readInOrder(
  scratch: ScratchFile,
  boxes: FeatureBoxes,
  order: Uint32Array,
  sizeOf: (feature: number) => number,
): AsyncGenerator<Uint8Array> {
  let piece = makeRoom(Math.min(PIECE_BYTES, scratch.position));
  let range = makeRoom(RANGE_BYTES);
  for (let first = 0; first < order.length; ) {
    let end = first;
    let size = 0;
    while (end < order.length && (end === first || size + sizeOf(order[end]!) <= PIECE_BYTES)) {
      size += sizeOf(order[end++]!);
    }
    if (size > piece.bytes.length) piece = makeRoom(size);
    const places = new Uint32Array(end - first);
    // Numbers of features rise with their places in the file.
    const wanted = new Float64Array(end - first);
    for (let i = 0, place = 0; i < places.length; i++) {
      const feature = order[first + i]!;
      places[i] = place;
      place += sizeOf(feature);
      wanted[i] = feature * LOCAL + i;
    }
    wanted.sort();
    const featureAt = (i: number) => Math.floor(wanted[i]! / LOCAL);
    for (let i = 0; i < wanted.length; ) {
      const from = boxes.get(featureAt(i), 4);
      let to = from + sizeOf(featureAt(i));
      let next = i + 1;
      for (; next < wanted.length; next++) {
        const offset = boxes.get(featureAt(next), 4);
        const nextTo = offset + sizeOf(featureAt(next));
        if (offset - to > GAP_BYTES || nextTo - from > RANGE_BYTES) break;
        to = nextTo;
      }
      if (to - from > range.bytes.length) range = makeRoom(to - from);
      await scratch.read(from, to - from, range.bytes);
      for (; i < next; i++) {
        const feature = featureAt(i);
        copyFeature(range, boxes.get(feature, 4) - from, sizeOf(feature), piece, places[wanted[i]! % LOCAL]!);
      }
    }
    yield piece.bytes.subarray(0, size);
    first = end;
  }
}

/** Memory that is used again and again, as bytes and as words. */
interface Room {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Int32Array<ArrayBuffer>;
}

function makeRoom(size: number): Room {
  const bytes = new Uint8Array(size);
  return { bytes, words: new Int32Array(bytes.buffer) };
}

/** Bytes up to which copying word by word is faster than making views. */
const SMALL = 1024;

/** Copies a feature; all places and sizes are multiples of 8. */
function copyFeature(source: Room, from: number, size: number, target: Room, to: number): void {
  if (size > SMALL) {
    target.bytes.set(source.bytes.subarray(from, from + size), to);
    return;
  }
  const end = (from + size) / 4;
  for (let i = from / 4, k = to / 4; i < end; i++, k++) target.words[k] = source.words[i]!;
}
