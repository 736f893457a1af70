import type { Scene } from '../scene/open-scene.ts';
import type { PyramidSource } from './pyramid-manifest.ts';

/** What a pyramid of this scene keeps of it: its files' sizes and times, and how its pixels are read. */
export function identifyScene({ metadata, files }: Scene): PyramidSource {
  const [{ sizeBytes, modifiedMs, version }] = files as [Scene['files'][number], ...Scene['files']];
  if (files.length === 1) return { ...metadata, sizeBytes, modifiedMs, version };
  const places = metadata.files ?? [];
  return { ...metadata, files: files.map((file, i) => ({ ...places[i], ...file })) };
}
