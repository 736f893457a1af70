import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { ConfigError, isFrustumError, UnsupportedError } from '../core/errors.ts';
import { localPathOf, withoutSecrets } from '../io/urls.ts';
import { deviceBytes } from '../model/choose-batch.ts';
import type { ModelManifest } from '../model/manifest.ts';
import { modelChecksum } from '../model/read-manifest.ts';
import { passesOf } from '../pipeline/ask-network.ts';
import { chooseWindows } from '../pipeline/choose-quality.ts';
import { chooseModel, type ModelChoice } from '../pipeline/choose-weights.ts';
import type { MemoryEstimate } from '../pipeline/estimate-memory.ts';
import { formatParts } from '../pipeline/format-memory.ts';
import { demandOf } from '../pipeline/memory-demand.ts';
import { titleOf } from '../pipeline/open-outputs.ts';
import { openSegmentScene } from '../pipeline/open-segment-scene.ts';
import { fitMemory } from '../pipeline/plan-memory.ts';
import { planSegment } from '../pipeline/plan-segment.ts';
import { identityOf } from '../pipeline/run-record.ts';
import type { SegmentOptions } from '../pipeline/segment-options.ts';
import { FRUSTUM_VERSION } from '../pipeline/version.ts';
import { findDone } from './find-done.ts';
import { type ObjectStore, openObjectStore } from './object-store.ts';
import type { JobPlan, PlanEstimate, PlanScene, PlanSettings } from './plan-schema.ts';
import { assumeSpeed, DEFAULT_PRICES, type PriceTable } from './prices.ts';
import { refuseSecrets } from './refuse-secrets.ts';
import { splitRows } from './split-rows.ts';

/** How a shard's size is chosen. */
export interface ShardSize {
  /** Minutes of work; 17 unless told. */
  readonly minutes?: number;
  /** As many shards a scene, instead. */
  readonly perScene?: number;
}

export interface PlanJobOptions
  extends Omit<SegmentOptions, 'scene' | 'outDir' | 'pyramid' | 'overwrite' | 'cacheBytes' | 'memoryBytes'> {
  /** Each as `segment` takes it; local ones may be relative. */
  readonly scenes: readonly string[];
  /** Folder of the outputs and shards: a path or an `s3:` URL. */
  readonly to: string;
  readonly shards?: ShardSize;
  /** What a machine does; assumed from the size of the network unless told. */
  readonly windowsPerSecond?: number;
  readonly prices?: PriceTable;
  /** What a shard may take, in bytes; scenes that need more are refused. */
  readonly memoryBytes?: number;
  /** Also plans scenes whose URLs have a query, user or password, which the plan then holds; unless told, they are refused. */
  readonly allowQueries?: boolean;
}

export interface PlanJobHooks {
  readonly signal?: AbortSignal;
  /** Which weights the shards are to run. */
  readonly onModel?: (choice: ModelChoice) => void;
  /** After each scene: how many of how many. */
  readonly onScene?: (done: number, total: number) => void;
  readonly onWarning?: (message: string) => void;
}

type Speed = JobPlan['basis'] & { readonly cpus: number; readonly gpus: number };

/**
 * Plans what is to be done of many scenes, for any number of machines. Reads headers only, save where a stretch is to be
 * measured: that reads the scene's overviews or samples once, so that no shard need do it. Scenes whose outputs are there
 * already are left out; scenes that can't be planned are named in the plan, and the others planned.
 * @throws ConfigError if a setting is wrong, or a URL holds what no plan should; ModelError, SourceError, FormatError of the model
 */
