import { availableParallelism } from 'node:os';
import { ConfigError } from '../core/errors.ts';
import { type FrustumPlan, planFrusta } from '../frustum/plan.ts';
import { selectFrusta } from '../frustum/select-frusta.ts';
import type { ModelManifest } from '../model/manifest.ts';
import { modelChecksum } from '../model/read-manifest.ts';
import type { Scene } from '../scene/open-scene.ts';
import { STAC_ITEM_FILE } from '../sink/stac/item.ts';
import { parseSceneTime, type SceneTime, timeOfScene } from '../sink/stac/time.ts';
import { vectorFileOf } from '../sink/vector-formats.ts';
import { chooseWindows, deviationsOf, type WindowChoice } from './choose-quality.ts';
import { type MeasuredCost, readMeasuredCost } from './measured-quality.ts';
import { identityOfArea, type PlannedArea, planArea } from './plan-area.ts';
import type { PolygonOptions } from './polygon-options.ts';
import { identityOf, RUN_FILE } from './run-record.ts';
import { identifyFile } from './scene-identity.ts';
import type { SegmentOptions } from './segment-options.ts';
import { FRUSTUM_VERSION } from './version.ts';

/** A run with every choice made. */
export interface SegmentTask extends PlannedArea {
  /** The whole scene's grid of windows, cut to those that the area needs. */
  readonly plan: FrustumPlan;
  readonly config: {
    readonly quality: WindowChoice['quality'];
    readonly stride: number;
    readonly blend: WindowChoice['blend'];
    readonly shareContext: number;
    readonly tta: WindowChoice['tta'];
    /** What the model that runs computes in. */
    readonly weights: ModelManifest['dtype'];
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
    /** Of each worker. */
    readonly threads: number;
    /** Only where they were asked for; what was run is in the report. */
    readonly workers?: number;
    readonly gpus?: readonly number[];
    readonly batch?: number;
  };
  /** What the config's choices cost, if the model's folder says so. */
  readonly measuredCost: MeasuredCost | null;
  /** See `RunRecord.identity`. */
  readonly identity: string;
  readonly warnings: readonly string[];
}

/**
 * Makes the choices that the options leave open, finds the pixels that are asked for, and plans the windows; reads no
 * pixels.
 * @param options with the model that runs: see `chooseModel`
 * @throws ConfigError where settings don't fit the scene or each other; what `planArea` throws
 */
export async function planSegment(
  options: SegmentOptions,
  scene: Scene,
  manifest: ModelManifest,
  signal?: AbortSignal,
): Promise<SegmentTask> {
  const { width, height } = scene.grid;
  const most = availableParallelism();
  const { workers = 1 } = options;
  const config = {
    ...chooseWindows(options, manifest),
    weights: manifest.dtype,
    mode: options.mode ?? manifest.geometry,
    sampling: options.sampling ?? 'exact',
    vector: planVectorFiles(options.vector ?? ['geojson']),
    polygons: options.polygons ?? {},
    preview: options.preview ?? true,
    report: options.report ?? true,
    taken:
      options.datetime === undefined
        ? timeOfScene(scene.fileMetadata, lastChange(scene))
        : parseSceneTime(options.datetime),
    provider: options.provider ?? 'cpu',
    threads: options.threads ?? Math.max(1, Math.floor(most / workers)),
    ...(options.workers !== undefined && { workers }),
    ...(options.gpus !== undefined && { gpus: options.gpus }),
    ...(options.batch !== undefined && { batch: options.batch }),
  } as const;
  if (options.pyramid !== undefined && config.sampling !== 'pyramid') {
    throw new ConfigError(
      `--pyramid ${options.pyramid} is given, but sampling is exact: add --sampling pyramid, or leave the pyramid out`,
      { pointer: '--pyramid', value: options.pyramid },
    );
  }
  checkThreads(config.threads, config.provider === 'cpu' ? workers : 1, most);
  checkStride(config.stride, manifest.window);
  const { window, distances, padTo } = manifest;
  const { area, record } = await planArea(options, scene.grid, scene.url, {
    ...options.source,
    ...(signal && { signal }),
  });
  const whole = planFrusta({
    width,
    height,
    window,
    distances,
    padTo,
    stride: config.stride,
    mode: config.mode,
    shareContext: config.shareContext,
  });
  const plan = record === null ? whole : selectFrusta(whole, area);
  const { threads: _t, workers: _w, gpus: _g, batch: _n, ...mapping } = config;
  const { quality: _q, blend: _b, shareContext: _s, tta: _a, weights: _m, ...others } = mapping;
  // What is as published is not named, so that such runs are known again whatever else can be chosen.
  const decisive = { ...others, ...deviationsOf(config) };
  const measuredCost = await readMeasuredCost(options.model, manifest, config);
  const identity = identityOf({
    verb: 'segment',
    version: FRUSTUM_VERSION,
    // However files are spelt or listed, the same ones in the same order are the same scene.
    scene: { ...scene.metadata, url: null, files: await Promise.all(scene.files.map(identifyFile)) },
    // Side files that place it may change while the scene's own file does not.
    grid: scene.grid,
    model: modelChecksum(manifest),
    config: decisive,
    area: identityOfArea(record),
  });
  const warnings = [...planWarnings(plan, manifest), ...blendWarnings(config, manifest)];
  return { plan, area, record, config, measuredCost, identity, warnings };
}

