import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { GeoTiff } from '../../src/geotiff/open-geotiff.ts';
import { openGeoTiff } from '../../src/geotiff/open-geotiff.ts';
import { openByteSource } from '../../src/io/open-source.ts';

/** One file of the corpus and GDAL's answers, as far as these tests use them. */
export interface CorpusEntry {
  readonly file: string;
  readonly expect: 'decode' | 'decode_or_unsupported' | 'decode_or_error' | 'error' | 'safe' | 'windowed';
  readonly compare: 'exact' | 'block_means' | null;
  readonly gdal: {
    readonly width: number;
    readonly height: number;
    readonly bands: number;
    readonly raster_sha256?: string;
    readonly block_means?: { readonly grid: readonly [number, number]; readonly bands: readonly number[][] };
    readonly samples?: readonly { readonly col: number; readonly row: number; readonly values: number[] }[];
    readonly geotransform?: readonly number[] | null;
    readonly nodata?: number | string | null;
    readonly color_interp?: readonly string[];
    readonly overviews?: readonly (readonly [number, number])[];
    readonly srs?: { readonly epsg?: number; readonly compound: boolean } | null;
  };
  readonly gdal_without_sidecars?: { readonly geotransform?: readonly number[] | null };
}

const ROOT = path.resolve('../shared/corpus');

export function loadCorpus(): readonly CorpusEntry[] {
  return JSON.parse(readFileSync(path.join(ROOT, 'manifest.json'), 'utf8')).files;
}

/** Opens a corpus file, hands it to `use`, and closes it whatever happens. */
export async function withCorpusFile<T>(entry: CorpusEntry, use: (tiff: GeoTiff) => Promise<T>): Promise<T> {
  const source = await openByteSource(path.join(ROOT, entry.file));
  try {
    return await use(await openGeoTiff(source));
  } finally {
    await source.close();
  }
}

/** SHA-256 of the samples, band after band, read in stripes so that large files fit. */
export async function hashBands(tiff: GeoTiff): Promise<string> {
  const { width, height, bands } = tiff.info;
  const rows = Math.max(1, Math.floor((8 * 1024 * 1024) / width));
  const hash = createHash('sha256');
  for (let band = 0; band < bands; band++) {
    for (let y = 0; y < height; y += rows) {
      const samples = await tiff.readBands({ x: 0, y, width, height: Math.min(rows, height - y) }, [band]);
      hash.update(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    }
  }
  return hash.digest('hex');
}

/** Largest difference of the means of a grid of cells, per band, from GDAL's. */
export async function worstBlockMean(tiff: GeoTiff, entry: CorpusEntry): Promise<number> {
  const { width, height, bands } = tiff.info;
  const means = entry.gdal.block_means!;
  const [gridX, gridY] = means.grid;
  const all = await tiff.readBands({ x: 0, y: 0, width, height }, [...Array(bands).keys()]);
  let worst = 0;
  for (let band = 0; band < bands; band++) {
    for (let gy = 0; gy < gridY; gy++) {
      for (let gx = 0; gx < gridX; gx++) {
        let sum = 0;
        let count = 0;
        for (let y = Math.floor((gy * height) / gridY); y < Math.floor(((gy + 1) * height) / gridY); y++) {
          for (let x = Math.floor((gx * width) / gridX); x < Math.floor(((gx + 1) * width) / gridX); x++) {
            sum += all[(y * width + x) * bands + band]!;
            count++;
          }
        }
        const expected = means.bands[band]![gy * gridX + gx]!;
        worst = Math.max(worst, Math.abs((count === 0 ? expected : sum / count) - expected));
      }
    }
  }
  return worst;
}
