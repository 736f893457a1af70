import type { SourceOptions } from '../io/source-options.ts';
import { buildPyramid } from '../pyramid/build-pyramid.ts';
import { identifyScene } from '../pyramid/identify-scene.ts';
import type { PyramidManifest } from '../pyramid/pyramid-manifest.ts';
import { openScene } from '../scene/open-scene.ts';
import type { PlaceOptions } from '../scene/place/place-options.ts';
import type { BandChoice } from '../scene/select-bands.ts';
import type { Stretch } from '../scene/stretch.ts';

/** Which scene to sample, as seen through which bands and stretch, from which distances. */
export interface MakePyramidOptions {
  /** One GeoTIFF, or several on one grid: see `openScene`. */
  readonly scene: string | readonly string[];
  readonly outDir: string;
  readonly distances: readonly number[];
  readonly bands?: BandChoice;
  readonly stretch?: Stretch;
  /** Where the scene lies, instead of what its files say. */
  readonly place?: PlaceOptions;
  /** How the bytes of a remote scene are read. */
  readonly source?: SourceOptions;
  readonly signal?: AbortSignal;
  readonly onRows?: (done: number, total: number) => void;
  readonly onWarning?: (message: string) => void;
}

/**
 * Writes the altitude pyramid of a scene; `segment` reads context from it with sampling `pyramid`.
 * @throws SourceError, FormatError, UnsupportedError, ConfigError
 */
export async function makePyramid(options: MakePyramidOptions): Promise<PyramidManifest> {
  const { outDir, distances, signal, onRows } = options;
  const scene = await openScene(options.scene, {
    ...(options.bands && { bands: options.bands }),
    ...(options.stretch && { stretch: options.stretch }),
    ...(options.place && { place: options.place }),
    ...(options.source && { source: options.source }),
    ...(signal && { signal }),
  });
  try {
    for (const warning of scene.warnings) options.onWarning?.(warning);
    return await buildPyramid({
      scene,
      outDir,
      distances,
      source: identifyScene(scene),
      ...(signal && { signal }),
      ...(onRows && { onProgress: onRows }),
    });
  } finally {
    await scene.close();
  }
}
