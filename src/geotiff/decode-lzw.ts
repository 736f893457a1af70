/** The widest code is 12 bits; one entry more, because an entry's length is the distance to the next one's start. */
const TABLE = 4096;
const CLEAR = 256;
const END = 257;
/** Code of the first entry that a decoder makes. */
const FIRST = 258;

/** Reused from call to call: one block is decoded at a time in a thread. */
const starts = new Int32Array(TABLE + 1);

/**
 * TIFF LZW (TIFF 6.0, section 13): codes of 9 to 12 bits, high bit first, the width growing one code early; 256 clears the
 * table, 257 ends. Files of the 1980s pack the low bit first and grow the width one code later: told by their first code.
 *
 * Each table entry is a piece of the output already written: what a code wrote and the byte after it. Entry by entry the
 * pieces start where the codes' output starts, so that one list of starts also tells their lengths, and no text is kept.
 *
 * @param output takes the bytes; decoding stops where it is full
 * @returns how many bytes were decoded, fewer than the output holds if the stream ends early; -1 if a code cannot be
 */
export function decodeLzw(input: Uint8Array, output: Uint8Array): number {
  const lowBitFirst = input.length >= 2 && input[0] === 0 && (input[1]! & 1) === 1;
  return lowBitFirst ? decodeOldCodes(input, output) : decodeCodes(input, output);
}

function decodeCodes(input: Uint8Array, output: Uint8Array): number {
  const endBit = input.length * 8;
  const size = output.length;
  let written = 0;
  let bit = 0;
  let width = 9;
  // One less than the first entry: the code after a clear makes none.
  let next = FIRST - 1;
  // The entry with which the width grows: one before the last that the width can name.
  let widen = (1 << width) - 1;
  while (written < size && bit + width <= endBit) {
    const at = bit >>> 3;
    const word =
      at + 2 < input.length
        ? (input[at]! << 16) | (input[at + 1]! << 8) | input[at + 2]!
        : (input[at]! << 16) | ((input[at + 1] ?? 0) << 8);
    const code = (word >>> (24 - (bit & 7) - width)) & ((1 << width) - 1);
    bit += width;
    if (code === CLEAR) {
      next = FIRST - 1;
      width = 9;
      widen = (1 << width) - 1;
      continue;
    }
    if (code === END) break;
    if (next < TABLE) {
      starts[++next] = written;
      if (next >= widen && width < 12) {
        width++;
        widen = (1 << width) - 1;
      }
    }
    if (code < CLEAR) {
      output[written++] = code;
      continue;
    }
    if (code >= next) return -1;
    let from = starts[code]!;
    const end = Math.min(size, written + starts[code + 1]! - from + 1);
    // Byte by byte: the newest entry reaches into what is being written.
    while (written < end) output[written++] = output[from++]!;
  }
  return written;
}

/** As {@link decodeCodes}, with codes that lie low bit first and widen one entry later. */
function decodeOldCodes(input: Uint8Array, output: Uint8Array): number {
  const endBit = input.length * 8;
  const size = output.length;
  let written = 0;
  let bit = 0;
  let width = 9;
  let next = FIRST - 1;
  while (written < size && bit + width <= endBit) {
    const at = bit >>> 3;
    const word = input[at]! | ((input[at + 1] ?? 0) << 8) | ((input[at + 2] ?? 0) << 16);
    const code = (word >>> (bit & 7)) & ((1 << width) - 1);
    bit += width;
    if (code === CLEAR) {
      next = FIRST - 1;
      width = 9;
      continue;
    }
    if (code === END) break;
    if (next < TABLE) {
      starts[++next] = written;
      if (next >= 1 << width && width < 12) width++;
    }
    if (code < CLEAR) {
      output[written++] = code;
      continue;
    }
    if (code >= next) return -1;
    let from = starts[code]!;
    const end = Math.min(size, written + starts[code + 1]! - from + 1);
    while (written < end) output[written++] = output[from++]!;
  }
  return written;
}
