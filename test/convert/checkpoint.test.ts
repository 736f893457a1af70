import { open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFileSource } from '../../src/convert/checkpoint/file-source.ts';
import { readPickle } from '../../src/convert/checkpoint/pickle.ts';
import { checkpointPath, GOLDEN, openCheckpointFile, openGolden } from './support/golden.ts';
import { orderedDict, pickle, tensor, text } from './support/pickle-assembler.ts';
import { tempFolder } from './support/temp-folder.ts';
import { record, writeZip } from './support/write-zip.ts';

/** key, shape, type, sum and sum of squares of every tensor, as the published code printed them. */
async function goldenTensors(model: string) {
  const lines = (await readFile(path.join(GOLDEN, 'models', model, 'state_dict.txt'), 'utf8'))
    .trim()
    .split('\n');
  return lines
    .filter((line) => !line.startsWith('#'))
    .map((line) => {
      const [key, shape, type, sum, squares] = line.split('\t');
      return { key: key!, shape: JSON.parse(shape!), type, sum: Number(sum), squares: Number(squares) };
    });
}

describe('golden checkpoints', () => {
  test.each([
    ['swin7', undefined],
    ['swin12', undefined],
    ['res18', undefined],
    ['tiny', 'iter_320000.pth'],
    ['tiny', 'published_torch2.pth'],
    ['tiny', 'bare_module_prefix.pth'],
    ['tiny', 'exotic_storages.pth'],
  ])('%s %s: every tensor has its key, shape, sum and sum of squares', async (model, file) => {
    const weights = await openGolden(model, file);
    const expected = await goldenTensors(model);
    expect([...weights.tensors.keys()]).toEqual(expected.map(({ key }) => key));
    for (const { key, shape, sum, squares } of expected) {
      expect(weights.tensors.get(key)!.shape, key).toEqual(shape);
      const values = await weights.read(key);
      let total = 0;
      let square = 0;
      for (const value of values) {
        total += value;
        square += value * value;
      }
      expect(Math.abs(total - sum), key).toBeLessThanOrEqual(1e-6 * Math.max(1, squares));
      expect(Math.abs(square - squares), key).toBeLessThanOrEqual(1e-6 * Math.max(1, squares));
    }
  });

  test('the containers of one model hold the same elements; halves are rounded', async () => {
    const reference = await openGolden('tiny', 'published_torch2.pth');
    const exotic = await openGolden('tiny', 'exotic_storages.pth');
    const half = await openGolden('tiny', 'fp16.pth');
    expect(new Set([...exotic.tensors.values()].map(({ type }) => type))).toContain('float64');
    expect(new Set([...half.tensors.values()].map(({ type }) => type))).toContain('float16');
    for (const key of reference.tensors.keys()) {
      const values = await reference.read(key);
      expect(Array.from(await exotic.read(key)), key).toEqual(Array.from(values));
      const rounded = await half.read(key);
      for (let i = 0; i < values.length; i++) {
        expect(Math.abs(rounded[i]! - values[i]!)).toBeLessThanOrEqual(
          Math.abs(values[i]!) * 2 ** -11 + 2 ** -25,
        );
      }
    }
  });

  test('a legacy container is refused by name, with a way out', async () => {
    await expect(openGolden('tiny', 'legacy_nonzip.pth')).rejects.toMatchObject({
      tag: 'UnsupportedError',
      feature: 'legacy torch container (not a zip)',
      hint: expect.stringContaining('PyTorch 1.6'),
    });
  });

  test('an unknown tensor is an error', async () => {
    await expect((await openGolden('swin7')).read('no.such.key')).rejects.toMatchObject({
      tag: 'ModelError',
    });
  });
});

