import { FormatError } from '../core/errors.ts';
import type { HeaderReader } from './header-reader.ts';
import { LIMITS } from './limits.ts';
import { nameFileType } from './name-file-type.ts';

/** The skeleton of a TIFF: its byte order and where its directories lie. */
export interface TiffStructure {
  readonly littleEndian: boolean;
  readonly bigTiff: boolean;
  readonly directories: readonly DirectorySpan[];
  /** Entries to read as another type than they claim. */
  readonly retyped: readonly RetypedEntry[];
}

/** One directory's bytes: `[offset, end)`, its link to the next one included. */
export interface DirectorySpan {
  readonly offset: number;
  readonly end: number;
}

/** A directory entry that must be read as another type. */
export interface RetypedEntry {
  /** Where the entry's 2-byte type lies. */
  readonly typeOffset: number;
  readonly type: number;
  /** The entry carries nothing that can be read: its count is to be taken as 0. */
  readonly empty: boolean;
}

const ASCII = 2;
const UNDEFINED = 7;
const UINT64 = 16;

/**
 * Walks the chain of directories before any tag is read: byte order, version, links that loop or leave the file, and
 * directories too large to be true. Texts are read as bytes, because the header library takes their last byte for a NUL
 * without looking. Types 17 and 18 (signed and IFD 64-bit) hold offsets in practice and are read as unsigned. Entries of
 * unknown types are private to someone else and are read as empty.
 *
 * @throws FormatError saying what the file is instead, or which directory is broken
 */
export async function checkStructure(reader: HeaderReader, signal?: AbortSignal): Promise<TiffStructure> {
  const { littleEndian, bigTiff, firstOffset } = await readPreamble(reader, signal);
  const countBytes = bigTiff ? 8 : 2;
  const entryBytes = bigTiff ? 20 : 12;
  const linkBytes = bigTiff ? 8 : 4;
  const directories: DirectorySpan[] = [];
  const retyped: RetypedEntry[] = [];
  const seen = new Set<number>();
  let offset = firstOffset;
  while (offset !== 0) {
    const what = `directory ${directories.length}`;
    if (seen.has(offset)) throw broken(reader, what, `links back to byte ${offset}: the chain loops`);
    if (directories.length === LIMITS.directories) {
      throw broken(reader, what, `is one too many; at most ${LIMITS.directories} are read`);
    }
    seen.add(offset);
    const count = readUint(
      viewOf(await reader.read(offset, countBytes, what, signal)),
      0,
      countBytes,
      littleEndian,
    );
    if (count === 0) throw broken(reader, what, 'has no entries');
    if (count > LIMITS.entries) throw broken(reader, what, `claims ${count} entries; it is damaged`);
    const bodyBytes = count * entryBytes + linkBytes;
    const body = viewOf(await reader.read(offset + countBytes, bodyBytes, what, signal));
    for (let i = 0; i < count; i++) {
      const type = body.getUint16(i * entryBytes + 2, littleEndian);
      const readAs = readableType(type);
      if (readAs === type) continue;
      const typeOffset = offset + countBytes + i * entryBytes + 2;
      retyped.push({ typeOffset, type: readAs ?? UNDEFINED, empty: readAs === null });
    }
    directories.push({ offset, end: offset + countBytes + bodyBytes });
    offset = readUint(body, count * entryBytes, linkBytes, littleEndian);
  }
  if (directories.length === 0) throw broken(reader, 'directory 0', 'is missing: the file holds no image');
  return { littleEndian, bigTiff, directories, retyped };
}

/** The type to read a value as; `null` where it cannot be read. */
function readableType(type: number): number | null {
  if (type === ASCII) return UNDEFINED;
  if (type === 17 || type === 18) return UINT64;
  return (type >= 1 && type <= 13) || type === UINT64 ? type : null;
}

async function readPreamble(reader: HeaderReader, signal?: AbortSignal) {
  const head = await reader.read(0, Math.min(64, reader.sizeBytes), 'the file header', signal);
  const littleEndian = head[0] === 0x49 && head[1] === 0x49;
  const bigEndian = head[0] === 0x4d && head[1] === 0x4d;
  const view = viewOf(head);
  const version = head.length >= 8 && (littleEndian || bigEndian) ? view.getUint16(2, littleEndian) : 0;
  if (version === 42) {
    return { littleEndian, bigTiff: false, firstOffset: view.getUint32(4, littleEndian) };
  }
  if (version === 43 && head.length >= 16 && view.getUint16(4, littleEndian) === 8) {
    return { littleEndian, bigTiff: true, firstOffset: readUint(view, 8, 8, littleEndian) };
  }
  const found = nameFileType(head);
  throw new FormatError(
    `${reader.url} is ${found}, not a TIFF: expected it to start with II*\\0 or MM\\0*, got ${hexOf(head)}; give a GeoTIFF`,
    { url: reader.url, what: 'the file header' },
  );
}

function broken(reader: HeaderReader, what: string, how: string): FormatError {
  return new FormatError(`${reader.url}: ${what} ${how}; the file is damaged`, { url: reader.url, what });
}

/** An unsigned integer of 2, 4 or 8 bytes. 8-byte values beyond 2^53 lose digits, which no file offset can notice. */
function readUint(view: DataView, at: number, bytes: number, littleEndian: boolean): number {
  if (bytes === 2) return view.getUint16(at, littleEndian);
  if (bytes === 4) return view.getUint32(at, littleEndian);
  return Number(view.getBigUint64(at, littleEndian));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hexOf(head: Uint8Array): string {
  if (head.length === 0) return 'nothing';
  return Array.from(head.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
