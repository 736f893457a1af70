import { FormatError } from '../core/errors.ts';
import type { GeoTiffInfo } from '../geotiff/open-geotiff.ts';
import { sampleBytes } from '../geotiff/sample-array.ts';
import { type BandCollector, collectBand } from './collect-values.ts';
import type { PixelReader } from './read-pixels.ts';
import { sampleScene } from './sample-scene.ts';
import type { BandRanges, MeasuredPlan } from './stretch.ts';

/** The ranges of a scene-wide stretch and what they were measured on. */
export interface MeasuredRange {
  readonly ranges: BandRanges;
  /** `all pixels`, or which were looked at. */
  readonly sampling: string;
  /** Values that entered, a band. */
  readonly counts: readonly [number, number, number];
}

/** What measuring needs to know of a scene. */
export type MeasuredScene = Pick<GeoTiffInfo, 'url' | 'width' | 'height' | 'sampleType' | 'blockHeight'>;

/**
 * Measures the ends of a stretch of three bands over the scene. Invalid pixels, nodata values of a single band and values
 * that are not finite do not count. The numbers are exact on the pixels looked at (see `sampleScene`) and depend on pixels
 * alone: not on blocks, files or their order. Percentiles of more than a million 32-bit values read the scene twice, of
 * 64-bit ones four times.
 *
 * @throws FormatError, SourceError from reading
 */
export async function measureRange(
  scene: MeasuredScene,
  reader: PixelReader,
  plan: MeasuredPlan,
  signal?: AbortSignal,
): Promise<MeasuredRange> {
  const { width, height, blockHeight, sampleType } = scene;
  const { windows, pixels, sampling } = sampleScene(width, height, blockHeight, sampleBytes(sampleType));
  const bands = [0, 1, 2].map((band) => collectBand(sampleType, band, pixels, plan));
  let waiting: readonly BandCollector[] = bands;
  while (waiting.length > 0) {
    for (const window of windows) {
      const { samples, valid } = await reader.read(window, signal);
      const shown = { samples, valid, width: window.width, nodata: reader.nodata };
      for (const band of waiting) band.add(shown);
    }
    waiting = waiting.filter((band) => band.needsMore());
  }
  const ranges = bands.map((band) => band.range()) as [...BandRanges];
  if (ranges.some((range) => range.some((value) => !Number.isFinite(value)))) {
    throw new FormatError(`${scene.url}: a stretch could not be measured: its values are too large`, {
      url: scene.url,
      what: 'pixels',
    });
  }
  return { ranges, sampling, counts: bands.map((band) => band.count()) as [number, number, number] };
}
