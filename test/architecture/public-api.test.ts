import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as api from '../../src/index.ts';

describe('public API', () => {
  it('exports these values', () => {
    const kinds = Object.entries(api).map(([name, value]) => `${name}: ${typeof value}`);
    expect(kinds.sort().join('\n')).toMatchSnapshot();
  });

  it('exports these types, by name and one by one', () => {
    const source = readFileSync('src/index.ts', 'utf8');
    expect(source).not.toMatch(/export \*/);
    const types = [...source.matchAll(/export (type )?\{([^}]*)\}/g)].flatMap(([, all, names]) =>
      names!
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '' && (all !== undefined || name.startsWith('type ')))
        .map((name) => name.replace(/^type /, '')),
    );
    expect(types.sort().join('\n')).toMatchSnapshot();
  });
});
