/**
 * Unpacks samples of 1, 2 or 4 bits, high bits first, to one byte each. Rows start on byte borders.
 * @param rowSamples samples of a row
 */
export function unpackSamples(
  packed: Uint8Array,
  bits: 1 | 2 | 4,
  rowSamples: number,
  rows: number,
): Uint8Array<ArrayBuffer> {
  const rowBytes = Math.ceil((rowSamples * bits) / 8);
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  const out = new Uint8Array(rowSamples * rows);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < rowSamples; i++) {
      const byte = packed[row * rowBytes + Math.floor(i / perByte)]!;
      out[row * rowSamples + i] = (byte >> (8 - bits - (i % perByte) * bits)) & mask;
    }
  }
  return out;
}

/** Reverses the bits of each byte in place (FillOrder 2). */
export function reverseBits(bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) {
    let b = bytes[i]!;
    b = ((b & 0xf0) >> 4) | ((b & 0x0f) << 4);
    b = ((b & 0xcc) >> 2) | ((b & 0x33) << 2);
    bytes[i] = ((b & 0xaa) >> 1) | ((b & 0x55) << 1);
  }
}
