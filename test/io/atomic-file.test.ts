import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAtomicFile, openScratchFile, writeFileAtomic } from '../../src/io/atomic-file.ts';
import { mountSmallDisk } from '../support/small-disk.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frustum-atomic-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const bytes = (...values: number[]) => Uint8Array.from(values);

describe('openAtomicFile', () => {
  it('shows nothing under its name before commit and everything after', async () => {
    const path = join(folder, 'a', 'b', 'out.bin');
    const file = await openAtomicFile(path);
    await file.write(bytes(1, 2, 3, 4));
    await file.write(bytes(5));
    await file.writeAt(1, bytes(9, 8));
    expect(file.position).toBe(5);
    const before = await readdir(join(folder, 'a', 'b'));
    expect(before).toHaveLength(1);
    expect(before[0]).toMatch(/^\.out\.bin\..*\.part$/);
    await file.commit();
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['out.bin']);
    expect([...(await readFile(path))]).toEqual([1, 9, 8, 4, 5]);
  });

  it('keeps the order of writes that were not awaited, and commit waits for them', async () => {
    const path = join(folder, 'out.bin');
    const file = await openAtomicFile(path);
    const writes = Array.from({ length: 200 }, (_, i) =>
      file.write(new Uint8Array(1 + (i % 7) * 1000).fill(i)),
    );
    await file.commit();
    await Promise.all(writes);
    const expected = Array.from({ length: 200 }, (_, i) => Buffer.alloc(1 + (i % 7) * 1000, i));
    expect((await readFile(path)).equals(Buffer.concat(expected))).toBe(true);
  });

  it('keeps the former file until commit, and for good after abort', async () => {
    const path = join(folder, 'out.txt');
    await writeFile(path, 'former');
    const file = await openAtomicFile(path);
    await file.write(bytes(1));
    expect(await readFile(path, 'utf8')).toBe('former');
    await file.abort();
    await file.abort();
    expect(await readFile(path, 'utf8')).toBe('former');
    expect(await readdir(folder)).toEqual(['out.txt']);
    await expect(file.write(bytes(1))).rejects.toMatchObject({ tag: 'SourceError' });
    await expect(file.commit()).rejects.toMatchObject({ tag: 'SourceError' });
    await writeFileAtomic(path, 'latter é');
    expect(await readFile(path, 'utf8')).toBe('latter é');
  });

  it('flushes without showing the file, and takes more bytes after that', async () => {
    const path = join(folder, 'out.txt');
    const file = await openAtomicFile(path);
    const write = file.write(Buffer.from('a'));
    await file.flush();
    await write;
    expect(await readdir(folder)).not.toContain('out.txt');
    await file.write(Buffer.from('b'));
    await file.commit();
    expect(await readFile(path, 'utf8')).toBe('ab');
    await expect(file.flush()).rejects.toMatchObject({ tag: 'SourceError' });
  });

  it('lets two writers of one name race: the last to commit wins, whole', async () => {
    const path = join(folder, 'out.txt');
    const [p, q] = await Promise.all([openAtomicFile(path), openAtomicFile(path)]);
    await Promise.all([p.write(Buffer.from('ppp')), q.write(Buffer.from('q'))]);
    await q.commit();
    await p.commit();
    expect(await readFile(path, 'utf8')).toBe('ppp');
    expect(await readdir(folder)).toEqual(['out.txt']);
  });

  it('names a file that stands where a folder is needed', async () => {
    await writeFile(join(folder, 'plain'), '');
    const path = join(folder, 'plain', 'out.tif');
    await expect(openAtomicFile(path)).rejects.toMatchObject({
      tag: 'SourceError',
      url: path,
      status: expect.stringMatching(/^(ENOTDIR|EEXIST)$/),
      retryable: false,
      message: expect.stringMatching(/is a file, not a folder.*choose another output folder/),
    });
  });

  it('finds a folder in the way before any work is done', async () => {
    await mkdir(join(folder, 'out.tif'));
    await expect(openAtomicFile(join(folder, 'out.tif'))).rejects.toMatchObject({ status: 'EISDIR' });
    expect(await readdir(folder)).toEqual(['out.tif']);
  });

  it.skipIf(process.platform !== 'linux')('gives up where no folder can be made at all', async () => {
    for (const path of ['/proc/x/out.tif', '/proc/x/y/out.tif', '/proc/out.tif']) {
      await expect(openAtomicFile(path)).rejects.toMatchObject({
        tag: 'SourceError',
        url: path,
        status: 'ENOENT',
        message: expect.stringMatching(/nothing can be made in its folder.*Choose another output folder/),
      });
    }
  });

  it('names a link that leads nowhere, and follows one that leads to a folder', async () => {
    const link = join(folder, 'link');
    const goal = join(folder, 'goal');
    await symlink(goal, link);
    for (const path of [join(link, 'out.tif'), join(link, 'a', 'out.tif')]) {
      await expect(openAtomicFile(path)).rejects.toMatchObject({
        tag: 'SourceError',
        message: expect.stringContaining(`${link}: it is a link to ${goal}, which does not exist. Make that`),
      });
    }
    await mkdir(goal);
    await writeFileAtomic(join(link, 'a', 'out.txt'), 'x');
    expect(await readFile(join(goal, 'a', 'out.txt'), 'utf8')).toBe('x');
  });

  it('lets many make the same folder at once', async () => {
    const paths = Array.from({ length: 20 }, (_, i) => join(folder, 'p', 'q', 'r', `${i}.txt`));
    await Promise.all(paths.map((path) => writeFileAtomic(path, 'x')));
    expect(await readdir(join(folder, 'p', 'q', 'r'))).toHaveLength(20);
  });

  it('says that permission is denied', async () => {
    await chmod(folder, 0o555);
    const asRoot = process.geteuid?.() === 0;
    if (asRoot) process.seteuid?.(65534);
    try {
      await expect(openAtomicFile(join(folder, 'out.tif'))).rejects.toMatchObject({
        tag: 'SourceError',
        status: 'EACCES',
        message: expect.stringContaining('permission denied'),
      });
    } finally {
      if (asRoot) process.seteuid?.(0);
      await chmod(folder, 0o755);
    }
  });
});

