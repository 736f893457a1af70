/** Samples of up to 8, 16 or 32 bits. */
type Unpacked = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/**
 * Unpacks unsigned samples of 1 to 31 bits that are not whole bytes side by side: high bits first, rows start on byte borders.
 *
 * @param rowSamples samples of a row
 * @param out takes `rowSamples * rows` samples
 */
export function unpackSamples(
  packed: Uint8Array,
  bits: number,
  rowSamples: number,
  rows: number,
  out: Unpacked,
): void {
  if (bits <= 16) unpackShort(packed, bits, rowSamples, rows, out);
  else unpackLong(packed, bits, rowSamples, rows, out);
}

function unpackShort(
  packed: Uint8Array,
  bits: number,
  rowSamples: number,
  rows: number,
  out: Unpacked,
): void {
  const rowBytes = Math.ceil((rowSamples * bits) / 8);
  const mask = (1 << bits) - 1;
  for (let row = 0; row < rows; row++) {
    let at = row * rowBytes;
    let held = 0;
    let heldBits = 0;
    for (let i = row * rowSamples; i < (row + 1) * rowSamples; i++) {
      while (heldBits < bits) {
        held = ((held << 8) | packed[at++]!) & 0xffffff;
        heldBits += 8;
      }
      heldBits -= bits;
      out[i] = (held >> heldBits) & mask;
    }
  }
}

/** Up to 31 bits and 7 left over are more than shifts work on: the bits held are kept as a product instead. */
function unpackLong(packed: Uint8Array, bits: number, rowSamples: number, rows: number, out: Unpacked): void {
  const rowBytes = Math.ceil((rowSamples * bits) / 8);
  for (let row = 0; row < rows; row++) {
    let at = row * rowBytes;
    let held = 0;
    let heldBits = 0;
    for (let i = row * rowSamples; i < (row + 1) * rowSamples; i++) {
      while (heldBits < bits) {
        held = held * 256 + packed[at++]!;
        heldBits += 8;
      }
      heldBits -= bits;
      const below = 2 ** heldBits;
      out[i] = Math.floor(held / below);
      held %= below;
    }
  }
}

/**
 * Widens 16-bit floats (IEEE 754 binary16) to 32 bits, exactly.
 * @param halves their bits, in this machine's order
 */
export function widenHalves(halves: Uint16Array, out: Float32Array<ArrayBuffer>): void {
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!;
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) out[i] = fraction === 0 ? sign * Infinity : Number.NaN;
    else if (exponent === 0) out[i] = sign * fraction * 2 ** -24;
    else out[i] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
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
