import type { StateDict } from '../checkpoint/state-dict.ts';
import type { Numbers } from '../checkpoint/storage-types.ts';
import type { GraphBuilder } from '../onnx/graph.ts';
import { type Matrix, matrix, permute } from './linear-algebra.ts';

/** Epsilon of every norm of the network, as PyTorch defaults it. */
export const NORM_EPSILON = 1e-5;

/** Where a part of the network is emitted: a graph to add to, and the weights to add. */
export interface Emitter {
  readonly g: GraphBuilder;
  readonly weights: StateDict;
}

/** A feature map in a graph: batch, then `tokens` (height*width, channels) or `image` (channels, height, width). */
export interface FeatureMap {
  readonly value: string;
  readonly layout: 'tokens' | 'image';
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** An affine step whose norm is folded in: weights as stored (outputs first), and a bias per output. */
export interface Affine {
  readonly weight: Numbers;
  readonly bias: Float64Array;
}

/** A batch norm in evaluation as `scale x + bias` per channel, in float64. */
export async function readBatchNorm(
  weights: StateDict,
  name: string,
): Promise<{ scale: Float64Array; bias: Float64Array }> {
  const part = (key: string) => weights.read(`${name}.${key}`);
  const gamma = await part('weight');
  const beta = await part('bias');
  const mean = await part('running_mean');
  const variance = await part('running_var');
  const scale = Float64Array.from(gamma, (g, i) => g / Math.sqrt(variance[i]! + NORM_EPSILON));
  return { scale, bias: scale.map((s, i) => beta[i]! - mean[i]! * s) };
}

/** Folds the batch norm `norm` into the convolution `conv` before it, which has no bias of its own. */
export async function foldBatchNorm(weights: StateDict, conv: string, norm: string): Promise<Affine> {
  const kernel = await weights.read(`${conv}.weight`);
  const { scale, bias } = await readBatchNorm(weights, norm);
  const inner = kernel.length / scale.length;
  const weight = new Float64Array(kernel.length);
  for (let o = 0; o < scale.length; o++) {
    for (let i = o * inner; i < (o + 1) * inner; i++) weight[i] = kernel[i]! * scale[o]!;
  }
  return { weight, bias };
}

/** A folded 1x1 convolution as a matrix, outputs by inputs. */
export async function foldPointwise(
  weights: StateDict,
  conv: string,
  norm: string,
): Promise<{ matrix: Matrix; bias: Float64Array }> {
  const { weight, bias } = await foldBatchNorm(weights, conv, norm);
  return { matrix: matrix(bias.length, weight.length / bias.length, weight), bias };
}

/** A folded 1x1 convolution or a linear layer, for tokens: inputs by outputs. */
export function transposed(weight: Numbers, outputs: number): Numbers {
  return permute(weight, [outputs, weight.length / outputs], [1, 0]);
}

/** A result that several weights need; computed when first asked for, and once. */
export function once<T>(compute: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | null = null;
  return () => {
    result ??= compute();
    return result;
  };
}

export interface ConvOptions {
  readonly stride?: number;
  readonly dilation?: number;
  readonly relu?: boolean;
}

/** Convolution + folded batch norm, with the padding that keeps the size at stride 1, on an `image` value. */
export function emitConvNorm(
  { g, weights }: Emitter,
  value: string,
  conv: string,
  norm: string,
  { stride = 1, dilation = 1, relu = true }: ConvOptions = {},
): string {
  const shape = weights.tensors.get(`${conv}.weight`)!.shape;
  const [outputs, , kernel] = shape as [number, number, number, number];
  const padding = ((kernel - 1) / 2) * dilation;
  const result = g.node(
    'Conv',
    [
      value,
      g.weight(`${conv}.weight`, shape, async () => (await foldBatchNorm(weights, conv, norm)).weight),
      g.weight(`${conv}.bias`, [outputs], async () => (await readBatchNorm(weights, norm)).bias),
    ],
    {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      dilations: [dilation, dilation],
      pads: [padding, padding, padding, padding],
    },
  );
  return relu ? g.node('Relu', [result]) : result;
}

/** LayerNorm over the last axis with the weights of module `name`. */
export function emitLayerNorm({ g, weights }: Emitter, value: string, name: string): string {
  const shape = weights.tensors.get(`${name}.weight`)!.shape;
  const weight = (part: string) => g.weight(`${name}.${part}`, shape, () => weights.read(`${name}.${part}`));
  return g.node('LayerNormalization', [value, weight('weight'), weight('bias')], {
    axis: -1,
    epsilon: { float: NORM_EPSILON },
  });
}

/** The map with tokens last-axis channels: [N, height*width, channels]. */
export function toTokens(g: GraphBuilder, map: FeatureMap): FeatureMap {
  if (map.layout === 'tokens') return map;
  const flat = g.reshape(map.value, [-1, map.channels, map.height * map.width]);
  return { ...map, layout: 'tokens', value: g.transpose(flat, [0, 2, 1]) };
}

/** The map as an image: [N, channels, height, width]. */
export function toImage(g: GraphBuilder, map: FeatureMap): FeatureMap {
  if (map.layout === 'image') return map;
  const flat = g.transpose(map.value, [0, 2, 1]);
  return { ...map, layout: 'image', value: g.reshape(flat, [-1, map.channels, map.height, map.width]) };
}
