import { openScene, type Scene } from '../scene/open-scene.ts';
import { type AllowedMemory, openingChoices } from './plan-memory.ts';
import type { SegmentOptions } from './segment-options.ts';

/**
 * Opens the scene of a run.
 * @param allowed what the run may take; measuring a stretch keeps to a part of it
 * @throws what `openScene` throws
 */
export function openSegmentScene(
  options: Omit<SegmentOptions, 'outDir'>,
  signal: AbortSignal | undefined,
  allowed: AllowedMemory = { promisedBytes: null, bytes: Number.POSITIVE_INFINITY },
): Promise<Scene> {
  return openScene(options.scene, {
    ...(options.bands && { bands: options.bands }),
    ...(options.stretch && { stretch: options.stretch }),
    ...(options.place && { place: options.place }),
    ...openingChoices(allowed, options.cacheBytes),
    ...(options.source && { source: options.source }),
    ...(signal && { signal }),
  });
}
