import PQueue from 'p-queue';
import { ConfigError } from '../core/errors.ts';
import { type GeoTiff, openGeoTiff } from '../geotiff/open-geotiff.ts';
import type { SampleArray } from '../geotiff/sample-array.ts';
import type { BlockCache } from '../io/block-cache.ts';
import { type OpenSourceOptions, openByteSource } from '../io/open-source.ts';
import { attachMask, type MaskedGeoTiff } from './attach-mask.ts';
import type { PlaceOptions } from './place/place-options.ts';
import { placeScene } from './place/place-scene.ts';
import { createSourcePool } from './pool-sources.ts';

/** Headers read side by side. */
const PARALLEL = 8;
/** Local files of one scene that are kept open; far below usual limits of a process. */
const MOST_OPEN = 64;

/**
 * Opens the files of one scene and finds out where they lie. They share one cache of decoded blocks and a limit of open files.
 * @throws the error of the first file, as listed, that can't be opened; then all are closed. ConfigError where bands or
 *   samples differ
 */
export async function openFiles(
  urls: readonly string[],
  cache: BlockCache<SampleArray>,
  options: OpenSourceOptions,
  place: PlaceOptions = {},
  decodeThreads?: number,
): Promise<readonly MaskedGeoTiff[]> {
  if (urls.length > 1 && place.transform !== undefined) {
    throw new ConfigError(
      `--transform would put all ${urls.length} files of the scene in one place; leave it out, or give one file`,
      { pointer: '--transform', value: place.transform },
    );
  }
  const pool = urls.length === 1 ? { open: openByteSource } : createSourcePool(MOST_OPEN);
  const queue = new PQueue({ concurrency: PARALLEL });
  const { signal } = options;
  let failed = false;
  const settled = await Promise.allSettled(
    urls.map((url) =>
      queue.add(async () => {
        // What was listed before the first failure is opened still, so that the error does not depend on timing.
        if (failed) return null;
        try {
          const source = await pool.open(url, options);
          try {
            const reading = {
              cache,
              ...(decodeThreads !== undefined && { decodeThreads }),
              ...(signal && { signal }),
            };
            const tiff = await openGeoTiff(source, reading);
            const placed = await placeScene(tiff, url, place, options);
            return await attachMask(placed, url, reading, options, (mask) => pool.open(mask, options));
          } catch (error) {
            await source.close();
            throw error;
          }
        } catch (error) {
          failed = true;
          throw error;
        }
      }),
    ),
  );
  const opened = settled.flatMap((file) => (file.status === 'fulfilled' && file.value ? [file.value] : []));
  try {
    for (const file of settled) if (file.status === 'rejected') throw file.reason;
    for (const file of opened) checkForm(opened[0]!, file);
    return opened;
  } catch (error) {
    await closeFiles(opened);
    throw error;
  }
}

/** Closes all, also if one can't be closed. */
export async function closeFiles(files: readonly GeoTiff[]): Promise<void> {
  for (const closed of await Promise.allSettled(files.map((file) => file.close()))) {
    if (closed.status === 'rejected') throw closed.reason;
  }
}

function checkForm({ info: first }: GeoTiff, { info }: GeoTiff): void {
  const form = ({ bands, sampleType, bitsPerSample }: GeoTiff['info']) =>
    `${bands} band${bands === 1 ? '' : 's'} of ${bitsPerSample}-bit ${sampleType}`;
  if (form(first) === form(info)) return;
  throw new ConfigError(
    `${info.url} has ${form(info)}, ${first.url} has ${form(first)}; files of one scene share bands and sample type, so convert one to the other's (gdal_translate -b -ot)`,
    { pointer: '/scene', value: info.url },
  );
}
