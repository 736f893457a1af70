import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { areaOfRows } from '../core/area.ts';
import { ConfigError, isFrustumError } from '../core/errors.ts';
import type { ClassRows } from '../core/raster.ts';
import { createFrustumReader } from '../frustum/read-frustum.ts';
import { selectFrusta } from '../frustum/select-frusta.ts';
import { type Model, openModel } from '../model/open-model.ts';
import { readModelManifest } from '../model/read-manifest.ts';
import { buildPyramid } from '../pyramid/build-pyramid.ts';
import { identifyScene } from '../pyramid/identify-scene.ts';
import { openPyramid, type Pyramid } from '../pyramid/open-pyramid.ts';
import type { Scene } from '../scene/open-scene.ts';
import { createTally, type InferTally, inferRows } from './infer-rows.ts';
import { openSegmentScene } from './open-segment-scene.ts';
import { planSegment } from './plan-segment.ts';
import type { SegmentOptions } from './segment-options.ts';

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
}

/** A window of the whole run's plan, done. */
export interface DoneWindow {
  /** See `Frustum.index`. */
  readonly index: number;
  readonly hadData: boolean;
}

export interface BandHooks {
  readonly signal?: AbortSignal;
  /** When the model is open: what it runs on, and how many windows there are to do. */
  readonly onStart?: (versions: Model['versions'], windows: number) => void;
  readonly onWindow?: (done: DoneWindow, tally: Readonly<InferTally>) => void;
}

/**
 * Maps rows `y0` to `y1` of a run's area and yields them, counted from `y0`: byte for byte those of the whole run, since
 * every window that reaches one of them is run, at its place in the whole run's plan.
 * @throws ConfigError where scene, model, settings or version are no longer those of `identity`; what `segment` throws
 */
export async function* mapBand(band: BandOptions, hooks: BandHooks = {}): AsyncGenerator<ClassRows> {
  const { options, identity, y0, y1 } = band;
  const signal = hooks.signal && { signal: hooks.signal };
  const manifest = await readModelManifest(options.model, false);
  const scene = await openSegmentScene(options, hooks.signal);
  try {
    const task = await planSegment({ ...options, outDir: '' }, scene, manifest, hooks.signal);
    if (task.identity !== identity) throw changedSincePlan(scene.url);
    const area = areaOfRows(task.area, y0, y1);
    const plan = selectFrusta(task.plan, area);
    const model = await openModel(options.model, { ...task.config, ...signal });
    try {
      const pyramid =
        task.config.sampling === 'pyramid'
          ? await sharePyramid(band.pyramidDir, scene, manifest.distances, hooks.signal)
          : null;
      try {
        hooks.onStart?.(model.versions, plan.count);
        const tally = createTally();
        yield* inferRows({
          plan,
          area,
          scene,
          reader: createFrustumReader({ scene, plan, pyramid }),
          model,
          blend: task.config.blend,
          tta: task.config.tta,
          tally,
          onWindow: (_, { index }, hadData) => hooks.onWindow?.({ index, hadData }, tally),
          ...signal,
        });
        hooks.signal?.throwIfAborted();
      } finally {
        await pyramid?.close();
      }
    } finally {
      await model.close();
    }
  } finally {
    await scene.close();
  }
}

/** The failure of a job whose inputs are no longer those that were planned. */
export function changedSincePlan(url: string): ConfigError {
  return new ConfigError(
    `${url}: scene, model, settings or version of Frustum are not those of the plan: they changed since, or this machine has others; plan again`,
    { pointer: '--plan', value: url },
  );
}

/**
 * Opens the pyramid that several processes share, and makes it where there is none. Whoever is first to finish it puts it
 * in place, whole; the others throw theirs away.
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
  try {
    return await open();
  } catch (error) {
    if (!isFrustumError(error) || error.tag === 'AbortedError') throw error;
  }
  const mine = `${dir}.${randomBytes(6).toString('hex')}.part`;
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
