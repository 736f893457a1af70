import type { Window } from '../core/window.ts';
import type { GeoTiff } from '../geotiff/open-geotiff.ts';
import type { SampleArray } from '../geotiff/sample-array.ts';

/** Samples of three bands and which pixels hold data. */
export interface ValidSamples {
  /** Interleaved by pixel, three a pixel. */
  readonly samples: SampleArray;
  /** 1 data, 0 none, a pixel; `null` if the file has neither nodata nor alpha nor mask. */
  readonly valid: Uint8Array<ArrayBuffer> | null;
}

/** Reads three bands and their validity together, each block once. */
export interface PixelReader {
  /** Whether pixels can be without data at all. */
  readonly hasValidity: boolean;
  /** The nodata value as samples of this file hold it, or `null`. */
  readonly nodata: number | null;
  /** The alpha band that is heeded, 0-based, or `null`. */
  readonly alphaBand: number | null;
  read(window: Window, signal?: AbortSignal): Promise<ValidSamples>;
}

/**
 * A pixel has no data where all three bands hold the nodata value (or NaN, where that is the value), where alpha is 0, or
 * where the mask is 0. An alpha band that is among the chosen bands is data, not alpha.
 */
export function createPixelReader(tiff: GeoTiff, bands: readonly [number, number, number]): PixelReader {
  const { info } = tiff;
  const alphaBand = info.alphaBand === null || bands.includes(info.alphaBand) ? null : info.alphaBand;
  const wanted = alphaBand === null ? bands : [...bands, alphaBand];
  // Float32 files state their nodata in more digits than their samples have.
  const nodata =
    info.nodata !== null && info.sampleType === 'float32' ? Math.fround(info.nodata) : info.nodata;
  const hasValidity = nodata !== null || alphaBand !== null || info.hasMask;
  return {
    hasValidity,
    nodata,
    alphaBand,
    async read(window, signal) {
      const [read, mask] = await Promise.all([
        tiff.readBands(window, wanted, signal),
        tiff.readMask(window, signal),
      ]);
      if (!hasValidity) return { samples: read, valid: null };
      const valid = mask ?? new Uint8Array(window.width * window.height).fill(1);
      const samples = alphaBand === null ? read : splitAlpha(read, valid);
      if (nodata !== null) markNodata(samples, nodata, valid);
      return { samples, valid };
    },
  };
}

/** Takes the fourth sample of each pixel away as alpha. */
function splitAlpha(samples: SampleArray, valid: Uint8Array): SampleArray {
  const colors = samples.slice(0, valid.length * 3);
  for (let p = 0; p < valid.length; p++) {
    colors[p * 3] = samples[p * 4]!;
    colors[p * 3 + 1] = samples[p * 4 + 1]!;
    colors[p * 3 + 2] = samples[p * 4 + 2]!;
    if (samples[p * 4 + 3] === 0) valid[p] = 0;
  }
  return colors;
}

function markNodata(samples: SampleArray, nodata: number, valid: Uint8Array): void {
  const nan = Number.isNaN(nodata);
  for (let p = 0, i = 0; p < valid.length; p++, i += 3) {
    const [r, g, b] = [samples[i]!, samples[i + 1]!, samples[i + 2]!];
    const none = nan
      ? Number.isNaN(r) && Number.isNaN(g) && Number.isNaN(b)
      : r === nodata && g === nodata && b === nodata;
    if (none) valid[p] = 0;
  }
}
