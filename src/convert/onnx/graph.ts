import { ModelError } from '../../core/errors.ts';
import { floatToHalf, type Numbers } from '../checkpoint/storage-types.ts';

/** Operator set of the graphs; every operator used is in the standard domain. */
export const OPSET = 17;

export type TensorType = 'float32' | 'float16' | 'uint8' | 'int8' | 'int32' | 'int64' | 'bool';
export type ComputeType = 'float32' | 'float16';

/** ONNX TensorProto.DataType and element size. */
export const TENSOR_TYPES: Readonly<Record<TensorType, { code: number; bytes: number }>> = {
  float32: { code: 1, bytes: 4 },
  uint8: { code: 2, bytes: 1 },
  int8: { code: 3, bytes: 1 },
  int32: { code: 6, bytes: 4 },
  int64: { code: 7, bytes: 8 },
  bool: { code: 9, bytes: 1 },
  float16: { code: 10, bytes: 2 },
};

/** A weight of a graph. Its shape is known at once, its elements only when it is written. */
export interface Initializer {
  readonly name: string;
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly sizeBytes: number;
  /** Little-endian elements, row-major. */
  load(): Promise<Uint8Array>;
}

export type Attribute = number | readonly number[] | { readonly float: number };

export interface GraphNode {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A graph input or output; string dimensions are symbolic. */
export interface GraphValue {
  readonly name: string;
  readonly type: TensorType;
  readonly dims: readonly (number | string)[];
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly initializers: readonly Initializer[];
}

/** Collects nodes and weights; each method that emits a node returns the name of its (first) result. */
export type GraphBuilder = ReturnType<typeof createGraphBuilder>;

/** Starts an empty graph whose floating-point weights and arithmetic are `compute`. */
export function createGraphBuilder(name: string, compute: ComputeType) {
  const nodes: GraphNode[] = [];
  const inputs: GraphValue[] = [];
  const outputs: GraphValue[] = [];
  const initializers = new Map<string, Initializer>();
  const intsNames = new Map<string, string>();
  let scope = '';

  const addInitializer = (
    label: string,
    type: TensorType,
    dims: readonly number[],
    load: () => Promise<Uint8Array>,
  ): string => {
    const sizeBytes = dims.reduce((product, n) => product * n, TENSOR_TYPES[type].bytes);
    if (!initializers.has(label)) initializers.set(label, { name: label, type, dims, sizeBytes, load });
    return label;
  };

  const emit = (
    op: string,
    args: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    outputCount = 1,
  ): string[] => {
    const label = `${scope}/${op}_${nodes.length}`;
    const results =
      outputCount === 1 ? [label] : Array.from({ length: outputCount }, (_, i) => `${label}.${i}`);
    nodes.push({ op, name: label, inputs: args, outputs: results, attributes });
    return results;
  };
  const node = (
    op: string,
    args: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string => emit(op, args, attributes)[0]!;

  const cast = (value: string, type: TensorType): string =>
    node('Cast', [value], { to: TENSOR_TYPES[type].code });

  /** A constant of 64-bit integers, shared by content. `dims` default to one axis. */
  const ints = (values: readonly number[], dims: readonly number[] = [values.length]): string => {
    const content = `${dims.join('x')}:${values.join()}`;
    const label = intsNames.get(content) ?? `ints_${intsNames.size}`;
    intsNames.set(content, label);
    return addInitializer(label, 'int64', dims, async () => {
      return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    });
  };

  /** A floating-point weight in the compute type, or in `type`; `load` gives its elements when it is written. */
  const weight = (
    label: string,
    dims: readonly number[],
    load: () => Promise<Numbers>,
    type: ComputeType = compute,
  ): string =>
    addInitializer(label, type, dims, async () => {
      const values = await load();
      const count = dims.reduce((product, n) => product * n, 1);
      if (values.length !== count) {
        throw new ModelError(
          `weight ${label} of graph ${name} has ${values.length} elements, expected ${count}`,
          {
            tensor: label,
            expected: String(count),
            actual: String(values.length),
          },
        );
      }
      return type === 'float32' ? floatBytes(values) : halfBytes(values, label);
    });

  return {
    compute,
    node,
    emit,
    ints,
    weight,
    /** A scalar in the compute type, or in `type`. */
    scalar: (value: number, type: ComputeType = compute): string =>
      weight(`scalar:${type}:${value}`, [], async () => Float64Array.of(value), type),
    input(label: string, type: TensorType, dims: readonly (number | string)[]): string {
      inputs.push({ name: label, type, dims });
      return label;
    },
    /** Makes `value` the graph output `label`. */
    output(label: string, value: string, type: TensorType, dims: readonly (number | string)[]): void {
      nodes.push({ op: 'Identity', name: label, inputs: [value], outputs: [label], attributes: {} });
      outputs.push({ name: label, type, dims });
    },
    cast,
    /** From the compute type to float32. */
    toFloat32: (value: string): string => (compute === 'float32' ? value : cast(value, 'float32')),
    /** From float32 to the compute type. */
    fromFloat32: (value: string): string => (compute === 'float32' ? value : cast(value, compute)),
    /** -1 stands for the batch, which is the only axis of unknown size. */
    reshape: (value: string, dims: readonly number[]): string => node('Reshape', [value, ints(dims)]),
    transpose: (value: string, perm: readonly number[]): string => node('Transpose', [value], { perm }),
    /** Names the nodes that `body` emits after a module of the network. */
    within<T>(label: string, body: () => T): T {
      const outer = scope;
      scope = label;
      try {
        return body();
      } finally {
        scope = outer;
      }
    },
    finish: (): Graph => ({ name, nodes, inputs, outputs, initializers: [...initializers.values()] }),
  };
}

function floatBytes(values: Numbers): Uint8Array {
  const floats = values instanceof Float32Array ? values : Float32Array.from(values);
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
}

function halfBytes(values: Numbers, label: string): Uint8Array {
  const halves = floatToHalf(values);
  const overflow = halves.findIndex((half, i) => (half & 0x7fff) === 0x7c00 && Number.isFinite(values[i]!));
  if (overflow >= 0) {
    throw new ModelError(
      `weight ${label} holds ${values[overflow]}, which float16 cannot; convert with --dtype float32`,
      { tensor: label, expected: 'magnitudes up to 65504', actual: String(values[overflow]) },
    );
  }
  return new Uint8Array(halves.buffer);
}
