import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeLzw } from '../../src/geotiff/decode-lzw.ts';
import { decodePackBits } from '../../src/geotiff/decode-packbits.ts';
import { undoFloatingPoint, undoHorizontal } from '../../src/geotiff/undo-predictor.ts';
import { reverseBits, unpackSamples, widenHalves } from '../../src/geotiff/unpack-samples.ts';

/** TIFF LZW, high bit first, the slow and obvious way. */
function encodeLzw(input: Uint8Array): Uint8Array {
  const out: number[] = [];
  let bits = 0;
  let bitCount = 0;
  let width = 9;
  const put = (code: number) => {
    bits = bits * 2 ** width + code;
    bitCount += width;
    while (bitCount >= 8) {
      bitCount -= 8;
      out.push(Math.floor(bits / 2 ** bitCount) & 255);
      bits %= 2 ** bitCount;
    }
  };
  let table = new Map<string, number>();
  let next = 258;
  const clear = () => {
    put(256);
    table = new Map(Array.from({ length: 256 }, (_, i) => [String.fromCharCode(i), i]));
    next = 258;
    width = 9;
  };
  clear();
  let run = '';
  for (const byte of input) {
    const longer = run + String.fromCharCode(byte);
    if (table.has(longer)) {
      run = longer;
      continue;
    }
    put(table.get(run)!);
    table.set(longer, next++);
    if (next === 512) width = 10;
    else if (next === 1024) width = 11;
    else if (next === 2048) width = 12;
    else if (next === 4095) clear();
    run = String.fromCharCode(byte);
  }
  if (run !== '') {
    put(table.get(run)!);
    next++;
    if (next === 512) width = 10;
    else if (next === 1024) width = 11;
    else if (next === 2048) width = 12;
  }
  put(257);
  if (bitCount > 0) out.push((bits * 2 ** (8 - bitCount)) & 255);
  return Uint8Array.from(out);
}

/** What is decoded of `length` bytes; `null` where a code cannot be. */
function lzw(input: Uint8Array, length: number): Uint8Array | null {
  const output = new Uint8Array(length);
  const written = decodeLzw(input, output);
  return written < 0 ? null : output.subarray(0, written);
}

function unpack(bytes: readonly number[], bits: number, rowSamples: number, rows: number): number[] {
  const out = new (bits <= 8 ? Uint8Array : bits <= 16 ? Uint16Array : Uint32Array)(rowSamples * rows);
  unpackSamples(Uint8Array.from(bytes), bits, rowSamples, rows, out);
  return [...out];
}

/** Bytes that repeat enough to use long codes, and few enough values to fill the table. */
const compressible = fc
  .tuple(fc.integer({ min: 1, max: 256 }), fc.integer({ min: 0, max: 20_000 }), fc.integer())
  .map(([values, length, seed]) => {
    let state = seed >>> 0;
    return Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 16) % values;
    });
  });

/** What codes of nine bits stand for, by the words of TIFF 6.0; `null` if one is beyond the table. */
function decodeByTable(codes: readonly number[], size: number): Uint8Array | null {
  const out: number[] = [];
  let table: number[][] = [];
  let before: number[] | null = null;
  for (const code of codes) {
    if (out.length >= size || code === 257) break;
    if (code === 256) {
      table = [];
      before = null;
      continue;
    }
    const known: number[] | undefined = code < 256 ? [code] : table[code - 258];
    if (known === undefined && (before === null || code !== 258 + table.length)) return null;
    const text: number[] = known ?? [...before!, before![0]!];
    if (before !== null) table.push([...before, text[0]!]);
    before = text;
    out.push(...text);
  }
  return Uint8Array.from(out.slice(0, size));
}

describe('LZW', () => {
  test('undoes what an independent encoder did', () => {
    fc.assert(
      fc.property(compressible, (bytes) => {
        expect(Buffer.compare(lzw(encodeLzw(bytes), bytes.length)!, bytes)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test('noise, which leaves the table full of short texts', () => {
    const bytes = new Uint8Array(100_001).map((_, i) => Math.imul(i, 2654435761) >>> 13);
    expect(Buffer.compare(lzw(encodeLzw(bytes), bytes.length)!, bytes)).toBe(0);
  });

  test('any codes decode as in a table that keeps every text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 300 }), fc.nat({ max: 900 }), (noise, size) => {
        // A clear, and codes of nine bits that mostly are in the table.
        const codes = [256, ...[...noise].map((byte, i) => (byte % 3 === 0 ? 258 + (byte % (i + 1)) : byte))];
        const short = codes.slice(0, 250);
        const bits = short.map((code) => code.toString(2).padStart(9, '0')).join('');
        const stream = Uint8Array.from(
          bits.padEnd(Math.ceil(bits.length / 8) * 8, '0').match(/.{8}/g)!,
          (byte) => Number.parseInt(byte, 2),
        );
        expect(lzw(stream, size)).toEqual(decodeByTable(short, size));
      }),
    );
  });

  test('a run of one byte, where each code is the one being made', () => {
    const bytes = new Uint8Array(300_000).fill(7);
    expect(Buffer.compare(lzw(encodeLzw(bytes), bytes.length)!, bytes)).toBe(0);
  });

  test('a cut stream gives what there is; a code beyond the table gives nothing', () => {
    const bytes = new Uint8Array(1000).map((_, i) => i);
    const encoded = encodeLzw(bytes);
    const half = lzw(encoded.slice(0, encoded.length / 2), bytes.length)!;
    expect(half.length).toBeLessThan(bytes.length);
    expect(Buffer.compare(half, bytes.slice(0, half.length))).toBe(0);
    // 256 (clear), then 300.
    expect(lzw(Uint8Array.from([0x80, 0x4b, 0]), 10)).toBeNull();
  });

  test('never writes beyond, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 0, max: 600 }), (bytes, length) => {
        expect(lzw(bytes, length)?.length ?? 0).toBeLessThanOrEqual(length);
        expect(decodePackBits(bytes, length).length).toBeLessThanOrEqual(length);
      }),
    );
  });
});

