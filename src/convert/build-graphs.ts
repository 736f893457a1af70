import { TENSORS } from '../model/manifest.ts';
import type { StateDict } from './checkpoint/state-dict.ts';
import type { EncoderArchitecture, SfrNetArchitecture } from './network/architecture.ts';
import { emitHead, emitUpsample } from './network/head.ts';
import { type Emitter, type FeatureMap, toImage, toTokens } from './network/modules.ts';
import { type ContextIndex, emitContext, emitFusion } from './network/neck.ts';
import { emitResNet } from './network/resnet.ts';
import { emitSwin } from './network/swin.ts';
import { type ComputeType, createGraphBuilder, type Graph } from './onnx/graph.ts';

export interface BuildOptions {
  /** Arithmetic and weights; pixels, keys, values and scores do not change. */
  readonly dtype: ComputeType;
  /** Per channel, on the 0..255 scale. */
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
  /** 4: scores at the finest map's size, ceil(height/4) x ceil(width/4); 1: upsampled to the window. */
  readonly scoreStride: 1 | 4;
  /** Adds the output `labels`. */
  readonly labels: boolean;
  /**
   * Scale embeddings of the local, short and long window, row-major height x width, added to each normalised channel.
   * Absent: zero.
   */
  readonly scaleEmbeddings?: readonly [Float32Array, Float32Array, Float32Array];
  /** Adds inner maps as float32 image outputs: `main0`.. and `ccsf` to local, `sub` to short and long. */
  readonly debug?: boolean;
}

/** The three graphs of a model; tensor names and shapes as {@link TENSORS} says. */
export interface ModelGraphs {
  readonly long: Graph;
  readonly short: Graph;
  readonly local: Graph;
}

/** Window size in pixels, fixed in the graphs. */
export interface WindowSize {
  readonly height: number;
  readonly width: number;
}

const BATCH = 'N';

/**
 * Builds SFR-Net for one window size, cut where caching pays. Weights are read when a graph is written, not here.
 */
export function buildGraphs(
  weights: StateDict,
  arch: SfrNetArchitecture,
  window: WindowSize,
  options: BuildOptions,
): ModelGraphs {
  return {
    long: buildContextGraph(weights, arch, window, options, 2),
    short: buildContextGraph(weights, arch, window, options, 1),
    local: buildLocalGraph(weights, arch, window, options),
  };
}

function buildContextGraph(
  weights: StateDict,
  arch: SfrNetArchitecture,
  window: WindowSize,
  options: BuildOptions,
  index: ContextIndex,
): Graph {
  const g = createGraphBuilder(index === 1 ? 'sfrnet-short' : 'sfrnet-long', options.dtype);
  const emitter = { g, weights };
  const pixels = emitPixels(emitter, window, options, index);
  const encoder = index === 1 ? arch.short : arch.long;
  const map = emitEncoder(emitter, `backbone.sub_encoder${index}`, encoder, pixels, true).at(-1)!;
  const { keys, values, positions } = emitContext(emitter, index, arch.neck, map);
  const { attention } = arch.neck;
  g.output(TENSORS.keys, g.toFloat32(keys), 'float32', [BATCH, attention, positions]);
  g.output(TENSORS.values, g.toFloat32(values), 'float32', [BATCH, positions, attention]);
  if (options.debug) outputMap(emitter, 'sub', map);
  return g.finish();
}

function buildLocalGraph(
  weights: StateDict,
  arch: SfrNetArchitecture,
  window: WindowSize,
  options: BuildOptions,
): Graph {
  const g = createGraphBuilder('sfrnet-local', options.dtype);
  const emitter = { g, weights };
  const pixels = emitPixels(emitter, window, options, 0);
  const { attention } = arch.neck;
  const context = (keys: string, values: string, batch: string, positions: string) => ({
    keys: g.fromFloat32(g.input(keys, 'float32', [batch, attention, positions])),
    values: g.fromFloat32(g.input(values, 'float32', [batch, positions, attention])),
  });
  const contexts = [
    context(TENSORS.shortKeys, TENSORS.shortValues, BATCH, 'short_positions'),
    context(TENSORS.longKeys, TENSORS.longValues, 'long_N', 'long_positions'),
  ] as const;

  const maps = emitEncoder(emitter, 'backbone.main_encoder', arch.main, pixels, false);
  const fused = emitFusion(emitter, arch.neck, toTokens(g, maps.at(-1)!), contexts);
  const head = emitHead(emitter, arch.head, [...maps.slice(0, -1), fused]);
  emitAnswers(emitter, { ...head, value: g.toFloat32(head.value) }, window, options);
  if (options.debug) {
    for (const [i, map] of maps.entries()) outputMap(emitter, `main${i}`, map);
    outputMap(emitter, 'ccsf', fused);
  }
  return g.finish();
}

/** Scores at the wanted stride, and labels if wanted, from float32 scores at the finest map's size. */
function emitAnswers(emitter: Emitter, scores: FeatureMap, window: WindowSize, options: BuildOptions): void {
  const { g } = emitter;
  const upsampled = (): FeatureMap => ({
    ...scores,
    ...window,
    value: emitUpsample(emitter, scores, window, 'float32'),
  });
  const full = options.scoreStride === 1 || options.labels ? upsampled() : scores;
  const out = options.scoreStride === 1 ? full : scores;
  g.output(TENSORS.scores, out.value, 'float32', [BATCH, out.channels, out.height, out.width]);
  if (!options.labels) return;
  // The first maximum wins, as numpy's argmax.
  const best = g.node('ArgMax', [full.value], { axis: 1, keepdims: 0 });
  g.output(TENSORS.labels, g.cast(best, 'uint8'), 'uint8', [BATCH, window.height, window.width]);
}

/** uint8 pixels to a normalised image, in float32 until the last step. `index`: 0 local, 1 short, 2 long window. */
function emitPixels(
  { g }: Emitter,
  { height, width }: WindowSize,
  options: BuildOptions,
  index: 0 | 1 | 2,
): FeatureMap {
  const pixels = g.input(TENSORS.pixels, 'uint8', [BATCH, height, width, 3]);
  const channel = (label: string, values: readonly number[]) =>
    g.weight(label, [1, 3, 1, 1], async () => Float64Array.from(values), 'float32');
  let value = g.cast(g.transpose(pixels, [0, 3, 1, 2]), 'float32');
  value = g.node('Sub', [value, channel('mean', options.mean)]);
  value = g.node('Div', [value, channel('deviation', options.deviation)]);
  const embedding = options.scaleEmbeddings?.[index];
  if (embedding !== undefined) {
    const plane = g.weight('scale_embedding', [1, 1, height, width], async () => embedding, 'float32');
    value = g.node('Add', [value, plane]);
  }
  return { value: g.fromFloat32(value), layout: 'image', channels: 3, height, width };
}

function emitEncoder(
  emitter: Emitter,
  prefix: string,
  arch: EncoderArchitecture,
  pixels: FeatureMap,
  lastOnly: boolean,
): FeatureMap[] {
  return arch.kind === 'swin'
    ? emitSwin(emitter, prefix, arch, pixels, lastOnly)
    : emitResNet(emitter, prefix, arch, pixels);
}

function outputMap({ g }: Emitter, name: string, map: FeatureMap): void {
  const { value, channels, height, width } = toImage(g, map);
  g.output(name, g.toFloat32(value), 'float32', [BATCH, channels, height, width]);
}
