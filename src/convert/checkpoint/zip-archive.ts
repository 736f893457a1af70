import { inflateRawSync } from 'node:zlib';
import { FormatError, UnsupportedError } from '../../core/errors.ts';
import type { ByteSource } from '../../core/ports.ts';
import { crc32 } from './crc32.ts';

/** One file of a ZIP, as its central directory describes it. */
export interface ZipEntry {
  readonly name: string;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly compressedBytes: number;
  readonly sizeBytes: number;
  readonly crc: number;
  /** Offset of the local header in the file. */
  readonly headerOffset: number;
}

/** A ZIP (or ZIP64) read by its central directory; contents are fetched by range. */
export interface ZipArchive {
  readonly url: string;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /**
   * `length` bytes from `offset` of an entry's content. The checksum is verified where the whole entry is read.
   * @throws FormatError on damage, UnsupportedError on encryption or an unknown compression.
   */
  read(entry: ZipEntry, offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
}

const END = 0x06054b50;
const END64_LOCATOR = 0x07064b50;
const END64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
/** End record plus the longest comment it may carry. */
const END_SEARCH_BYTES = 22 + 0xffff;
const MAX_DIRECTORY_BYTES = 256 << 20;
/** Weights are stored, so only small records are ever deflated. */
const MAX_INFLATED_BYTES = 1 << 30;

const view = (b: Uint8Array) => new DataView(b.buffer, b.byteOffset, b.byteLength);

/** Reads the central directory. @throws FormatError if the file is not a ZIP, is cut short or contradicts itself. */
export async function openZip(source: ByteSource): Promise<ZipArchive> {
  const { url } = source;
  const fail = (what: string, detail: string): never => {
    throw new FormatError(
      `${url} is not a readable PyTorch checkpoint: ${detail}; the file is damaged or incomplete, fetch it again`,
      { url, what },
    );
  };
  const directory = await findDirectory(source, fail);
  if (
    directory.sizeBytes > MAX_DIRECTORY_BYTES ||
    directory.offset + directory.sizeBytes > source.sizeBytes
  ) {
    fail(
      'zip central directory',
      `its directory should be ${directory.sizeBytes} bytes at ${directory.offset}, the file has ${source.sizeBytes}`,
    );
  }
  const bytes = await source.read(directory.offset, directory.sizeBytes);
  const entries = parseDirectory(bytes, directory.count, fail);

  /** Where an entry's content starts: behind its local header, whose name and extra field have their own lengths. */
  async function contentOffset(entry: ZipEntry): Promise<number> {
    if (entry.headerOffset + 30 > source.sizeBytes)
      fail(entry.name, `record ${entry.name} starts past the end`);
    const header = view(await source.read(entry.headerOffset, 30));
    if (header.getUint32(0, true) !== LOCAL) fail(entry.name, `record ${entry.name} has no local header`);
    const start = entry.headerOffset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
    if (start + entry.compressedBytes > source.sizeBytes)
      fail(entry.name, `record ${entry.name} reaches past the end`);
    return start;
  }

  const verified = new Set<ZipEntry>();
  function verify(entry: ZipEntry, content: Uint8Array): void {
    // torch.serialization can be told to leave checksums out; it then writes 0.
    if (entry.crc === 0 || verified.has(entry)) return;
    if (crc32(content) !== entry.crc) fail(entry.name, `record ${entry.name} does not match its checksum`);
    verified.add(entry);
  }

  return {
    url,
    entries,
    async read(entry, offset, length, signal) {
      if (offset < 0 || length < 0 || offset + length > entry.sizeBytes) {
        fail(
          entry.name,
          `bytes ${offset} to ${offset + length} of record ${entry.name} are needed, it has ${entry.sizeBytes}`,
        );
      }
      const start = await contentOffset(entry);
      if (entry.method === 0) {
        const content = await source.read(start + offset, length, signal);
        if (length === entry.sizeBytes) verify(entry, content);
        return content;
      }
      if (entry.method !== 8) {
        throw new UnsupportedError(`${url}: record ${entry.name} uses ZIP compression ${entry.method}`, {
          feature: `ZIP compression ${entry.method}`,
          hint: 'save the checkpoint again with torch.save, which stores its records',
        });
      }
      if (entry.sizeBytes > MAX_INFLATED_BYTES)
        fail(entry.name, `deflated record ${entry.name} is larger than 1 GiB`);
      const content = inflate(
        await source.read(start, entry.compressedBytes, signal),
        entry.sizeBytes,
        (detail) => fail(entry.name, `record ${entry.name}: ${detail}`),
      );
      verify(entry, content);
      return content.subarray(offset, offset + length);
    },
  };
}

type Fail = (what: string, detail: string) => never;

async function findDirectory(source: ByteSource, fail: Fail) {
  const tailOffset = Math.max(0, source.sizeBytes - END_SEARCH_BYTES);
  const tail = await source.read(tailOffset, source.sizeBytes - tailOffset);
  const v = view(tail);
  let at = tail.length - 22;
  while (at >= 0 && v.getUint32(at, true) !== END) at--;
  if (at < 0) return fail('zip end record', 'it has no ZIP end record');
  const plain = {
    count: v.getUint16(at + 10, true),
    sizeBytes: v.getUint32(at + 12, true),
    offset: v.getUint32(at + 16, true),
  };
  if (plain.count !== 0xffff && plain.sizeBytes !== 0xffffffff && plain.offset !== 0xffffffff) return plain;
  if (at < 20 || v.getUint32(at - 20, true) !== END64_LOCATOR) return plain;
  const end64Offset = Number(v.getBigUint64(at - 12, true));
  if (!(end64Offset + 56 <= source.sizeBytes))
    return fail('zip64 end record', 'its ZIP64 end record is missing');
  const end64 = view(await source.read(end64Offset, 56));
  if (end64.getUint32(0, true) !== END64) return fail('zip64 end record', 'its ZIP64 end record is missing');
  return {
    count: Number(end64.getBigUint64(32, true)),
    sizeBytes: Number(end64.getBigUint64(40, true)),
    offset: Number(end64.getBigUint64(48, true)),
  };
}

function parseDirectory(bytes: Uint8Array, count: number, fail: Fail): Map<string, ZipEntry> {
  const v = view(bytes);
  const decoder = new TextDecoder();
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || v.getUint32(at, true) !== CENTRAL)
      return fail('zip central directory', `its directory ends after ${i} of ${count} records`);
    const nameBytes = v.getUint16(at + 28, true);
    const extraBytes = v.getUint16(at + 30, true);
    const next = at + 46 + nameBytes + extraBytes + v.getUint16(at + 32, true);
    if (next > bytes.length)
      return fail('zip central directory', `record ${i} of its directory reaches past its end`);
    const name = decoder.decode(bytes.subarray(at + 46, at + 46 + nameBytes));
    if (v.getUint16(at + 8, true) & 1) return fail(name, `record ${name} is encrypted`);
    const sizes = {
      sizeBytes: v.getUint32(at + 24, true),
      compressedBytes: v.getUint32(at + 20, true),
      headerOffset: v.getUint32(at + 42, true),
    };
    readZip64Extra(v, at + 46 + nameBytes, extraBytes, sizes, () =>
      fail(name, `record ${name} has a broken ZIP64 field`),
    );
    const method = v.getUint16(at + 10, true);
    if (method === 0 && sizes.compressedBytes !== sizes.sizeBytes)
      return fail(name, `record ${name} contradicts its own size`);
    entries.set(name, { name, method, crc: v.getUint32(at + 16, true), ...sizes });
    at = next;
  }
  return entries;
}

