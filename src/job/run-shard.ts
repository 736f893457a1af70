import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, isFrustumError, serializeError } from '../core/errors.ts';
import type { OpenSourceOptions } from '../io/open-source.ts';
import type { SourceOptions } from '../io/source-options.ts';
import { localPathOf } from '../io/urls.ts';
import { type BandEnd, mapBand } from '../pipeline/map-band.ts';
import { FRUSTUM_VERSION } from '../pipeline/version.ts';
import { STOP_SECONDS } from './contract.ts';
import { findRows, folderOfShard, identityOfShard, keyOfRows } from './find-rows.ts';
import { openLongStore } from './long-store.ts';
import type { ObjectDraft } from './object-store.ts';
import { openObjectStore } from './object-store.ts';
import type { JobPlan } from './plan-schema.ts';
import { segmentOptionsOf, shardOfPlan } from './read-plan.ts';
import { createRowsWriter, type RowsFacts, type RowsWriter } from './shard-rows.ts';
import { keepState, keyOfState, putDone, readShardState } from './shard-state.ts';

export interface RunShardOptions {
  readonly plan: JobPlan;
  readonly index: number;
  /** How scenes and the store are reached. */
  readonly source?: SourceOptions;
  /** Seconds of work after which finished rows are put away, so that a killed attempt loses no more; 120 unless told. */
  readonly checkpointSeconds?: number;
  /** What the shard's processes may take together, in bytes; what the plan says unless told. */
  readonly memoryBytes?: number;
  /** Milliseconds that a far window must take the network for sharing it with other shards to pay; 400 unless told. */
  readonly shareLongFromMs?: number;
  /** Budget of the cache of decoded scene blocks. */
  readonly cacheBytes?: number;
}

export interface RunShardHooks {
  readonly signal?: AbortSignal;
  readonly onStart?: (windows: number) => void;
  readonly onWindow?: (done: number, windows: number) => void;
  readonly onWarning?: (message: string) => void;
}

export interface RunShardReport {
  readonly scene: string;
  readonly index: number;
  readonly y0: number;
  readonly y1: number;
  /** First row that this attempt made; `y1` if all were there. */
  readonly from: number;
  /** Windows that this attempt ran. */
  readonly windows: number;
  /** Of the scene's files. */
  readonly bytesRead: number;
  readonly seconds: number;
  /** What it took; 0 if nothing was to be done. */
  readonly took: BandEnd;
  /** True if the shard was finished before. */
  readonly alreadyDone: boolean;
}

const NOTHING: BandEnd = { peakMemoryBytes: 0, longComputed: 0, longFetched: 0 };

/** Milliseconds that a stopped attempt takes at most to put its finished rows away: half of {@link STOP_SECONDS}. */
const STOPPED_UPLOAD_MS = STOP_SECONDS * 500;

/**
 * Does one shard of a plan: maps its rows and puts them into the store. A shard that is finished is left alone; one that
 * was stopped or killed is gone on with where its rows end. Stopped by the signal, it keeps the rows that are finished.
 * Several processes may do one shard at once: each writes whole files, which hold the same rows.
 * @throws ConfigError if the index, this machine or its inputs don't fit the plan; ResourceError if it would take more
 *   memory than it may, with the finished rows kept; what `segment` throws
 */
export async function runShard(options: RunShardOptions, hooks: RunShardHooks = {}): Promise<RunShardReport> {
  const { plan, index } = options;
  const started = performance.now();
  checkVersion(plan);
  const { scene, shard } = shardOfPlan(plan, index);
  const source: OpenSourceOptions = { ...options.source, ...(hooks.signal && { signal: hooks.signal }) };
  const late = hooks.signal && { signal: delaySignal(hooks.signal, STOPPED_UPLOAD_MS) };
  const store = await openObjectStore(plan.to, { ...options.source, ...late });
  const { until } = await findRows({ store, plan, scene, shard, source, verify: true });
  const { y0, y1 } = shard;
  const report = { scene: scene.id, index, y0, y1, from: until };
  const folder = folderOfShard(scene, shard);
  const stateKey = keyOfState(scene, shard);
  const earlier = await readShardState(store.urlOf(stateKey), source);
  if (until === y1) {
    // An attempt that was killed at its very end had no time to say so.
    if (earlier !== null && earlier.state !== 'done') await putDone(store, stateKey, earlier);
    return { ...report, windows: 0, bytesRead: 0, seconds: 0, took: NOTHING, alreadyDone: true };
  }

  const state = await keepState(store, stateKey, earlier);
  const pieces = createPieces({
    create: (y) => store.create(`${folder}/${String(y).padStart(7, '0')}.rows`),
    keyOf: (from, to) => keyOfRows(folder, from, to),
    identity: identityOfShard(plan, scene, shard),
    checkpointMs: (options.checkpointSeconds ?? 120) * 1000,
  });
  const root = localPathOf(store.url);
  const memoryBytes = options.memoryBytes ?? plan.memoryBytes;
  let took = NOTHING;
  let total = 0;
  let done = 0;
  let bytesRead = 0;
  try {
    const rows = mapBand(
      {
        options: {
          ...segmentOptionsOf(plan, scene, source),
          ...(options.cacheBytes !== undefined && { cacheBytes: options.cacheBytes }),
        },
        identity: scene.identity,
        y0: until,
        y1,
        ...(memoryBytes !== undefined && { memoryBytes }),
        ...(options.shareLongFromMs !== undefined && { shareLongFromMs: options.shareLongFromMs }),
        longStore: (versions) =>
          openLongStore({
            store,
            scene,
            threads: plan.settings.threads,
            ...(plan.settings.batch !== undefined && { batch: plan.settings.batch }),
            versions,
            source,
          }),
        pyramidDir: join(root === null ? tmpdir() : join(root, 'shards'), `${scene.id}.pyramid`),
      },
      {
        ...(hooks.signal && { signal: hooks.signal }),
        onStart: ({ onnxruntime }, windows) => {
          total = windows;
          pieces.facts.onnxruntime = onnxruntime;
          hooks.onStart?.(windows);
        },
        ...(hooks.onWarning && { onWarning: hooks.onWarning }),
        onEnd: (end) => {
          took = end;
        },
        onWindow: (window, tally) => {
          pieces.countWindow(window.index, window.hadData);
          pieces.facts.tally = { ...tally };
          bytesRead = window.bytesRead;
          state.progress(++done, total);
          hooks.onWindow?.(done, total);
        },
      },
    );
    try {
      for await (const block of rows) await pieces.write(until + block.y, block);
    } finally {
      // Also what a stopped or failed attempt had finished is right, and the next one need not do it again.
      await pieces.close();
    }
    await state.end('done');
  } catch (error) {
    const again = hooks.signal?.aborted || (isFrustumError(error) && error.tag === 'ResourceError');
    await state.end(again ? 'stopped' : 'failed', error);
    throw error;
  }
  const seconds = Math.round(performance.now() - started) / 1000;
  return { ...report, windows: done, bytesRead, seconds, took, alreadyDone: false };
}

