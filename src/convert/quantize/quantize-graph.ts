import { ModelError } from '../../core/errors.ts';
import {
  type Graph,
  type GraphNode,
  type Initializer,
  TENSOR_TYPES,
  type TensorType,
} from '../onnx/graph.ts';
import { type Layer, rangedTensors } from './layers.ts';
import {
  leastScalesFor,
  type QuantizedWeight,
  quantizeBias,
  quantizeWeight,
  type WeightBits,
} from './quantize-weight.ts';
import type { TensorScale } from './ranges.ts';

/** Steps that only move values: what they read and make may share a scale, and runtimes then carry 8 bits through. */
const MOVING = new Set(['MaxPool', 'Reshape', 'Transpose']);

/**
 * The same graph with `layers` in 8-bit integers, by QuantizeLinear and DequantizeLinear about them (QDQ), which runtimes
 * fuse into integer kernels: activations uint8 with one scale a tensor, weights int8 with one scale an output, biases int32.
 * What convolutions make is 8-bit for all that read it; products of tokens come out in float32. A sum is 8-bit if both of its
 * terms and its result are, so that a residual network stays in integers from block to block.
 *
 * @param layers of this graph, to be quantized
 * @param scales of {@link rangedTensors} of the layers at least
 */
export function quantizeGraph(
  graph: Graph,
  layers: readonly Layer[],
  scales: ReadonlyMap<string, TensorScale>,
  weightBits: WeightBits,
): Graph {
  const plan = planTensors(graph, layers, scales);
  const nodes: GraphNode[] = [];
  const initializers = new Map<string, Initializer>();
  const dropped = new Set<string>();
  const keep = (initializer: Initializer) => {
    initializers.set(initializer.name, initializer);
    return initializer.name;
  };
  const add = (
    op: string,
    name: string,
    inputs: readonly string[],
    attributes: GraphNode['attributes'] = {},
  ) => {
    nodes.push({ op, name, inputs, outputs: [name], attributes });
    return name;
  };
  const scaleInputs = (tensor: string): readonly [scale: string, zeroPoint: string] => {
    const { scale, zeroPoint } = plan.scaleOf(tensor);
    return [
      keep(constant(`${tensor}/scale`, 'float32', [], async () => Float32Array.of(scale))),
      keep(constant(`${tensor}/zero_point`, 'uint8', [], async () => Uint8Array.of(zeroPoint))),
    ];
  };
  const quantized = new Set<string>();
  let copies = 0;
  /** A float32 copy of a tensor as its 8 bits tell it; one for each reader, as runtimes want it to fuse them. */
  const rounded = (tensor: string): string => {
    const inputs = scaleInputs(tensor);
    const bits = `${tensor}/uint8`;
    if (!quantized.has(tensor)) add('QuantizeLinear', bits, [tensor, ...inputs]);
    quantized.add(tensor);
    return add('DequantizeLinear', `${tensor}/rounded_${copies++}`, [bits, ...inputs]);
  };
  const weightOf = (layer: Layer): { readonly weight: string; readonly bias: string | null } => {
    const { scale } = plan.scaleOf(layer.input);
    const { name } = layer.weight;
    const { load, loadScales, loadBias, shape, axis, dims } = weightLoader(layer, weightBits, scale);
    dropped.add(name);
    const channels = [shape.outputs];
    const weight = add(
      'DequantizeLinear',
      `${name}/rounded`,
      [
        keep(constant(`${name}/int8`, 'int8', dims, async () => (await load()).values)),
        keep(constant(`${name}/scale`, 'float32', channels, loadScales)),
        keep(constant(`${name}/zero_point`, 'int8', channels, async () => new Int8Array(shape.outputs))),
      ],
      { axis },
    );
    if (layer.bias === null) return { weight, bias: null };
    const biasName = layer.bias.name;
    dropped.add(biasName);
    const bias = add(
      'DequantizeLinear',
      `${biasName}/rounded`,
      [
        keep(constant(`${biasName}/int32`, 'int32', channels, async () => (await loadBias()).values)),
        keep(constant(`${biasName}/scale`, 'float32', channels, async () => (await loadBias()).scales)),
      ],
      { axis: 0 },
    );
    return { weight, bias };
  };

  const layerOf = new Map(layers.map((layer) => [layer.node, layer]));
  for (const node of graph.nodes) {
    const layer = layerOf.get(node);
    const inputs = node.inputs.map((name) => (plan.readsRounded(node, name) ? rounded(name) : name));
    if (layer === undefined) {
      nodes.push({ ...node, inputs });
      continue;
    }
    const { weight, bias } = weightOf(layer);
    if (layer.kind === 'taps') {
      const [output] = node.outputs as readonly [string];
      // [N, inputs, positions] as an image of one row; 0 keeps an axis as it is.
      const image = keep(ints('taps/image', [0, 0, 1, -1]));
      const flat = keep(ints('taps/flat', [0, 0, -1]));
      const shaped = add('Reshape', `${output}/image`, [inputs[1]!, image]);
      const product = add('Conv', `${output}/conv`, [shaped, weight], { kernel_shape: [1, 1] });
      nodes.push({
        op: 'Reshape',
        name: node.name,
        inputs: [product, flat],
        outputs: [output],
        attributes: {},
      });
    } else {
      const operands = [inputs[0]!, weight, ...(bias === null ? [] : [bias])];
      nodes.push({ ...node, inputs: operands });
    }
  }
  // Weights stay in the order of the graph they came from, integers behind them.
  const others = graph.initializers.filter(({ name }) => !dropped.has(name));
  return { ...graph, nodes, initializers: [...others, ...initializers.values()] };
}