describe('on a full disk', () => {
  const disk = mountSmallDisk(256 * 1024);

  it.skipIf(disk === null)('fails with ENOSPC, cannot be committed and leaves nothing', async () => {
    const path = join(disk!, 'out.bin');
    const file = await openAtomicFile(path);
    await file.write(new Uint8Array(100_000));
    await expect(file.write(new Uint8Array(400_000))).rejects.toMatchObject({
      tag: 'SourceError',
      url: path,
      status: 'ENOSPC',
      retryable: false,
      message: expect.stringMatching(/no space is left.*Free some space/),
    });
    await expect(file.flush()).rejects.toMatchObject({ status: 'ENOSPC' });
    await expect(file.commit()).rejects.toMatchObject({ status: 'ENOSPC' });
    await file.abort();
    expect(await readdir(disk!)).toEqual([]);
    await expect(writeFileAtomic(path, new Uint8Array(400_000))).rejects.toMatchObject({ status: 'ENOSPC' });
    expect(await readdir(disk!)).toEqual([]);
  });
});

describe('after a kill', () => {
  /** Runs a process that opens `name` and kills itself; its temporary file stays. */
  const leave = async (name: string) => {
    const before = await readdir(folder);
    const script = `
      const { openAtomicFile } = await import(${JSON.stringify(new URL('../../src/io/atomic-file.ts', import.meta.url).href)});
      await openAtomicFile(process.argv[1]);
      process.kill(process.pid, 'SIGKILL');`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', script, join(folder, name)];
    expect(() => execFileSync(process.execPath, args, { stdio: 'pipe' })).toThrow(
      expect.objectContaining({ signal: 'SIGKILL' }),
    );
    const left = (await readdir(folder)).filter((entry) => !before.includes(entry));
    expect(left).toEqual([expect.stringMatching(/^\..*\.part$/)]);
    return left[0]!;
  };

  it('the next attempt at the same file takes the leftover away, and nothing else', async () => {
    const left = await leave('out.tif');
    const [, host, pid] = /^\.out\.tif\.([0-9a-f]{8})-(\d+)-/.exec(left)!;
    const elsewhere = host === '00000000' ? '11111111' : '00000000';
    const kept = [
      // Of another file, of another host, of a process that runs, and a file that is not ours.
      `.out.tif.aux.${host}-${pid}-0123456789ab.part`,
      `.out.tif.${elsewhere}-${pid}-0123456789ab.part`,
      `.out.tif.${host}-${process.ppid}-0123456789ab.part`,
      `.out.tif.${host}-${pid}-notes.part`,
    ];
    for (const name of kept) await writeFile(join(folder, name), '');
    // What SQLite leaves beside its file.
    await writeFile(join(folder, `${left}-journal`), '');
    await mkdir(join(folder, `${left}.lock`));
    const other = await openAtomicFile(join(folder, 'out.tif'));
    await writeFileAtomic(join(folder, 'out.tif'), 'x');
    await other.abort();
    expect((await readdir(folder)).sort()).toEqual([...kept, 'out.tif'].sort());
  });
});

describe('openScratchFile', () => {
  it('reads back what was appended and is never seen in the folder', async () => {
    const scratch = await openScratchFile(join(folder, 'out.tif'));
    expect(await readdir(folder)).toEqual([]);
    await Promise.all([scratch.write(bytes(1, 2, 3)), scratch.write(bytes(4, 5))]);
    expect([...(await scratch.read(1, 3))]).toEqual([2, 3, 4]);
    await expect(scratch.read(3, 3)).rejects.toMatchObject({ tag: 'SourceError' });
    await scratch.close();
    await scratch.close();
  });

  it('leaves nothing when the process is killed', async () => {
    const script = `
      const { openScratchFile } = await import(${JSON.stringify(new URL('../../src/io/atomic-file.ts', import.meta.url).href)});
      const scratch = await openScratchFile(process.argv[1]);
      await scratch.write(new Uint8Array(1000));
      process.kill(process.pid, 'SIGKILL');`;
    const run = () =>
      execFileSync(
        process.execPath,
        ['--import', 'tsx', '--input-type=module', '-e', script, join(folder, 'x')],
        {
          stdio: 'pipe',
        },
      );
    expect(run).toThrow(expect.objectContaining({ signal: 'SIGKILL' }));
    expect(await readdir(folder)).toEqual([]);
  });
});
