import { openScene, type Scene } from '../scene/open-scene.ts';
import type { SegmentOptions } from './segment-options.ts';

/**
 * Opens the scene of a run.
 * @throws what `openScene` throws
 */
export function openSegmentScene(
  options: Omit<SegmentOptions, 'outDir'>,
  signal: AbortSignal | undefined,
): Promise<Scene> {
  return openScene(options.scene, {
    ...(options.bands && { bands: options.bands }),
    ...(options.stretch && { stretch: options.stretch }),
    ...(options.place && { place: options.place }),
    ...(options.cacheBytes !== undefined && { cacheBytes: options.cacheBytes }),
    ...(options.source && { source: options.source }),
    ...(signal && { signal }),
  });
}
