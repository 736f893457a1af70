import { type Matrix, matrix } from './linear-algebra.ts';

/**
 * The network's resampling steps as matrices. They keep the batch axis free (ONNX's Resize would need its size), and the
 * head's convolutions of upsampled maps can be moved to the coarse grid with them.
 */

/**
 * Bilinear upsampling along one axis, `[out, input]`, as PyTorch's `interpolate(align_corners=False)`: output y reads
 * input position max((y + 0.5) input/out - 0.5, 0).
 */
export function bilinearMatrix(out: number, input: number): Matrix {
  const data = new Float64Array(out * input);
  for (let y = 0; y < out; y++) {
    const position = Math.max(((y + 0.5) * input) / out - 0.5, 0);
    const i0 = Math.min(Math.floor(position), input - 1);
    const i1 = Math.min(i0 + 1, input - 1);
    const fraction = position - i0;
    data[y * input + i0]! += 1 - fraction;
    data[y * input + i1]! += fraction;
  }
  return matrix(out, input, data);
}

/**
 * Row y of result `tap` is row y + tap - 1 of `upsample`, or zero outside of it: what tap 0, 1 or 2 of a 3-tap
 * convolution with zero padding sees of the upsampled axis.
 */
export function tapMatrices({ rows, cols, data }: Matrix): [Matrix, Matrix, Matrix] {
  const tap = (shift: number): Matrix => {
    const shifted = new Float64Array(rows * cols);
    for (let y = Math.max(0, -shift); y < Math.min(rows, rows - shift); y++) {
      shifted.set(data.subarray((y + shift) * cols, (y + shift + 1) * cols), y * cols);
    }
    return matrix(rows, cols, shifted);
  };
  return [tap(-1), tap(0), tap(1)];
}

/**
 * Adaptive average pooling of one axis of n to s bins, `[s, n]`: bin i averages [floor(i n/s), ceil((i+1) n/s)); bins
 * overlap where s does not divide n, also if s > n.
 */
export function adaptivePoolMatrix(s: number, n: number): Matrix {
  const data = new Float64Array(s * n);
  for (let i = 0; i < s; i++) {
    const from = Math.floor((i * n) / s);
    const to = Math.ceil(((i + 1) * n) / s);
    data.fill(1 / (to - from), i * n + from, i * n + to);
  }
  return matrix(s, n, data);
}

/** Kronecker product: the matrix of applying `y` to rows and `x` to columns of a row-major map. */
export function kronecker(y: Matrix, x: Matrix): Matrix {
  const rows = y.rows * x.rows;
  const cols = y.cols * x.cols;
  const data = new Float64Array(rows * cols);
  for (let i = 0; i < y.rows; i++) {
    for (let j = 0; j < y.cols; j++) {
      const factor = y.data[i * y.cols + j]!;
      if (factor === 0) continue;
      for (let k = 0; k < x.rows; k++) {
        const row = (i * x.rows + k) * cols + j * x.cols;
        for (let l = 0; l < x.cols; l++) data[row + l] = factor * x.data[k * x.cols + l]!;
      }
    }
  }
  return matrix(rows, cols, data);
}
