import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32 } from '../../src/convert/checkpoint/crc32.ts';
import { floatToHalf, halfToFloat } from '../../src/convert/checkpoint/storage-types.ts';
import {
  adaptivePoolMatrix,
  bilinearMatrix,
  kronecker,
  tapMatrices,
} from '../../src/convert/network/interpolation.ts';
import { matrix, multiply, permute } from '../../src/convert/network/linear-algebra.ts';
import { partitionWindows } from '../../src/convert/network/window-partition.ts';

const size = fc.integer({ min: 1, max: 40 });

test('CRC-32 of known strings and of every length around the step', () => {
  const bytewise = (bytes: Uint8Array) => {
    let crc = 0xffffffff;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
    }
    return ~crc >>> 0;
  };
  expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => crc32(bytes) === bytewise(bytes)));
});

test('a matrix product is the sum of products, whatever its size', () => {
  const entries = (n: number) => fc.array(fc.integer({ min: -9, max: 9 }), { minLength: n, maxLength: n });
  const sizes = fc.tuple(
    fc.integer({ min: 1, max: 6 }),
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: 6 }),
  );
  const problem = sizes.chain(([m, k, n]) =>
    fc.tuple(fc.constant([m, k, n]), entries(m * k), entries(k * n)),
  );
  fc.assert(
    fc.property(problem, ([[m, k, n], a, b]) => {
      const { data } = multiply(matrix(m!, k!, a), matrix(k!, n!, b));
      for (let i = 0; i < m!; i++) {
        for (let j = 0; j < n!; j++) {
          let sum = 0;
          for (let x = 0; x < k!; x++) sum += a[i * k! + x]! * b[x * n! + j]!;
          expect(data[i * n! + j]).toBe(sum);
        }
      }
    }),
  );
});

describe('window partition', () => {
  test('gathers the rolled, padded map and scatters it back', () => {
    fc.assert(
      fc.property(size, size, fc.integer({ min: 1, max: 13 }), fc.boolean(), (height, width, window, odd) => {
        const shift = odd ? Math.floor(window / 2) : 0;
        const { gather, scatter, windows, padded } = partitionWindows(height, width, window, shift);
        const paddedHeight = Math.ceil(height / window) * window;
        const paddedWidth = Math.ceil(width / window) * window;
        expect(gather).toHaveLength(windows * window * window);
        expect(padded).toBe(paddedHeight * paddedWidth > height * width);
        // The published way: pad, roll, cut.
        const cells = Array.from({ length: paddedHeight }, (_, y) =>
          Array.from({ length: paddedWidth }, (_, x) =>
            y < height && x < width ? y * width + x : height * width,
          ),
        );
        const rolled = cells.map((_, y) =>
          cells[0]!.map((_, x) => cells[(y + shift) % paddedHeight]![(x + shift) % paddedWidth]!),
        );
        const cut: number[] = [];
        for (let y = 0; y < paddedHeight; y += window) {
          for (let x = 0; x < paddedWidth; x += window) {
            for (let ty = 0; ty < window; ty++) cut.push(...rolled[y + ty]!.slice(x, x + window));
          }
        }
        expect(gather).toEqual(cut);
        expect(scatter.map((place) => gather[place])).toEqual(scatter.map((_, token) => token));
      }),
      { numRuns: 60 },
    );
  });

  test('regions follow the three slices of the rolled axes, also where the map is one window', () => {
    const { regions } = partitionWindows(4, 4, 7, 3);
    const line = (first: number) => [0, 0, 0, 0, 1, 1, 1].map((i) => first + i);
    expect(regions).toEqual([4, 4, 4, 4, 7, 7, 7].flatMap(line));
    expect(partitionWindows(14, 14, 7, 0).regions).toBeNull();
  });
});

describe('interpolation', () => {
  test('rows of every matrix sum to one; taps drop what lies outside', () => {
    fc.assert(
      fc.property(size, size, (out, input) => {
        for (const { rows, cols, data } of [bilinearMatrix(out, input), adaptivePoolMatrix(out, input)]) {
          expect([rows, cols]).toEqual([out, input]);
          for (let y = 0; y < rows; y++) {
            const sum = data.subarray(y * cols, (y + 1) * cols).reduce((a, b) => a + b, 0);
            expect(sum).toBeCloseTo(1, 12);
          }
        }
        const up = bilinearMatrix(out, input);
        const [before, at, after] = tapMatrices(up);
        expect(at.data).toEqual(up.data);
        expect([...before.data.subarray(0, input), ...before.data.subarray(input)]).toEqual([
          ...new Float64Array(input),
          ...up.data.subarray(0, (out - 1) * input),
        ]);
        expect([...after.data]).toEqual([...up.data.subarray(input), ...new Float64Array(input)]);
      }),
      { numRuns: 50 },
    );
  });

  test('published weights of a fourfold upsampling', () => {
    const { data } = bilinearMatrix(8, 2);
    expect(Array.from({ length: 8 }, (_, y) => data[2 * y + 1])).toEqual([
      0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1,
    ]);
  });

  test('pool bins overlap where sizes do not divide', () => {
    expect([...adaptivePoolMatrix(3, 4).data]).toEqual([0.5, 0.5, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0.5, 0.5]);
  });

  test('a Kronecker product acts on rows and columns', () => {
    const y = bilinearMatrix(3, 2);
    const x = adaptivePoolMatrix(2, 3);
    const map = matrix(2, 3, [1, 2, 3, 4, 5, 7]);
    const flat = multiply(kronecker(y, x), matrix(6, 1, map.data));
    const separate = multiply(multiply(y, map), matrix(3, 2, permute(x.data, [2, 3], [1, 0])));
    for (const [i, value] of separate.data.entries()) expect(flat.data[i]).toBeCloseTo(value, 12);
  });
});

describe('halves', () => {
  test('every half survives the way to float32 and back', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const back = floatToHalf(halfToFloat(all));
    for (let h = 0; h < 65536; h++) {
      const notANumber = (h & 0x7c00) === 0x7c00 && (h & 0x3ff) !== 0;
      if (notANumber ? (back[h]! & 0x7fff) <= 0x7c00 : back[h] !== h) expect.fail(`half 0x${h.toString(16)}`);
    }
  });

  test('floats round to the nearest half, ties to even', () => {
    fc.assert(
      fc.property(fc.float({ min: -70000, max: 70000, noNaN: true }), (value) => {
        const half = floatToHalf([value])[0]!;
        if ((half & 0x7fff) === 0x7c00) {
          expect(Math.abs(value)).toBeGreaterThanOrEqual(65520);
          return;
        }
        const near = (h: number) => Math.abs(halfToFloat(Uint16Array.of(h))[0]! - value);
        const here = near(half);
        for (const other of [half - 1, half + 1]) {
          if (other < 0 || other > 0xffff || (other & 0x7c00) === 0x7c00) continue;
          if (near(other) < here || (near(other) === here && half & 1)) expect.fail(`${value} -> ${half}`);
        }
      }),
    );
    expect([...floatToHalf([1, -2, 65504, 2 ** -24, 2 ** -25, 1 + 2 ** -11, 1 + 3 * 2 ** -11])]).toEqual([
      0x3c00, 0xc000, 0x7bff, 1, 0, 0x3c00, 0x3c02,
    ]);
  });
});
