import { hostname } from 'node:os';
import { z } from 'zod';
import { serializeError } from '../core/errors.ts';
import { type OpenSourceOptions, openOptionalByteSource } from '../io/open-source.ts';
import { folderOfShard } from './find-rows.ts';
import type { ObjectStore } from './object-store.ts';
import type { PlanScene, PlanShard } from './plan-schema.ts';

/**
 * What the last attempt at a shard said of itself. For people only: whether a shard is done is decided by its rows.
 */
const shardStateSchema = z.object({
  state: z.enum(['running', 'stopped', 'failed', 'done']),
  /** Attempts so far. */
  attempts: z.number(),
  host: z.string(),
  pid: z.number(),
  startedAt: z.string(),
  /** When the attempt last gave a sign of life, by its own clock. */
  seenAt: z.string(),
  windowsDone: z.number(),
  windows: z.number(),
  /** Of all attempts. */
  seconds: z.number(),
  error: z.object({ tag: z.string(), message: z.string() }).optional(),
});

export type ShardState = z.infer<typeof shardStateSchema>;

export function keyOfState(scene: PlanScene, shard: PlanShard): string {
  return `${folderOfShard(scene, shard)}/state.json`;
}

/** The state of a shard; `null` if no attempt was made, or none that can be read. */
export async function readShardState(url: string, options: OpenSourceOptions): Promise<ShardState | null> {
  const source = await openOptionalByteSource(url, options);
  if (source === null) return null;
  try {
    const text = Buffer.from(await source.read(0, source.sizeBytes, options.signal)).toString('utf8');
    const parsed = shardStateSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  } finally {
    await source.close();
  }
}

/** Tells of one attempt. */
export interface StateKeeper {
  /** Says how far the attempt is; written at most every half minute. */
  progress(windowsDone: number, windows: number): void;
  /** Says how it ended. */
  end(state: 'stopped' | 'failed' | 'done', error?: unknown): Promise<void>;
}

const SIGN_OF_LIFE_MS = 30_000;

/** Begins to tell of an attempt. What can't be told is no failure of the attempt, but for the first word: that the store can be written to is tested by it. */
export async function keepState(
  store: ObjectStore,
  key: string,
  earlier: ShardState | null,
): Promise<StateKeeper> {
  const started = Date.now();
  let last = started;
  let current: ShardState = {
    state: 'running',
    attempts: (earlier?.attempts ?? 0) + 1,
    host: hostname(),
    pid: process.pid,
    startedAt: new Date(started).toISOString(),
    seenAt: new Date(started).toISOString(),
    windowsDone: 0,
    windows: 0,
    seconds: earlier?.seconds ?? 0,
  };
  let writing = store.put(key, text(current));
  await writing;
  const say = (change: Partial<ShardState>) => {
    const seconds = Math.round((earlier?.seconds ?? 0) + (Date.now() - started) / 1000);
    current = { ...current, ...change, seconds, seenAt: new Date().toISOString() };
    const now = current;
    writing = writing.then(() => store.put(key, text(now))).catch(() => undefined);
    return writing;
  };
  return {
    progress(windowsDone, windows) {
      current = { ...current, windowsDone, windows };
      if (Date.now() - last < SIGN_OF_LIFE_MS) return;
      last = Date.now();
      void say({});
    },
    async end(state, error) {
      const { tag, message } = serializeError(error);
      await say({ state, ...(error !== undefined && { error: { tag: tag ?? 'InternalError', message } }) });
    },
  };
}

/** Says of a finished shard that it is; what can't be told is no failure. */
export async function putDone(store: ObjectStore, key: string, earlier: ShardState): Promise<void> {
  const { error: _, ...state } = earlier;
  await store.put(key, text({ ...state, state: 'done' })).catch(() => undefined);
}

function text(state: ShardState): string {
  return `${JSON.stringify(state, null, 2)}\n`;
}
