import type { NeckArchitecture } from './architecture.ts';
import { matrix, multiply, multiplyAdd } from './linear-algebra.ts';
import { type Emitter, type FeatureMap, foldPointwise, once, toImage, transposed } from './modules.ts';

/**
 * Cascaded cross-scale fusion (CCSF). Only the ReLU of the first alignment layer is not affine, so the second one, both key
 * (and value) projections and their norms fold into one matrix and bias each, and likewise the query and output
 * projections; float64 throughout.
 */
export interface ContextFeatures {
  /** [N, attention channels, positions] */
  readonly keys: string;
  /** [N, positions, attention channels] */
  readonly values: string;
  readonly positions: number;
}

/** Which of the two context windows: 1 short range, 2 long range. */
export type ContextIndex = 1 | 2;

/** What CCSF needs of one context window, from its encoder's last map. */
export function emitContext(
  { g, weights }: Emitter,
  index: ContextIndex,
  neck: NeckArchitecture,
  map: FeatureMap,
): ContextFeatures {
  const align = `neck.mlp_align_${index}.mlp`;
  const hidden = neck.alignHidden[index - 1]!;
  const image = toImage(g, map);
  return g.within(`neck.ccsf${index}`, () => {
    const first = g.node(
      'Conv',
      [
        image.value,
        g.weight(`${align}.0.weight`, [hidden, map.channels, 1, 1], () => weights.read(`${align}.0.weight`)),
        g.weight(`${align}.0.bias`, [hidden], () => weights.read(`${align}.0.bias`)),
      ],
      { kernel_shape: [1, 1] },
    );
    const aligned = g.node('Relu', [first]);
    const project = (kind: 'key' | 'value') => {
      const label = `neck.ccsf${index}.${kind}`;
      const fold = once(() => foldContext(weights, index, kind));
      const weight = async () => (await fold()).matrix.data;
      const conv = g.node(
        'Conv',
        [
          aligned,
          g.weight(`${label}.weight`, [neck.attention, hidden, 1, 1], weight),
          g.weight(`${label}.bias`, [neck.attention], async () => (await fold()).bias),
        ],
        { kernel_shape: [1, 1] },
      );
      return g.reshape(conv, [-1, neck.attention, map.height * map.width]);
    };
    return {
      keys: project('key'),
      values: g.transpose(project('value'), [0, 2, 1]),
      positions: map.height * map.width,
    };
  });
}

/** Fuses the deepest local map with both contexts, short range first: x + q1 + q2, q1 = x + ctx1(x), q2 = q1 + ctx2(q1). */
export function emitFusion(
  emitter: Emitter,
  neck: NeckArchitecture,
  map: FeatureMap,
  contexts: readonly [Pick<ContextFeatures, 'keys' | 'values'>, Pick<ContextFeatures, 'keys' | 'values'>],
): FeatureMap {
  const { g } = emitter;
  const first = emitAttention(emitter, 1, neck, map, contexts[0]);
  const second = emitAttention(emitter, 2, neck, { ...map, value: first }, contexts[1]);
  return { ...map, value: g.node('Add', [map.value, g.node('Add', [first, second])]) };
}

function emitAttention(
  { g, weights }: Emitter,
  index: ContextIndex,
  neck: NeckArchitecture,
  { value, channels }: FeatureMap,
  context: Pick<ContextFeatures, 'keys' | 'values'>,
): string {
  const name = `neck.ccsf${index}`;
  const { attention } = neck;
  const query = once(async () => {
    const scale = attention ** -0.5;
    const { matrix: m, bias } = await foldPair(weights, `${name}.query_project`);
    return { weight: m.data.map((w) => w * scale), bias: bias.map((b) => b * scale) };
  });
  const output = once(() => foldPair(weights, `${name}.out_project`));
  return g.within(name, () => {
    const q = g.node('Add', [
      g.node('MatMul', [
        value,
        g.weight(`${name}.query.weight`, [channels, attention], async () =>
          transposed((await query()).weight, attention),
        ),
      ]),
      g.weight(`${name}.query.bias`, [attention], async () => (await query()).bias),
    ]);
    // Scores over thousands of positions: their softmax stays in float32 whatever the compute type.
    const scores = g.toFloat32(g.node('MatMul', [q, context.keys]));
    const shares = g.fromFloat32(g.node('Softmax', [scores], { axis: -1 }));
    const found = g.node('MatMul', [shares, context.values]);
    const projected = g.node('MatMul', [
      found,
      g.weight(`${name}.out.weight`, [attention, channels], async () =>
        transposed((await output()).matrix.data, channels),
      ),
    ]);
    const bias = g.weight(`${name}.out.bias`, [channels], async () => (await output()).bias);
    return g.node('Add', [g.node('Add', [projected, bias]), value]);
  });
}

type Weights = Emitter['weights'];

/** Two folded 1x1 convolutions in a row as one. */
async function foldPair(weights: Weights, name: string) {
  const first = await foldPointwise(weights, `${name}.0.conv`, `${name}.0.bn`);
  const second = await foldPointwise(weights, `${name}.1.conv`, `${name}.1.bn`);
  return {
    matrix: multiply(second.matrix, first.matrix),
    bias: multiplyAdd(second.matrix, first.bias, second.bias),
  };
}

/** The second alignment layer and the key or value projections behind it as one matrix and bias. */
async function foldContext(weights: Weights, index: ContextIndex, kind: 'key' | 'value') {
  const align = `neck.mlp_align_${index}.mlp.2`;
  const bias = await weights.read(`${align}.bias`);
  const weight = await weights.read(`${align}.weight`);
  const projections = await foldPair(weights, `neck.ccsf${index}.${kind}_project`);
  return {
    matrix: multiply(projections.matrix, matrix(bias.length, weight.length / bias.length, weight)),
    bias: multiplyAdd(projections.matrix, bias, projections.bias),
  };
}
