import { gzipSync } from 'node:zlib';
import { VarintBytes } from './varint-bytes.ts';

/** Tiles of one content, in numbers that follow each other; or, with a run of 0, a leaf directory from that tile on. */
export interface DirectoryEntry {
  readonly tile: number;
  readonly run: number;
  /** Within the tile data, or the leaf directories. */
  readonly offset: number;
  readonly length: number;
}

export const HEADER_BYTES = 127;

/** Header and root directory lie within the first 16 KiB, which readers take in one request. */
const ROOT_BYTES = 16384 - HEADER_BYTES;
const LEAF_ENTRIES = 4096;

/** The root directory and what it refers to (PMTiles 3, section 4): all entries in it if they fit, else leaves. */
export function encodeDirectories(entries: readonly DirectoryEntry[]): {
  readonly root: Uint8Array;
  readonly leaves: Uint8Array;
} {
  if (entries.length <= LEAF_ENTRIES) {
    const root = encodeDirectory(entries);
    if (root.length <= ROOT_BYTES) return { root, leaves: new Uint8Array(0) };
  }
  for (let size = LEAF_ENTRIES; ; size *= 2) {
    const leaves: Uint8Array[] = [];
    const pointers: DirectoryEntry[] = [];
    let offset = 0;
    for (let i = 0; i < entries.length; i += size) {
      const leaf = encodeDirectory(entries.slice(i, i + size));
      pointers.push({ tile: entries[i]!.tile, run: 0, offset, length: leaf.length });
      leaves.push(leaf);
      offset += leaf.length;
    }
    const root = encodeDirectory(pointers);
    if (root.length <= ROOT_BYTES) return { root, leaves: Buffer.concat(leaves) };
  }
}

function encodeDirectory(entries: readonly DirectoryEntry[]): Uint8Array {
  const out = new VarintBytes();
  out.varint(entries.length);
  entries.forEach(({ tile }, i) => {
    out.varint(i === 0 ? tile : tile - entries[i - 1]!.tile);
  });
  for (const { run } of entries) out.varint(run);
  for (const { length } of entries) out.varint(length);
  entries.forEach(({ offset }, i) => {
    const before = entries[i - 1];
    out.varint(before !== undefined && offset === before.offset + before.length ? 0 : offset + 1);
  });
  return gzipSync(out.take());
}

/** Bytes of the archive's parts, and what it holds. */
export interface ArchiveFacts {
  readonly rootBytes: number;
  readonly metadataBytes: number;
  readonly leafBytes: number;
  readonly dataBytes: number;
  /** Tiles that can be asked for, entries of directories, and contents. */
  readonly tiles: number;
  readonly entries: number;
  readonly contents: number;
  readonly minZoom: number;
  readonly maxZoom: number;
  /** Degrees: west, south, east, north. */
  readonly bounds: readonly [number, number, number, number];
  readonly centre: readonly [longitude: number, latitude: number];
  readonly centreZoom: number;
}

const GZIP = 2;
const VECTOR_TILES = 1;

/** The archive's header (PMTiles 3, section 3). */
export function encodeHeader(facts: ArchiveFacts): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from('PMTiles', 'ascii'));
  view.setUint8(7, 3);
  let at = 8;
  let offset = HEADER_BYTES;
  for (const size of [facts.rootBytes, facts.metadataBytes, facts.leafBytes, facts.dataBytes]) {
    view.setBigUint64(at, BigInt(offset), true);
    view.setBigUint64(at + 8, BigInt(size), true);
    offset += size;
    at += 16;
  }
  for (const count of [facts.tiles, facts.entries, facts.contents]) {
    view.setBigUint64(at, BigInt(count), true);
    at += 8;
  }
  bytes.set([1, GZIP, GZIP, VECTOR_TILES, facts.minZoom, facts.maxZoom], at);
  const degrees = (place: number, value: number) => view.setInt32(place, Math.round(value * 1e7), true);
  facts.bounds.forEach((value, i) => {
    degrees(102 + 4 * i, value);
  });
  view.setUint8(118, facts.centreZoom);
  degrees(119, facts.centre[0]);
  degrees(123, facts.centre[1]);
  return bytes;
}