export async function planJob(options: PlanJobOptions, hooks: PlanJobHooks = {}): Promise<JobPlan> {
  const { scenes: names, source } = options;
  if (!options.allowQueries) refuseSecrets([...names, ...(options.aoi === undefined ? [] : [options.aoi])]);
  const to = absolute(options.to);
  const store = await openObjectStore(to, source);
  const chosen = await chooseModel(options);
  hooks.onModel?.(chosen);
  const { manifest } = chosen;
  const settings = settleSettings(options, manifest);
  const speed = speedOf(options, settings, manifest);
  const scenes: PlanScene[] = [];
  const done: JobPlan['done'] = [];
  const refused: JobPlan['refused'] = [];
  const seen = new Set<string>();
  let shardCount = 0;
  for (const [i, name] of names.entries()) {
    hooks.signal?.throwIfAborted();
    const scene = absolute(name);
    try {
      const planned = await planScene({ options, settings, chosen, speed, store, scene, shardCount }, hooks);
      if (seen.has(planned.id)) continue;
      seen.add(planned.id);
      if ('shards' in planned) {
        scenes.push(planned);
        shardCount += planned.shards.length;
      } else done.push(planned);
    } catch (error) {
      if (!isFrustumError(error) || error.tag === 'AbortedError' || !ofScene(error.tag)) throw error;
      const { tag, message } = error;
      refused.push({ source: withoutSecrets(scene), tag, message });
      hooks.onWarning?.(`left out: ${message}`);
    }
    hooks.onScene?.(i + 1, names.length);
  }
  const { cpus: _c, gpus: _g, ...basis } = speed;
  const plan = {
    format: 'frustum-plan' as const,
    version: 1 as const,
    frustum: FRUSTUM_VERSION,
    to,
    model: { dir: absolute(options.model), name: manifest.name, checksum: modelChecksum(manifest) },
    settings,
    scenes,
    done,
    refused,
    shardCount,
    ...(options.memoryBytes !== undefined && { memoryBytes: options.memoryBytes }),
    estimate: addEstimates(scenes.map(({ estimate }) => estimate)),
    basis,
  };
  return { ...plan, id: identityOf(plan).slice(0, 12) };
}

/** Whether a failure is one scene's own, rather than one that every scene would have. */
function ofScene(tag: string): boolean {
  return ['SourceError', 'FormatError', 'UnsupportedError', 'ConfigError'].includes(tag);
}

interface ScenePlanning {
  readonly options: PlanJobOptions;
  readonly settings: PlanSettings;
  readonly chosen: ModelChoice;
  readonly speed: Speed;
  readonly store: ObjectStore;
  readonly scene: string;
  /** Index of the first shard. */
  readonly shardCount: number;
}

async function planScene(
  { options, settings, chosen, speed, store, scene: name, shardCount }: ScenePlanning,
  hooks: PlanJobHooks,
): Promise<PlanScene | JobPlan['done'][number]> {
  const { source, stretch } = options;
  const { dir: model, manifest } = chosen;
  const segment = {
    ...(settings as Partial<SegmentOptions>),
    scene: name,
    model,
    outDir: '',
    ...(source && { source }),
    ...(stretch && { stretch }),
  };
  const scene = await openSegmentScene(segment, hooks.signal);
  try {
    for (const file of scene.files) {
      if (localPathOf(file.url) !== null || file.version !== null) continue;
      throw new UnsupportedError(
        `${file.url}: its server gives no ETag, version or date, so that shards could not tell whether they see the same bytes; copy it to a disk or a store`,
        { feature: 'shards of unversioned files', hint: 'copy it to a disk or a store' },
      );
    }
    // Threads and processes are the workers', not this machine's.
    const task = await planSegment({ ...segment, threads: 1, workers: 1 }, scene, manifest, hooks.signal);
    const { identity, area, plan } = task;
    const id = `${titleOf(scene.url).replace(/[^A-Za-z0-9._-]+/g, '-')}-${identity.slice(0, 8)}`;
    if (await findDone(store, id, identity, source ?? {})) return { id, source: withoutSecrets(name) };
    for (const warning of [...scene.warnings, ...task.warnings])
      hooks.onWarning?.(`${scene.url}: ${warning}`);
    const { minutes = 17, perScene } = options.shards ?? {};
    const passes = passesOf(task.config.tta);
    const wanted = perScene ?? Math.ceil((plan.count * passes) / (minutes * 60 * speed.windowsPerSecond));
    const bands = splitRows(plan, area, wanted);
    const most = options.memoryBytes ?? Number.POSITIVE_INFINITY;
    const { estimate: memory, fits } = fitMemory(
      {
        ...demandOf('shard', scene, task, manifest),
        workers: settings.workers ?? 1,
        processors: settings.threads,
      },
      { promisedBytes: options.memoryBytes ?? null, bytes: most },
    );
    if (!fits) {
      throw new ConfigError(
        `${scene.url}: a shard takes about ${inMiB(memory.totalBytes)} MiB (${formatParts(memory)}), and ${inMiB(most)} are allowed; allow more, or take a larger stride`,
        { pointer: '--memory', value: most },
      );
    }
    const windows = bands.reduce((sum, band) => sum + band.windows, 0);
    const { y, height, width } = area.bounds;
    return {
      id,
      source: name,
      files: scene.files.map((file) => ({ ...file })),
      width: scene.grid.width,
      height: scene.grid.height,
      crs: scene.metadata.crs,
      identity,
      stretch: scene.metadata.stretch as PlanScene['stretch'],
      rows: { y0: y, y1: y + height },
      shards: bands.map((band, i) => ({ index: shardCount + i, ...band })),
      estimate: {
        ...estimateOf(windows, passes, width * height, memory, speed),
        ...(settings.provider !== 'cpu' && { deviceBytes: deviceBytes(manifest, settings.batch ?? 1) }),
      },
    };
  } finally {
    await scene.close();
  }
}