/** Replaces each 32-bit value that says "too large" by its 64-bit form, which stand in this order in extra field 1. */
function readZip64Extra(
  v: DataView,
  start: number,
  length: number,
  sizes: { sizeBytes: number; compressedBytes: number; headerOffset: number },
  fail: () => never,
): void {
  for (let at = start; at + 4 <= start + length; ) {
    const end = at + 4 + v.getUint16(at + 2, true);
    if (end > start + length) fail();
    if (v.getUint16(at, true) === 1) {
      let field = at + 4;
      for (const key of ['sizeBytes', 'compressedBytes', 'headerOffset'] as const) {
        if (sizes[key] !== 0xffffffff) continue;
        if (field + 8 > end) fail();
        sizes[key] = Number(v.getBigUint64(field, true));
        field += 8;
      }
      return;
    }
    at = end;
  }
}

function inflate(compressed: Uint8Array, sizeBytes: number, fail: (detail: string) => never): Uint8Array {
  let content: Uint8Array;
  try {
    content = inflateRawSync(compressed, { maxOutputLength: Math.max(1, sizeBytes) });
  } catch {
    return fail('it cannot be inflated');
  }
  return content.length === sizeBytes
    ? content
    : fail(`${content.length} bytes where ${sizeBytes} are announced`);
}
