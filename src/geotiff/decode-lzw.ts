/**
 * TIFF LZW (TIFF 6.0, section 13): codes of 9 to 12 bits, high bit first, the width growing one code early; 256 clears the
 * table, 257 ends. Files of the 1980s pack the low bit first and grow the width one code later: told by their first code.
 *
 * Each table entry is a piece of the output already written (where it starts, how long it is), so that a code is one copy.
 *
 * @param expectedBytes what the block decodes to; decoding stops there
 * @returns the bytes decoded, fewer than expected if the stream ends early, or `null` if a code cannot be
 */
export function decodeLzw(input: Uint8Array, expectedBytes: number): Uint8Array<ArrayBuffer> | null {
  const lowBitFirst = input.length >= 2 && input[0] === 0 && (input[1]! & 1) === 1;
  const early = lowBitFirst ? 0 : 1;
  const output = new Uint8Array(expectedBytes);
  const starts = new Uint32Array(4096);
  const lengths = new Uint32Array(4096);
  let next = 258;
  let width = 9;
  let written = 0;
  let previousStart = 0;
  let previousLength = 0;
  let bits = 0;
  let bitCount = 0;
  let at = 0;

  while (written < expectedBytes) {
    while (bitCount < width) {
      if (at === input.length) return output.subarray(0, written);
      const byte = input[at++]!;
      bits = lowBitFirst ? bits | (byte << bitCount) : ((bits << 8) | byte) & 0xffffff;
      bitCount += 8;
    }
    let code: number;
    if (lowBitFirst) {
      code = bits & ((1 << width) - 1);
      bits >>>= width;
    } else {
      code = (bits >>> (bitCount - width)) & ((1 << width) - 1);
    }
    bitCount -= width;

    if (code === 256) {
      next = 258;
      width = 9;
      previousLength = 0;
      continue;
    }
    if (code === 257) break;

    const start = written;
    if (code < 256) {
      output[written++] = code;
    } else {
      if (previousLength === 0) return null;
      let from: number;
      let length: number;
      if (code < next) {
        from = starts[code]!;
        length = lengths[code]!;
      } else if (code === next) {
        // The entry being made: the previous piece and its own first byte, which lie side by side in the output.
        from = previousStart;
        length = previousLength + 1;
      } else {
        return null;
      }
      const end = Math.min(written + length, expectedBytes);
      while (written < end) output[written++] = output[from++]!;
    }
    if (previousLength > 0 && next < 4096) {
      starts[next] = previousStart;
      lengths[next] = previousLength + 1;
      next++;
      if (next + early >= 1 << width && width < 12) width++;
    }
    previousStart = start;
    previousLength = written - start;
  }
  return output.subarray(0, written);
}
