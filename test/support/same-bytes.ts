import { expect } from 'vitest';

/** Expects equal bytes; far quicker than a deep comparison, and names the first difference. */
export function expectSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((value, i) => value !== expected[i]);
  expect(`byte ${at}: ${actual[at]}`).toBe(`byte ${at}: ${expected[at]}`);
}
