import { rename, rm } from 'node:fs/promises';
import { areaOfRows } from '../core/area.ts';
import { ConfigError, isFrustumError } from '../core/errors.ts';
import type { ClassRows } from '../core/raster.ts';
import { createFrustumReader } from '../frustum/read-frustum.ts';
import { selectFrusta } from '../frustum/select-frusta.ts';
import { removeLeftovers, temporaryPathFor } from '../io/remove-leftovers.ts';
import { type Model, openModel } from '../model/open-model.ts';
import { buildPyramid } from '../pyramid/build-pyramid.ts';
import { identifyScene } from '../pyramid/identify-scene.ts';
import { openPyramid, type Pyramid } from '../pyramid/open-pyramid.ts';
import type { Scene } from '../scene/open-scene.ts';
import { chooseModel } from './choose-weights.ts';
import { guardMemory } from './guard-memory.ts';
import { createTally, type InferTally, inferRows } from './infer-rows.ts';
import { demandOf } from './memory-demand.ts';
import { openSegmentScene } from './open-segment-scene.ts';
import { allowMemory, LEAST_CACHE_BYTES, planMemory } from './plan-memory.ts';
import { planSegment } from './plan-segment.ts';
import type { SegmentOptions } from './segment-options.ts';
import { findSharedKeys, type LongStore, shareLong } from './share-long.ts';

/** A band of rows of a run that others make the other bands of. */
export interface BandOptions {
  /** The whole run's. Its stretch must be settled (`none`, `fixed` or `recorded`): measuring it again would read the scene again. */
  readonly options: Omit<SegmentOptions, 'outDir' | 'pyramid'>;
  /** What the whole run's identity must be: anything else would make rows that don't belong to the others. */
  readonly identity: string;
  /** Scene rows, `y1` exclusive, within the run's area. */
  readonly y0: number;
  readonly y1: number;
  /** Where the altitude pyramid is, or is to be made, for runs that sample from one; shared by all bands. */
  readonly pyramidDir: string;
  /** What this process and the network's may take together. */
  readonly memoryBytes?: number;
  /** Where bands keep what the network made of far windows that several of them see; told who makes it. */
  readonly longStore?: (versions: Model['versions']) => LongStore;
  /** Milliseconds that a far window must take the network for sharing to pay; 400 unless told. */
  readonly shareLongFromMs?: number;
}

/** What a band took. */
export interface BandEnd {
  /** Most memory that both processes were seen to hold. */
  readonly peakMemoryBytes: number;
  /** Far windows that the network encoded, and those that others had encoded before. */
  readonly longComputed: number;
  readonly longFetched: number;
}

/** A window of the whole run's plan, done. */
export interface DoneWindow {
  /** See `Frustum.index`. */
  readonly index: number;
  readonly hadData: boolean;
  /** Of the scene's files, so far. */
  readonly bytesRead: number;
}

export interface BandHooks {
  readonly signal?: AbortSignal;
  /** When the model is open: what it runs on, and how many windows there are to do. */
  readonly onStart?: (versions: Model['versions'], windows: number) => void;
  readonly onWindow?: (done: DoneWindow, tally: Readonly<InferTally>) => void;
  readonly onWarning?: (message: string) => void;
  /** At the end, well or not. */
  readonly onEnd?: (end: BandEnd) => void;
}

/**
 * Maps rows `y0` to `y1` of a run's area and yields them, counted from `y0`: byte for byte those of the whole run, since
 * every window that reaches one of them is run, at its place in the whole run's plan.
 * @throws ConfigError where scene, model, settings or version are no longer those of `identity`; ResourceError where more
 *   memory would be taken than is promised or there is; what `segment` throws
 */
