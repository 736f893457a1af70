import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { VECTOR_FORMATS } from '../../src/sink/vector-formats.ts';

/** Tiles cost memory by their number, not by that of features. */
const LAYERS = VECTOR_FORMATS.filter((format) => format !== 'pmtiles');

const folder = mkdtempSync(join(tmpdir(), 'frustum-vector-memory-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes so many features into all formats at once, in a process of its own; its peak memory in MiB. */
function peakOf(count: number): number {
  const script = `import { openVectorSink } from ${JSON.stringify(pathToFileURL(resolve('dist/index.js')).href)};
const sinks = [];
for (const format of ${JSON.stringify(LAYERS)}) {
  sinks.push(await openVectorSink({ path: ${JSON.stringify(folder)} + '/m.' + format, space: { kind: 'wgs84' } }));
}
for (let i = 0; i < ${count}; i++) {
  const [x, y] = [(i * 7919 % 300000) / 1000 - 150, (i * 104729 % 150000) / 1000 - 75];
  const coordinates = Float64Array.of(x, y, x + 0.01, y, x + 0.01, y + 0.01, x, y + 0.01, x, y);
  const geometry = { coordinates, ringEnds: [5], polygonEnds: [1] };
  const feature = { id: i, classId: i % 5, className: 'class ' + i % 5, color: '#808080', pixelCount: 4, areaM2: 1e6,
    perimeterM: 4000, meanConfidence: 99, minConfidence: 9, touchesEdge: false, belowMmu: false, geometry };
  for (const sink of sinks) {
    const busy = sink.write(feature);
    if (busy !== undefined) await busy;
  }
}
for (const sink of sinks) await sink.close();
console.log(process.resourceUsage().maxRSS / 1024);`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  expect(status === 0 ? '' : stderr).toBe('');
  return Number(stdout);
}

describe('memory of vector outputs', () => {
  it(`grows by the indexes alone, with all ${LAYERS.length} formats in one pass`, {
    timeout: 600_000,
  }, () => {
    const few = peakOf(200_000);
    const many = peakOf(800_000);
    process.stderr.write(
      `peak memory: ${few.toFixed(0)} MiB for 200,000 features, ${many.toFixed(0)} for 800,000\n`,
    );
    // 600,000 more features are 1.2 GB of files. Their indexes hold 96 bytes of each at the most, the rest is uneven garbage.
    expect(many - few).toBeLessThan(55 + 90);
  });
});