describe('damaged files', () => {
  const original = () => readFile(checkpointPath('tiny', 'published_torch2.pth'));

  test('cut anywhere, a checkpoint is a FormatError', async () => {
    const bytes = await original();
    const folder = await tempFolder();
    for (const length of [
      0,
      1,
      3,
      30,
      100,
      5000,
      120_000,
      bytes.length - 30_000,
      bytes.length - 25,
      bytes.length - 1,
    ]) {
      const file = path.join(folder, `${length}.pth`);
      await writeFile(file, bytes.subarray(0, length));
      await expect(openCheckpointFile(file), `${length} bytes`).rejects.toMatchObject({
        tag: 'FormatError',
        url: file,
      });
    }
  });

  test('a changed weight byte is found by its checksum', async () => {
    const bytes = await original();
    const key = 'backbone.main_encoder.patch_embed.projection.weight';
    // The first storage follows its local header; its name ends in data/0 and is padded to 64 bytes.
    const header = bytes.indexOf('archive/data/0') - 30;
    const start = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
    bytes[start + 5]! ^= 1;
    const file = path.join(await tempFolder(), 'flipped.pth');
    await writeFile(file, bytes);
    await expect((await openCheckpointFile(file)).read(key)).rejects.toMatchObject({
      tag: 'FormatError',
      what: 'archive/data/0',
      message: expect.stringContaining('checksum'),
    });
  });

  test.each([
    ['a web page', '<!DOCTYPE html><html>', 'web page'],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\n', 'git lfs pull'],
    ['some text', 'hello', 'neither a zip'],
    ['an empty file', '', 'an empty file'],
  ])('%s is told as such', async (_, content, words) => {
    const file = path.join(await tempFolder(), 'x.pth');
    await writeFile(file, content);
    await expect(openCheckpointFile(file)).rejects.toMatchObject({
      tag: 'FormatError',
      message: expect.stringContaining(words),
    });
  });

  test('a missing file and a folder are SourceErrors', async () => {
    const folder = await tempFolder();
    await expect(openCheckpointFile(path.join(folder, 'none.pth'))).rejects.toMatchObject({
      tag: 'SourceError',
      status: 'ENOENT',
    });
    await expect(openCheckpointFile(folder)).rejects.toMatchObject({ tag: 'SourceError' });
  });

  test('a zip without a pickle is told from a checkpoint', async () => {
    const file = path.join(await tempFolder(), 'x.zip');
    await writeZip(file, [record('readme.txt', Buffer.from('hello'))]);
    await expect(openCheckpointFile(file)).rejects.toMatchObject({ tag: 'FormatError', what: 'data.pkl' });
  });
});

describe('zip', () => {
  const values = Float32Array.of(1.5, -2, 3e-8, 4);
  const top = pickle(orderedDict([text('a'), tensor({ storage: '0', storageElements: 4, shape: [2, 2] })]));
  const data = Buffer.from(values.buffer);

  test.each([
    ['stored', {}, false],
    ['ZIP64', { zip64: true }, false],
    ['deflated', {}, true],
  ])('%s records read alike', async (_, options, deflate) => {
    const file = path.join(await tempFolder(), 'x.pth');
    await writeZip(file, [record('x/data.pkl', top, deflate), record('x/data/0', data, deflate)], options);
    expect(await (await openCheckpointFile(file)).read('a')).toEqual(values);
  });

  test('records beyond 4 GiB are found', async () => {
    const file = path.join(await tempFolder(), 'big.pth');
    await writeZip(file, [
      { name: 'archive/data/7', sizeBytes: 5 * 2 ** 30, load: null },
      record('archive/data.pkl', top),
      record('archive/data/0', data),
    ]);
    expect(await (await openCheckpointFile(file)).read('a')).toEqual(values);
  });

  test('a big-endian checkpoint is refused', async () => {
    const file = path.join(await tempFolder(), 'x.pth');
    await writeZip(file, [
      record('x/data.pkl', top),
      record('x/byteorder', Buffer.from('big')),
      record('x/data/0', data),
    ]);
    await expect(openCheckpointFile(file)).rejects.toMatchObject({
      tag: 'UnsupportedError',
      feature: 'big-endian checkpoint',
    });
  });

  test('a deflated record that grows beyond what it announces is stopped', async () => {
    const file = path.join(await tempFolder(), 'bomb.pth');
    await writeZip(file, [record('x/data.pkl', top), record('x/data/0', Buffer.alloc(1 << 20), true)]);
    const bytes = await readFile(file);
    // Both headers announce 16 bytes instead of a mebibyte.
    for (let at = bytes.indexOf('x/data/0'); at >= 0; at = bytes.indexOf('x/data/0', at + 1)) {
      const central = bytes.readUInt32LE(Math.max(0, at - 46)) === 0x02014b50;
      bytes.writeUInt32LE(16, central ? at - 46 + 24 : at - 30 + 22);
    }
    await writeFile(file, bytes);
    await expect((await openCheckpointFile(file)).read('a')).rejects.toMatchObject({
      tag: 'FormatError',
      what: 'x/data/0',
    });
  });
});

