import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Who may enter which room. Each room may import core and itself; `*` is every room below the command line. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  io: [],
  geotiff: ['io'],
  scene: ['io', 'geotiff'],
  pyramid: ['scene', 'io', 'geotiff'],
  area: ['io', 'vectorize/reproject.ts'],
  frustum: ['scene', 'pyramid'],
  model: [],
  convert: ['model/manifest.ts', 'io'],
  stitch: [],
  vectorize: [],
  sink: ['io', 'geotiff', 'vectorize'],
  evaluate: [],
  synth: [],
  doctor: ['io', 'model', 'convert/onnx/graph.ts', 'convert/onnx/encode-graph.ts'],
  pipeline: ['*'],
  job: ['*', 'pipeline'],
  cli: ['*', 'pipeline'],
};

const SRC = resolve('src');

function importsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
}

function violations(): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(SRC, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.ts') || !entry.includes('/')) continue;
    const room = entry.split('/')[0]!;
    const allowed = ALLOWED[room];
    if (allowed === undefined) {
      found.push(`${entry}: the room ${room} is not in the rule`);
      continue;
    }
    for (const target of importsOf(join(SRC, entry))) {
      if (!target.startsWith('.')) {
        if (room === 'core') found.push(`${entry}: core imports nothing, but ${target}`);
        continue;
      }
      const path = relative(SRC, resolve(SRC, entry, '..', target));
      const other = path.split('/')[0]!;
      const ok =
        other === room ||
        other === 'core' ||
        allowed.includes(other) ||
        allowed.includes(path) ||
        (allowed.includes('*') && other !== 'cli' && other !== 'pipeline');
      if (!ok && !path.startsWith('..')) found.push(`${entry} -> ${path}`);
    }
  }
  return found;
}

describe('import rule', () => {
  it('finds the imports it is to judge', () => {
    expect(importsOf(join(SRC, 'core/grid.ts'))).toEqual(['./affine.ts', './crs.ts', './warp.ts']);
  });

  it('holds: rooms enter only the rooms that the design names', () => {
    expect(violations()).toEqual([]);
  });

  it('has no cycle between rooms', () => {
    const rooms = Object.keys(ALLOWED).filter((room) => !ALLOWED[room]!.includes('*'));
    const seen = new Set<string>();
    const walk = (room: string, trail: readonly string[]) => {
      expect(trail).not.toContain(room);
      seen.add(room);
      for (const next of ALLOWED[room]!) walk(next.split('/')[0]!, [...trail, room]);
    };
    for (const room of rooms) walk(room, []);
    expect(seen.size).toBe(rooms.length);
  });

  it('library code never writes to the console and has no room called utils', () => {
    const entries = readdirSync(SRC, { recursive: true, encoding: 'utf8' });
    expect(entries.filter((entry) => /(^|\/)utils?(\/|\.ts$)/.test(entry))).toEqual([]);
    const loud = entries.filter(
      (entry) =>
        entry.endsWith('.ts') &&
        !entry.startsWith('cli/') &&
        /\bconsole\.|process\.std(out|err)\./.test(readFileSync(join(SRC, entry), 'utf8')),
    );
    expect(loud).toEqual([]);
  });
});
