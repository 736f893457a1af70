import type { Scene } from '../scene/open-scene.ts';
import type { PyramidSource } from './pyramid-manifest.ts';

/** What a pyramid of this scene keeps of it: the file's size and time, and how its pixels are read. */
export function identifyScene({ metadata, info }: Scene): PyramidSource {
  return { ...metadata, sizeBytes: info.sizeBytes, modifiedMs: info.modifiedMs };
}
