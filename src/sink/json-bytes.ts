const CHUNK_BYTES = 1 << 20;
const ENCODER = new TextEncoder();
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;

/** JSON text as bytes in chunks of about 1 MiB; full chunks are handed to `onChunk` and never touched again. */
export class JsonBytes {
  private chunk = new Uint8Array(CHUNK_BYTES);
  private at = 0;
  private readonly onChunk: (bytes: Uint8Array) => void;

  constructor(onChunk: (bytes: Uint8Array) => void) {
    this.onChunk = onChunk;
  }

  text(value: string): void {
    if (!this.putAscii(value)) this.bytes(ENCODER.encode(value));
  }

  /** @returns false, with nothing written, for texts that are long or not ASCII: those are for the encoder. */
  private putAscii(value: string): boolean {
    const { length } = value;
    if (length > 512) return false;
    if (this.at + length > CHUNK_BYTES) this.flush();
    const { chunk, at } = this;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) return false;
      chunk[at + i] = code;
    }
    this.at = at + length;
    return true;
  }

  bytes(value: Uint8Array): void {
    if (this.at + value.length > CHUNK_BYTES) this.flush();
    if (value.length > CHUNK_BYTES) {
      this.onChunk(value);
      return;
    }
    this.chunk.set(value, this.at);
    this.at += value.length;
  }

  /** Hands out what is there. */
  flush(): void {
    if (this.at === 0) return;
    this.onChunk(this.chunk.subarray(0, this.at));
    this.chunk = new Uint8Array(CHUNK_BYTES);
    this.at = 0;
  }

  /** Writes `[x,y]` or `,[x,y]`. */
  position(x: number, y: number, comma: boolean): void {
    if (this.at + 64 > CHUNK_BYTES) this.flush();
    const { chunk } = this;
    let at = this.at;
    if (comma) chunk[at++] = 0x2c;
    chunk[at++] = 0x5b;
    at = putFixed(chunk, at, x);
    chunk[at++] = 0x2c;
    at = putFixed(chunk, at, y);
    chunk[at++] = 0x5d;
    this.at = at;
  }
}

/**
 * Writes a number with up to nine decimals, without trailing zeros or exponent, as fast as digits can be had: an integer
 * of any size below 2^53, or a value below a million. Halves of the ninth decimal are rounded up.
 * @returns the position behind the last digit; at most 20 bytes are written.
 */
export function putFixed(bytes: Uint8Array, position: number, value: number): number {
  let at = position;
  let v = value;
  if (v < 0) {
    v = -v;
    bytes[at] = MINUS;
    at++;
  }
  if (Number.isInteger(v)) {
    // Zero has no sign in JSON worth keeping: -0 is not below 0.
    return putInteger(bytes, at, v);
  }
  const n = Math.round(v * 1e9);
  const whole = Math.floor(n / 1e9);
  let fraction = (n - whole * 1e9) | 0;
  if (fraction === 0)
    return whole === 0 && value < 0 ? putInteger(bytes, at - 1, 0) : putInteger(bytes, at, whole);
  at = putInteger(bytes, at, whole);
  bytes[at++] = POINT;
  let digits = 9;
  if (fraction % 100 === 0) {
    fraction = (fraction / 100) | 0;
    digits = 7;
  }
  while (fraction % 10 === 0) {
    fraction = (fraction / 10) | 0;
    digits--;
  }
  for (let i = at + digits - 1; i >= at; i--) {
    const rest = (fraction / 10) | 0;
    bytes[i] = ZERO + fraction - rest * 10;
    fraction = rest;
  }
  return at + digits;
}

function putInteger(bytes: Uint8Array, at: number, value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  let v = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const rest = Math.floor(v / 10);
    bytes[i] = ZERO + v - rest * 10;
    v = rest;
  }
  return at + digits;
}