test('PackBits: the example of TIFF 6.0, page 42', () => {
  const packed = [0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7, 0xaa];
  const plain = `aa aa aa 80 00 2a aa aa aa aa 80 00 2a 22 ${'aa '.repeat(10)}`.trim();
  expect(Buffer.from(decodePackBits(Uint8Array.from(packed), 24)).toString('hex')).toBe(
    plain.replaceAll(' ', ''),
  );
});

describe('predictors', () => {
  test('horizontal differencing wraps around and starts anew in each row', () => {
    const samples = Uint8Array.from([10, 200, 100, 100, 1, 2, 3, 4]);
    undoHorizontal(samples, 4, 2);
    expect([...samples]).toEqual([10, 200, 110, 44, 1, 2, 4, 6]);
    const words = Uint16Array.from([65535, 2, 65535]);
    undoHorizontal(words, 3, 1);
    expect([...words]).toEqual([65535, 1, 0]);
  });

  test('horizontal differencing, of any number of bands and any size of sample', () => {
    const kinds = [Uint8Array, Uint16Array, Uint32Array] as const;
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer(),
        (Kind, step, width, rows, seed) => {
          const plain = new Kind(step * width * rows).map((_, i) => Math.imul(seed + i, 2654435761) >>> 3);
          const stored = plain.map((value, i) =>
            i % (step * width) < step ? value : value - plain[i - step]!,
          );
          undoHorizontal(stored, step * width, step);
          expect(stored).toEqual(plain);
        },
      ),
    );
  });

  test('floating point: planes of bytes, differenced, in both byte orders of the machine', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 40 }), (list) => {
        const floats = Float32Array.from(list);
        const bytes = new Uint8Array(floats.length * 4);
        const view = new DataView(floats.buffer);
        for (let i = 0; i < floats.length; i++) {
          const word = view.getUint32(i * 4, true);
          for (let plane = 0; plane < 4; plane++)
            bytes[plane * floats.length + i] = word >>> (24 - 8 * plane);
        }
        for (let i = bytes.length - 1; i > 0; i--) bytes[i] = bytes[i]! - bytes[i - 1]!;
        const little = undoFloatingPoint(bytes.slice(), floats.length, 4, 1, true);
        expect(Buffer.compare(little, new Uint8Array(floats.buffer))).toBe(0);
        const big = undoFloatingPoint(bytes, floats.length, 4, 1, false);
        expect(Buffer.compare(Buffer.from(big).swap32(), little)).toBe(0);
      }),
    );
  });
});

test('samples of any depth come back from bits side by side', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 31 }),
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.nat(), { minLength: 9, maxLength: 40 }),
      (bits, rowSamples, list) => {
        const rows = Math.floor(list.length / rowSamples);
        const values = list.slice(0, rows * rowSamples).map((value) => value % 2 ** bits);
        const text = Array.from({ length: rows }, (_, row) => {
          const of = values.slice(row * rowSamples, (row + 1) * rowSamples);
          const line = of.map((value) => value.toString(2).padStart(bits, '0')).join('');
          return line.padEnd(Math.ceil(line.length / 8) * 8, '0');
        }).join('');
        const bytes = text.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2));
        expect(unpack(bytes, bits, rowSamples, rows)).toEqual(values);
      },
    ),
  );
});

test('16-bit floats widen to the numbers that they stand for', () => {
  const halves = [0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00, 0x7e00];
  const out = new Float32Array(halves.length);
  widenHalves(Uint16Array.from(halves), out);
  const least = 2 ** -24;
  expect([...out]).toEqual([
    0,
    -0,
    least,
    1023 * least,
    2 ** -14,
    1,
    -2,
    65504,
    Infinity,
    -Infinity,
    Number.NaN,
  ]);
});

test('small samples are unpacked high bits first, rows from byte borders', () => {
  expect(unpack([0b10110000, 0b01000000], 1, 3, 2)).toEqual([1, 0, 1, 0, 1, 0]);
  expect(unpack([0b11100100, 0b01000000], 2, 5, 1)).toEqual([3, 2, 1, 0, 1]);
  expect(unpack([0xa5, 0x30], 4, 3, 1)).toEqual([10, 5, 3]);
  expect(unpack([0xab, 0xcd, 0xef], 12, 2, 1)).toEqual([0xabc, 0xdef]);
  expect(unpack([0x12, 0x34, 0x56, 0xff, 0xff, 0xff], 24, 1, 2)).toEqual([0x123456, 0xffffff]);
  const bytes = Uint8Array.from([0b00000001, 0b11010010]);
  reverseBits(bytes);
  expect([...bytes]).toEqual([0b10000000, 0b01001011]);
});
