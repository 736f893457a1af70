/**
 * PackBits (TIFF 6.0, section 9): a signed byte n, then n + 1 literal bytes, or one byte to repeat 1 - n times; -128 is
 * skipped.
 * @returns the bytes decoded, fewer than expected if the stream ends early
 */
export function decodePackBits(input: Uint8Array, expectedBytes: number): Uint8Array<ArrayBuffer> {
  const output = new Uint8Array(expectedBytes);
  let at = 0;
  let written = 0;
  while (at < input.length && written < expectedBytes) {
    const n = input[at++]!;
    if (n < 128) {
      const end = Math.min(at + n + 1, input.length, at + expectedBytes - written);
      output.set(input.subarray(at, end), written);
      written += end - at;
      at += n + 1;
    } else if (n > 128) {
      if (at === input.length) break;
      const end = Math.min(written + 257 - n, expectedBytes);
      output.fill(input[at++]!, written, end);
      written = end;
    }
  }
  return output.subarray(0, written);
}
