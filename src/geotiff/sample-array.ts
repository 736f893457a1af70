import { constants } from 'node:buffer';
import { endianness } from 'node:os';

/** Samples in the type they have in the file. */
export type SampleArray =
  | Uint8Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

/** Name of a sample type, as arrays hold it: samples of odd depths are unpacked to the next larger type, 16-bit floats to `float32`. */
export type SampleType = 'uint8' | 'int8' | 'uint16' | 'int16' | 'uint32' | 'int32' | 'float32' | 'float64';

const CONSTRUCTORS = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

/** Bytes of one sample. */
export function sampleBytes(type: SampleType): number {
  return CONSTRUCTORS[type].BYTES_PER_ELEMENT;
}

/** Zeros. */
export function allocateSamples(type: SampleType, length: number): SampleArray {
  return new CONSTRUCTORS[type](length);
}

/** Samples that hold anything at first, for those who set each of them: clearing memory takes about as long as copying into it. */
export function allocateUnset(type: SampleType, length: number): SampleArray {
  const bytes = length * sampleBytes(type);
  if (bytes > constants.MAX_LENGTH) return allocateSamples(type, length);
  const { buffer } = Buffer.allocUnsafeSlow(bytes);
  return new CONSTRUCTORS[type](buffer as ArrayBuffer, 0, length);
}

/** Samples over the same memory where it is aligned for them, else over a copy; the bytes are in this machine's order. */
export function viewSamples(type: SampleType, bytes: Uint8Array, length: number): SampleArray {
  const size = sampleBytes(type);
  const aligned = bytes.byteOffset % size === 0 && bytes.buffer instanceof ArrayBuffer;
  const from = aligned
    ? (bytes as Uint8Array<ArrayBuffer>)
    : new Uint8Array(bytes.subarray(0, length * size));
  return new CONSTRUCTORS[type](from.buffer, from.byteOffset, length);
}

/** Whether this machine stores the low byte first. */
export const LITTLE_ENDIAN_HOST = endianness() === 'LE';

/** Reverses the bytes of each sample in place. */
export function swapBytes(bytes: Uint8Array, size: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 2) buffer.swap16();
  else if (size === 4) buffer.swap32();
  else if (size === 8) buffer.swap64();
}
