import { describe, expect, test } from 'vitest';
import type { StateDict, TensorInfo } from '../../src/convert/checkpoint/state-dict.ts';
import { readArchitecture } from '../../src/convert/network/read-architecture.ts';
import { publishedShapes } from './support/generated-checkpoint.ts';
import { openGolden } from './support/golden.ts';

const SCALES = [1, 2, 3, 6];

/** A state dict with changes; `undefined` takes a key away. */
async function changed(
  model: string,
  changes: Record<string, readonly number[] | undefined>,
): Promise<StateDict> {
  const weights = await openGolden(model, model === 'tiny' ? 'published_torch2.pth' : undefined);
  const tensors = new Map<string, TensorInfo>(weights.tensors);
  for (const [key, shape] of Object.entries(changes)) {
    if (shape === undefined) tensors.delete(key);
    else tensors.set(key, { shape, type: 'float32' });
  }
  return { ...weights, tensors };
}

describe('architecture from shapes', () => {
  test('Swin with odd and even windows, ResNetV1c of any width', async () => {
    const swin7 = await readArchitecture(await openGolden('swin7'), SCALES);
    expect(swin7.main).toEqual({
      kind: 'swin',
      embedDims: 12,
      depths: [2, 2, 2, 2],
      heads: [2, 2, 4, 6],
      hidden: [48, 96, 192, 384],
      window: 7,
    });
    expect(swin7.short).toMatchObject({ kind: 'resnet', stem: [8, 8, 16], channels: [6, 12, 24, 48] });
    const swin12 = await readArchitecture(await openGolden('swin12'), SCALES);
    expect(swin12.main).toMatchObject({ depths: [2, 1, 2, 2], heads: [1, 2, 4, 8], window: 12 });
    const res18 = await readArchitecture(await openGolden('res18'), SCALES);
    expect(res18.main).toMatchObject({ kind: 'resnet', channels: [5, 10, 20, 40], depths: [2, 2, 2, 2] });
    expect(res18.head).toEqual({ channels: 20, classes: 6, poolScales: SCALES });
  });

  test.each(['gid_state_dict.txt', 'fbps_state_dict.txt'])('%s', async (file) => {
    const shapes = await publishedShapes(file);
    const tensors = new Map(
      shapes
        .filter(({ key }) => !key.endsWith('relative_position_index'))
        .map(({ key, shape }) => [key, { shape, type: 'float32' as const }]),
    );
    const weights = { url: file, tensors, read: () => Promise.reject(new Error('not read')) };
    const { main, head, neck } = await readArchitecture(weights, SCALES);
    expect(main).toMatchObject({ embedDims: 192, depths: [2, 2, 18, 2], heads: [6, 12, 24, 48], window: 12 });
    expect(head).toMatchObject({ channels: 512, classes: file.startsWith('gid') ? 6 : 25 });
    expect(neck).toEqual({ alignHidden: [1536, 1536], aligned: 768, attention: 384 });
  });

  test('index tables and batch counters may be missing, and the auxiliary head too', async () => {
    const weights = await openGolden('swin7');
    const tensors = new Map(
      [...weights.tensors].filter(
        ([key]) => !/relative_position_index|num_batches_tracked|^auxiliary_head/.test(key),
      ),
    );
    expect(tensors.size).toBeLessThan(weights.tensors.size - 50);
    await expect(readArchitecture({ ...weights, tensors }, SCALES)).resolves.toBeDefined();
  });
});

describe('what does not fit is named', () => {
  test('missing, misshaped and unknown keys in one error', async () => {
    const weights = await changed('swin7', {
      'neck.ccsf1.out_project.1.bn.bias': undefined,
      'backbone.main_encoder.stages.1.blocks.1.norm2.weight': [23],
      'decode_head.extra.weight': [3, 3],
    });
    const error = await readArchitecture(weights, SCALES).catch((e: unknown) => e);
    expect(error).toMatchObject({ tag: 'ModelError' });
    const { message } = error as Error;
    expect(message).toContain('3 of its keys differ');
    expect(message).toContain('neck.ccsf1.out_project.1.bn.bias is missing');
    expect(message).toContain(
      'backbone.main_encoder.stages.1.blocks.1.norm2.weight has shape [23], expected [24]',
    );
    expect(message).toContain('decode_head.extra.weight is unknown');
  });

  test('a missing block in the middle shows as its missing keys', async () => {
    const weights = await openGolden('swin7');
    const tensors = new Map([...weights.tensors].filter(([key]) => !key.includes('stages.2.blocks.0.norm1')));
    await expect(readArchitecture({ ...weights, tensors }, SCALES)).rejects.toThrow(
      /stages\.2\.blocks\.0\.norm1\.weight is missing/,
    );
  });

  test('a long list is cut', async () => {
    const extra = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`extra.${i}`, [1]]));
    await expect(readArchitecture(await changed('swin7', extra), SCALES)).rejects.toThrow(/and 80 more/);
  });

  test.each([
    [
      'another network',
      { 'backbone.main_encoder.patch_embed.projection.weight': undefined },
      'not an SFR-Net',
    ],
    ['no head', { 'decode_head.conv_seg.weight': undefined }, 'decode_head.conv_seg.weight'],
    [
      'an impossible window',
      { 'backbone.main_encoder.stages.0.blocks.0.attn.w_msa.relative_position_bias_table': [170, 2] },
      '(2w-1)^2',
    ],
    [
      'heads that do not divide',
      { 'backbone.main_encoder.stages.0.blocks.0.attn.w_msa.relative_position_bias_table': [169, 5] },
      '5 heads',
    ],
    ['a thousand stages', { 'backbone.main_encoder.stages.999.blocks.0.norm1.weight': [1] }, '1 to 8 stages'],
  ])('%s', async (_, changes, words) => {
    await expect(readArchitecture(await changed('swin7', changes), SCALES)).rejects.toMatchObject({
      tag: 'ModelError',
      message: expect.stringContaining(words),
    });
  });

  test('pool scales of another number', async () => {
    await expect(readArchitecture(await openGolden('swin7'), [1, 2, 3])).rejects.toMatchObject({
      tag: 'ModelError',
      message: expect.stringContaining('poolScales'),
    });
  });

  test('a position index that is not the standard one', async () => {
    const weights = await openGolden('tiny', 'published_torch2.pth');
    const key = 'backbone.main_encoder.stages.2.blocks.1.attn.w_msa.relative_position_index';
    const read = async (name: string) => {
      const values = await weights.read(name);
      if (name === key) values[7]! += 1;
      return values;
    };
    await expect(readArchitecture({ ...weights, read }, SCALES)).rejects.toMatchObject({
      tag: 'ModelError',
      tensor: key,
    });
  });
});
