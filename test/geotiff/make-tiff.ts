import { writeFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import type { SampleArray } from '../../src/geotiff/sample-array.ts';

/** An image for {@link makeTiff}: samples interleaved by pixel. */
export interface TestImage {
  readonly width: number;
  readonly height: number;
  readonly bands: number;
  readonly samples: SampleArray;
  readonly bigEndian?: boolean;
  readonly bigTiff?: boolean;
  readonly planar?: boolean;
  readonly deflate?: boolean;
  /** Tile side (a multiple of 16), else strips of `rowsPerStrip`. */
  readonly tile?: number;
  readonly rowsPerStrip?: number;
  readonly photometric?: number;
  readonly extraSamples?: readonly number[];
  readonly nodata?: string;
  readonly gdalMetadata?: string;
  readonly colorMap?: readonly number[];
  /** Scale x, scale y, origin x, origin y. */
  readonly place?: readonly [number, number, number, number];
  readonly geoKeys?: readonly number[];
  readonly subfileType?: number;
}

type Entry = readonly [
  tag: number,
  type: 'ascii' | 'short' | 'long' | 'double',
  values: readonly number[] | string,
];
const TYPE = { ascii: 2, short: 3, long: 4, double: 12 } as const;
const SIZE = { ascii: 1, short: 2, long: 4, double: 8 } as const;

/** Writes images, one directory each, the plainest way: data first, directories last. Independent of Frustum's own writer. */
export function makeTiff(images: readonly TestImage[]): Uint8Array {
  const { bigEndian = false, bigTiff = false } = images[0]!;
  const little = !bigEndian;
  const chunks: Uint8Array[] = [];
  let at = 0;
  const add = (bytes: Uint8Array) => {
    const offset = at;
    chunks.push(bytes);
    at += bytes.length;
    return offset;
  };
  add(new Uint8Array(bigTiff ? 16 : 8));
  const directories = images.map((image) => entriesOf(image, add, little));
  let previousLink = bigTiff ? 8 : 4;
  const links: [number, number][] = [];
  for (const entries of directories) {
    const values = entries.map(([, type, list]) => encode(type, list, little));
    const inline = bigTiff ? 8 : 4;
    const offsets = values.map((bytes) => (bytes.length > inline ? add(bytes) : null));
    const entryBytes = bigTiff ? 20 : 12;
    const head = bigTiff ? 8 : 2;
    const directory = new Uint8Array(head + entries.length * entryBytes + inline);
    const view = new DataView(directory.buffer);
    if (bigTiff) view.setBigUint64(0, BigInt(entries.length), little);
    else view.setUint16(0, entries.length, little);
    entries.forEach(([tag, type, list], i) => {
      const e = head + i * entryBytes;
      view.setUint16(e, tag, little);
      view.setUint16(e + 2, TYPE[type], little);
      const count = typeof list === 'string' ? list.length + 1 : list.length;
      if (bigTiff) view.setBigUint64(e + 4, BigInt(count), little);
      else view.setUint32(e + 4, count, little);
      const slot = e + (bigTiff ? 12 : 8);
      const offset = offsets[i];
      if (offset === null || offset === undefined) directory.set(values[i]!, slot);
      else if (bigTiff) view.setBigUint64(slot, BigInt(offset), little);
      else view.setUint32(slot, offset, little);
    });
    const start = add(directory);
    links.push([previousLink, start]);
    previousLink = start + directory.length - inline;
  }
  const file = Buffer.concat(chunks);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  file.write(little ? 'II' : 'MM', 0, 'latin1');
  view.setUint16(2, bigTiff ? 43 : 42, little);
  if (bigTiff) view.setUint16(4, 8, little);
  for (const [where, to] of links) {
    if (bigTiff) view.setBigUint64(where, BigInt(to), little);
    else view.setUint32(where, to, little);
  }
  // A Buffer’s slice shares memory; tests want copies.
  return new Uint8Array(file);
}

export function writeTiff(path: string, ...images: readonly TestImage[]): string {
  writeFileSync(path, makeTiff(images));
  return path;
}

function entriesOf(image: TestImage, add: (bytes: Uint8Array) => number, little: boolean): Entry[] {
  const { width, height, bands, samples, tile, planar = false } = image;
  const rows = image.rowsPerStrip ?? height;
  const blockWidth = tile ?? width;
  const blockHeight = tile ?? rows;
  const offsets: number[] = [];
  const counts: number[] = [];
  for (const band of planar ? [...Array(bands).keys()] : [null]) {
    for (let y = 0; y < height; y += blockHeight) {
      for (let x = 0; x < width; x += blockWidth) {
        const blockRows = tile ? tile : Math.min(blockHeight, height - y);
        const bytes = blockOf(image, x, y, blockWidth, blockRows, band, little);
        const stored = image.deflate ? deflateSync(bytes) : bytes;
        offsets.push(add(stored));
        counts.push(stored.length);
      }
    }
  }
  const bits = samples.BYTES_PER_ELEMENT * 8;
  const name = samples.constructor.name;
  const format = name.startsWith('Float') ? 3 : name.startsWith('Int') ? 2 : 1;
  const all: (Entry | null)[] = [
    image.subfileType === undefined ? null : [254, 'long', [image.subfileType]],
    [256, 'long', [width]],
    [257, 'long', [height]],
    [258, 'short', Array(bands).fill(bits)],
    [259, 'short', [image.deflate ? 8 : 1]],
    [262, 'short', [image.photometric ?? (bands >= 3 ? 2 : 1)]],
    tile ? null : [273, 'long', offsets],
    [277, 'short', [bands]],
    tile ? null : [278, 'long', [rows]],
    tile ? null : [279, 'long', counts],
    [284, 'short', [planar ? 2 : 1]],
    image.colorMap ? [320, 'short', image.colorMap] : null,
    tile ? [322, 'long', [tile]] : null,
    tile ? [323, 'long', [tile]] : null,
    tile ? [324, 'long', offsets] : null,
    tile ? [325, 'long', counts] : null,
    image.extraSamples ? [338, 'short', image.extraSamples] : null,
    [339, 'short', Array(bands).fill(format)],
    image.place ? [33550, 'double', [image.place[0], image.place[1], 0]] : null,
    image.place ? [33922, 'double', [0, 0, 0, image.place[2], image.place[3], 0]] : null,
    image.geoKeys ? [34735, 'short', image.geoKeys] : null,
    image.gdalMetadata ? [42112, 'ascii', image.gdalMetadata] : null,
    image.nodata === undefined ? null : [42113, 'ascii', image.nodata],
  ];
  return all.filter((entry) => entry !== null);
}

/** One block's samples as bytes in the file's order; what lies outside the image is 0. */
function blockOf(
  image: TestImage,
  x0: number,
  y0: number,
  width: number,
  rows: number,
  band: number | null,
  little: boolean,
): Uint8Array {
  const { samples, bands } = image;
  const step = band === null ? bands : 1;
  const Typed = samples.constructor as new (length: number) => SampleArray;
  const block = new Typed(width * rows * step);
  const right = Math.min(x0 + width, image.width);
  for (let y = y0; y < Math.min(y0 + rows, image.height); y++) {
    const row = (y - y0) * width * step;
    if (band === null) {
      const from = (y * image.width + x0) * bands;
      block.set(samples.subarray(from, from + (right - x0) * bands), row);
      continue;
    }
    for (let x = x0; x < right; x++) block[row + x - x0] = samples[(y * image.width + x) * bands + band]!;
  }
  return bytesOf(block, little);
}

function bytesOf(samples: SampleArray, little: boolean): Uint8Array {
  const size = samples.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
  if (!little) for (let i = 0; i < bytes.length; i += size) bytes.subarray(i, i + size).reverse();
  return bytes;
}

function encode(type: Entry[1], values: readonly number[] | string, little: boolean): Uint8Array {
  if (typeof values === 'string') return Buffer.from(`${values}\0`, 'utf8');
  const view = new DataView(new ArrayBuffer(values.length * SIZE[type]));
  values.forEach((value, i) => {
    if (type === 'short') view.setUint16(i * 2, value, little);
    else if (type === 'long') view.setUint32(i * 4, value, little);
    else if (type === 'double') view.setFloat64(i * 8, value, little);
  });
  return new Uint8Array(view.buffer);
}
