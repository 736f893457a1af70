import type { GeoTiffInfo } from '../geotiff/open-geotiff.ts';

/** One file of a scene, as it was when the scene was opened: what tells whether it is still the same. */
export interface SceneFile {
  /** As the caller spelt it, or as a list of files resolved it. */
  readonly url: string;
  readonly sizeBytes: number;
  /** When the file was last changed, in milliseconds since 1970; `null` if its source cannot tell. */
  readonly modifiedMs: number | null;
}

/** See {@link SceneFile}. */
export function sceneFileOf({ url, sizeBytes, modifiedMs }: GeoTiffInfo): SceneFile {
  return { url, sizeBytes, modifiedMs };
}
