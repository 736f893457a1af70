import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  describeOutputs,
  findFinishedRun,
  identityOf,
  type RunRecord,
  takeRecord,
  writeRecord,
} from '../../src/pipeline/run-record.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-record-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function finishRun(): Promise<RunRecord> {
  const path = join(dir, 'a.bin');
  await writeFile(path, 'bytes');
  const record: RunRecord = {
    format: 'frustum-run',
    version: 1,
    verb: 'segment',
    identity: identityOf({ scene: 'x', stride: 4 }),
    outputs: await describeOutputs([path]),
  };
  await writeRecord(dir, record, []);
  return record;
}

describe('run record', () => {
  it('identity depends on values, not on the order of keys', () => {
    expect(identityOf({ a: 1, b: [{ c: 2, d: 3 }] })).toBe(identityOf({ b: [{ d: 3, c: 2 }], a: 1 }));
    expect(identityOf({ a: 1 })).not.toBe(identityOf({ a: 2 }));
    expect(identityOf([1, 2])).not.toBe(identityOf([2, 1]));
  });

  it('finds a finished run of the same identity, and no other', async () => {
    const record = await finishRun();
    expect(await findFinishedRun(dir, record.identity)).toEqual(record);
    expect(await findFinishedRun(dir, identityOf('else'))).toBeNull();
  });

  it.each([
    ['changed in place', (path: string) => writeFile(path, 'bytez')],
    ['cut short', (path: string) => writeFile(path, 'byt')],
    ['gone', (path: string) => rm(path)],
  ])('does not trust a run whose output is %s', async (_, harm) => {
    const record = await finishRun();
    await harm(join(dir, 'a.bin'));
    expect(await findFinishedRun(dir, record.identity)).toBeNull();
  });

  it('an unreadable record counts as no run', async () => {
    const record = await finishRun();
    await writeFile(join(dir, 'run.json'), '{"half');
    expect(await findFinishedRun(dir, record.identity)).toBeNull();
  });

  it('a new run takes away the old record first, then what only the old run made, and nothing else', async () => {
    await finishRun();
    await writeFile(join(dir, 'b.bin'), 'new');
    await writeFile(join(dir, 'notes.txt'), "the user's own");
    const next: RunRecord = {
      format: 'frustum-run',
      version: 1,
      verb: 'segment',
      identity: identityOf('next'),
      outputs: await describeOutputs([join(dir, 'b.bin')]),
    };
    const earlier = await takeRecord(dir);
    expect((await readdir(dir)).sort()).toEqual(['a.bin', 'b.bin', 'notes.txt']);
    await writeRecord(dir, next, earlier);
    expect((await readdir(dir)).sort()).toEqual(['b.bin', 'notes.txt', 'run.json']);
    expect(await findFinishedRun(dir, next.identity)).toEqual(next);
  });
});
