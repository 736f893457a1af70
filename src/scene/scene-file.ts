import type { GeoTiffInfo } from '../geotiff/open-geotiff.ts';

/** One file of a scene, as it was when the scene was opened: what tells whether it is still the same. */
export interface SceneFile {
  /** Without query, user and password. */
  readonly url: string;
  readonly sizeBytes: number;
  /** When the file was last changed, in milliseconds since 1970; `null` if its source cannot tell. */
  readonly modifiedMs: number | null;
  /** A text that changes when the bytes change; `null` if the source cannot tell. */
  readonly version: string | null;
}

/** See {@link SceneFile}. */
export function sceneFileOf({ url, sizeBytes, modifiedMs, version }: GeoTiffInfo): SceneFile {
  return { url, sizeBytes, modifiedMs, version };
}
