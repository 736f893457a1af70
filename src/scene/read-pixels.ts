import type { Window } from '../core/window.ts';
import type { GeoTiff } from '../geotiff/open-geotiff.ts';
import type { SampleArray } from '../geotiff/sample-array.ts';

/** Samples of three bands and which pixels hold data. */
export interface ValidSamples {
  /** Interleaved by pixel, three a pixel. */
  readonly samples: SampleArray;
  /** 1 data, 0 none, a pixel; `null` if every pixel holds data, whatever the window. */
  readonly valid: Uint8Array<ArrayBuffer> | null;
}

/** Reads three bands and their validity, of one file or of several. */
export interface PixelReader {
  /** Nodata values, as samples hold them; of several files, those of each. */
  readonly nodata: readonly number[];
  /** The alpha band that is heeded, 0-based, or `null`. */
  readonly alphaBand: number | null;
  /** True if nothing can mark a pixel as without data: no nodata value, NaN, alpha, mask or gap between files. */
  readonly isAlwaysValid: boolean;
  read(window: Window, signal?: AbortSignal): Promise<ValidSamples>;
  /** The `valid` of {@link read}; reads the three bands only where their values tell. */
  readValidity(window: Window, signal?: AbortSignal): Promise<ValidSamples['valid']>;
}

/**
 * A pixel has no data where all three bands hold the nodata value or NaN, where alpha is 0, or where the mask is 0. An
 * alpha band that is among the chosen bands is data, not alpha.
 */
export function createPixelReader(tiff: GeoTiff, bands: readonly [number, number, number]): PixelReader {
  const { info } = tiff;
  const alphaBand = info.alphaBand === null || bands.includes(info.alphaBand) ? null : info.alphaBand;
  // Float32 files state their nodata in more digits than their samples have.
  const nodata =
    info.nodata !== null && info.sampleType === 'float32' ? Math.fround(info.nodata) : info.nodata;
  const valuesTell = nodata !== null || info.sampleType.startsWith('float');

  /** What mask and alpha say; all valid where there is neither but values tell. */
  const readMarks = async (window: Window, signal?: AbortSignal): Promise<ValidSamples['valid']> => {
    const [mask, alpha] = await Promise.all([
      tiff.readMask(window, signal),
      alphaBand === null ? null : tiff.readBands(window, [alphaBand], signal),
    ]);
    if (mask === null && alpha === null && !valuesTell) return null;
    const valid = mask ?? new Uint8Array(window.width * window.height).fill(1);
    if (alpha !== null) {
      for (let p = 0; p < valid.length; p++) if (alpha[p] === 0) valid[p] = 0;
    }
    return valid;
  };
  const read = async (window: Window, signal?: AbortSignal): Promise<ValidSamples> => {
    const [samples, valid] = await Promise.all([
      tiff.readBands(window, bands, signal),
      readMarks(window, signal),
    ]);
    if (valuesTell && valid !== null) markNodata(samples, nodata, valid);
    return { samples, valid };
  };
  return {
    nodata: nodata === null ? [] : [nodata],
    alphaBand,
    isAlwaysValid: !valuesTell && alphaBand === null && !info.hasMask,
    read,
    async readValidity(window, signal) {
      return valuesTell ? (await read(window, signal)).valid : readMarks(window, signal);
    },
  };
}

/** Clears what holds the nodata value, or NaN, in all bands; each band may hold either. */
function markNodata(samples: SampleArray, nodata: number | null, valid: Uint8Array): void {
  const none = (value: number) => value === nodata || Number.isNaN(value);
  for (let p = 0, i = 0; p < valid.length; p++, i += 3) {
    if (none(samples[i]!) && none(samples[i + 1]!) && none(samples[i + 2]!)) valid[p] = 0;
  }
}
