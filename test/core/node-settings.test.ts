import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { ALLOCATOR, NODE_FLAGS } from '../../src/core/node-settings.ts';

test('the command starts as the processes that it starts', () => {
  const [first] = readFileSync(resolve('bin/frustum.js'), 'utf8').split('\n');
  const variables = Object.entries(ALLOCATOR).map(([name, value]) => `${name}=${value}`);
  expect(first).toBe(['#!/usr/bin/env -S', ...variables, 'node', ...NODE_FLAGS].join(' '));
});
