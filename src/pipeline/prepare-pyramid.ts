import { join } from 'node:path';
import { isFrustumError } from '../core/errors.ts';
import { buildPyramid } from '../pyramid/build-pyramid.ts';
import { identifyScene } from '../pyramid/identify-scene.ts';
import { openPyramid, type Pyramid } from '../pyramid/open-pyramid.ts';
import type { Scene } from '../scene/open-scene.ts';

export interface PreparePyramidOptions {
  readonly scene: Scene;
  readonly distances: readonly number[];
  /** The user's own pyramid, or `null` to keep one in the output folder. */
  readonly dir: string | null;
  readonly outDir: string;
  readonly signal?: AbortSignal;
}

/**
 * Opens the altitude pyramid of a run. The user's own must be there and fit; the output folder's is made anew where it is
 * missing or another scene's.
 * @throws SourceError, FormatError, ConfigError
 */
export async function preparePyramid(options: PreparePyramidOptions): Promise<Pyramid> {
  const { scene, signal } = options;
  const distances = options.distances.filter((distance) => distance !== 1);
  const source = identifyScene(scene);
  const open = (dir: string) => openPyramid(dir, { scene, source, distances, ...(signal && { signal }) });
  if (options.dir !== null) return open(options.dir);
  const dir = join(options.outDir, 'pyramid');
  try {
    return await open(dir);
  } catch (error) {
    if (!isFrustumError(error) || error.tag === 'AbortedError') throw error;
  }
  await buildPyramid({
    scene,
    distances,
    outDir: dir,
    source,
    ...(signal && { signal }),
  });
  return open(dir);
}
