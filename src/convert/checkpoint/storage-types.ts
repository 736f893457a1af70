/** Element types of torch storages that a state dict may hold. */
export type ElementType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'bool';

export const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** By the Python class that names a storage, and by the dtype that goes with an untyped storage. */
export const ELEMENT_TYPES: ReadonlyMap<string, ElementType> = new Map(
  Object.entries({
    'torch.FloatStorage': 'float32',
    'torch.DoubleStorage': 'float64',
    'torch.HalfStorage': 'float16',
    'torch.BFloat16Storage': 'bfloat16',
    'torch.LongStorage': 'int64',
    'torch.IntStorage': 'int32',
    'torch.ShortStorage': 'int16',
    'torch.CharStorage': 'int8',
    'torch.ByteStorage': 'uint8',
    'torch.BoolStorage': 'bool',
    'torch.float32': 'float32',
    'torch.float64': 'float64',
    'torch.float16': 'float16',
    'torch.bfloat16': 'bfloat16',
    'torch.int64': 'int64',
    'torch.int32': 'int32',
    'torch.int16': 'int16',
    'torch.int8': 'int8',
    'torch.uint8': 'uint8',
    'torch.bool': 'bool',
  } satisfies Record<string, ElementType>),
);

/** Numbers as float32 where that holds them exactly, as float64 for wider types. */
export type Numbers = Float32Array | Float64Array;

/** Little-endian elements as numbers. int64 beyond 2^53 loses precision, which no tensor of a network reaches. */
export function decodeElements(bytes: Uint8Array, type: ElementType): Numbers {
  const count = bytes.length / ELEMENT_BYTES[type];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type) {
    case 'float32': {
      const source = aligned(bytes, 4);
      return new Float32Array(source.buffer, source.byteOffset, count);
    }
    case 'float64':
      return Float64Array.from({ length: count }, (_, i) => view.getFloat64(8 * i, true));
    case 'float16': {
      const source = aligned(bytes, 2);
      return halfToFloat(new Uint16Array(source.buffer, source.byteOffset, count));
    }
    case 'bfloat16': {
      const out = new Uint32Array(count);
      for (let i = 0; i < count; i++) out[i] = view.getUint16(2 * i, true) << 16;
      return new Float32Array(out.buffer);
    }
    case 'int64':
      return Float64Array.from({ length: count }, (_, i) => Number(view.getBigInt64(8 * i, true)));
    case 'int32':
      return Float64Array.from({ length: count }, (_, i) => view.getInt32(4 * i, true));
    case 'int16':
      return Float32Array.from({ length: count }, (_, i) => view.getInt16(2 * i, true));
    case 'int8':
      return Float32Array.from({ length: count }, (_, i) => view.getInt8(i));
    default:
      return Float32Array.from(bytes);
  }
}

const aligned = (bytes: Uint8Array, size: number) =>
  bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);

let halfTable: Float32Array | null = null;

/** IEEE 754 binary16 to float32, exactly. */
export function halfToFloat(halves: Uint16Array): Float32Array {
  halfTable ??= Float32Array.from({ length: 65536 }, (_, h) => {
    const exponent = (h >> 10) & 31;
    const fraction = h & 1023;
    const magnitude =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction === 0
            ? Number.POSITIVE_INFINITY
            : Number.NaN
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    return h & 0x8000 ? -magnitude : magnitude;
  });
  const out = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) out[i] = halfTable[halves[i]!]!;
  return out;
}

/** float32 to IEEE 754 binary16, to nearest, ties to even; beyond 65504 to infinity. */
export function floatToHalf(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length);
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i]!;
    const b = bits[0]!;
    const sign = (b >>> 16) & 0x8000;
    const magnitude = b & 0x7fffffff;
    if (magnitude >= 0x7f800000) {
      out[i] = sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
    } else if (magnitude < 0x38800000) {
      // Below 2^-14 halves are multiples of 2^-24; adding 0.5 makes the float unit round to that grid, ties to even.
      bits[0] = magnitude;
      float[0] = float[0]! + 0.5;
      out[i] = sign | (bits[0]! - 0x3f000000);
    } else {
      const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
      out[i] = sign | Math.min(0x7c00, (rounded - 0x38000000) >>> 13);
    }
  }
  return out;
}
