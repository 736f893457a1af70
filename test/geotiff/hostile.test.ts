import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadCorpus } from './corpus.ts';
import type { HostileOutcome } from './hostile-child.ts';

const hostile = loadCorpus().filter((entry) => entry.expect === 'error' || entry.expect === 'safe');
const outcomes = new Map<string, HostileOutcome>();

beforeAll(() => {
  const child = path.resolve('test/geotiff/hostile-child.ts');
  const args = ['--max-old-space-size=512', '--import', 'tsx', child];
  const out = execFileSync(process.execPath, args, {
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 1 << 26,
  });
  for (const line of out.trim().split('\n')) {
    const outcome = JSON.parse(line) as HostileOutcome;
    outcomes.set(outcome.file, outcome);
  }
}, 150_000);

afterAll(() => {
  const counts = new Map<string, number>();
  for (const entry of hostile) {
    const what = `${entry.expect}: ${outcomes.get(entry.file)?.kind}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  process.stdout.write(
    `corpus: ${[...counts]
      .sort()
      .map(([what, times]) => `${what} ${times}`)
      .join(', ')}\n`,
  );
});

describe('hostile files end cleanly, soon and in little memory', () => {
  test('the child outlived all of them', () => {
    expect(hostile.length).toBe(139);
    expect(outcomes.size).toBe(hostile.length);
  });

  test.each(hostile.map((entry) => [entry.file, entry] as const))('%s', (file, entry) => {
    const outcome = outcomes.get(file)!;
    expect(outcome.ms).toBeLessThan(10_000);
    expect(outcome.peakBytes).toBeLessThan(1024 ** 3);
    expect(outcome.finite).toBe(true);
    if (entry.expect === 'safe' && outcome.kind === 'pixels') {
      if (entry.gdal.raster_sha256 && outcome.hash) expect(outcome.hash).toBe(entry.gdal.raster_sha256);
      return;
    }
    expect(outcome.kind).toMatch(/^(FormatError|UnsupportedError|SourceError)$/);
    expect(outcome.message).toContain(file);
  });
});
