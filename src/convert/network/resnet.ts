import type { ResNetArchitecture } from './architecture.ts';
import { type Emitter, emitConvNorm, type FeatureMap } from './modules.ts';

/** Stage strides, and dilations of a stage's first and later blocks (the first lags behind: mmseg's contract_dilation). */
const STAGES = [
  { stride: 1, first: 1, later: 1 },
  { stride: 2, first: 1, later: 1 },
  { stride: 1, first: 1, later: 2 },
  { stride: 1, first: 2, later: 4 },
] as const;

const halved = (n: number) => Math.floor((n - 1) / 2) + 1;

/**
 * ResNetV1c with basic blocks: a stem of three 3x3 convolutions, a max pool, four stages at strides 4, 8, 8, 8.
 * @param input image of 3 normalised channels
 * @returns the output of every stage
 */
export function emitResNet(
  emitter: Emitter,
  prefix: string,
  arch: ResNetArchitecture,
  input: FeatureMap,
): FeatureMap[] {
  const { g } = emitter;
  let value = input.value;
  for (const [i, stride] of [
    [0, 2],
    [3, 1],
    [6, 1],
  ] as const) {
    value = emitConvNorm(emitter, value, `${prefix}.stem.${i}`, `${prefix}.stem.${i + 1}`, { stride });
  }
  value = g.node('MaxPool', [value], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  let height = halved(halved(input.height));
  let width = halved(halved(input.width));

  return arch.depths.map((depth, stage) => {
    const { stride, first, later } = STAGES[stage]!;
    if (stride === 2) {
      height = halved(height);
      width = halved(width);
    }
    for (let block = 0; block < depth; block++) {
      const name = `${prefix}.layer${stage + 1}.${block}`;
      value = g.within(name, () =>
        emitBasicBlock(emitter, value, name, block === 0 ? stride : 1, block === 0 ? first : later),
      );
    }
    return { value, layout: 'image', channels: arch.channels[stage]!, height, width };
  });
}

/** Only the first convolution carries stride and dilation. */
function emitBasicBlock(
  emitter: Emitter,
  value: string,
  name: string,
  stride: number,
  dilation: number,
): string {
  const { g, weights } = emitter;
  const inner = emitConvNorm(emitter, value, `${name}.conv1`, `${name}.bn1`, { stride, dilation });
  const outer = emitConvNorm(emitter, inner, `${name}.conv2`, `${name}.bn2`, { relu: false });
  const shortcut = weights.tensors.has(`${name}.downsample.0.weight`)
    ? emitConvNorm(emitter, value, `${name}.downsample.0`, `${name}.downsample.1`, { stride, relu: false })
    : value;
  return g.node('Relu', [g.node('Add', [outer, shortcut])]);
}
