import { FormatError, isFrustumError } from '../core/errors.ts';
import type { ByteSource } from '../core/ports.ts';
import { type GeoTiff, type OpenGeoTiffOptions, openGeoTiff } from '../geotiff/open-geotiff.ts';
import type { OpenSourceOptions } from '../io/open-source.ts';
import { localPathOf } from '../io/urls.ts';
import { addCounters } from './add-counters.ts';
import type { PlacedGeoTiff } from './place/place-scene.ts';
import { type SceneFile, sceneFileOf } from './scene-file.ts';

/** A file with the mask that lies beside it, if any. */
export interface MaskedGeoTiff extends PlacedGeoTiff {
  /** The `.msk` file that {@link GeoTiff.readMask} reads; `null` if the mask is internal or there is none. */
  readonly maskFile: SceneFile | null;
}

/** GDAL's flag for one mask that holds for all bands (GMF_PER_DATASET). */
const FOR_ALL_BANDS = 2;

/**
 * Adds the mask that GDAL keeps beside a local file without an internal one: `scene.tif.msk`, whose metadata must say that
 * it holds for all bands. Remote files are not asked for one, because each would cost a request.
 * @param url as it was opened
 * @param reading how the file was opened, for the mask too
 * @param open opens the mask's bytes
 * @returns the file as it was, or with a mask; closing it closes both
 * @throws FormatError where the mask is broken or of another size; SourceError
 */
export async function attachMask(
  tiff: PlacedGeoTiff,
  url: string,
  reading: OpenGeoTiffOptions,
  options: OpenSourceOptions,
  open: (url: string, options: OpenSourceOptions) => Promise<ByteSource>,
): Promise<MaskedGeoTiff> {
  const path = tiff.info.hasMask ? null : localPathOf(url);
  const source = path === null ? null : await openIfThere(`${path}.msk`, options, open);
  if (source === null) return withMask(tiff, null, []);
  try {
    const mask = await openGeoTiff(source, reading);
    const { width, height, metadata } = mask.info;
    if (Number(metadata.INTERNAL_MASK_FLAGS_1) !== FOR_ALL_BANDS) {
      await mask.close();
      return withMask(tiff, null, [
        `${source.url} does not say that it masks all bands alike, and is ignored`,
      ]);
    }
    if (width !== tiff.info.width || height !== tiff.info.height) {
      throw new FormatError(
        `${source.url} has ${width} x ${height} pixels, ${tiff.info.url} has ${tiff.info.width} x ${tiff.info.height}; is it the mask of another file? Remove or replace it`,
        { url: source.url, what: 'mask' },
      );
    }
    return withMask(tiff, mask, []);
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function openIfThere(
  url: string,
  options: OpenSourceOptions,
  open: (url: string, options: OpenSourceOptions) => Promise<ByteSource>,
): Promise<ByteSource | null> {
  try {
    return await open(url, options);
  } catch (error) {
    if (isFrustumError(error) && error.tag === 'SourceError' && error.status === 'ENOENT') return null;
    throw error;
  }
}

function withMask(tiff: PlacedGeoTiff, mask: GeoTiff | null, warnings: readonly string[]): MaskedGeoTiff {
  return {
    info: mask === null ? tiff.info : { ...tiff.info, hasMask: true },
    place: tiff.place,
    georeference: tiff.georeference,
    maskFile: mask && sceneFileOf(mask.info),
    warnings: [...tiff.warnings, ...warnings],
    get reads() {
      return mask === null ? tiff.reads : addCounters(tiff.reads, mask.reads);
    },
    get traffic() {
      return mask === null ? tiff.traffic : addCounters(tiff.traffic, mask.traffic);
    },
    readBands: tiff.readBands,
    async readMask(window, signal) {
      if (mask === null) return tiff.readMask(window, signal);
      const samples = await mask.readBands(window, [0], signal);
      return Uint8Array.from(samples, (value) => (value === 0 ? 0 : 1));
    },
    async close() {
      await Promise.all([tiff.close(), mask?.close()]);
    },
  };
}
