import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadPreset } from '../../src/convert/preset.ts';
import { tempFolder } from './support/temp-folder.ts';

async function presetFile(content: unknown): Promise<string> {
  const file = path.join(await tempFolder(), 'preset.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const classes = [
  { id: 0, name: 'land', color: '#00aa00' },
  { id: 1, name: 'water', color: '#0000ff' },
];

describe('published presets', () => {
  test.each([
    ['gid', 6, [1, 3, 14], 'water', '#0000ff'],
    ['fbps', 25, [1, 3, 14], 'airport', '#c89600'],
    ['inria', 2, [1, 3, 10], 'building', '#ffffff'],
  ])('%s', async (name, count, distances, last, color) => {
    const preset = await loadPreset(name);
    expect(preset.classes).toHaveLength(count);
    expect(preset.classes.at(-1)).toEqual({ id: count - 1, name: last, color });
    expect(preset).toMatchObject({
      window: 512,
      padTo: 512,
      distances,
      geometry: 'reference',
      poolScales: [1, 2, 3, 6],
      mean: [123.675, 116.28, 103.53],
      deviation: [58.395, 57.12, 57.375],
    });
  });
});

describe('preset files', () => {
  test('what is left out has the published values', async () => {
    const preset = await loadPreset(await presetFile({ window: 128, distances: [1, 3, 6], classes }));
    expect(preset).toMatchObject({
      window: 128,
      distances: [1, 3, 6],
      padTo: 512,
      poolScales: [1, 2, 3, 6],
      geometry: 'reference',
      bands: ['red', 'green', 'blue'],
    });
  });

  test('a network trained without context has three equal distances', async () => {
    const file = await presetFile({ distances: [1, 1, 1], geometry: 'centred', classes });
    await expect(loadPreset(file)).resolves.toMatchObject({ distances: [1, 1, 1], geometry: 'centred' });
  });

  test.each([
    ['no classes', {}, '/classes'],
    ['a colour in words', { classes: [classes[0], { ...classes[1], color: 'blue' }] }, '/classes/1/color'],
    ['ids out of order', { classes: [classes[1], classes[0]] }, '/classes/0/id'],
    ['distances that shrink', { classes, distances: [1, 14, 3] }, '/distances'],
    ['two distances', { classes, distances: [1, 3] }, '/distances'],
    ['a window of text', { classes, window: 'big' }, '/window'],
    ['a vast window', { classes, window: 100_000 }, '/window'],
    ['deviation zero', { classes, deviation: [1, 0, 1] }, '/deviation/1'],
    ['a mistyped field', { classes, windows: 128 }, ''],
  ])('%s is a ConfigError with its place', async (_, content, pointer) => {
    await expect(loadPreset(await presetFile(content))).rejects.toMatchObject({
      tag: 'ConfigError',
      pointer,
    });
  });

  test('all mistakes are named together', async () => {
    const file = await presetFile({ classes: [classes[0]], window: -1, padTo: 0 });
    await expect(loadPreset(file)).rejects.toThrow(/\/classes[\s\S]*\/window[\s\S]*\/padTo/);
  });

  test('neither a name nor a file', async () => {
    await expect(loadPreset('gdi')).rejects.toMatchObject({
      tag: 'ConfigError',
      pointer: '--preset',
      message: expect.stringContaining('gid, fbps, inria'),
    });
  });

  test('no JSON', async () => {
    await expect(loadPreset(await presetFile('{'))).rejects.toMatchObject({ tag: 'ConfigError' });
  });

  test('a name of Object.prototype is no preset', async () => {
    await expect(loadPreset('constructor')).rejects.toMatchObject({ tag: 'ConfigError' });
  });
});
