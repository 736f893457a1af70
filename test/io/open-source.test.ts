import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AbortedError } from '../../src/core/errors.ts';
import { openByteSource, openOptionalByteSource } from '../../src/io/open-source.ts';
import { withoutSecrets } from '../../src/io/urls.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'frustum-io-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe('a local file', () => {
  test('is read by path and by file: URL, spaces and all', async () => {
    const file = path.join(dir, 'a file #1.bin');
    writeFileSync(
      file,
      Uint8Array.from({ length: 1000 }, (_, i) => i),
    );
    const { href } = pathToFileURL(file);
    for (const url of [file, href, href.replace('file:', 'FILE:')]) {
      const source = await openByteSource(url);
      expect(source.sizeBytes).toBe(1000);
      expect([...(await source.read(254, 4))]).toEqual([254, 255, 0, 1]);
      expect((await source.read(1000, 0)).length).toBe(0);
      await source.close();
      await source.close();
    }
  });

  test('tells when it was changed, as of opening', async () => {
    const file = path.join(dir, 'dated.bin');
    writeFileSync(file, 'abc');
    utimesSync(file, 1e9, 1.2e9);
    const source = await openByteSource(file);
    utimesSync(file, 1e9, 1.3e9);
    expect(source.modifiedMs).toBe(1.2e12);
    await source.close();
  });

  test('may have a colon in its name: only :// and file: make a URL', async () => {
    for (const name of ['a12:00.tif', 'scan:2024/b.tif', 's3:key.tif', 'C:\\none.tif']) {
      await expect(openByteSource(name)).rejects.toMatchObject({ tag: 'SourceError', status: 'ENOENT' });
    }
  });

  test('is not read past its end, nor with nonsense', async () => {
    const file = path.join(dir, 'short.bin');
    writeFileSync(file, 'abc');
    const source = await openByteSource(file);
    for (const [offset, length] of [
      [0, 4],
      [3, 1],
      [-1, 1],
      [0, Number.NaN],
      [0.5, 1],
      [2 ** 60, 1],
    ] as const) {
      await expect(source.read(offset, length)).rejects.toMatchObject({ tag: 'SourceError', url: file });
    }
    await source.close();
  });

  test('that shrinks under the reader is an error, not zeros', async () => {
    const file = path.join(dir, 'shrinking.bin');
    writeFileSync(file, new Uint8Array(100));
    const source = await openByteSource(file);
    truncateSync(file, 10);
    await expect(source.read(0, 100)).rejects.toThrow(/became shorter while it was read: wanted 100 bytes/);
    await source.close();
  });

  test('is not read once the caller has left', async () => {
    const file = path.join(dir, 'left.bin');
    writeFileSync(file, 'abc');
    const source = await openByteSource(file);
    await expect(source.read(0, 1, AbortSignal.abort())).rejects.toBeInstanceOf(AbortedError);
    await source.close();
  });
});

describe('what cannot be opened says so', () => {
  test('a missing file, a directory, a file below a file', async () => {
    const missing = path.join(dir, 'missing.tif');
    await expect(openByteSource(missing)).rejects.toMatchObject({
      tag: 'SourceError',
      status: 'ENOENT',
      retryable: false,
      message: `${missing} does not exist; check the path`,
    });
    mkdirSync(path.join(dir, 'folder'));
    await expect(openByteSource(path.join(dir, 'folder'))).rejects.toMatchObject({ status: 'EISDIR' });
    writeFileSync(path.join(dir, 'plain'), '');
    await expect(openByteSource(path.join(dir, 'plain', 'x.tif'))).rejects.toMatchObject({
      status: 'ENOTDIR',
    });
    await expect(openByteSource('/dev/null')).rejects.toThrow(/is not a regular file/);
  });

  test('an unreadable file', async () => {
    const file = path.join(dir, 'secret.tif');
    writeFileSync(file, 'x');
    chmodSync(file, 0);
    // Root may read everything; be nobody for a moment.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) process.seteuid?.(65534);
    try {
      await expect(openByteSource(file)).rejects.toMatchObject({ status: 'EACCES', retryable: false });
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  test('a scheme that is not read, without its secrets', async () => {
    const signed = 'ftp://user:pass@host/a.tif?X-Amz-Signature=abc';
    const error = await openByteSource(signed).catch((caught: Error) => caught);
    expect(error).toMatchObject({ tag: 'UnsupportedError', feature: 'ftp: sources' });
    expect((error as Error).message).toMatch(/^ftp:\/\/host\/a\.tif: /);
    expect((error as Error).message).not.toMatch(/pass|Signature/);
    await expect(openByteSource('gs://bucket/key.tif')).rejects.toMatchObject({ feature: 'gs: sources' });
    await expect(openOptionalByteSource(signed)).rejects.toMatchObject({ tag: 'UnsupportedError' });
  });

  test('URLs that name nothing', async () => {
    for (const [url, says] of [
      ['http://', 'is not a usable URL'],
      ['https://user:secr?et@host/a', 'is not a usable URL'],
      ['s3://bucket', 'names no object'],
      ['s3://bucket/', 'names no object'],
      ['s3:///key', 'names no bucket'],
      ['s3://AKIA:secret@bucket/key', 'no place for credentials'],
      ['s3://bucket?X-Amz-Security-Token=secret', 's3://bucket names no object'],
      ['s3://bucket/key?X-Amz-Signature=secret', 's3://bucket/key: an s3: URL has no place for a signature'],
      ['http:/user:secret@host/a', 'with two slashes'],
      ['https:user:secret@host/a', 'with two slashes'],
      ['s3:/AKIA:secret@bucket/key', 'with two slashes'],
    ] as const) {
      const error = (await openByteSource(url).catch((caught: Error) => caught)) as Error;
      expect(error).toMatchObject({ tag: 'SourceError', message: expect.stringContaining(says) });
      expect(error.message).not.toMatch(/secr/);
    }
  });
});

describe('a URL fit for messages', () => {
  test.each([
    ['https://u:p@host:8080/a/b.tif?sig=1#x', 'https://host:8080/a/b.tif'],
    ['https://host/a@b.tif?user@x', 'https://host/a@b.tif'],
    ['http://u:p?@host/a', 'http://u:p'],
    ['s3://bucket/a?b#c.tif', 's3://bucket/a?b#c.tif'],
    ['s3://bucket/a?b.tif?versionId=1&X-Amz-Signature=c', 's3://bucket/a'],
    ['s3://id:secret@bucket/k', 's3://bucket/k'],
    ['/data/a?b#c@d.tif', '/data/a?b#c@d.tif'],
    ['file:///data/a%20b.tif', 'file:///data/a%20b.tif'],
  ])('%s', (url, shown) => expect(withoutSecrets(url)).toBe(shown));
});
