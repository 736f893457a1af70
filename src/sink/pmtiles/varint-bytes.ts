/** Bytes of whole numbers in LEB128, as Protocol Buffers and PMTiles have them. */
export class VarintBytes {
  private bytes = new Uint8Array(256);
  private at = 0;

  /** 0 to 2^53. */
  varint(value: number): void {
    if (this.at + 8 > this.bytes.length) {
      const larger = new Uint8Array(2 * this.bytes.length);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    let rest = value;
    while (rest > 127) {
      this.bytes[this.at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.at++] = rest;
  }

  /** Signed, in 31 bits: small magnitudes stay short. */
  zigzag(value: number): void {
    this.varint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  /** A copy of all bytes so far. */
  take(): Uint8Array {
    return this.bytes.slice(0, this.at);
  }

  clear(): void {
    this.at = 0;
  }
}
