import { ModelError } from '../../core/errors.ts';
import type { StateDict } from '../checkpoint/state-dict.ts';
import {
  type EncoderArchitecture,
  lastChannels,
  type ResNetArchitecture,
  type SfrNetArchitecture,
  type SwinArchitecture,
} from './architecture.ts';
import { AUXILIARY_PREFIX, expectedTensors } from './expected-tensors.ts';
import { relativePositionIndex } from './window-partition.ts';

/** Problems named in one error; a wholly different network would list hundreds. */
const MAX_NAMED = 20;
/** Bounds on what shapes may claim, so that a hostile checkpoint cannot ask for an absurd graph. */
const MAX_STAGES = 8;
const MAX_BLOCKS = 200;
const MAX_WINDOW = 64;

/**
 * Reads the architecture off the tensors' shapes and checks every key against it.
 * @param poolScales which the shapes don't tell, only their number
 * @throws ModelError that names all (up to 20) missing, unknown and misshaped keys
 */
export async function readArchitecture(
  weights: StateDict,
  poolScales: readonly number[],
): Promise<SfrNetArchitecture> {
  const main = readEncoder(weights, 'backbone.main_encoder');
  const short = readEncoder(weights, 'backbone.sub_encoder1');
  const long = readEncoder(weights, 'backbone.sub_encoder2');
  const size = (key: string, axis: number) => dimension(weights, key, axis);
  const arch: SfrNetArchitecture = {
    main,
    short,
    long,
    neck: {
      alignHidden: [size('neck.mlp_align_1.mlp.0.weight', 0), size('neck.mlp_align_2.mlp.0.weight', 0)],
      aligned: size('neck.mlp_align_1.mlp.2.weight', 0),
      attention: size('neck.ccsf1.query_project.0.conv.weight', 0),
    },
    head: {
      channels: size('decode_head.fpn_bottleneck.conv.weight', 0),
      classes: size('decode_head.conv_seg.weight', 0),
      poolScales,
    },
  };
  const scales = countModules(weights, 'decode_head.psp_modules.');
  if (scales !== poolScales.length) {
    throw new ModelError(
      `${weights.url} pools to ${scales} scales, the preset gives ${poolScales.length} (${poolScales}); correct poolScales in the preset`,
      { tensor: 'decode_head.psp_modules', expected: `${poolScales.length} scales`, actual: `${scales}` },
    );
  }
  checkTensors(weights, arch);
  await checkPositionIndices(weights);
  return arch;
}

/** Parameters that the graphs use: all weights but buffers and the auxiliary head. */
export function countParameters(arch: SfrNetArchitecture): number {
  let count = 0;
  for (const { shape, role } of expectedTensors(arch).values()) {
    if (role === 'parameter') count += shape.reduce((product, n) => product * n, 1);
  }
  return count;
}

function readEncoder(weights: StateDict, prefix: string): EncoderArchitecture {
  if (weights.tensors.has(`${prefix}.patch_embed.projection.weight`)) return readSwin(weights, prefix);
  if (weights.tensors.has(`${prefix}.stem.0.weight`)) return readResNet(weights, prefix);
  const keys = [...weights.tensors.keys()];
  const seen = keys.length === 0 ? 'no keys at all' : `keys such as ${keys.slice(0, 3).join(', ')}`;
  throw new ModelError(
    `${weights.url} is not an SFR-Net checkpoint: expected ${prefix}.patch_embed.projection.weight (Swin) or ${prefix}.stem.0.weight (ResNetV1c), got ${seen}`,
    { tensor: prefix, expected: 'a Swin or ResNetV1c encoder', actual: seen },
  );
}

function readSwin(weights: StateDict, prefix: string): SwinArchitecture {
  const embedDims = dimension(weights, `${prefix}.patch_embed.projection.weight`, 0);
  const stages = countModules(weights, `${prefix}.stages.`);
  bound(weights, `${prefix}.stages`, 'stages', stages, MAX_STAGES);
  const depths = Array.from({ length: stages }, (_, i) =>
    countModules(weights, `${prefix}.stages.${i}.blocks.`),
  );
  for (const [i, depth] of depths.entries())
    bound(weights, `${prefix}.stages.${i}.blocks`, 'blocks', depth, MAX_BLOCKS);
  const table = (i: number) => `${prefix}.stages.${i}.blocks.0.attn.w_msa.relative_position_bias_table`;
  const rows = dimension(weights, table(0), 0);
  const window = (Math.sqrt(rows) + 1) / 2;
  if (!Number.isInteger(window) || window > MAX_WINDOW) {
    throw new ModelError(
      `${weights.url}: ${table(0)} has ${rows} rows, which is (2w-1)^2 for no window size w up to ${MAX_WINDOW}`,
      { tensor: table(0), expected: '(2w-1)^2 rows', actual: String(rows) },
    );
  }
  const heads = depths.map((_, i) => dimension(weights, table(i), 1));
  for (const [i, count] of heads.entries()) {
    const channels = embedDims * 2 ** i;
    if (count < 1 || channels % count !== 0) {
      throw new ModelError(
        `${weights.url}: ${table(i)} has ${count} heads, which do not divide ${channels} channels`,
        { tensor: table(i), expected: `a divisor of ${channels}`, actual: String(count) },
      );
    }
  }
  const hidden = depths.map((_, i) =>
    dimension(weights, `${prefix}.stages.${i}.blocks.0.ffn.layers.0.0.weight`, 0),
  );
  return { kind: 'swin', embedDims, depths, heads, hidden, window };
}

