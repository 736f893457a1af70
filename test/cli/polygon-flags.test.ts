import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addPolygonFlags, readPolygonFlags } from '../../src/cli/polygon-flags.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-flags-'));
});
afterAll(() => rm(dir, { recursive: true }));

const parse = (...args: string[]) => {
  const command = addPolygonFlags(new Command('polygons'))
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return readPolygonFlags(command.parse(args, { from: 'user' }).opts());
};

describe('flags of the polygon layer', () => {
  it('are nothing unless given', async () => {
    expect(await parse()).toEqual({});
  });

  it('are read', async () => {
    const table = join(dir, 'affinity.json');
    await writeFile(table, '{"0": {"1": 2, "3": 0}}');
    expect(
      await parse(
        ...['--mmu', '5000', '--simplify', 'vw:2.5', '--smooth', '3', '--connect', '8', '--affinity', table],
        ...['--vector-crs', 'EPSG:3857', '--graph-memory', '512'],
      ),
    ).toEqual({
      mmu: { areaM2: 5000 },
      simplify: { method: 'vw', toleranceM: 2.5 },
      smooth: 3,
      connectedness: 8,
      affinity: { 0: { 1: 2, 3: 0 } },
      crs: 'EPSG:3857',
      maxGraphBytes: 512 * 2 ** 20,
    });
    expect(await parse('--mmu', '25px', '--simplify', 'DP:10')).toEqual({
      mmu: { pixels: 25 },
      simplify: { method: 'dp', toleranceM: 10 },
    });
    expect(await parse('--mmu', '0.5m2')).toEqual({ mmu: { areaM2: 0.5 } });
  });

  it.each([
    ['--mmu', '-5'],
    ['--mmu', '5ha'],
    ['--simplify', '10'],
    ['--simplify', 'dp:0'],
    ['--simplify', 'rdp:4'],
    ['--smooth', '5'],
    ['--connect', '6'],
    ['--graph-memory', '0'],
  ])('%s %s is refused', (flag, value) => {
    expect(() => parse(flag, value)).toThrow(/expected/);
  });

  it('name what is wrong with an affinity table', async () => {
    await expect(parse('--affinity', join(dir, 'none.json'))).rejects.toMatchObject({ tag: 'SourceError' });
    for (const text of ['{"0": {"1": -2}}', '{"forest": {}}', '[', '{"0": 3}']) {
      const path = join(dir, 'bad.json');
      await writeFile(path, text);
      await expect(parse('--affinity', path)).rejects.toMatchObject({
        tag: 'ConfigError',
        message: expect.stringMatching(/expected \{"0"/),
      });
    }
  });
});
