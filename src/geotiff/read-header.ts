import { Tiff, type TiffImage, TiffTag, type TiffTagType } from '@cogeotiff/core';
import { FormatError, isFrustumError } from '../core/errors.ts';
import type { ByteSource } from '../core/ports.ts';
import { checkStructure, type TiffStructure } from './check-structure.ts';
import { createHeaderReader, type HeaderReader } from './header-reader.ts';

/** One image file directory. Absent and empty tags read as `null`. */
export interface Directory {
  readonly index: number;
  /** Bytes of the file that its entries take, from `offset` to `end`; values too long for an entry lie elsewhere. */
  readonly offset: number;
  readonly end: number;
  numbers(tag: TiffTag): Promise<readonly number[] | null>;
  number(tag: TiffTag): Promise<number | null>;
  text(tag: TiffTag): Promise<string | null>;
  /** How many values a tag has, without reading them. */
  count(tag: TiffTag): number;
}

/** All directories of a TIFF, in file order. */
export interface TiffHeader {
  readonly url: string;
  readonly sizeBytes: number;
  readonly littleEndian: boolean;
  readonly bigTiff: boolean;
  readonly directories: readonly Directory[];
}

/**
 * Reads a TIFF's directories with `@cogeotiff/core`, after {@link checkStructure} has made sure that this will end.
 * @throws FormatError, SourceError
 */
export async function readHeader(source: ByteSource, signal?: AbortSignal): Promise<TiffHeader> {
  const reader = createHeaderReader(source);
  const structure = await checkStructure(reader, signal);
  const tiff = await asFormatError(reader, 'the directories', () =>
    Tiff.create(adapt(reader, structure), {
      defaultReadSize: readSizeFor(structure),
      ...(signal && { signal }),
    }),
  );
  return {
    url: source.url,
    sizeBytes: source.sizeBytes,
    littleEndian: structure.littleEndian,
    bigTiff: structure.bigTiff,
    directories: tiff.images.map((image, index) => directoryOf(reader, image, index, structure)),
  };
}

function directoryOf(
  reader: HeaderReader,
  image: TiffImage,
  index: number,
  { directories }: TiffStructure,
): Directory {
  const fetch = async (tag: TiffTag): Promise<unknown> => {
    const what = `tag ${tag} ${TiffTag[tag] ?? ''} of directory ${index}`;
    return asFormatError(reader, what, () => image.fetch(tag as keyof TiffTagType));
  };
  const numbers = async (tag: TiffTag): Promise<readonly number[] | null> => {
    const value = await fetch(tag);
    if (typeof value === 'number') return [value];
    if (value === null || typeof value !== 'object') return null;
    const list = Array.isArray(value) ? (value as number[]) : Array.from(value as ArrayLike<number>);
    return list.length === 0 ? null : list;
  };
  return {
    index,
    offset: directories[index]?.offset ?? 0,
    end: directories[index]?.end ?? 0,
    numbers,
    number: async (tag) => (await numbers(tag))?.[0] ?? null,
    async text(tag) {
      const bytes = await numbers(tag);
      return bytes && decodeText(Uint8Array.from(bytes));
    },
    count: (tag) => image.tags.get(tag)?.count ?? 0,
  };
}

/** Text up to its first NUL, as UTF-8 where it is valid UTF-8, else as Latin-1. */
function decodeText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const used = end < 0 ? bytes : bytes.subarray(0, end);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(used);
  } catch {
    return new TextDecoder('latin1').decode(used);
  }
}

/** The port that the header library reads through; it sees the retyped entries in their readable form. */
function adapt(reader: HeaderReader, structure: TiffStructure) {
  return {
    url: new URL('memory:tiff'),
    metadata: { size: reader.sizeBytes },
    async fetch(offset: number, length?: number, options?: { signal?: AbortSignal }): Promise<ArrayBuffer> {
      const wanted = length ?? reader.sizeBytes - offset;
      const bytes = await reader.read(offset, wanted, 'a tag value', options?.signal);
      for (const entry of structure.retyped) patchEntry(bytes, offset, entry, structure);
      return bytes.buffer;
    },
  };
}

function patchEntry(
  bytes: Uint8Array<ArrayBuffer>,
  offset: number,
  entry: TiffStructure['retyped'][number],
  { littleEndian, bigTiff }: TiffStructure,
): void {
  const at = entry.typeOffset - offset;
  const countBytes = bigTiff ? 8 : 4;
  if (at < 0 || at + 2 + countBytes > bytes.length) return;
  new DataView(bytes.buffer).setUint16(at, entry.type, littleEndian);
  if (entry.empty) bytes.fill(0, at + 2, at + 2 + countBytes);
}

/** The library reads the file's start once and refuses a directory that this read cuts: so none may be cut. */
function readSizeFor(structure: TiffStructure): number {
  let size = 16 * 1024;
  for (const { offset, end } of structure.directories) size = Math.max(size, end - offset);
  for (const { offset, end } of [...structure.directories].sort((p, q) => p.offset - q.offset)) {
    if (offset < size && end > size) size = end;
  }
  return size;
}

/** The header library throws plain errors; here they get their file and tag. */
async function asFormatError<T>(reader: HeaderReader, what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (isFrustumError(cause)) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(`${reader.url}: ${what} cannot be read (${why}); the file is damaged`, {
      url: reader.url,
      what,
      cause,
    });
  }
}