describe('strides', () => {
  test('transposed, shared and offset views read row-major', async () => {
    const file = path.join(await tempFolder(), 'x.pth');
    const view = (shape: number[], strides: number[], offset = 0) =>
      tensor({ storage: '0', storageElements: 6, shape, strides, offset });
    await writeZip(file, [
      record(
        'x/data.pkl',
        pickle(
          orderedDict(
            [text('whole'), view([2, 3], [3, 1])],
            [text('transposed'), view([3, 2], [1, 3])],
            [text('column'), view([2], [3], 2)],
            [text('scalar'), view([], [], 4)],
            [text('empty'), view([0, 3], [3, 1])],
          ),
        ),
      ),
      record('x/data/0', Buffer.from(Float32Array.of(0, 1, 2, 3, 4, 5).buffer)),
    ]);
    const weights = await openCheckpointFile(file);
    const read = async (key: string) => [...(await weights.read(key))];
    expect(await read('whole')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await read('transposed')).toEqual([0, 3, 1, 4, 2, 5]);
    expect(await read('column')).toEqual([2, 5]);
    expect(await read('scalar')).toEqual([4]);
    expect(await read('empty')).toEqual([]);
  });
});

describe('newer pickle protocols', () => {
  test('frames, memoized names and stack globals of protocol 4 and 5', () => {
    const short = (name: string) => `\x8c${String.fromCharCode(name.length)}${name}\x94`;
    const body = `}\x94(${short('a')}${short('collections')}${short('OrderedDict')}\x93\x94)R\x94${short('b')}h\x05${short('c')}C\x02\xff\x00\x94u.`;
    for (const protocol of ['\x04', '\x05']) {
      const frame = Buffer.alloc(8);
      frame.writeBigUInt64LE(BigInt(body.length));
      const bytes = Buffer.concat([
        Buffer.from(`\x80${protocol}\x95`, 'latin1'),
        frame,
        Buffer.from(body, 'latin1'),
      ]);
      const value = readPickle(bytes, 'x') as { entries: [string, unknown][] };
      const ordered = { kind: 'call', callee: { kind: 'global', name: 'collections.OrderedDict' } };
      expect(value.entries).toMatchObject([
        ['a', ordered],
        ['b', ordered],
        ['c', Uint8Array.of(255, 0)],
      ]);
      expect(value.entries[1]![1]).toBe(value.entries[0]![1]);
    }
  });
});

test('a file that shrinks while it is read is an error, not zeros', async () => {
  const file = path.join(await tempFolder(), 'x.bin');
  await writeFile(file, Buffer.alloc(1000, 1));
  const source = await openFileSource(file);
  const handle = await open(file, 'r+');
  await handle.truncate(100);
  await handle.close();
  await expect(source.read(0, 1000)).rejects.toMatchObject({ tag: 'FormatError' });
  await source.close();
});
