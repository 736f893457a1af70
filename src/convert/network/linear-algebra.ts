/** Row-major float64 matrices, for folding the network's affine steps without adding to its rounding. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly data: Float64Array;
}

export function matrix(rows: number, cols: number, data: ArrayLike<number>): Matrix {
  return { rows, cols, data: data instanceof Float64Array ? data : Float64Array.from(data) };
}

/** `a b` */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const { rows, cols: inner } = a;
  const { cols } = b;
  const out = new Float64Array(rows * cols);
  // Four rows of b at a time: one load and store of the sum for four products.
  const whole = inner - (inner % 4);
  for (let i = 0; i < rows; i++) {
    const row = out.subarray(i * cols, (i + 1) * cols);
    for (let k = 0; k < whole; k += 4) {
      const at = i * inner + k;
      const [f0, f1, f2, f3] = [a.data[at]!, a.data[at + 1]!, a.data[at + 2]!, a.data[at + 3]!];
      const b0 = b.data.subarray(k * cols, (k + 1) * cols);
      const b1 = b.data.subarray((k + 1) * cols, (k + 2) * cols);
      const b2 = b.data.subarray((k + 2) * cols, (k + 3) * cols);
      const b3 = b.data.subarray((k + 3) * cols, (k + 4) * cols);
      for (let j = 0; j < cols; j++) {
        row[j]! += f0 * b0[j]! + f1 * b1[j]! + f2 * b2[j]! + f3 * b3[j]!;
      }
    }
    for (let k = whole; k < inner; k++) {
      const factor = a.data[i * inner + k]!;
      for (let j = 0; j < cols; j++) row[j]! += factor * b.data[k * cols + j]!;
    }
  }
  return { rows, cols, data: out };
}

/** `a x + y` */
export function multiplyAdd(a: Matrix, x: ArrayLike<number>, y?: ArrayLike<number>): Float64Array {
  const out = new Float64Array(a.rows);
  for (let i = 0; i < a.rows; i++) {
    let sum = y === undefined ? 0 : y[i]!;
    for (let k = 0; k < a.cols; k++) sum += a.data[i * a.cols + k]! * x[k]!;
    out[i] = sum;
  }
  return out;
}

export function transposeMatrix({ rows, cols, data }: Matrix): Matrix {
  return { rows: cols, cols: rows, data: permute(data, [rows, cols], [1, 0]) };
}

/** Row-major copy of an array of shape `dims` with its axes in the order `order`. Keeps the element type. */
export function permute<T extends Float32Array | Float64Array>(
  data: T,
  dims: readonly number[],
  order: readonly number[],
): T {
  const out = data.slice() as T;
  const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((product, n) => product * n, 1));
  const shape = order.map((axis) => dims[axis]!);
  const steps = order.map((axis) => strides[axis]!);
  const index = shape.map(() => 0);
  const last = shape.length - 1;
  let from = 0;
  for (let to = 0; to < out.length; to++) {
    out[to] = data[from]!;
    for (let axis = last; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= steps[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}