function checkThreads(threads: number, workers: number, most: number): void {
  if (threads * workers <= most) return;
  const each = workers === 1 ? '' : ` for each of ${workers} workers`;
  throw new ConfigError(
    `--threads ${threads}${each}: this machine runs ${most} at a time, and more would only hinder each other; use at most ${Math.max(1, Math.floor(most / workers))}${workers > most ? `, and --workers ${most}` : ''}`,
    { pointer: '--threads', value: threads },
  );
}

/** When the last of a scene's files was changed; `null` if one cannot tell. */
function lastChange({ files }: Scene): number | null {
  const times = files.map(({ modifiedMs }) => modifiedMs);
  return times.includes(null) ? null : Math.max(...(times as number[]));
}

/** The files that formats and names stand for, each once; also where file systems do not tell cases apart. */
function planVectorFiles(names: readonly string[]): string[] {
  const files = names.map((name) => vectorFileOf(name, '--vector'));
  const folded = files.map((file) => file.toLowerCase());
  const taken = files.find((_, i) => folded[i] === RUN_FILE || folded[i] === STAC_ITEM_FILE);
  if (taken !== undefined) {
    throw new ConfigError(`--vector ${taken}: a run writes a file of this name for itself; choose another`, {
      pointer: '--vector',
      value: taken,
    });
  }
  const twice = files.find((_, i) => folded.indexOf(folded[i]!) !== i);
  if (twice !== undefined) {
    throw new ConfigError(`--vector names ${twice} twice; name each file once`, {
      pointer: '--vector',
      value: twice,
    });
  }
  return files;
}

/** Scores are summed at a quarter of the resolution, so windows start at whole quarters. */
export function checkStride(stride: number, window: number): void {
  if (stride % 4 === 0 && stride >= 4 && stride <= window) return;
  const below = Math.min(Math.max(stride - (stride % 4), 4), window);
  throw new ConfigError(
    `--stride ${stride}: windows of ${window} px can be a multiple of 4 px apart, and at most ${window}; use ${below}`,
    { pointer: '--stride', value: stride },
  );
}

function blendWarnings(
  { blend, stride }: Pick<SegmentTask['config'], 'blend' | 'stride'>,
  { window }: Pick<ModelManifest, 'window'>,
): string[] {
  if (blend === 'uniform' || stride < window) return [];
  return [
    `--blend ${blend}: windows of ${window} px that are ${stride} px apart don't overlap, so there is nothing to blend; a smaller --stride lets it work`,
  ];
}

/** What a user should know of a plan before a run. */
export function planWarnings(
  plan: FrustumPlan,
  manifest: Pick<ModelManifest, 'distances' | 'geometry'>,
): string[] {
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
