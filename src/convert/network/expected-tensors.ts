import {
  type EncoderArchitecture,
  lastChannels,
  type SfrNetArchitecture,
  stageChannels,
} from './architecture.ts';

/** Keys of the auxiliary head, which only serves training, begin so. */
export const AUXILIARY_PREFIX = 'auxiliary_head.';

export interface ExpectedTensor {
  readonly shape: readonly number[];
  /** A trained weight, a statistic or table that must be there, or bookkeeping that may be missing. */
  readonly role: 'parameter' | 'buffer' | 'optional';
}

type Add = (key: string, shape: readonly number[], role?: ExpectedTensor['role']) => void;

/** Every key of a state dict of this architecture but the auxiliary head's, with its shape. */
export function expectedTensors(arch: SfrNetArchitecture): Map<string, ExpectedTensor> {
  const tensors = new Map<string, ExpectedTensor>();
  const add: Add = (key, shape, role = 'parameter') => tensors.set(key, { shape, role });
  addEncoder(add, 'backbone.main_encoder', arch.main);
  addEncoder(add, 'backbone.sub_encoder1', arch.short);
  addEncoder(add, 'backbone.sub_encoder2', arch.long);
  addNeck(add, arch);
  addHead(add, arch);
  return tensors;
}

function addNorm(add: Add, name: string, channels: number): void {
  add(`${name}.weight`, [channels]);
  add(`${name}.bias`, [channels]);
}

function addBatchNorm(add: Add, name: string, channels: number): void {
  addNorm(add, name, channels);
  add(`${name}.running_mean`, [channels], 'buffer');
  add(`${name}.running_var`, [channels], 'buffer');
  add(`${name}.num_batches_tracked`, [], 'optional');
}

function addConvModule(add: Add, name: string, outputs: number, inputs: number, kernel: number): void {
  add(`${name}.conv.weight`, [outputs, inputs, kernel, kernel]);
  addBatchNorm(add, `${name}.bn`, outputs);
}

function addLinear(add: Add, name: string, outputs: number, inputs: number): void {
  add(`${name}.weight`, [outputs, inputs]);
  add(`${name}.bias`, [outputs]);
}

function addEncoder(add: Add, prefix: string, arch: EncoderArchitecture): void {
  if (arch.kind === 'resnet') {
    let inputs = 3;
    for (const [i, outputs] of arch.stem.entries()) {
      add(`${prefix}.stem.${3 * i}.weight`, [outputs, inputs, 3, 3]);
      addBatchNorm(add, `${prefix}.stem.${3 * i + 1}`, outputs);
      inputs = outputs;
    }
    for (const [stage, outputs] of arch.channels.entries()) {
      for (let block = 0; block < arch.depths[stage]!; block++) {
        const name = `${prefix}.layer${stage + 1}.${block}`;
        add(`${name}.conv1.weight`, [outputs, inputs, 3, 3]);
        addBatchNorm(add, `${name}.bn1`, outputs);
        add(`${name}.conv2.weight`, [outputs, outputs, 3, 3]);
        addBatchNorm(add, `${name}.bn2`, outputs);
        // The second stage is the only one that halves the map.
        if (inputs !== outputs || (stage === 1 && block === 0)) {
          add(`${name}.downsample.0.weight`, [outputs, inputs, 1, 1]);
          addBatchNorm(add, `${name}.downsample.1`, outputs);
        }
        inputs = outputs;
      }
    }
    return;
  }
  add(`${prefix}.patch_embed.projection.weight`, [arch.embedDims, 3, 4, 4]);
  add(`${prefix}.patch_embed.projection.bias`, [arch.embedDims]);
  addNorm(add, `${prefix}.patch_embed.norm`, arch.embedDims);
  const area = arch.window ** 2;
  for (const [i, channels] of stageChannels(arch).entries()) {
    const stage = `${prefix}.stages.${i}`;
    for (let block = 0; block < arch.depths[i]!; block++) {
      const name = `${stage}.blocks.${block}`;
      const attention = `${name}.attn.w_msa`;
      addNorm(add, `${name}.norm1`, channels);
      add(`${attention}.relative_position_bias_table`, [(2 * arch.window - 1) ** 2, arch.heads[i]!]);
      add(`${attention}.relative_position_index`, [area, area], 'optional');
      addLinear(add, `${attention}.qkv`, 3 * channels, channels);
      addLinear(add, `${attention}.proj`, channels, channels);
      addNorm(add, `${name}.norm2`, channels);
      addLinear(add, `${name}.ffn.layers.0.0`, arch.hidden[i]!, channels);
      addLinear(add, `${name}.ffn.layers.1`, channels, arch.hidden[i]!);
    }
    if (i < arch.depths.length - 1) {
      addNorm(add, `${stage}.downsample.norm`, 4 * channels);
      add(`${stage}.downsample.reduction.weight`, [2 * channels, 4 * channels]);
    }
    addNorm(add, `${prefix}.norm${i}`, channels);
  }
}

function addNeck(add: Add, { main, short, long, neck }: SfrNetArchitecture): void {
  const channels = lastChannels(main);
  const { aligned, attention } = neck;
  for (const [i, context] of [short, long].entries()) {
    const align = `neck.mlp_align_${i + 1}.mlp`;
    const hidden = neck.alignHidden[i]!;
    add(`${align}.0.weight`, [hidden, lastChannels(context), 1, 1]);
    add(`${align}.0.bias`, [hidden]);
    add(`${align}.2.weight`, [aligned, hidden, 1, 1]);
    add(`${align}.2.bias`, [aligned]);
    for (const [part, first, middle, last] of [
      ['key', aligned, attention, attention],
      ['query', channels, attention, attention],
      ['value', aligned, attention, attention],
      ['out', attention, channels, channels],
    ] as const) {
      addConvModule(add, `neck.ccsf${i + 1}.${part}_project.0`, middle, first, 1);
      addConvModule(add, `neck.ccsf${i + 1}.${part}_project.1`, last, middle, 1);
    }
  }
}

function addHead(add: Add, { main, head }: SfrNetArchitecture): void {
  const { channels } = head;
  const maps = stageChannels(main);
  add('decode_head.conv_seg.weight', [head.classes, channels, 1, 1]);
  add('decode_head.conv_seg.bias', [head.classes]);
  for (const i of head.poolScales.keys())
    addConvModule(add, `decode_head.psp_modules.${i}.1`, channels, maps.at(-1)!, 1);
  addConvModule(add, 'decode_head.bottleneck', channels, maps.at(-1)! + head.poolScales.length * channels, 3);
  for (const [i, inputs] of maps.slice(0, -1).entries()) {
    addConvModule(add, `decode_head.lateral_convs.${i}`, channels, inputs, 1);
    addConvModule(add, `decode_head.fpn_convs.${i}`, channels, channels, 3);
  }
  addConvModule(add, 'decode_head.fpn_bottleneck', channels, maps.length * channels, 3);
}
