import type { SwinArchitecture } from './architecture.ts';
import { matrix, multiplyAdd, permute } from './linear-algebra.ts';
import { type Emitter, emitLayerNorm, type FeatureMap, NORM_EPSILON, transposed } from './modules.ts';
import { partitionWindows, relativePositionIndex } from './window-partition.ts';

const PATCH = 4;
/** Added to the scores of tokens that the roll brought together, as published. */
const MASKED = -100;

interface Stage {
  readonly channels: number;
  readonly heads: number;
  readonly window: number;
  readonly hidden: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Swin transformer as mmsegmentation builds it. Two exact rewrites of attention: the query scale is in its weights, and of
 * the biases of keys and values the first drops out (it shifts a softmax row by a constant) and the second moves behind
 * the attention (weights sum to one). With them padding tokens are plain zero rows.
 * @param input image of 3 normalised channels
 * @returns the normed output of every stage; where `lastOnly`, of the last stage
 */
export function emitSwin(
  emitter: Emitter,
  prefix: string,
  arch: SwinArchitecture,
  input: FeatureMap,
  lastOnly: boolean,
): FeatureMap[] {
  const { g } = emitter;
  let height = Math.ceil(input.height / PATCH);
  let width = Math.ceil(input.width / PATCH);
  let tokens = emitPatchEmbedding(emitter, `${prefix}.patch_embed`, arch.embedDims, input);
  const maps: FeatureMap[] = [];
  for (const [i, depth] of arch.depths.entries()) {
    const stage: Stage = {
      channels: arch.embedDims * 2 ** i,
      heads: arch.heads[i]!,
      window: arch.window,
      hidden: arch.hidden[i]!,
      height,
      width,
    };
    for (let block = 0; block < depth; block++) {
      const name = `${prefix}.stages.${i}.blocks.${block}`;
      const shift = block % 2 === 1 ? Math.floor(arch.window / 2) : 0;
      tokens = g.within(name, () => emitBlock(emitter, tokens, name, stage, shift));
    }
    const last = i === arch.depths.length - 1;
    if (last || !lastOnly) {
      // The output is normed; merging takes the tokens as they are.
      const value = g.within(`${prefix}.norm${i}`, () =>
        emitLayerNorm(emitter, tokens, `${prefix}.norm${i}`),
      );
      maps.push({ value, layout: 'tokens', channels: stage.channels, height, width });
    }
    if (last) break;
    const name = `${prefix}.stages.${i}.downsample`;
    tokens = g.within(name, () => emitPatchMerging(emitter, tokens, name, stage));
    height = Math.ceil(height / 2);
    width = Math.ceil(width / 2);
  }
  return maps;
}

function emitPatchEmbedding(emitter: Emitter, name: string, channels: number, input: FeatureMap): string {
  const { g, weights } = emitter;
  const conv = `${name}.projection`;
  return g.within(name, () => {
    const image = g.node(
      'Conv',
      [
        input.value,
        g.weight(`${conv}.weight`, [channels, 3, PATCH, PATCH], () => weights.read(`${conv}.weight`)),
        g.weight(`${conv}.bias`, [channels], () => weights.read(`${conv}.bias`)),
      ],
      {
        kernel_shape: [PATCH, PATCH],
        strides: [PATCH, PATCH],
        pads: [0, 0, -input.height & (PATCH - 1), -input.width & (PATCH - 1)],
      },
    );
    const count = Math.ceil(input.height / PATCH) * Math.ceil(input.width / PATCH);
    const tokens = g.transpose(g.reshape(image, [-1, channels, count]), [0, 2, 1]);
    return emitLayerNorm(emitter, tokens, `${name}.norm`);
  });
}

function emitBlock(emitter: Emitter, tokens: string, name: string, stage: Stage, shift: number): string {
  const { g } = emitter;
  const normed = emitLayerNorm(emitter, tokens, `${name}.norm1`);
  const attended = emitWindowAttention(emitter, normed, `${name}.attn.w_msa`, stage, shift);
  const middle = g.node('Add', [tokens, attended]);
  const ffn = emitFeedForward(
    emitter,
    emitLayerNorm(emitter, middle, `${name}.norm2`),
    `${name}.ffn.layers`,
    stage,
  );
  return g.node('Add', [middle, ffn]);
}

function emitWindowAttention(
  emitter: Emitter,
  normed: string,
  name: string,
  stage: Stage,
  shift: number,
): string {
  const { g, weights } = emitter;
  const { channels, heads, window, height, width } = stage;
  const depth = channels / heads;
  const scale = depth ** -0.5;
  const area = window * window;
  const cut = partitionWindows(height, width, window, shift);

  const qkvWeight = g.weight(`${name}.qkv.weight`, [channels, 3 * channels], async () => {
    const weight = Float64Array.from(await weights.read(`${name}.qkv.weight`));
    for (let i = 0; i < channels * channels; i++) weight[i]! *= scale;
    return transposed(weight, 3 * channels);
  });
  const queryBias = g.weight(`${name}.qkv.bias`, [channels], async () =>
    Float64Array.from((await weights.read(`${name}.qkv.bias`)).subarray(0, channels), (b) => b * scale),
  );
  let qkv = g.node('MatMul', [normed, qkvWeight]);
  // One zero row behind the real tokens stands for all padding.
  if (cut.padded) qkv = g.node('Pad', [qkv, g.ints([0, 0, 0, 0, 1, 0])]);
  qkv = g.node('Gather', [qkv, g.ints(cut.gather)], { axis: 1 });
  const [q, k, v] = g.emit('Split', [qkv], { axis: -1 }, 3) as [string, string, string];
  const perHead = (value: string, perm: readonly number[]) =>
    g.transpose(g.reshape(value, [-1, cut.windows, area, heads, depth]), perm);
  const query = perHead(g.node('Add', [q, queryBias]), [0, 1, 3, 2, 4]);
  const key = perHead(k, [0, 1, 3, 4, 2]);
  const value = perHead(v, [0, 1, 3, 2, 4]);

  let scores = g.node('MatMul', [query, key]);
  scores = g.node('Add', [scores, emitPositionBias(emitter, name, window, heads)]);
  if (cut.regions !== null) {
    const own = g.ints(cut.regions, [cut.windows, 1, area, 1]);
    const other = g.ints(cut.regions, [cut.windows, 1, 1, area]);
    // Made in float32, which every runtime can evaluate while it loads the graph.
    const [seen, masked] = [g.scalar(0, 'float32'), g.scalar(MASKED, 'float32')];
    const mask = g.node('Where', [g.node('Equal', [own, other]), seen, masked]);
    scores = g.node('Add', [scores, g.fromFloat32(mask)]);
  }
  const mixed = g.node('MatMul', [g.node('Softmax', [scores], { axis: -1 }), value]);
  const windows = g.reshape(g.transpose(mixed, [0, 1, 3, 2, 4]), [-1, cut.windows * area, channels]);
  const back = g.node('Gather', [windows, g.ints(cut.scatter)], { axis: 1 });

  const projected = g.node('MatMul', [back, emitLinearWeight(emitter, `${name}.proj`, channels, channels)]);
  const bias = g.weight(`${name}.proj.bias`, [channels], async () => {
    const proj = matrix(channels, channels, await weights.read(`${name}.proj.weight`));
    const valueBias = (await weights.read(`${name}.qkv.bias`)).subarray(2 * channels);
    return multiplyAdd(proj, valueBias, await weights.read(`${name}.proj.bias`));
  });
  return g.node('Add', [projected, bias]);
}

/** [heads, area, area], looked up in the graph so that only the table is stored. */
function emitPositionBias({ g, weights }: Emitter, name: string, window: number, heads: number): string {
  const key = `${name}.relative_position_bias_table`;
  const rows = (2 * window - 1) ** 2;
  const table = g.weight(key, [heads, rows], async () =>
    permute(await weights.read(key), [rows, heads], [1, 0]),
  );
  const area = window * window;
  return g.node('Gather', [table, g.ints(relativePositionIndex(window), [area, area])], { axis: 1 });
}

function emitFeedForward(emitter: Emitter, value: string, name: string, { channels, hidden }: Stage): string {
  const inner = emitLinear(emitter, value, `${name}.0.0`, hidden, channels);
  return emitLinear(emitter, emitGelu(emitter, inner), `${name}.1`, channels, hidden);
}

/** x/2 (1 + erf(x/sqrt 2)), in the form that runtimes recognise. */
function emitGelu({ g }: Emitter, x: string): string {
  const erf = g.node('Erf', [g.node('Div', [x, g.scalar(Math.SQRT2)])]);
  return g.node('Mul', [g.node('Mul', [x, g.node('Add', [erf, g.scalar(1)])]), g.scalar(0.5)]);
}

function emitLinear(emitter: Emitter, value: string, name: string, outputs: number, inputs: number): string {
  const { g, weights } = emitter;
  const product = g.node('MatMul', [value, emitLinearWeight(emitter, name, outputs, inputs)]);
  return g.node('Add', [product, g.weight(`${name}.bias`, [outputs], () => weights.read(`${name}.bias`))]);
}

function emitLinearWeight({ g, weights }: Emitter, name: string, outputs: number, inputs: number): string {
  return g.weight(`${name}.weight`, [inputs, outputs], async () =>
    transposed(await weights.read(`${name}.weight`), outputs),
  );
}

/**
 * 2x2 neighbours side by side, norm, linear. The checkpoint orders them channel-major (4c + 2ky + kx); here they stay
 * pixel-major, which moves whole tokens, and the weights are reordered instead (a norm does not see the order).
 */
function emitPatchMerging(emitter: Emitter, tokens: string, name: string, stage: Stage): string {
  const { g, weights } = emitter;
  const { channels, height, width } = stage;
  const evenHeight = height + (height % 2);
  const evenWidth = width + (width % 2);
  let map = g.reshape(tokens, [-1, height, width, channels]);
  if (evenHeight > height || evenWidth > width)
    map = g.node('Pad', [map, g.ints([0, 0, 0, 0, 0, evenHeight - height, evenWidth - width, 0])]);
  map = g.reshape(map, [-1, evenHeight / 2, 2, evenWidth / 2, 2, channels]);
  map = g.transpose(map, [0, 1, 3, 2, 4, 5]);
  map = g.reshape(map, [-1, (evenHeight / 2) * (evenWidth / 2), 4 * channels]);
  const norm = (part: string) =>
    g.weight(`${name}.norm.${part}`, [4 * channels], async () =>
      permute(await weights.read(`${name}.norm.${part}`), [channels, 4], [1, 0]),
    );
  const normed = g.node('LayerNormalization', [map, norm('weight'), norm('bias')], {
    axis: -1,
    epsilon: { float: NORM_EPSILON },
  });
  const reduction = g.weight(`${name}.reduction.weight`, [4 * channels, 2 * channels], async () =>
    permute(await weights.read(`${name}.reduction.weight`), [2 * channels, channels, 4], [2, 1, 0]),
  );
  return g.node('MatMul', [normed, reduction]);
}
