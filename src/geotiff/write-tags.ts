/**
 * The front part of a TIFF: header, GDAL's note about the layout of what follows, and all directories with their values.
 * Little-endian, classic or BigTIFF (TIFF 6.0, Adobe 1992; BigTIFF, AWare Systems).
 */

/** One directory entry. `offset` values are stored as 4 bytes in a classic TIFF and as 8 in a BigTIFF. */
export interface TiffTag {
  readonly tag: number;
  readonly type: 'ascii' | 'short' | 'long' | 'double' | 'offset';
  /** A string for `ascii` (stored as UTF-8 with a closing NUL). */
  readonly values: string | ArrayLike<number>;
}

/**
 * What GDAL's COG driver writes between header and first directory. Readers that know it take a block's size from the
 * four bytes before it and check the four bytes after it, and so need one request a block and no tile index.
 * The trailing blank leaves room for an editing tool to turn `NO` into `YES`.
 */
const LAYOUT_NOTE =
  'LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n' +
  'BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n ';

const GHOST = Buffer.from(
  `GDAL_STRUCTURAL_METADATA_SIZE=${String(LAYOUT_NOTE.length).padStart(6, '0')} bytes\n${LAYOUT_NOTE}`,
  'ascii',
);

const FIELD_TYPES = { ascii: 2, short: 3, long: 4, double: 12, long8: 16 } as const;
const FIELD_BYTES = { ascii: 1, short: 2, long: 4, double: 8, long8: 8 } as const;

/**
 * Encodes the front part. Its size depends on the number of values only, never on the values, so that it can be reserved
 * before the offsets are known.
 * @param directories The full-resolution image first, then its overviews from large to small.
 */
export function encodeTiffFront(directories: readonly (readonly TiffTag[])[], bigTiff: boolean): Uint8Array {
  const layouts: DirectoryLayout[] = [];
  let end = even((bigTiff ? 16 : 8) + GHOST.length);
  for (const tags of directories) {
    const layout = layOutDirectory(tags, end, bigTiff);
    layouts.push(layout);
    end = layout.end;
  }
  const bytes = new Uint8Array(end);
  const view = new DataView(bytes.buffer);
  const first = layouts[0]?.start ?? 0;
  bytes.set(Buffer.from('II'));
  view.setUint16(2, bigTiff ? 43 : 42, true);
  if (bigTiff) {
    view.setUint16(4, 8, true);
    view.setBigUint64(8, BigInt(first), true);
  } else {
    view.setUint32(4, first, true);
  }
  bytes.set(GHOST, bigTiff ? 16 : 8);
  layouts.forEach((layout, i) => {
    writeDirectory(view, layout, layouts[i + 1]?.start ?? 0, bigTiff);
  });
  return bytes;
}

interface Field {
  readonly tag: number;
  readonly type: keyof typeof FIELD_TYPES;
  readonly values: ArrayLike<number>;
  /** Where the values lie: within the entry if they fit, else after the directory. */
  readonly valueOffset: number;
}

interface DirectoryLayout {
  readonly start: number;
  readonly end: number;
  readonly fields: readonly Field[];
}

function layOutDirectory(tags: readonly TiffTag[], start: number, bigTiff: boolean): DirectoryLayout {
  const entryBytes = bigTiff ? 20 : 12;
  const inlineBytes = bigTiff ? 8 : 4;
  const firstEntry = start + (bigTiff ? 8 : 2);
  let end = even(firstEntry + tags.length * entryBytes + inlineBytes);
  const fields = tags
    .toSorted((p, q) => p.tag - q.tag)
    .map(({ tag, type: declared, values: given }, i): Field => {
      const type = declared === 'offset' ? (bigTiff ? 'long8' : 'long') : declared;
      const values = typeof given === 'string' ? Buffer.from(`${given}\0`, 'utf8') : given;
      const sizeBytes = values.length * FIELD_BYTES[type];
      if (sizeBytes <= inlineBytes) {
        return { tag, type, values, valueOffset: firstEntry + (i + 1) * entryBytes - inlineBytes };
      }
      const valueOffset = end;
      end = even(end + sizeBytes);
      return { tag, type, values, valueOffset };
    });
  return { start, end, fields };
}

function writeDirectory(view: DataView, layout: DirectoryLayout, next: number, bigTiff: boolean): void {
  const { start, fields } = layout;
  const entryBytes = bigTiff ? 20 : 12;
  const firstEntry = start + (bigTiff ? 8 : 2);
  const putOffset = (at: number, value: number) =>
    bigTiff ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true);
  if (bigTiff) view.setBigUint64(start, BigInt(fields.length), true);
  else view.setUint16(start, fields.length, true);
  fields.forEach((field, i) => {
    const at = firstEntry + i * entryBytes;
    view.setUint16(at, field.tag, true);
    view.setUint16(at + 2, FIELD_TYPES[field.type], true);
    putOffset(at + 4, field.values.length);
    const inline = field.valueOffset >= at && field.valueOffset < at + entryBytes;
    if (!inline) putOffset(at + (bigTiff ? 12 : 8), field.valueOffset);
    writeValues(view, field);
  });
  putOffset(firstEntry + fields.length * entryBytes, next);
}

function writeValues(view: DataView, { type, values, valueOffset }: Field): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const at = valueOffset + i * FIELD_BYTES[type];
    if (type === 'ascii') view.setUint8(at, value);
    else if (type === 'short') view.setUint16(at, value, true);
    else if (type === 'long') view.setUint32(at, value, true);
    else if (type === 'double') view.setFloat64(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
  }
}

/** TIFF wants directories and values on even offsets. */
function even(offset: number): number {
  return offset + (offset & 1);
}
