import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** The folder of golden numbers and real imagery that stands beside the checkout of a developer. */
const SHARED = resolve('../shared');

/**
 * Test files that can't run because they, or a module of the tests that they import, read golden numbers or imagery from
 * `../shared`, which is not here. None where it is.
 * @throws if `FRUSTUM_TEST_ALL=1` and the folder is missing
 */
export function testsWithoutData(): string[] {
  if (existsSync(SHARED)) return [];
  if (process.env.FRUSTUM_TEST_ALL === '1') throw new Error(`FRUSTUM_TEST_ALL=1, but ${SHARED} is missing`);
  const needing = new Map<string, boolean>();
  return readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join('test', file))
    .filter((file) => needsShared(resolve(file), needing));
}

function needsShared(path: string, known: Map<string, boolean>): boolean {
  const before = known.get(path);
  if (before !== undefined) return before;
  // Also ends circles of imports.
  known.set(path, false);
  const text = readFileSync(path, 'utf8');
  const imports = [...text.matchAll(/from\s+'(\.[^']+)'/g)].map((match) => resolve(dirname(path), match[1]!));
  const needs =
    /['`](\.\.\/)+shared/.test(text) ||
    imports.some((file) => relative('test', file).startsWith('..') === false && needsShared(file, known));
  known.set(path, needs);
  return needs;
}
