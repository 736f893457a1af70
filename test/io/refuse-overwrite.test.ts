import { link, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ConfigError } from '../../src/core/errors.ts';
import { refuseOverwrite } from '../../src/io/refuse-overwrite.ts';

let dir = '';
let scene = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-overwrite-'));
  scene = join(dir, 'scene.tif');
  await writeFile(scene, 'scene');
});

afterEach(async () => rm(dir, { recursive: true, force: true }));

it('refuses an output that is an input, however its path is spelt, and names both', async () => {
  await symlink(scene, join(dir, 'symbolic.tif'));
  await symlink(dir, join(dir, 'folder'));
  await link(scene, join(dir, 'hard.tif'));
  const spellings = [
    scene,
    relative(process.cwd(), scene),
    `${dir}/./scene.tif`,
    join(dir, 'folder', 'scene.tif'),
    join(dir, 'symbolic.tif'),
    join(dir, 'hard.tif'),
  ];
  for (const target of spellings) {
    const refused = refuseOverwrite([join(dir, 'other.tif'), target], [scene]);
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toMatchObject({ pointer: '--out', value: target });
    await expect(refused).rejects.toThrow(`${target} is the same file as the input ${scene}`);
    await expect(refuseOverwrite([scene], [target])).rejects.toThrow(ConfigError);
  }
  await expect(refuseOverwrite([scene], [pathToFileURL(scene).href])).rejects.toThrow(ConfigError);
});

it('lets new files, other files and missing inputs pass', async () => {
  const other = join(dir, 'other.tif');
  await writeFile(other, 'scene');
  await refuseOverwrite([other, join(dir, 'new.tif'), join(dir, 'no', 'folder', 'x.tif')], [scene]);
  await refuseOverwrite([scene], [join(dir, 'missing.tif'), 'file://elsewhere/%00']);
  await refuseOverwrite([], [scene]);
});
