/** The widest code is 12 bits; one entry more, because an entry's length is the distance to the next one's start. */
const TABLE = 4096;
const CLEAR = 256;
const END = 257;
/** Code of the first entry that a decoder makes. */
const FIRST = 258;

/** Tables are reused from call to call: one block is decoded at a time in a thread. */
const starts = new Int32Array(TABLE + 1);
/** The first four bytes of each code's text, the first one lowest, and how long the text is. */
const texts = new Uint32Array(TABLE + 1);
const lengths = new Uint16Array(TABLE + 1);
for (let byte = 0; byte < CLEAR; byte++) {
  texts[byte] = byte;
  lengths[byte] = 1;
}

/**
 * TIFF LZW (TIFF 6.0, section 13): codes of 9 to 12 bits, high bit first, the width growing one code early; 256 clears the
 * table, 257 ends. Files of the 1980s pack the low bit first and grow the width one code later: told by their first code.
 *
 * Each table entry is a piece of the output already written: what a code wrote and the byte after it. Entry by entry the
 * pieces start where the codes' output starts, so that one list of starts tells where they are. Texts of up to four bytes, which
 * are nearly all in photographs, are kept as well, and written with one store however long they are: what byte loops and
 * branches of unforeseeable length cost is more than all the rest.
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
  const lastWord = input.length - 4;
  const lastStore = size - 4;
  const words = new DataView(input.buffer, input.byteOffset, input.length);
  const stores = new DataView(output.buffer, output.byteOffset, size);
  let written = 0;
  let bit = 0;
  let width = 9;
  // One less than the first entry: the code after a clear makes none.
  let next = FIRST - 1;
  // The entry with which the width grows: one before the last that the width can name.
  let widen = (1 << width) - 1;
  // Text and length of the code before.
  let before = 0;
  let beforeLength = 0;
  while (written < size && bit + width <= endBit) {
    const at = bit >>> 3;
    const word =
      at <= lastWord
        ? words.getUint32(at)
        : (input[at]! << 24) | ((input[at + 1] ?? 0) << 16) | ((input[at + 2] ?? 0) << 8);
    const code = (word << (bit & 7)) >>> (32 - width);
    bit += width;
    if ((code & ~1) === CLEAR) {
      if (code === END) break;
      next = FIRST - 1;
      width = 9;
      widen = (1 << width) - 1;
      continue;
    }
    if (next >= FIRST) {
      // The newest entry ends with the first byte of this code's text, which may be its own.
      const last = (code === next ? before : texts[code]!) & 255;
      texts[next] = beforeLength < 4 ? before | (last << (beforeLength * 8)) : before;
      lengths[next] = beforeLength + 1;
    }
    if (next < TABLE) {
      starts[++next] = written;
      if (next >= widen && width < 12) {
        width++;
        widen = (1 << width) - 1;
      }
    }
    if (code >= next && code > END) return -1;
    before = texts[code]!;
    beforeLength = lengths[code]!;
    if (beforeLength <= 4 && written <= lastStore) {
      stores.setUint32(written, before, true);
      written += beforeLength;
      continue;
    }
    if (code < CLEAR) {
      output[written++] = code;
      continue;
    }
    let from = starts[code]!;
    const end = Math.min(size, written + beforeLength);
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
