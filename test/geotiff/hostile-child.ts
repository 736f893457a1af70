/** Reads every hostile corpus file in a process of its own and prints one JSON line each. */
import { isFrustumError } from '../../src/core/errors.ts';
import type { GeoTiff } from '../../src/geotiff/open-geotiff.ts';
import { hashBands, loadCorpus, withCorpusFile } from './corpus.ts';

/** What became of one file. */
export interface HostileOutcome {
  readonly file: string;
  /** `pixels`, a tag of our errors, or `untagged`. */
  readonly kind: string;
  readonly message: string;
  readonly hash: string | null;
  readonly finite: boolean;
  readonly ms: number;
  readonly peakBytes: number;
}

/** Whole, or both far corners where the whole would not fit. */
async function readAll(tiff: GeoTiff): Promise<string | null> {
  const { width, height, bands } = tiff.info;
  if (width * height * bands <= 200_000_000) return hashBands(tiff);
  await tiff.readBands({ x: 0, y: 0, width: Math.min(64, width), height: Math.min(64, height) }, [0]);
  await tiff.readBands({ x: width - 1, y: height - 1, width: 1, height: 1 }, [bands - 1]);
  return null;
}

for (const entry of loadCorpus()) {
  if (entry.expect !== 'safe' && entry.expect !== 'error') continue;
  const started = performance.now();
  let outcome: Pick<HostileOutcome, 'kind' | 'message' | 'hash' | 'finite'>;
  try {
    outcome = await withCorpusFile(entry, async (tiff) => ({
      kind: 'pixels',
      message: '',
      finite: Object.values(tiff.info.grid.transform ?? {}).every(Number.isFinite),
      hash: await readAll(tiff),
    }));
  } catch (error) {
    const kind = isFrustumError(error) ? error.tag : 'untagged';
    outcome = { kind, message: String(error), hash: null, finite: true };
  }
  const line: HostileOutcome = {
    file: entry.file,
    ...outcome,
    ms: performance.now() - started,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
