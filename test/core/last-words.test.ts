import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { lastWords } from '../../src/core/last-words.ts';

const stderrOf = (script: string) =>
  spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }).stderr;

describe('last words', () => {
  test.each([
    ['an error', "throw new Error('no such thing')", 'Error: no such thing'],
    ['one of more lines', "throw new RangeError('too large\\nby far')", 'RangeError: too large'],
    ['one with a cause', "throw new Error('outer', { cause: new Error('inner') })", 'Error: outer'],
    ['a promise', "await Promise.reject(new TypeError('not a function'))", 'TypeError: not a function'],
    [
      'a module that is not there',
      "await import('./nowhere.js')",
      '[ERR_MODULE_NOT_FOUND]: Cannot find module',
    ],
  ])('of a process that ended by %s', (_, script, expected) => {
    const words = lastWords(stderrOf(script));
    expect(words).toContain(expected);
  });

  test('of one that said something else', () => {
    expect(lastWords('first\nlibvips: out of memory\n\n')).toBe('libvips: out of memory');
    expect(lastWords('')).toBe('');
  });
});
