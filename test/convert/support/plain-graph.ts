import type { BuildOptions, WindowSize } from '../../../src/convert/build-graphs.ts';
import type { StateDict } from '../../../src/convert/checkpoint/state-dict.ts';
import type {
  EncoderArchitecture,
  HeadArchitecture,
  ResNetArchitecture,
  SfrNetArchitecture,
  SwinArchitecture,
} from '../../../src/convert/network/architecture.ts';
import { createGraphBuilder, type Graph, type GraphBuilder } from '../../../src/convert/onnx/graph.ts';
import { TENSORS } from '../../../src/model/manifest.ts';

/** Inputs of the plain graph: uint8 [1,H,W,3]. */
export const PLAIN_INPUTS = ['local', 'short', 'long'] as const;

interface Image {
  readonly value: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/**
 * SFR-Net operator by operator as the published code runs it, in one graph and with nothing folded, moved, cut or kept: the
 * standard that the rewritten graphs are held against. It shares no step with them but the reading of weights.
 *
 * One window; scores at the finest map's size (the output `scores`).
 */
export function buildPlainGraph(
  weights: StateDict,
  arch: SfrNetArchitecture,
  window: WindowSize,
  options: Pick<BuildOptions, 'mean' | 'deviation'>,
): Graph {
  const g = createGraphBuilder('sfrnet-plain', 'float32');
  const net = createModules(g, weights);
  const [local, short, long] = PLAIN_INPUTS.map((name): Image => {
    const pixels = g.input(name, 'uint8', [1, window.height, window.width, 3]);
    const channel = (label: string, values: readonly number[]) =>
      g.weight(label, [1, 3, 1, 1], async () => Float64Array.from(values));
    const image = g.cast(g.transpose(pixels, [0, 3, 1, 2]), 'float32');
    const centred = g.node('Sub', [image, channel('mean', options.mean)]);
    return {
      value: g.node('Div', [centred, channel('deviation', options.deviation)]),
      channels: 3,
      ...window,
    };
  }) as [Image, Image, Image];

  const encode = (prefix: string, encoder: EncoderArchitecture, image: Image): Image[] =>
    encoder.kind === 'swin'
      ? runSwin(g, net, prefix, encoder, image)
      : runResNet(g, net, prefix, encoder, image);
  const maps = encode('backbone.main_encoder', arch.main, local);
  const sub1 = encode('backbone.sub_encoder1', arch.short, short).at(-1)!;
  const sub2 = encode('backbone.sub_encoder2', arch.long, long).at(-1)!;

  const align = (name: string, image: Image) =>
    net.convolve(relu(g, net.convolve(image, `${name}.mlp.0`)), `${name}.mlp.2`);
  const deepest = maps.at(-1)!;
  const first = attend(g, net, 'neck.ccsf1', deepest, align('neck.mlp_align_1', sub1));
  const second = attend(g, net, 'neck.ccsf2', first, align('neck.mlp_align_2', sub2));
  const fused = add(g, add(g, deepest, first), second);

  const scores = runHead(g, net, arch.head, [...maps.slice(0, -1), fused]);
  g.output(TENSORS.scores, scores.value, 'float32', [1, scores.channels, scores.height, scores.width]);
  return g.finish();
}

const relu = (g: GraphBuilder, image: Image): Image => ({ ...image, value: g.node('Relu', [image.value]) });
const add = (g: GraphBuilder, a: Image, b: Image): Image => ({
  ...a,
  value: g.node('Add', [a.value, b.value]),
});

interface ConvOptions {
  readonly stride?: number;
  readonly dilation?: number;
  readonly padding?: number;
}

type Modules = ReturnType<typeof createModules>;

/** The layers of torch.nn, by the name of the module that holds their weights. */
function createModules(g: GraphBuilder, weights: StateDict) {
  const shapeOf = (key: string) => weights.tensors.get(key)!.shape;
  const parameter = (key: string) => g.weight(key, shapeOf(key), () => weights.read(key));

  const convolve = (
    image: Image,
    name: string,
    { stride = 1, dilation = 1, padding = 0 }: ConvOptions = {},
  ) => {
    const [channels, , kernel] = shapeOf(`${name}.weight`) as [number, number, number, number];
    const bias = weights.tensors.has(`${name}.bias`) ? [parameter(`${name}.bias`)] : [];
    const size = (n: number) => Math.floor((n + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
    const value = g.node('Conv', [image.value, parameter(`${name}.weight`), ...bias], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      dilations: [dilation, dilation],
      pads: [padding, padding, padding, padding],
    });
    return { value, channels, height: size(image.height), width: size(image.width) };
  };
  const normalise = (image: Image, name: string): Image => ({
    ...image,
    value: g.node(
      'BatchNormalization',
      [
        image.value,
        ...['weight', 'bias', 'running_mean', 'running_var'].map((key) => parameter(`${name}.${key}`)),
      ],
      { epsilon: { float: 1e-5 } },
    ),
  });
  return {
    parameter,
    convolve,
    normalise,
    /** Convolution without bias, batch norm, ReLU unless told. */
    convModule(image: Image, name: string, options: ConvOptions & { readonly act?: boolean } = {}): Image {
      const normed = normalise(convolve(image, `${name}.conv`, options), `${name}.bn`);
      return options.act === false ? normed : relu(g, normed);
    },
    /** Of the last axis. */
    linear(value: string, name: string): string {
      const product = g.node('MatMul', [value, g.transpose(parameter(`${name}.weight`), [1, 0])]);
      return weights.tensors.has(`${name}.bias`)
        ? g.node('Add', [product, parameter(`${name}.bias`)])
        : product;
    },
    layerNorm: (value: string, name: string): string =>
      g.node('LayerNormalization', [value, parameter(`${name}.weight`), parameter(`${name}.bias`)], {
        axis: -1,
        epsilon: { float: 1e-5 },
      }),
    has: (name: string) => weights.tensors.has(`${name}.weight`),
  };
}

/** Bilinear, half-pixel centres: four neighbours looked up and weighted. */
function resize(g: GraphBuilder, image: Image, { height, width }: WindowSize): Image {
  const along = (value: string, axis: 2 | 3, out: number, input: number): string => {
    const places = Array.from({ length: out }, (_, i) => Math.max(((i + 0.5) * input) / out - 0.5, 0));
    const low = places.map((p) => Math.min(Math.floor(p), input - 1));
    const high = low.map((i) => Math.min(i + 1, input - 1));
    const shape = axis === 2 ? [out, 1] : [out];
    const share = (side: string, weight: (place: number, i: number) => number) =>
      g.weight(`resize:${axis}:${input}:${out}:${side}`, shape, async () =>
        Float64Array.from(places, weight),
      );
    const near = g.node('Gather', [value, g.ints(low)], { axis });
    const far = g.node('Gather', [value, g.ints(high)], { axis });
    return g.node('Add', [
      g.node('Mul', [near, share('near', (p, i) => 1 - (p - low[i]!))]),
      g.node('Mul', [far, share('far', (p, i) => p - low[i]!)]),
    ]);
  };
  const rows = along(image.value, 2, height, image.height);
  return { ...image, height, width, value: along(rows, 3, width, image.width) };
}

function runResNet(
  g: GraphBuilder,
  net: Modules,
  prefix: string,
  arch: ResNetArchitecture,
  input: Image,
): Image[] {
  const step = (image: Image, conv: string, norm: string, options: ConvOptions) =>
    net.normalise(net.convolve(image, conv, options), norm);
  let image = input;
  for (const [i, stride] of [2, 1, 1].entries()) {
    const at = `${prefix}.stem`;
    image = relu(g, step(image, `${at}.${3 * i}`, `${at}.${3 * i + 1}`, { stride, padding: 1 }));
  }
  const pool = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
  const half = (n: number) => Math.floor((n - 1) / 2) + 1;
  image = {
    ...image,
    value: g.node('MaxPool', [image.value], pool),
    height: half(image.height),
    width: half(image.width),
  };
  return arch.depths.map((depth, stage) => {
    for (let block = 0; block < depth; block++) {
      const name = `${prefix}.layer${stage + 1}.${block}`;
      const stride = stage === 1 && block === 0 ? 2 : 1;
      // Dilations 1, 1, 2, 4; a stage's first block keeps the one of the stage before.
      const dilation = [1, 1, block === 0 ? 1 : 2, block === 0 ? 2 : 4][stage]!;
      const inner = step(image, `${name}.conv1`, `${name}.bn1`, { stride, dilation, padding: dilation });
      const outer = step(relu(g, inner), `${name}.conv2`, `${name}.bn2`, { padding: 1 });
      const shortcut = net.has(`${name}.downsample.0`)
        ? step(image, `${name}.downsample.0`, `${name}.downsample.1`, { stride })
        : image;
      image = relu(g, add(g, outer, shortcut));
    }
    return image;
  });
}

/** Tokens stay [1, height, width, channels] here. */
function runSwin(
  g: GraphBuilder,
  net: Modules,
  prefix: string,
  arch: SwinArchitecture,
  input: Image,
): Image[] {
  const padded = g.node('Pad', [
    input.value,
    g.ints([0, 0, 0, 0, 0, 0, (4 - (input.height % 4)) % 4, (4 - (input.width % 4)) % 4]),
  ]);
  let height = Math.ceil(input.height / 4);
  let width = Math.ceil(input.width / 4);
  const patches = net.convolve({ ...input, value: padded }, `${prefix}.patch_embed.projection`, {
    stride: 4,
  });
  let x = net.layerNorm(g.transpose(patches.value, [0, 2, 3, 1]), `${prefix}.patch_embed.norm`);
  return arch.depths.map((depth, stage) => {
    const channels = arch.embedDims * 2 ** stage;
    const heads = arch.heads[stage]!;
    for (let block = 0; block < depth; block++) {
      const name = `${prefix}.stages.${stage}.blocks.${block}`;
      const shift = block % 2 === 1 ? Math.floor(arch.window / 2) : 0;
      const normed = net.layerNorm(x, `${name}.norm1`);
      const shape = { height, width, channels, heads, window: arch.window, shift };
      x = g.node('Add', [x, shiftedWindowAttention(g, net, `${name}.attn.w_msa`, normed, shape)]);
      const inner = net.linear(net.layerNorm(x, `${name}.norm2`), `${name}.ffn.layers.0.0`);
      const erf = g.node('Erf', [g.node('Div', [inner, g.scalar(Math.SQRT2)])]);
      const gelu = g.node('Mul', [g.node('Mul', [inner, g.node('Add', [erf, g.scalar(1)])]), g.scalar(0.5)]);
      x = g.node('Add', [x, net.linear(gelu, `${name}.ffn.layers.1`)]);
    }
    const normed = net.layerNorm(x, `${prefix}.norm${stage}`);
    const map = { value: g.transpose(normed, [0, 3, 1, 2]), channels, height, width };
    if (stage < arch.depths.length - 1) {
      x = g.node('Pad', [x, g.ints([0, 0, 0, 0, 0, height % 2, width % 2, 0])]);
      height = Math.ceil(height / 2);
      width = Math.ceil(width / 2);
      // As torch's unfold orders them: channel, then row, then column of the 2x2 neighbourhood.
      const cut = g.transpose(g.reshape(x, [1, height, 2, width, 2, channels]), [0, 1, 3, 5, 2, 4]);
      const merged = net.layerNorm(
        g.reshape(cut, [1, height, width, 4 * channels]),
        `${prefix}.stages.${stage}.downsample.norm`,
      );
      x = net.linear(merged, `${prefix}.stages.${stage}.downsample.reduction`);
    }
    return map;
  });
}

interface AttentionShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly heads: number;
  readonly window: number;
  readonly shift: number;
}

function shiftedWindowAttention(
  g: GraphBuilder,
  net: Modules,
  name: string,
  tokens: string,
  { height, width, channels, heads, window, shift }: AttentionShape,
): string {
  const slice = (value: string, axis: number, from: number, to: number) =>
    g.node('Slice', [value, g.ints([from]), g.ints([to]), g.ints([axis])]);
  const roll = (value: string, axis: number, size: number, by: number) =>
    by % size === 0
      ? value
      : g.node('Concat', [slice(value, axis, by, size), slice(value, axis, 0, by)], { axis });
  const rows = Math.ceil(height / window);
  const cols = Math.ceil(width / window);
  const [tall, wide] = [rows * window, cols * window];
  const area = window * window;
  const depth = channels / heads;

  let x = g.node('Pad', [tokens, g.ints([0, 0, 0, 0, 0, tall - height, wide - width, 0])]);
  x = roll(roll(x, 1, tall, shift), 2, wide, shift);
  x = g.transpose(g.reshape(x, [1, rows, window, cols, window, channels]), [0, 1, 3, 2, 4, 5]);
  const qkv = g.transpose(
    g.reshape(net.linear(g.reshape(x, [rows * cols, area, channels]), `${name}.qkv`), [
      rows * cols,
      area,
      3,
      heads,
      depth,
    ]),
    [2, 0, 3, 1, 4],
  );
  const [q, k, v] = [0, 1, 2].map((i) => g.node('Gather', [qkv, g.ints([i], [])], { axis: 0 })) as [
    string,
    string,
    string,
  ];
  let scores = g.node('MatMul', [g.node('Mul', [q, g.scalar(depth ** -0.5)]), g.transpose(k, [0, 1, 3, 2])]);
  const index: number[] = [];
  for (let i = 0; i < area; i++) {
    for (let j = 0; j < area; j++) {
      const dy = Math.floor(i / window) - Math.floor(j / window) + window - 1;
      const dx = (i % window) - (j % window) + window - 1;
      index.push(dy * (2 * window - 1) + dx);
    }
  }
  const bias = g.node('Gather', [net.parameter(`${name}.relative_position_bias_table`), g.ints(index)], {
    axis: 0,
  });
  scores = g.node('Add', [scores, g.transpose(g.reshape(bias, [area, area, heads]), [2, 0, 1])]);
  if (shift > 0) {
    const region = (p: number, n: number) => (p < n - window ? 0 : p < n - shift ? 1 : 2);
    const mask = g.weight(
      `mask:${height}x${width}:${window}:${shift}`,
      [rows * cols, 1, area, area],
      async () => {
        const out = new Float64Array(rows * cols * area * area);
        let at = 0;
        for (let w = 0; w < rows * cols; w++) {
          const places = Array.from({ length: area }, (_, token) => {
            const y = Math.floor(w / cols) * window + Math.floor(token / window);
            const xx = (w % cols) * window + (token % window);
            return 3 * region(y, tall) + region(xx, wide);
          });
          for (const own of places) for (const other of places) out[at++] = own === other ? 0 : -100;
        }
        return out;
      },
    );
    scores = g.node('Add', [scores, mask]);
  }
  const mixed = g.node('MatMul', [g.node('Softmax', [scores], { axis: -1 }), v]);
  let out = net.linear(
    g.reshape(g.transpose(mixed, [0, 2, 1, 3]), [rows * cols, area, channels]),
    `${name}.proj`,
  );
  out = g.transpose(g.reshape(out, [1, rows, cols, window, window, channels]), [0, 1, 3, 2, 4, 5]);
  out = g.reshape(out, [1, tall, wide, channels]);
  out = roll(roll(out, 1, tall, tall - shift), 2, wide, wide - shift);
  return slice(slice(out, 1, 0, height), 2, 0, width);
}

/** Every position of `image` asks all positions of `context`; the answer is added to it. */
function attend(g: GraphBuilder, net: Modules, name: string, image: Image, context: Image): Image {
  const project = (input: Image, part: string) =>
    net.convModule(
      net.convModule(input, `${name}.${part}_project.0`, { act: false }),
      `${name}.${part}_project.1`,
      {
        act: false,
      },
    );
  const flat = ({ value, channels, height, width }: Image) => g.reshape(value, [1, channels, height * width]);
  const q = project(image, 'query');
  const k = project(context, 'key');
  const v = project(context, 'value');
  const scores = g.node('MatMul', [g.transpose(flat(q), [0, 2, 1]), flat(k)]);
  const shares = g.node('Softmax', [g.node('Mul', [scores, g.scalar(k.channels ** -0.5)])], { axis: -1 });
  const found = g.transpose(g.node('MatMul', [shares, g.transpose(flat(v), [0, 2, 1])]), [0, 2, 1]);
  const answer = { ...q, value: g.reshape(found, [1, v.channels, q.height, q.width]) };
  return add(g, project(answer, 'out'), image);
}

function runHead(g: GraphBuilder, net: Modules, head: HeadArchitecture, maps: readonly Image[]): Image {
  const concat = (images: readonly Image[]): Image => ({
    ...images[0]!,
    value: g.node(
      'Concat',
      images.map(({ value }) => value),
      { axis: 1 },
    ),
    channels: images.reduce((sum, { channels }) => sum + channels, 0),
  });
  const top = maps.at(-1)!;
  const pyramid = head.poolScales.map((scale, i) =>
    resize(g, net.convModule(adaptivePool(g, top, scale), `decode_head.psp_modules.${i}.1`), top),
  );
  const levels = [
    ...maps.slice(0, -1).map((map, i) => net.convModule(map, `decode_head.lateral_convs.${i}`)),
    net.convModule(concat([top, ...pyramid]), 'decode_head.bottleneck', { padding: 1 }),
  ];
  for (let i = levels.length - 1; i > 0; i--)
    levels[i - 1] = add(g, levels[i - 1]!, resize(g, levels[i]!, levels[i - 1]!));
  const outs = levels.map((level, i) =>
    i === levels.length - 1 ? level : net.convModule(level, `decode_head.fpn_convs.${i}`, { padding: 1 }),
  );
  const fused = net.convModule(
    concat(outs.map((level, i) => (i === 0 ? level : resize(g, level, outs[0]!)))),
    'decode_head.fpn_bottleneck',
    { padding: 1 },
  );
  return net.convolve(fused, 'decode_head.conv_seg');
}

/** Bin by bin: the mean of the pixels that it covers. */
function adaptivePool(g: GraphBuilder, image: Image, scale: number): Image {
  const ends = (n: number) =>
    Array.from(
      { length: scale },
      (_, i) => [Math.floor((i * n) / scale), Math.ceil(((i + 1) * n) / scale)] as const,
    );
  const bins: string[] = [];
  for (const [top, bottom] of ends(image.height)) {
    for (const [left, right] of ends(image.width)) {
      const part = g.node('Slice', [
        image.value,
        g.ints([top, left]),
        g.ints([bottom, right]),
        g.ints([2, 3]),
      ]);
      bins.push(g.node('ReduceMean', [part], { axes: [2, 3], keepdims: 1 }));
    }
  }
  const value = g.reshape(g.node('Concat', bins, { axis: 2 }), [1, image.channels, scale, scale]);
  return { ...image, value, height: scale, width: scale };
}
