import type { FrustumPlan } from '../frustum/plan.ts';
import { DEFAULT_CACHE_BYTES } from '../geotiff/open-geotiff.ts';
import { sampleBytes } from '../geotiff/sample-array.ts';
import type { SceneDescription } from '../scene/describe-scene.ts';
import type { Blend } from '../stitch/ramp.ts';
import { stripBytes } from '../stitch/strip.ts';

/** Resident memory of a run in the process that reads and writes, without the network's own process. */
export interface MemoryEstimate {
  readonly totalBytes: number;
  /** Decoded blocks of the scene: all of it, up to the cache's budget. */
  readonly cacheBytes: number;
  /** Scores that later windows still add to. */
  readonly stripBytes: number;
  /** Rows on their way into the rasters, and blocks on their way out of the file. */
  readonly bufferBytes: number;
  /** Node.js and libraries. */
  readonly baseBytes: number;
}

/** Node.js with everything loaded, before it reads a pixel. */
const BASE_BYTES = 170 * 1024 * 1024;
/** Blocks that are decoded at a time, beside the cache; what the TIFF reader keeps to. */
const DECODING_BYTES = 32 * 1024 * 1024;
/** Rows that a raster gathers before it writes a row of tiles; a third more goes into its overviews. */
const TILE_ROWS = 512;

/** What a run over a scene will hold, from its headers and its plan. */
export function estimateMemory(
  scene: Pick<SceneDescription, 'width' | 'height' | 'bands' | 'sampleType'>,
  plan: FrustumPlan,
  model: { readonly classCount: number; readonly scoreStride: number },
  blend: Blend = 'uniform',
): MemoryEstimate {
  const pixels = scene.width * scene.height;
  const decoded = pixels * scene.bands * sampleBytes(scene.sampleType);
  const cacheBytes = Math.min(decoded, DEFAULT_CACHE_BYTES);
  const strip = stripBytes({
    window: plan.window,
    stride: plan.stride,
    scoreStride: model.scoreStride,
    channels: model.classCount,
    frameWidth: plan.frame.width,
    frameHeight: plan.frame.height,
    blend,
  });
  const rows = Math.min(TILE_ROWS, scene.height) * scene.width;
  const bufferBytes = Math.round((2 * rows * 4) / 3) + Math.min(decoded, DECODING_BYTES);
  const totalBytes = cacheBytes + strip + bufferBytes + BASE_BYTES;
  return { totalBytes, cacheBytes, stripBytes: strip, bufferBytes, baseBytes: BASE_BYTES };
}
