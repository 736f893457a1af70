import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isFrustumError } from '../../src/core/errors.ts';
import { openGeoTiff } from '../../src/geotiff/open-geotiff.ts';
import { loadCorpus } from './corpus.ts';
import { memorySource } from './memory-source.ts';

const ROOT = path.resolve('../shared/corpus');
const files = loadCorpus()
  .filter((entry) => entry.expect === 'decode')
  .map((entry) => entry.file)
  .filter((file) => statSync(path.join(ROOT, file)).size <= 200_000);

/** Where bytes are changed: mostly in the header and the directories, which lie at either end. */
const place = fc.oneof(
  fc.double({ min: 0, max: 0.9999, noNaN: true }),
  fc.double({ min: 0, max: 0.02, noNaN: true }),
  fc.double({ min: 0.95, max: 0.9999, noNaN: true }),
);
const changes = fc.array(fc.tuple(place, fc.nat({ max: 255 })), { minLength: 1, maxLength: 12 });

test('real files with bytes changed or cut off end in pixels or a tagged error, soon', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...files), changes, fc.boolean(), async (file, list, cut) => {
      const whole = readFileSync(path.join(ROOT, file));
      const bytes = cut ? whole.subarray(0, Math.floor(list[0]![0] * whole.length)) : whole;
      for (const [at, value] of cut ? [] : list) bytes[Math.floor(at * bytes.length)] = value;
      const started = performance.now();
      const outcome = await (async () => {
        const tiff = await openGeoTiff(memorySource(bytes), { decodeThreads: 2 });
        const { width, height, bands } = tiff.info;
        const window = { x: 0, y: 0, width: Math.min(1024, width), height: Math.min(1024, height) };
        await tiff.readMask(window);
        return tiff.readBands(window, [...new Set([0, bands - 1])]);
      })().catch((error: unknown) => error);
      expect(performance.now() - started).toBeLessThan(10_000);
      if (ArrayBuffer.isView(outcome)) return;
      if (!isFrustumError(outcome)) throw outcome;
      expect(['FormatError', 'UnsupportedError', 'SourceError']).toContain(outcome.tag);
    }),
    { numRuns: 400 },
  );
});
