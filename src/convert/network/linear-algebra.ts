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
  const out = new Float64Array(a.rows * b.cols);
  for (let i = 0; i < a.rows; i++) {
    const row = out.subarray(i * b.cols, (i + 1) * b.cols);
    for (let k = 0; k < a.cols; k++) {
      const factor = a.data[i * a.cols + k]!;
      const other = b.data.subarray(k * b.cols, (k + 1) * b.cols);
      for (let j = 0; j < row.length; j++) row[j]! += factor * other[j]!;
    }
  }
  return { rows: a.rows, cols: b.cols, data: out };
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
