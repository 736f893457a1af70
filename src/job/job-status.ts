import type { SourceOptions } from '../io/source-options.ts';
import { findDone } from './find-done.ts';
import { findRows, folderOfShard } from './find-rows.ts';
import { openObjectStore } from './object-store.ts';
import type { JobPlan } from './plan-schema.ts';
import { keyOfState, readShardState } from './shard-state.ts';

/** How a shard is. `running` is what an attempt said last; one that has been silent for long may be gone. */
export type ShardStanding = 'done' | 'running' | 'stopped' | 'failed' | 'missing';

export interface ShardStatus {
  readonly scene: string;
  readonly index: number;
  readonly y0: number;
  readonly y1: number;
  readonly standing: ShardStanding;
  /** Share of its rows that are there, 0 to 1. */
  readonly share: number;
  readonly attempts: number;
  /** When the last attempt gave a sign of life, by its own clock; `null` before any. */
  readonly seenAt: string | null;
  readonly error: { readonly tag: string; readonly message: string } | null;
}

export interface SceneStatus {
  readonly id: string;
  /** `merged`: its outputs are there; `ready`: all of its rows are. */
  readonly standing: 'merged' | 'ready' | 'incomplete';
  readonly shards: readonly ShardStatus[];
}

/** How far a plan is. */
export interface JobStatus {
  readonly plan: string;
  readonly scenes: readonly SceneStatus[];
  /** Shards by standing. */
  readonly counts: Readonly<Record<ShardStanding, number>>;
  /** Scenes that could not be planned. */
  readonly refused: JobPlan['refused'];
  /** Of all attempts so far, as far as they told: machine hours, and what these cost by the plan's prices. */
  readonly spent: { readonly hours: number; readonly money: number; readonly currency: string };
}

/**
 * Says how far a plan is: what of it is done, running, failed and missing, and what it cost so far.
 * @throws SourceError where the store can't be read
 */
export async function readJobStatus(
  plan: JobPlan,
  source: SourceOptions = {},
  signal?: AbortSignal,
): Promise<JobStatus> {
  const store = await openObjectStore(plan.to, source);
  const reading = { ...source, ...(signal && { signal }) };
  const counts = { done: 0, running: 0, stopped: 0, failed: 0, missing: 0 };
  const scenes: SceneStatus[] = [];
  let seconds = 0;
  for (const scene of plan.scenes) {
    signal?.throwIfAborted();
    const merged = (await findDone(store, scene.id, scene.identity, source)) !== null;
    const keys = await store.list(`shards/${scene.id}`);
    const shards: ShardStatus[] = [];
    for (const shard of scene.shards) {
      const { index, y0, y1 } = shard;
      const found = await findRows({
        store,
        plan,
        scene,
        shard,
        source: reading,
        verify: false,
        keys: keys.filter((key) => key.startsWith(`${folderOfShard(scene, shard)}/`)),
      });
      const state = await readShardState(store.urlOf(keyOfState(scene, shard)), reading);
      const told = state === null || state.state === 'done' ? 'missing' : state.state;
      const standing: ShardStanding = merged || found.until === y1 ? 'done' : told;
      counts[standing]++;
      seconds += state?.seconds ?? 0;
      shards.push({
        scene: scene.id,
        index,
        y0,
        y1,
        standing,
        share: standing === 'done' ? 1 : (found.until - y0) / (y1 - y0),
        attempts: state?.attempts ?? 0,
        seenAt: state?.seenAt ?? null,
        error: state?.error ?? null,
      });
    }
    const ready = shards.every(({ standing }) => standing === 'done');
    scenes.push({ id: scene.id, standing: merged ? 'merged' : ready ? 'ready' : 'incomplete', shards });
  }
  const hours = seconds / 3600;
  const { hourlyPrice, currency } = plan.basis;
  return {
    plan: plan.id,
    scenes,
    counts,
    refused: plan.refused,
    spent: { hours, money: hours * hourlyPrice, currency },
  };
}

/** Indices of the shards that are not done. */
export function openShards(status: JobStatus): readonly number[] {
  return status.scenes.flatMap(({ shards }) =>
    shards.filter(({ standing }) => standing !== 'done').map(({ index }) => index),
  );
}