interface TensorPlan {
  scaleOf(tensor: string): TensorScale;
  /** Whether a node is to read the 8-bit form of one of its inputs. */
  readsRounded(node: GraphNode, tensor: string): boolean;
}

/** Which tensors are 8-bit, for whom, and at which scale. */
function planTensors(
  graph: Graph,
  layers: readonly Layer[],
  scales: ReadonlyMap<string, TensorScale>,
): TensorPlan {
  const ranged = new Set(rangedTensors(layers));
  const made = new Set(layers.filter(({ kind }) => kind !== 'product').map(({ result }) => result));
  const inputOf = new Map(layers.map(({ node, input }) => [node, input]));
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node])));
  const readers = new Map<string, GraphNode[]>();
  for (const node of graph.nodes)
    for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node]);

  const resultOf = (node: GraphNode): string => {
    const [output] = node.outputs as readonly [string];
    const [next, ...others] = readers.get(output) ?? [];
    return next?.op === 'Relu' && others.length === 0 ? next.outputs[0]! : output;
  };
  const joins = (node: GraphNode) =>
    node.op === 'Add' && node.inputs.every((name) => ranged.has(name)) && ranged.has(resultOf(node));
  /** The tensor whose scale this one takes over: values that were only moved keep theirs. */
  const sourceOf = (tensor: string): string => {
    const maker = makers.get(tensor);
    const from = maker !== undefined && MOVING.has(maker.op) ? maker.inputs[0]! : null;
    return from !== null && ranged.has(from) ? sourceOf(from) : tensor;
  };
  return {
    scaleOf(tensor) {
      const scale = scales.get(sourceOf(tensor));
      if (scale !== undefined) return scale;
      throw new ModelError(`graph ${graph.name}: tensor ${tensor} was not measured`, {
        tensor,
        expected: 'a range',
        actual: 'none',
      });
    },
    readsRounded: (node, tensor) =>
      inputOf.get(node) === tensor ||
      made.has(tensor) ||
      (ranged.has(tensor) && (joins(node) || (MOVING.has(node.op) && ranged.has(node.outputs[0]!)))),
  };
}

/** How a layer's weights and biases become integers: when they are written. Scales are kept, being few. */
function weightLoader(layer: Layer, bits: WeightBits, inputScale: number) {
  const { kind, weight, bias } = layer;
  const [first, second] = weight.dims as readonly [number, number];
  const rest = weight.dims.slice(1).reduce((product, n) => product * n, 1);
  const columns = kind === 'product';
  const shape = columns
    ? { outer: first, outputs: second, inner: 1 }
    : { outer: 1, outputs: first, inner: rest };
  let scales: Float32Array | null = null;
  const biases = async () => (bias === null ? null : floatsOf(await bias.load()));
  const load = async (): Promise<QuantizedWeight> => {
    const values = await biases();
    const least = values === null ? null : leastScalesFor(values, inputScale);
    const quantized = quantizeWeight(floatsOf(await weight.load()), shape, bits, least);
    scales = quantized.scales;
    return quantized;
  };
  const loadScales = async () => scales ?? (await load()).scales;
  return {
    load,
    loadScales,
    loadBias: async () => quantizeBias((await biases())!, inputScale, await loadScales()),
    shape,
    axis: columns ? 1 : 0,
    dims: kind === 'taps' ? [first, second, 1, 1] : weight.dims,
  };
}

function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

function constant(
  name: string,
  type: TensorType,
  dims: readonly number[],
  make: () => Promise<ArrayBufferView>,
): Initializer {
  const sizeBytes = dims.reduce((product, n) => product * n, TENSOR_TYPES[type].bytes);
  const load = async () => {
    const { buffer, byteOffset, byteLength } = await make();
    return new Uint8Array(buffer, byteOffset, byteLength);
  };
  return { name, type, dims, sizeBytes, load };
}

function ints(name: string, values: readonly number[]): Initializer {
  return constant(name, 'int64', [values.length], async () => BigInt64Array.from(values, BigInt));
}
