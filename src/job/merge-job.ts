import { ConfigError, SourceError } from '../core/errors.ts';
import type { ClassRows } from '../core/raster.ts';
import { type OpenSourceOptions, openByteSource } from '../io/open-source.ts';
import type { SourceOptions } from '../io/source-options.ts';
import { assemble, type MadeBy } from '../pipeline/assemble.ts';
import type { MissingRows, SegmentReport } from '../pipeline/segment-report.ts';
import { findDone } from './find-done.ts';
import { type FoundRows, findRows } from './find-rows.ts';
import { type ObjectStore, openObjectStore } from './object-store.ts';
import type { JobPlan, PlanScene } from './plan-schema.ts';
import { putFolder, sweepFolders } from './put-folder.ts';
import { segmentOptionsOf } from './read-plan.ts';
import { checkVersion } from './run-shard.ts';
import { readRows } from './shard-rows.ts';
import { keyOfState, readShardState } from './shard-state.ts';

export interface MergeOptions {
  readonly plan: JobPlan;
  /** Ids of the scenes to merge; all of them unless told. */
  readonly scenes?: readonly string[];
  /** Also merges scenes of which rows are missing; their results are marked partial. */
  readonly partial?: boolean;
  /** What a scene's merge may take, in bytes; what the control group allows unless told. */
  readonly memoryBytes?: number;
  readonly source?: SourceOptions;
}

export interface MergeHooks {
  readonly signal?: AbortSignal;
  readonly onWarning?: (message: string) => void;
  readonly onScene?: (id: string, rows: number) => void;
  readonly onRows?: (done: number, total: number) => void;
}

/** What became of a scene. */
export interface MergedScene {
  readonly id: string;
  /** `incomplete`: rows are missing, and nothing was made of it. */
  readonly outcome: 'done' | 'partial' | 'incomplete';
  readonly missing: readonly (MissingRows & { readonly index: number })[];
  readonly report: SegmentReport | null;
}

/**
 * Makes the outputs of every scene of a plan whose rows are all there: rasters, polygons traced over all of the scene,
 * and what goes with them, byte for byte what `segment` writes.
 * @throws ConfigError for scenes that are not in the plan; what `assemble` throws
 */
export async function mergeJob(
  options: MergeOptions,
  hooks: MergeHooks = {},
): Promise<readonly MergedScene[]> {
  const { plan } = options;
  checkVersion(plan);
  const store = await openObjectStore(plan.to, {
    ...options.source,
    ...(hooks.signal && { signal: hooks.signal }),
  });
  await sweepFolders(store);
  const merged: MergedScene[] = [];
  for (const scene of chooseScenes(plan, options.scenes)) {
    hooks.signal?.throwIfAborted();
    merged.push(await mergeScene(options, hooks, store, scene));
  }
  return merged;
}

/**
 * The failure of a merge that scenes are missing from, naming every shard that is to be done again; `null` if none is.
 */
export function incompleteError(merged: readonly MergedScene[]): SourceError | null {
  const incomplete = merged.filter(({ outcome }) => outcome === 'incomplete');
  if (incomplete.length === 0) return null;
  const words = incomplete.map(
    ({ id, missing }) =>
      `${id}: ${missing.map(({ index, y0, y1, reason }) => `shard ${index} (rows ${y0} to ${y1}, ${reason})`).join(', ')}`,
  );
  return new SourceError(
    `shards are missing, and their scenes were not merged: ${words.join('; ')}. frustum retry does what is missing; frustum merge --partial makes marked results without it`,
    { url: incomplete[0]!.id, status: 'missing' },
  );
}

async function mergeScene(
  { plan, partial, memoryBytes, source: reading }: MergeOptions,
  hooks: MergeHooks,
  store: ObjectStore,
  scene: PlanScene,
): Promise<MergedScene> {
  const signal = hooks.signal && { signal: hooks.signal };
  const source: OpenSourceOptions = { ...reading, ...signal };
  const before = await findDone<SegmentReport>(store, scene.id, scene.identity, reading ?? {});
  if (before !== null) {
    return { id: scene.id, outcome: 'done', missing: [], report: { ...before, alreadyDone: true } };
  }
  const files: FoundRows[] = [];
  const missing: (MissingRows & { index: number })[] = [];
  for (const shard of scene.shards) {
    const found = await findRows({ store, plan, scene, shard, source, verify: false });
    files.push(...found.files);
    if (found.until === shard.y1) continue;
    const state = await readShardState(store.urlOf(keyOfState(scene, shard)), source);
    const reason = state?.error?.message ?? state?.state ?? 'not begun';
    missing.push({ index: shard.index, y0: found.until, y1: shard.y1, reason });
  }
  if (missing.length > 0 && (!partial || files.length === 0)) {
    return { id: scene.id, outcome: 'incomplete', missing, report: null };
  }
  hooks.onScene?.(scene.id, scene.rows.y1 - scene.rows.y0);
  const outputs = await putFolder(store, scene.id);
  try {
    const report = await assemble(
      {
        options: {
          ...segmentOptionsOf(plan, scene, source),
          outDir: outputs.path,
          ...(memoryBytes !== undefined && { memoryBytes }),
        },
        threads: plan.settings.threads,
        identity: scene.identity,
        moved: !store.local,
        missing: missing.map(({ y0, y1, reason }) => ({ y0, y1, reason })),
        rows: (stop) => rowsOf(store, files, { ...reading, ...(stop && { signal: stop }) }),
      },
      { ...signal, ...pick(hooks) },
    );
    await outputs.commit(report);
    return { id: scene.id, outcome: report.outcome, missing, report };
  } finally {
    await outputs.close();
  }
}

function pick({ onWarning, onRows }: MergeHooks) {
  return { ...(onWarning && { onWarning }), ...(onRows && { onRows }) };
}

/** The rows of all files, one file after the other, and what they say of themselves together. */
async function* rowsOf(
  store: ObjectStore,
  files: readonly FoundRows[],
  options: OpenSourceOptions,
): AsyncGenerator<ClassRows, MadeBy> {
  const tally = {
    longEncoderRuns: 0,
    shortEncoderRuns: 0,
    readMs: 0,
    longMs: 0,
    shortMs: 0,
    localMs: 0,
    stitchMs: 0,
  };
  const empty = new Set<number>();
  for (const { key, manifest } of files) {
    const source = await openByteSource(store.urlOf(key), options);
    try {
      yield* readRows(source, manifest, options.signal);
    } finally {
      await source.close();
    }
    const { milliseconds } = manifest;
    tally.longEncoderRuns += manifest.longEncoderRuns;
    tally.shortEncoderRuns += manifest.shortEncoderRuns;
    tally.readMs += milliseconds.read;
    tally.longMs += milliseconds.long;
    tally.shortMs += milliseconds.short;
    tally.localMs += milliseconds.local;
    tally.stitchMs += milliseconds.stitch;
    for (const [from, to] of manifest.emptyWindows) for (let i = from; i < to; i++) empty.add(i);
  }
  const { onnxruntime } = files[0]!.manifest;
  return { versions: { onnxruntime }, tally, emptyWindows: empty.size };
}

function chooseScenes(plan: JobPlan, ids: readonly string[] | undefined): readonly PlanScene[] {
  if (ids === undefined) return plan.scenes;
  return ids.map((id) => {
    const scene = plan.scenes.find((candidate) => candidate.id === id);
    if (scene !== undefined) return scene;
    throw new ConfigError(
      `the plan has no scene ${id}; it has ${plan.scenes.map((s) => s.id).join(', ') || 'none'}`,
      { pointer: '--scene', value: id },
    );
  });
}
