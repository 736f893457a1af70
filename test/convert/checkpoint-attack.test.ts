import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../src/convert/checkpoint/checkpoint.ts';
import { openFileSource } from '../../src/convert/checkpoint/file-source.ts';
import { readPickle } from '../../src/convert/checkpoint/pickle.ts';
import { isFrustumError } from '../../src/core/errors.ts';
import { openCheckpointFile } from './support/golden.ts';
import {
  build,
  call,
  dict,
  global,
  int,
  list,
  orderedDict,
  pickle,
  tensor,
  text,
  tuple,
} from './support/pickle-assembler.ts';
import { tempFolder } from './support/temp-folder.ts';
import { record, writeZip } from './support/write-zip.ts';

const weight = tensor({ storage: '0', storageElements: 2, shape: [2] });

async function openPickle(top: Buffer) {
  const file = path.join(await tempFolder(), 'attack.pth');
  await writeZip(file, [
    record('archive/data.pkl', pickle(top)),
    record('archive/data/0', Buffer.from(Float32Array.of(1, 2).buffer)),
  ]);
  return openCheckpointFile(file);
}

/** Marks a file if it were run by a shell, by Python or by JavaScript. */
async function marker() {
  const file = path.join(await tempFolder(), 'was-run');
  return { file, command: `touch ${file}`, script: `require('fs').writeFileSync('${file}','')` };
}

describe('attack pickles', () => {
  test.each([
    ['os', 'system'],
    ['posix', 'system'],
    ['nt', 'system'],
    ['subprocess', 'Popen'],
    ['builtins', 'eval'],
    ['builtins', 'exec'],
    ['__builtin__', 'eval'],
    ['builtins', '__import__'],
  ])('%s.%s is refused by name wherever it stands, and nothing is run', async (module, name) => {
    const { file, command, script } = await marker();
    const attack = call(global(module, name), text(module.includes('builtin') ? script : command));
    const places = [
      attack,
      dict([text('state_dict'), attack]),
      dict([text('state_dict'), orderedDict([text('a'), attack])]),
      dict([text('state_dict'), orderedDict([text('a'), weight])], [text('meta'), attack]),
      dict([text('state_dict'), build(orderedDict([text('a'), weight]), attack)]),
      orderedDict([attack, weight]),
    ];
    for (const place of places) {
      await expect(openPickle(place)).rejects.toMatchObject({
        tag: 'FormatError',
        what: `${module}.${name}`,
      });
      await expect(openPickle(place)).rejects.toThrow(/nothing was run/);
    }
    expect(existsSync(file)).toBe(false);
  });

  test('an unknown class outside the weights is inert', async () => {
    const history = build(
      call(global('mmengine.logging.history_buffer', 'HistoryBuffer'), int(3)),
      dict([text('min'), call(global('__builtin__', 'getattr'), text('x'), text('min'))]),
    );
    const weights = await openPickle(
      dict([text('message_hub'), list(history)], [text('state_dict'), orderedDict([text('a'), weight])]),
    );
    expect([...weights.tensors.keys()]).toEqual(['a']);
    expect([...(await weights.read('a'))]).toEqual([1, 2]);
  });

  test.each([
    [
      'a value',
      orderedDict([text('layer.weight'), call(global('evil.module', 'Thing'), int(1))]),
      'evil.module.Thing',
    ],
    ['a global', orderedDict([text('layer.weight'), global('evil.module', 'thing')]), 'evil.module.thing'],
    [
      'getattr',
      orderedDict([text('layer.weight'), call(global('__builtin__', 'getattr'), int(1))]),
      '__builtin__.getattr',
    ],
    ['a string', orderedDict([text('layer.weight'), text('hello')]), 'a string'],
  ])('%s that is no tensor is refused by name inside the weights', async (_, top, named) => {
    await expect(openPickle(dict([text('state_dict'), top]))).rejects.toMatchObject({
      tag: 'FormatError',
      what: 'layer.weight',
      message: expect.stringContaining(named),
    });
  });

  test('storages, shapes and strides are checked before anything is read', async () => {
    const bad = {
      'reaches past its storage': tensor({ storage: '0', storageElements: 2, shape: [3] }),
      'offset past its storage': tensor({ storage: '0', storageElements: 2, shape: [2], offset: 1 }),
      'more elements than its storage': tensor({
        storage: '0',
        storageElements: 2,
        shape: [1e9],
        strides: [0],
      }),
      'overflowing shape': tensor({
        storage: '0',
        storageElements: 2,
        shape: [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1],
      }),
      'negative stride': tensor({ storage: '0', storageElements: 2, shape: [2], strides: [-1] }),
      'path in place of a storage': tensor({ storage: '../data.pkl', storageElements: 2, shape: [2] }),
      'unknown element type': tensor({
        storage: '0',
        storageElements: 2,
        shape: [2],
        storageClass: 'ComplexFloatStorage',
      }),
      'no storage': call(global('torch._utils', '_rebuild_tensor_v2'), text('x'), int(0), tuple(), tuple()),
      'parameter of a parameter': call(
        global('torch._utils', '_rebuild_parameter'),
        call(global('torch._utils', '_rebuild_parameter'), weight),
      ),
    };
    for (const [what, value] of Object.entries(bad)) {
      await expect(openPickle(orderedDict([text('layer.weight'), value])), what).rejects.toMatchObject({
        tag: 'FormatError',
        what: 'layer.weight',
      });
    }
  });

  test('a storage record shorter than it says is an error that names the tensor', async () => {
    const weights = await openPickle(
      orderedDict([text('layer.weight'), tensor({ storage: '0', storageElements: 1000, shape: [1000] })]),
    );
    await expect(weights.read('layer.weight')).rejects.toMatchObject({
      tag: 'FormatError',
      what: 'layer.weight',
    });
  });
});