function readResNet(weights: StateDict, prefix: string): ResNetArchitecture {
  const stem = (i: number) => dimension(weights, `${prefix}.stem.${i}.weight`, 0);
  const depths: number[] = [];
  while (depths.length < 4) {
    const depth = countModules(weights, `${prefix}.layer${depths.length + 1}.`);
    if (depth === 0) break;
    bound(weights, `${prefix}.layer${depths.length + 1}`, 'blocks', depth, MAX_BLOCKS);
    depths.push(depth);
  }
  bound(weights, `${prefix}.layer1`, 'stages', depths.length, 4);
  return {
    kind: 'resnet',
    stem: [stem(0), stem(3), stem(6)],
    channels: depths.map((_, i) => dimension(weights, `${prefix}.layer${i + 1}.0.conv1.weight`, 0)),
    depths,
  };
}

function bound(weights: StateDict, name: string, what: string, count: number, max: number): void {
  if (count >= 1 && count <= max) return;
  throw new ModelError(`${weights.url}: ${name} should have 1 to ${max} ${what}, got ${count}`, {
    tensor: name,
    expected: `1 to ${max} ${what}`,
    actual: String(count),
  });
}

/** One more than the largest index that follows `prefix` in a key, so that a gap shows as missing keys. */
function countModules(weights: StateDict, prefix: string): number {
  let count = 0;
  for (const key of weights.tensors.keys()) {
    if (!key.startsWith(prefix)) continue;
    const index = /^(\d{1,6})\./.exec(key.slice(prefix.length))?.[1];
    if (index !== undefined) count = Math.max(count, Number(index) + 1);
  }
  return count;
}

function dimension(weights: StateDict, key: string, axis: number): number {
  const shape = weights.tensors.get(key)?.shape;
  const size = shape?.[axis];
  if (size === undefined || size < 1) {
    const actual = shape === undefined ? 'no such key' : `shape [${shape}]`;
    throw new ModelError(
      `${weights.url} is not a complete SFR-Net checkpoint: ${key} is needed to know the architecture, got ${actual}`,
      { tensor: key, expected: 'a tensor', actual },
    );
  }
  return size;
}

function checkTensors(weights: StateDict, arch: SfrNetArchitecture): void {
  const expected = expectedTensors(arch);
  const problems: { key: string; text: string; expected: string; actual: string }[] = [];
  for (const [key, { shape, role }] of expected) {
    const actual = weights.tensors.get(key)?.shape;
    const wanted = `[${shape}]`;
    if (actual === undefined) {
      if (role !== 'optional')
        problems.push({ key, text: `${key} is missing`, expected: wanted, actual: 'missing' });
    } else if (actual.length !== shape.length || actual.some((n, axis) => n !== shape[axis])) {
      const text = `${key} has shape [${actual}], expected ${wanted}`;
      problems.push({ key, text, expected: wanted, actual: `[${actual}]` });
    }
  }
  for (const key of weights.tensors.keys()) {
    if (!expected.has(key) && !key.startsWith(AUXILIARY_PREFIX))
      problems.push({ key, text: `${key} is unknown`, expected: 'no such key', actual: 'there' });
  }
  const [first] = problems;
  if (first === undefined) return;
  const named = problems.slice(0, MAX_NAMED).map(({ text }) => text);
  const more = problems.length > MAX_NAMED ? `\n  and ${problems.length - MAX_NAMED} more` : '';
  throw new ModelError(
    `${weights.url} does not fit SFR-Net as published (${describe(arch)}), ${problems.length} of its keys differ:\n  ${named.join('\n  ')}${more}`,
    { tensor: first.key, expected: first.expected, actual: first.actual },
  );
}

function describe({ main, short, long, head }: SfrNetArchitecture): string {
  const encoder = (e: EncoderArchitecture) =>
    e.kind === 'swin' ? `Swin ${e.embedDims}/${e.depths.join('-')}` : `ResNetV1c to ${lastChannels(e)}`;
  return `${encoder(main)}, context ${encoder(short)} and ${encoder(long)}, head ${head.channels}, ${head.classes} classes`;
}

/** The graphs compute the index tables; a checkpoint whose own differ was trained on something else. */
async function checkPositionIndices(weights: StateDict): Promise<void> {
  const standard = new Map<number, readonly number[]>();
  for (const [key, { shape }] of weights.tensors) {
    if (!key.endsWith('.relative_position_index') || key.startsWith(AUXILIARY_PREFIX)) continue;
    const window = Math.round(Math.sqrt(shape[0]!));
    const index = standard.get(window) ?? relativePositionIndex(window);
    standard.set(window, index);
    const stored = await weights.read(key);
    const at = index.findIndex((value, i) => stored[i] !== value);
    if (at >= 0) {
      throw new ModelError(
        `${weights.url}: ${key} differs from the standard table at ${at}: expected ${index[at]}, got ${stored[at]}`,
        { tensor: key, expected: String(index[at]), actual: String(stored[at]) },
      );
    }
  }
}