/** A signal that fires so long after another one; by itself it keeps no process alive. */
function delaySignal(signal: AbortSignal, ms: number): AbortSignal {
  const late = new AbortController();
  const start = () => void setTimeout(() => late.abort(), ms).unref();
  if (signal.aborted) start();
  else signal.addEventListener('abort', start, { once: true });
  return late.signal;
}

/**
 * Whether a shard's state in the store tells of this failure, so that whoever merges learns of it there.
 * @throws SourceError where the store can't be read
 */
export async function isFailureKept(
  { plan, index, source }: Pick<RunShardOptions, 'plan' | 'index' | 'source'>,
  failure: unknown,
): Promise<boolean> {
  const { scene, shard } = shardOfPlan(plan, index);
  const store = await openObjectStore(plan.to, source);
  const state = await readShardState(store.urlOf(keyOfState(scene, shard)), source ?? {});
  return state?.state === 'failed' && state.error?.message === serializeError(failure).message;
}

/** @throws ConfigError if another version of Frustum made the plan */
export function checkVersion(plan: JobPlan): void {
  if (plan.frustum === FRUSTUM_VERSION) return;
  throw new ConfigError(
    `the plan is of Frustum ${plan.frustum}, and this is ${FRUSTUM_VERSION}: shards of two versions don't make one map; plan again, or run that version`,
    { pointer: '--plan', value: plan.frustum },
  );
}

interface PiecesOptions {
  readonly create: (y: number) => Promise<ObjectDraft>;
  readonly keyOf: (y0: number, y1: number) => string;
  readonly identity: string;
  readonly checkpointMs: number;
}

type Tally = Record<
  'longEncoderRuns' | 'shortEncoderRuns' | 'readMs' | 'longMs' | 'shortMs' | 'localMs' | 'stitchMs',
  number
>;

/** Writes a shard's rows as files of so many seconds of work each; what files say of costs is what was spent since the file before. */
function createPieces({ create, keyOf, identity, checkpointMs }: PiecesOptions) {
  let current: { draft: ObjectDraft; writer: RowsWriter; y0: number } | null = null;
  let since = performance.now();
  let windows = 0;
  let empty: number[] = [];
  const zero: Tally = {
    longEncoderRuns: 0,
    shortEncoderRuns: 0,
    readMs: 0,
    longMs: 0,
    shortMs: 0,
    localMs: 0,
    stitchMs: 0,
  };
  let told = zero;
  const facts = { onnxruntime: '', tally: zero };

  const takeFacts = (): RowsFacts => {
    const { tally } = facts;
    const spent = (key: keyof Tally) => tally[key] - told[key];
    const result: RowsFacts = {
      emptyWindows: runsOf(empty),
      onnxruntime: facts.onnxruntime,
      longEncoderRuns: spent('longEncoderRuns'),
      shortEncoderRuns: spent('shortEncoderRuns'),
      milliseconds: {
        read: spent('readMs'),
        long: spent('longMs'),
        short: spent('shortMs'),
        local: spent('localMs'),
        stitch: spent('stitchMs'),
        total: performance.now() - since,
      },
      windows,
      peakResidentBytes: process.resourceUsage().maxRSS * 1024,
    };
    told = tally;
    since = performance.now();
    windows = 0;
    empty = [];
    return result;
  };
  const close = async () => {
    if (current === null) return;
    const { draft, writer, y0 } = current;
    current = null;
    try {
      await writer.finish(takeFacts());
      await draft.commit(keyOf(y0, writer.y));
    } catch (error) {
      await draft.abort();
      throw error;
    }
  };
  return {
    facts,
    countWindow(index: number, hadData: boolean) {
      windows++;
      if (!hadData) empty.push(index);
    },
    async write(y: number, rows: { rowCount: number; classes: Uint8Array; confidence: Uint8Array }) {
      if (current === null) {
        const draft = await create(y);
        const writer = createRowsWriter(draft, identity, y, rows.classes.length / rows.rowCount);
        current = { draft, writer, y0: y };
      }
      await current.writer.write({ y, ...rows });
      if (performance.now() - since >= checkpointMs) await close();
    },
    close,
  };
}

/** Ascending indices as runs from, to (exclusive). */
function runsOf(indices: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const index of indices) {
    const last = runs.at(-1);
    if (last?.[1] === index) last[1]++;
    else runs.push([index, index + 1]);
  }
  return runs;
}
