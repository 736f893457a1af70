import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addMappingFlags, type MappingFlags, readMappingOptions } from '../../src/cli/mapping-flags.ts';

let dir: string;
let pipeline: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-flags-'));
  pipeline = join(dir, 'pipeline.json');
  const settings = {
    name: 'dense',
    model: 'somewhere',
    stride: 128,
    shareContext: 2,
    tta: 'd4',
    weights: 'int8',
  };
  await writeFile(pipeline, JSON.stringify(settings));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function read(...args: string[]) {
  const command = addMappingFlags(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  command.parse(args, { from: 'user' });
  const { quality, stride, blend, shareContext, tta, weights } = await readMappingOptions(
    command.opts() as MappingFlags,
  );
  return { quality, stride, blend, shareContext, tta, weights };
}

describe('flags of how windows are run', () => {
  it('go before the pipeline, and say nothing where they are not given', async () => {
    expect(await read('--model', 'm')).toEqual({
      quality: undefined,
      stride: undefined,
      blend: undefined,
      shareContext: undefined,
      tta: undefined,
      weights: undefined,
    });
    expect(await read('--pipeline', pipeline, '--share-context', '3', '--blend', 'tapered')).toEqual({
      quality: undefined,
      stride: 128,
      blend: 'tapered',
      shareContext: 3,
      tta: 'd4',
      weights: 'int8',
    });
  });

  it('let a preset on the command line pick what the pipeline had picked, unless it is exact', async () => {
    expect(await read('--pipeline', pipeline, '--quality', 'fast')).toEqual({
      quality: 'fast',
      stride: undefined,
      blend: undefined,
      shareContext: undefined,
      tta: 'd4',
      weights: 'int8',
    });
    expect(await read('--pipeline', pipeline, '--quality', 'fast', '--stride', '256')).toMatchObject({
      stride: 256,
    });
    expect(await read('--pipeline', pipeline, '--weights', 'auto')).toMatchObject({ weights: 'auto' });
    expect(await read('--pipeline', pipeline, '--quality', 'exact')).toMatchObject({
      stride: 128,
      shareContext: 2,
    });
  });

  it.each([
    [['--quality', 'best'], /Allowed choices are exact, balanced, fast/],
    [['--blend', 'soft'], /Allowed choices are uniform, tapered/],
    [['--tta', 'c4'], /Allowed choices are none, d4/],
    [['--weights', 'int4'], /Allowed choices are auto, float32, int8/],
    [['--share-context', '0'], /share-context/],
  ])('refuse what is none: %o', async (args, message) => {
    await expect(read('--model', 'm', ...args)).rejects.toThrow(message);
  });
});
