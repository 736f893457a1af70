/** Bytes of a number as SQLite's big-endian varint, for 0 to 2^53. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let limit = 128; value >= limit; limit *= 128) bytes++;
  return bytes;
}

/** @returns where it ends */
export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  const end = at + varintBytes(value);
  let rest = value;
  for (let i = end - 1; i >= at; i--) {
    const higher = Math.floor(rest / 128);
    bytes[i] = (i === end - 1 ? 0 : 128) | (rest - higher * 128);
    rest = higher;
  }
  return end;
}

/**
 * Serial types (SQLite's file format, 2.1) of what a record here may hold, each followed by as many bytes in its body as
 * {@link integerBytes} says of integers, 8 for a {@link DOUBLE}, and their length for blobs and texts.
 */
export const NULL = 0;
export const DOUBLE = 7;
export const FALSE = 8;
export const TRUE = 9;
export const blobType = (size: number) => 2 * size + 12;
export const textType = (size: number) => 2 * size + 13;

/** The shortest serial type of a whole number from 0 to 2^53. */
export function integerType(value: number): number {
  if (value < 2) return value === 0 ? FALSE : TRUE;
  if (value < 0x80) return 1;
  if (value < 0x8000) return 2;
  if (value < 0x800000) return 3;
  if (value < 0x80000000) return 4;
  return value < 0x800000000000 ? 5 : 6;
}

const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8, 0, 0, 0];

/** Bytes in a record's body of an integer of this serial type. */
export function integerBytes(type: number): number {
  return INTEGER_BYTES[type]!;
}

/** Big-endian, in as many bytes as its type has. @returns where it ends */
export function putInteger(bytes: Uint8Array, at: number, type: number, value: number): number {
  const end = at + integerBytes(type);
  let rest = value;
  for (let i = end - 1; i >= at; i--) {
    const higher = Math.floor(rest / 256);
    bytes[i] = rest - higher * 256;
    rest = higher;
  }
  return end;
}