export async function* mapBand(band: BandOptions, hooks: BandHooks = {}): AsyncGenerator<ClassRows> {
  const { identity, y0, y1 } = band;
  const signal = hooks.signal && { signal: hooks.signal };
  const { dir: folder, manifest } = await chooseModel(band.options);
  const options = { ...band.options, model: folder };
  const allowed = await allowMemory(band.memoryBytes);
  const scene = await openSegmentScene(options, hooks.signal, allowed);
  try {
    const task = await planSegment({ ...options, outDir: '' }, scene, manifest, hooks.signal);
    if (task.identity !== identity) throw changedSincePlan(scene.url);
    const area = areaOfRows(task.area, y0, y1);
    const plan = selectFrusta(task.plan, area);
    const memory = planMemory(
      demandOf('shard', scene, { ...task, plan, area }, manifest),
      allowed,
      options.cacheBytes,
    );
    scene.shrinkCache(memory.choices.cacheBytes);
    for (const warning of memory.warnings) hooks.onWarning?.(warning);
    const model = await openModel(options.model, { ...task.config, ...signal });
    const shared = shareLong(model, {
      store: band.longStore?.(model.versions) ?? null,
      isShared: findSharedKeys(task.plan, task.area, y0, y1),
      fromMs: band.shareLongFromMs ?? SHARE_LONG_FROM_MS,
    });
    const guard = guardMemory({
      allowed,
      children: model.pids,
      shed: () => {
        scene.shrinkCache(LEAST_CACHE_BYTES);
        shared.forget();
      },
    });
    const stop = hooks.signal ? AbortSignal.any([hooks.signal, guard.signal]) : guard.signal;
    try {
      const pyramid =
        task.config.sampling === 'pyramid'
          ? await sharePyramid(band.pyramidDir, scene, manifest.distances, stop)
          : null;
      try {
        hooks.onStart?.(model.versions, plan.count);
        const tally = createTally();
        yield* inferRows({
          plan,
          area,
          scene,
          reader: shared.watch(
            createFrustumReader({ scene, plan, pyramid, keptViews: memory.choices.keptViews }),
          ),
          model: shared.model,
          blend: task.config.blend,
          tta: task.config.tta,
          keptFeatureBytes: memory.choices.keptFeatureBytes,
          tally,
          onWindow: (_, { index }, hadData) =>
            hooks.onWindow?.({ index, hadData, bytesRead: scene.stats.traffic.bytes }, tally),
          signal: stop,
        });
        stop.throwIfAborted();
      } finally {
        await pyramid?.close();
      }
    } catch (error) {
      guard.rethrow(error);
    } finally {
      await guard.stop();
      hooks.onEnd?.({ peakMemoryBytes: guard.peakBytes, ...shared.counts });
      await model.close();
      await shared.settle();
    }
  } finally {
    await scene.close();
  }
}

/** What fetching features over a network may well take, with room to spare. */
const SHARE_LONG_FROM_MS = 400;

/** The failure of a job whose inputs are no longer those that were planned. */
export function changedSincePlan(url: string): ConfigError {
  return new ConfigError(
    `${url}: scene, model, settings or version of Frustum are not those of the plan: they changed since, or this machine has others; plan again`,
    { pointer: '--plan', value: url },
  );
}

/**
 * Opens the pyramid that several processes share, and makes it where there is none. Whoever is first to finish it puts it
 * in place, whole; the others throw theirs away. What a killed process began is removed by the next one of its host.
 */
async function sharePyramid(
  dir: string,
  scene: Scene,
  allDistances: readonly number[],
  abort: AbortSignal | undefined,
): Promise<Pyramid> {
  const distances = allDistances.filter((distance) => distance !== 1);
  const source = identifyScene(scene);
  const signal = abort && { signal: abort };
  const open = () => openPyramid(dir, { scene, source, distances, ...signal });
  await removeLeftovers(dir);
  try {
    return await open();
  } catch (error) {
    if (!isFrustumError(error) || error.tag === 'AbortedError') throw error;
  }
  const mine = temporaryPathFor(dir);
  try {
    await buildPyramid({ scene, distances, outDir: mine, source, ...signal });
    await rename(mine, dir).catch((error: NodeJS.ErrnoException) => {
      // Where another one is in place already, that one is opened.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(mine, { recursive: true, force: true });
  }
  return open();
}
