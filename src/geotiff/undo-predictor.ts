import { LITTLE_ENDIAN_HOST } from './sample-array.ts';

/** Integers whose sums wrap around at their size: what horizontal differencing works on. */
type Words = Uint8Array | Uint16Array | Uint32Array;

/**
 * Undoes horizontal differencing (TIFF 6.0, section 14; predictor 2) in place: each sample is the sum of itself and the
 * same sample of the pixel to the left, modulo the sample's size. Signed samples and floats are summed as the unsigned
 * integers that their bits make.
 *
 * @param rowSamples samples of a row; `step` samples make a pixel
 */
export function undoHorizontal(samples: Words, rowSamples: number, step: number): void {
  // One, three and four bands are nearly all files: sums in variables are several times faster than sums through memory.
  if (step === 1) sumSingles(samples, rowSamples);
  else if (step === 3) {
    // As words the low byte must come first.
    const words =
      LITTLE_ENDIAN_HOST &&
      samples.BYTES_PER_ELEMENT === 1 &&
      rowSamples % 12 === 0 &&
      samples.byteOffset % 4 === 0;
    if (words) sumPackedTriples(samples, rowSamples);
    else sumTriples(samples, rowSamples);
  } else if (step === 4) sumQuadruples(samples, rowSamples);
  else sumSteps(samples, rowSamples, step);
}

function sumSingles(samples: Words, rowSamples: number): void {
  for (let row = 0; row + rowSamples <= samples.length; row += rowSamples) {
    let a = 0;
    for (let i = row; i < row + rowSamples; i++) {
      a = (a + samples[i]!) | 0;
      samples[i] = a;
    }
  }
}

function sumTriples(samples: Words, rowSamples: number): void {
  for (let row = 0; row + rowSamples <= samples.length; row += rowSamples) {
    let a = 0;
    let b = 0;
    let c = 0;
    for (let i = row; i < row + rowSamples; i += 3) {
      a = (a + samples[i]!) | 0;
      b = (b + samples[i + 1]!) | 0;
      c = (c + samples[i + 2]!) | 0;
      samples[i] = a;
      samples[i + 1] = b;
      samples[i + 2] = c;
    }
  }
}

/** The seven low bits of three bytes, whose sums carry into no neighbour, and the high bits. */
const LOW = 0x7f7f7f;
const HIGH = 0x808080;

/**
 * {@link sumTriples} of bytes, a pixel in one variable: its three sums are one sum of 24 bits where nothing is carried from byte
 * to byte. Four pixels are three words.
 */
function sumPackedTriples(samples: Words, rowSamples: number): void {
  const words = new Uint32Array(samples.buffer, samples.byteOffset, samples.length >>> 2);
  const rowWords = rowSamples / 4;
  for (let row = 0; row + rowWords <= words.length; row += rowWords) {
    let d = 0;
    for (let i = row; i < row + rowWords; i += 3) {
      const first = words[i]!;
      const second = words[i + 1]!;
      const third = words[i + 2]!;
      const p = first & 0xffffff;
      const q = (first >>> 24) | ((second & 0xffff) << 8);
      const r = (second >>> 16) | ((third & 0xff) << 16);
      const s = third >>> 8;
      const a = ((d & LOW) + (p & LOW)) ^ ((d ^ p) & HIGH);
      const b = ((a & LOW) + (q & LOW)) ^ ((a ^ q) & HIGH);
      const c = ((b & LOW) + (r & LOW)) ^ ((b ^ r) & HIGH);
      d = ((c & LOW) + (s & LOW)) ^ ((c ^ s) & HIGH);
      words[i] = a | (b << 24);
      words[i + 1] = (b >>> 8) | (c << 16);
      words[i + 2] = (c >>> 16) | (d << 8);
    }
  }
}

function sumQuadruples(samples: Words, rowSamples: number): void {
  for (let row = 0; row + rowSamples <= samples.length; row += rowSamples) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let i = row; i < row + rowSamples; i += 4) {
      a = (a + samples[i]!) | 0;
      b = (b + samples[i + 1]!) | 0;
      c = (c + samples[i + 2]!) | 0;
      d = (d + samples[i + 3]!) | 0;
      samples[i] = a;
      samples[i + 1] = b;
      samples[i + 2] = c;
      samples[i + 3] = d;
    }
  }
}

function sumSteps(samples: Words, rowSamples: number, step: number): void {
  for (let row = 0; row + rowSamples <= samples.length; row += rowSamples) {
    const end = row + rowSamples;
    for (let i = row + step; i < end; i++) samples[i] = samples[i]! + samples[i - step]!;
  }
}

/**
 * Undoes the floating-point predictor (Adobe Photoshop TIFF Technical Note 3; predictor 3): in each row the bytes of a
 * plane (all most significant bytes first) were stored one plane after the other and then differenced.
 *
 * @param bytes rows of `rowSamples` samples of `size` bytes; differencing is undone in place
 * @returns samples with their bytes in this machine's order
 */
export function undoFloatingPoint(
  bytes: Uint8Array,
  rowSamples: number,
  size: number,
  step: number,
  littleEndianHost: boolean,
): Uint8Array<ArrayBuffer> {
  const rowBytes = rowSamples * size;
  const out = new Uint8Array(bytes.length);
  undoHorizontal(bytes, rowBytes, step);
  for (let row = 0; row + rowBytes <= bytes.length; row += rowBytes) {
    for (let plane = 0; plane < size; plane++) {
      const from = row + plane * rowSamples;
      const to = row + (littleEndianHost ? size - 1 - plane : plane);
      for (let i = 0; i < rowSamples; i++) out[to + i * size] = bytes[from + i]!;
    }
  }
  return out;
}