describe('hostile bytes', () => {
  const url = 'x.pth';
  const failure = (bytes: Uint8Array): unknown => {
    try {
      return readPickle(bytes, url) === undefined;
    } catch (error) {
      return (error as { tag?: string }).tag;
    }
  };

  test.each([
    ['nothing', ''],
    ['no STOP', '\x80\x02N'],
    ['STOP on an empty stack', '\x80\x02.'],
    ['a mark as result', '('],
    ['a tuple without mark', '\x80\x02t.'],
    ['values left over', '\x80\x02NN.'],
    ['memo never set', '\x80\x02h\x07.'],
    ['a string longer than the file', '\x80\x02X\xff\xff\xff\x7f.'],
    ['a string of 2^63 bytes', '\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.'],
    ['an endless integer', '\x80\x02\x8b\xff\xff\xff\x7f.'],
    ['an extension code', '\x80\x02\x82\x01.'],
    ['a text persistent id', '\x80\x02Pfoo\n.'],
    ['protocol 6', '\x80\x06N.'],
    ['append to None', '\x80\x02NNa.'],
    ['items on a tuple of odd length', '\x80\x02}(Nu.'],
  ])('%s is a FormatError', (_, bytes) => {
    expect(failure(Buffer.from(bytes, 'latin1'))).toBe('FormatError');
  });

  test('a stack, memo or program without end is stopped', () => {
    expect(failure(Buffer.concat([Buffer.from('\x80\x02', 'latin1'), Buffer.alloc(2_000_000, 'N')]))).toBe(
      'FormatError',
    );
    expect(failure(Buffer.alloc(20_000_000, 'N0'))).toBe('FormatError');
  });

  test('whatever is changed in a real pickle, the outcome is a value or a FormatError', () => {
    const real = pickle(
      dict([text('meta'), list(int(1), text('x'))], [text('state_dict'), orderedDict([text('a'), weight])]),
    );
    const edit = fc.tuple(fc.nat(real.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
        const bytes = Buffer.from(real);
        for (const [at, value] of edits) bytes[at] = value;
        expect([true, false, 'FormatError']).toContain(failure(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  test('whatever is changed in a checkpoint file, the outcome is its weights or a tagged error', async () => {
    const folder = await tempFolder();
    const original = path.join(folder, 'original.pth');
    const top = pickle(orderedDict([text('a'), weight]));
    await writeZip(
      original,
      [record('x/data.pkl', top, true), record('x/data/0', Buffer.from(Float32Array.of(1, 2).buffer))],
      { zip64: true },
    );
    const real = await readFile(original);
    const file = path.join(folder, 'changed.pth');
    const edit = fc.tuple(fc.nat(real.length - 1), fc.nat(255));
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        const bytes = Buffer.from(real);
        for (const [at, value] of edits) bytes[at] = value;
        await writeFile(file, bytes);
        const source = await openFileSource(file);
        try {
          const weights = await openCheckpoint(source);
          for (const key of weights.tensors.keys()) await weights.read(key);
          outcomes.add('weights');
        } catch (error) {
          outcomes.add(isFrustumError(error) ? error.tag : String(error));
        } finally {
          await source.close();
        }
      }),
      { numRuns: 600 },
    );
    expect([...outcomes].filter((o) => !['weights', 'FormatError', 'UnsupportedError'].includes(o))).toEqual(
      [],
    );
    expect(outcomes).toContain('weights');
    expect(outcomes).toContain('FormatError');
  });
});
