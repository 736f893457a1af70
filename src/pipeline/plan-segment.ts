import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../core/errors.ts';
import { type FrustumPlan, planFrusta } from '../frustum/plan.ts';
import type { ModelManifest } from '../model/manifest.ts';
import { modelChecksum } from '../model/read-manifest.ts';
import type { Scene } from '../scene/open-scene.ts';
import { identityOf } from './run-record.ts';
import type { SegmentOptions } from './segment-options.ts';
import { FRUSTUM_VERSION } from './version.ts';

/** A run with every choice made. */
export interface SegmentTask {
  readonly plan: FrustumPlan;
  readonly config: {
    readonly stride: number;
    readonly mode: FrustumPlan['mode'];
    readonly sampling: 'exact' | 'pyramid';
    readonly vector: readonly ('geojson' | 'geojsonl')[];
    readonly preview: boolean;
    readonly provider: 'cpu' | 'cuda' | 'webgpu';
    readonly threads: number;
  };
  /** See `RunRecord.identity`. */
  readonly identity: string;
  readonly warnings: readonly string[];
}

/**
 * Makes the choices that the options leave open and plans the windows; reads no pixels.
 * @throws ConfigError where settings don't fit the scene or each other
 */
export async function planSegment(
  options: SegmentOptions,
  scene: Scene,
  manifest: ModelManifest,
): Promise<SegmentTask> {
  const { width, height } = scene.grid;
  const config = {
    stride: options.stride ?? manifest.window / 2,
    mode: options.mode ?? manifest.geometry,
    sampling: options.sampling ?? 'exact',
    vector: options.vector ?? (['geojson'] as const),
    preview: options.preview ?? true,
    provider: options.provider ?? 'cpu',
    threads: options.threads ?? availableParallelism(),
  } as const;
  if (options.pyramid !== undefined && config.sampling !== 'pyramid') {
    throw new ConfigError(
      `--pyramid ${options.pyramid} is given, but sampling is exact: add --sampling pyramid, or leave the pyramid out`,
      { pointer: '--pyramid', value: options.pyramid },
    );
  }
  const { window, distances, padTo } = manifest;
  const plan = planFrusta({
    width,
    height,
    window,
    distances,
    padTo,
    stride: config.stride,
    mode: config.mode,
  });
  const { threads: _, ...decisive } = config;
  const identity = identityOf({
    verb: 'segment',
    version: FRUSTUM_VERSION,
    scene: { ...scene.metadata, sizeBytes: scene.info.sizeBytes, modified: await modifiedAt(scene.info.url) },
    model: modelChecksum(manifest),
    config: decisive,
  });
  return { plan, config, identity, warnings: warningsOf(plan, manifest) };
}

function warningsOf(plan: FrustumPlan, manifest: ModelManifest): string[] {
  const warnings: string[] = [];
  const { scene, frame, window } = plan;
  if (scene.width < window || scene.height < window) {
    warnings.push(
      `the scene (${scene.width} x ${scene.height} px) is smaller than one window of ${window} px: the rest of the window is seen as black`,
    );
  }
  const reach = Math.round(manifest.distances[2] * window);
  const longest = Math.max(frame.width, frame.height);
  if (plan.mode === 'reference' && longest > reach) {
    warnings.push(
      `in reference mode context windows drift away from their local window beyond ${reach} px, and this frame is ${frame.width} x ${frame.height} px: consider --mode centred`,
    );
  }
  if (plan.mode !== manifest.geometry) {
    warnings.push(
      `the model was trained with ${manifest.geometry} geometry, but --mode ${plan.mode} is asked for`,
    );
  }
  return warnings;
}

/** Milliseconds since 1970 of the last change of a local file. */
async function modifiedAt(url: string): Promise<number> {
  const { mtimeMs } = await stat(url.startsWith('file:') ? fileURLToPath(url) : url);
  return mtimeMs;
}