function estimateOf(
  windows: number,
  passes: number,
  pixels: number,
  memory: MemoryEstimate,
  speed: Speed,
): PlanEstimate {
  const hours = (windows * passes) / speed.windowsPerSecond / 3600;
  return {
    windows,
    hours,
    cpuHours: hours * speed.cpus,
    gpuHours: hours * speed.gpus,
    money: hours * speed.hourlyPrice,
    memoryBytes: memory.totalBytes,
    memory,
    // Classes deflate to about a tenth of a byte a pixel, confidence to about half of one; shards hold them once more.
    outputBytes: Math.round(pixels * 1.2),
  };
}

function addEstimates(all: readonly PlanEstimate[]): PlanEstimate {
  const sum = (key: Exclude<keyof PlanEstimate, 'memory' | 'deviceBytes'>) =>
    all.reduce((total, estimate) => total + estimate[key], 0);
  const largest = all.reduce<PlanEstimate | null>(
    (most, estimate) => (most !== null && most.memoryBytes >= estimate.memoryBytes ? most : estimate),
    null,
  );
  return {
    windows: sum('windows'),
    hours: sum('hours'),
    cpuHours: sum('cpuHours'),
    gpuHours: sum('gpuHours'),
    money: sum('money'),
    memoryBytes: largest?.memoryBytes ?? 0,
    ...(largest?.memory && { memory: largest.memory }),
    ...(largest?.deviceBytes !== undefined && { deviceBytes: largest.deviceBytes }),
    outputBytes: sum('outputBytes'),
  };
}

function settleSettings(options: PlanJobOptions, manifest: ModelManifest): PlanSettings {
  if (options.gpus !== undefined) {
    throw new ConfigError(
      `--gpus ${options.gpus.join(',')}: a plan does not know the GPUs of its machines; leave it out, and set CUDA_VISIBLE_DEVICES there`,
      { pointer: '--gpus', value: options.gpus },
    );
  }
  const { bands, place, aoi, bbox, bboxPx, datetime, polygons } = options;
  const settled = {
    ...(bands !== undefined && { bands }),
    ...(place !== undefined && { place }),
    ...(aoi !== undefined && { aoi: absolute(aoi) }),
    ...(bbox !== undefined && { bbox }),
    ...(bboxPx !== undefined && { bboxPx }),
    ...(datetime !== undefined && { datetime }),
    ...chooseWindows(options, manifest),
    // So that shards choose nothing by what lies on their machines.
    ...(manifest.dtype !== 'float16' && { weights: manifest.dtype }),
    mode: options.mode ?? manifest.geometry,
    sampling: options.sampling ?? 'exact',
    vector: options.vector ?? ['geojson'],
    polygons: polygons ?? {},
    preview: options.preview ?? true,
    report: options.report ?? true,
    provider: options.provider ?? 'cpu',
    threads: options.threads ?? Math.max(1, Math.floor(availableParallelism() / (options.workers ?? 1))),
    ...(options.workers !== undefined && { workers: options.workers }),
    ...(options.batch !== undefined && { batch: options.batch }),
  };
  // Plain data by its type, save for `readonly`.
  return JSON.parse(JSON.stringify(settled)) as PlanSettings;
}

function speedOf(options: PlanJobOptions, settings: PlanSettings, manifest: ModelManifest): Speed {
  const prices = options.prices ?? DEFAULT_PRICES;
  const machine = prices.machines[settings.provider];
  if (machine === undefined) {
    throw new ConfigError(
      `${prices.name}: no machine for the provider ${settings.provider} in the price table`,
      {
        pointer: '--prices',
        value: settings.provider,
      },
    );
  }
  const { threads, provider, workers = 1 } = settings;
  return {
    windowsPerSecond: options.windowsPerSecond ?? assumeSpeed(manifest, provider, threads * workers),
    measured: options.windowsPerSecond !== undefined,
    hourlyPrice: machine.hourly,
    currency: prices.currency,
    prices: `${prices.name} (${machine.name})`,
    cpus: machine.cpus,
    gpus: machine.gpus,
  };
}

/** Workers have working folders of their own. */
function absolute(name: string): string {
  if (name.startsWith('@')) return `@${absolute(name.slice(1))}`;
  const path = localPathOf(name);
  return path === null ? name : resolve(path);
}

function inMiB(bytes: number): number {
  return Math.ceil(bytes / 1024 / 1024);
}
