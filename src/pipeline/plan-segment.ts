import { realpath } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../core/errors.ts';
import { type FrustumPlan, planFrusta } from '../frustum/plan.ts';
import type { ModelManifest } from '../model/manifest.ts';
import { modelChecksum } from '../model/read-manifest.ts';
import type { Scene } from '../scene/open-scene.ts';
import { parseSceneTime, type SceneTime, timeOfScene } from '../sink/stac/time.ts';
import { vectorFileOf } from '../sink/vector-formats.ts';
import type { PolygonOptions } from './polygon-options.ts';
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
    /** File names of the polygon layer. */
    readonly vector: readonly string[];
    /** How its polygons are made. */
    readonly polygons: PolygonOptions;
    readonly preview: boolean;
    readonly report: boolean;
    /** When the scene was taken, as STAC says it. */
    readonly taken: SceneTime;
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
    vector: planVectorFiles(options.vector ?? ['geojson']),
    polygons: options.polygons ?? {},
    preview: options.preview ?? true,
    report: options.report ?? true,
    taken:
      options.datetime === undefined
        ? timeOfScene(scene.info.metadata, scene.info.modifiedMs)
        : parseSceneTime(options.datetime),
    provider: options.provider ?? 'cpu',
    threads: options.threads ?? availableParallelism(),
  } as const;
  if (options.pyramid !== undefined && config.sampling !== 'pyramid') {
    throw new ConfigError(
      `--pyramid ${options.pyramid} is given, but sampling is exact: add --sampling pyramid, or leave the pyramid out`,
      { pointer: '--pyramid', value: options.pyramid },
    );
  }
  const most = availableParallelism();
  if (config.threads > most) {
    throw new ConfigError(
      `--threads ${config.threads}: this machine runs ${most} at a time, and more would only hinder each other; use at most ${most}`,
      { pointer: '--threads', value: config.threads },
    );
  }
  checkStride(config.stride, manifest.window);
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
  const { url, sizeBytes, modifiedMs } = scene.info;
  const path = await realpath(localPath(url));
  const identity = identityOf({
    verb: 'segment',
    version: FRUSTUM_VERSION,
    // However the path is spelt, the same file is the same scene.
    scene: { ...scene.metadata, url: path, sizeBytes, modifiedMs },
    model: modelChecksum(manifest),
    config: decisive,
  });
  return { plan, config, identity, warnings: warningsOf(plan, manifest) };
}

/** The files that formats and names stand for, each once. */
function planVectorFiles(names: readonly string[]): string[] {
  const files = names.map((name) => vectorFileOf(name, '--vector'));
  const twice = files.find((file, i) => files.indexOf(file) !== i);
  if (twice !== undefined) {
    throw new ConfigError(`--vector names ${twice} twice; name each file once`, {
      pointer: '--vector',
      value: twice,
    });
  }
  return files;
}

/** Scores are summed at a quarter of the resolution, so windows start at whole quarters. */
function checkStride(stride: number, window: number): void {
  if (stride % 4 === 0 && stride >= 4 && stride <= window) return;
  const below = Math.min(Math.max(stride - (stride % 4), 4), window);
  throw new ConfigError(
    `--stride ${stride}: windows of ${window} px can be a multiple of 4 px apart, and at most ${window}; use ${below}`,
    { pointer: '--stride', value: stride },
  );
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

/** The path of a local scene, given as a path or a `file:` URL. */
function localPath(url: string): string {
  return /^file:/i.test(url) ? fileURLToPath(url) : url;
}
