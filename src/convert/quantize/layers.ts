import type { Graph, GraphNode, Initializer } from '../onnx/graph.ts';

/** A step of the network with weights that 8-bit integers can stand for. */
export interface Layer {
  /** Module of the checkpoint, e.g. `backbone.main_encoder.layer1.0.conv1`. */
  readonly name: string;
  /** What is left in float32 together: a block of an encoder; elsewhere the layer itself. */
  readonly group: string;
  /**
   * `conv`; `product`: tokens by a matrix [inputs, outputs]; `taps`: a matrix [outputs, inputs] by a flattened image, which is a
   * 1x1 convolution.
   */
  readonly kind: 'conv' | 'product' | 'taps';
  readonly node: GraphNode;
  readonly weight: Initializer;
  /** Of a convolution that has one; the others' are added by nodes of their own. */
  readonly bias: Initializer | null;
  /** The tensor that it reads. */
  readonly input: string;
  /** What it makes: behind its ReLU, where that is all that reads it. */
  readonly result: string;
}

/** Weights of layers by their names in our graphs; interpolation matrices and norms are not among them. */
const WEIGHT = /^((?:backbone|neck|decode_head)\..+?)(?:\.weight|\.(taps\.\d+))$/;
/** Decides the classes: left in float32 always. */
const CLASS_LAYER = 'decode_head.conv_seg';
/** Integer kernels work on several channels at a time: on fewer than these, such as the pixels', they are slower than floats. */
const FEWEST_CHANNELS = 8;
const BLOCK =
  /^backbone\.\w+\.(?:stem|layer\d+\.\d+|patch_embed|stages\.\d+\.(?:blocks\.\d+|downsample))(?=\.)/;

/** Layers of a graph in its order: those that may be quantized, and those that never are. */
export interface LayerList {
  readonly layers: readonly Layer[];
  readonly left: readonly { readonly name: string; readonly reason: 'class scores' | 'few channels' }[];
}

/** Sorts the layers of a graph. */
export function findLayers(graph: Graph): LayerList {
  const weights = new Map(graph.initializers.map((initializer) => [initializer.name, initializer]));
  const readers = countReaders(graph);
  const relus = new Map(
    graph.nodes.filter(({ op }) => op === 'Relu').map((node) => [node.inputs[0]!, node.outputs[0]!]),
  );
  const layers: Layer[] = [];
  const left: LayerList['left'][number][] = [];
  for (const node of graph.nodes) {
    const [first, second, third] = node.inputs;
    const at = weights.has(second!) ? 1 : 0;
    const weight = weights.get(node.inputs[at]!);
    const kind = node.op === 'Conv' ? 'conv' : node.op !== 'MatMul' ? null : at === 1 ? 'product' : 'taps';
    const [, module, taps] = WEIGHT.exec(weight?.name ?? '') ?? [];
    if (kind === null || weight === undefined || module === undefined) continue;
    const name = taps === undefined ? module : `${module}.${taps}`;
    const few = kind === 'conv' && weight.dims[1]! < FEWEST_CHANNELS;
    if (module === CLASS_LAYER || few) {
      left.push({ name, reason: few ? 'few channels' : 'class scores' });
      continue;
    }
    const output = node.outputs[0]!;
    const relu = kind === 'product' || readers.get(output) !== 1 ? undefined : relus.get(output);
    layers.push({
      name,
      group: BLOCK.exec(name)?.[0] ?? name,
      kind,
      node,
      weight,
      bias: third === undefined ? null : weights.get(third)!,
      input: at === 1 ? first! : second!,
      result: relu ?? output,
    });
  }
  return { layers, left };
}

/** How many node inputs read each tensor. */
export function countReaders(graph: Graph): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { inputs } of graph.nodes)
    for (const name of inputs) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** Tensors whose range must be known to quantize these layers: what they read, and what convolutions make. */
export function rangedTensors(layers: readonly Layer[]): string[] {
  const names = new Set<string>();
  for (const { kind, input, result } of layers) {
    names.add(input);
    if (kind !== 'product') names.add(result);
  }
  return [...names];
}
