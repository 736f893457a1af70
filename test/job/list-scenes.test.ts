import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseShardIndex, listScenes } from '../../src/index.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-list-'));
  await mkdir(join(dir, 'land/b'), { recursive: true });
  for (const name of ['land/z.tif', 'land/b/a.TIFF', 'land/notes.txt', 'land/.half.tif', 'one.tif']) {
    await writeFile(join(dir, name), '');
  }
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const json = async (name: string, value: unknown) => {
  await writeFile(join(dir, name), JSON.stringify(value));
  return join(dir, name);
};
const item = (id: string, assets: Record<string, { href: string; type?: string; roles?: string[] }>) => ({
  type: 'Feature',
  stac_version: '1.1.0',
  id,
  assets,
});
const COG = 'image/tiff; application=geotiff; profile=cloud-optimized';

describe('listScenes', () => {
  it('finds rasters of folders, of lists, and takes names as they are, each once', async () => {
    await writeFile(
      join(dir, 'list.txt'),
      `# mine\n\none.tif\n  https://example.org/x.tif?sig=1 \n${dir}/land/z.tif\n`,
    );
    expect(
      await listScenes([join(dir, 'land'), `@${dir}/list.txt`, 's3://b/k.tif', 'tiles.geojson']),
    ).toEqual([
      join(dir, 'land/b/a.TIFF'),
      join(dir, 'land/z.tif'),
      join(dir, 'one.tif'),
      'https://example.org/x.tif?sig=1',
      's3://b/k.tif',
      'tiles.geojson',
    ]);
    await mkdir(join(dir, 'empty'), { recursive: true });
    await expect(listScenes([join(dir, 'empty')])).rejects.toMatchObject({ tag: 'ConfigError' });
    await expect(listScenes([`@${dir}/none.txt`])).rejects.toMatchObject({ tag: 'SourceError' });
  });

  it('finds the GeoTIFFs of STAC Items, ItemCollections and Collections, through their links', async () => {
    await mkdir(join(dir, 'stac/deep'), { recursive: true });
    const one = await json(
      'stac/deep/one.json',
      item('one', {
        thumbnail: { href: 'small.png', type: 'image/png' },
        overview: { href: 'small.tif', type: COG, roles: ['overview'] },
        bands: { href: '../pix%20els.tif', type: COG, roles: ['data'] },
      }),
    );
    const all = await json('stac/all.json', {
      type: 'Collection',
      links: [
        { rel: 'self', href: './all.json' },
        { rel: 'item', href: './deep/one.json' },
        { rel: 'child', href: './more.json' },
      ],
    });
    await json('stac/more.json', {
      type: 'Catalog',
      links: [
        { rel: 'item', href: './two.json' },
        { rel: 'child', href: './all.json' },
      ],
    });
    const two = item('two', { image: { href: 's3://bucket/two.tif' }, text: { href: 'two.xml' } });
    await json('stac/two.json', two);
    expect(await listScenes([one])).toEqual([join(dir, 'stac/pix els.tif')]);
    expect(await listScenes([all])).toEqual([join(dir, 'stac/pix els.tif'), 's3://bucket/two.tif']);
    const answer = await json('stac/answer.json', { type: 'FeatureCollection', features: [two] });
    expect(await listScenes([answer])).toEqual(['s3://bucket/two.tif']);
    expect(await listScenes([one], { asset: 'overview' })).toEqual([join(dir, 'stac/deep/small.tif')]);
  });

  it('says which assets there are where it is not clear which is meant', async () => {
    const both = await json('both.json', item('both', { b4: { href: 'b4.tif' }, b3: { href: 'b3.tif' } }));
    await expect(listScenes([both])).rejects.toMatchObject({
      tag: 'UnsupportedError',
      message:
        'the STAC Item both: which asset is the scene? Its GeoTIFFs are: b4, b3; name one with --asset',
    });
    await expect(listScenes([both], { asset: 'b9' })).rejects.toMatchObject({
      message: 'the STAC Item both has no asset b9; it has: b4, b3',
    });
    await expect(listScenes([await json('odd.json', { type: 'Topology' })])).rejects.toMatchObject({
      tag: 'FormatError',
    });
  });
});

describe('chooseShardIndex', () => {
  it('takes what it is told before what schedulers say, and these in their order', () => {
    const all = { AWS_BATCH_JOB_ARRAY_INDEX: '1', SLURM_ARRAY_TASK_ID: '2', JOB_COMPLETION_INDEX: '3' };
    expect(chooseShardIndex(7, all)).toBe(7);
    expect(chooseShardIndex(undefined, all)).toBe(1);
    expect(chooseShardIndex(undefined, { JOB_COMPLETION_INDEX: '12' })).toBe(12);
    for (const text of ['', '-1', '1.5', '1e3', '12345678901'])
      expect(() => chooseShardIndex(undefined, { SLURM_ARRAY_TASK_ID: text })).toThrow(
        /SLURM_ARRAY_TASK_ID is/,
      );
    expect(() => chooseShardIndex(undefined, {})).toThrow(/which shard/);
  });
});
