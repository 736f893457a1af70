import { isFrustumError } from '../core/errors.ts';
import { type OpenSourceOptions, openByteSource } from '../io/open-source.ts';
import { identityOf } from '../pipeline/run-record.ts';
import type { ObjectStore } from './object-store.ts';
import type { JobPlan, PlanScene, PlanShard } from './plan-schema.ts';
import { type RowsManifest, readRows, readRowsManifest } from './shard-rows.ts';

/** Keys of a shard: its folder, rows files `<y0>-<y1>.rows` in it, and `state.json`. */
export function folderOfShard(scene: PlanScene, shard: PlanShard): string {
  // By rows rather than by index: another plan of the same scene may count its shards otherwise.
  return `shards/${scene.id}/${padRow(shard.y0)}-${padRow(shard.y1)}`;
}

export function keyOfRows(folder: string, y0: number, y1: number): string {
  return `${folder}/${padRow(y0)}-${padRow(y1)}.rows`;
}

const padRow = (y: number) => String(y).padStart(7, '0');

/** All that a shard's rows are a function of. */
export function identityOfShard(plan: JobPlan, scene: PlanScene, { y0, y1 }: PlanShard): string {
  const { threads, batch = 1 } = plan.settings;
  return identityOf({ run: scene.identity, threads, ...(batch > 1 && { batch }), y0, y1 });
}

/** A rows file that is there. */
export interface FoundRows {
  readonly key: string;
  readonly manifest: RowsManifest;
}

/** How much of a shard is there. */
export interface ShardRows {
  /** Files that follow one another from the shard's first row on. */
  readonly files: readonly FoundRows[];
  /** First row that is missing; the shard's end if none is. */
  readonly until: number;
}

/** What {@link findRows} looks for, and where. */
export interface FindRowsOptions {
  readonly store: ObjectStore;
  readonly plan: JobPlan;
  readonly scene: PlanScene;
  readonly shard: PlanShard;
  readonly source: OpenSourceOptions;
  /** Whether the blocks' checksums are compared too, which reads the files whole. */
  readonly verify: boolean;
  /** Keys in the shard's folder, if they are known already. */
  readonly keys?: readonly string[];
}

/**
 * Finds the rows of a shard that are there: the chain of files that reaches farthest. Files of other shards, other runs,
 * or that are not as they were written, count as not there.
 * @throws SourceError where the store can't be read
 */
export async function findRows(options: FindRowsOptions): Promise<ShardRows> {
  const { store, plan, scene, shard, source, verify } = options;
  const folder = folderOfShard(scene, shard);
  const identity = identityOfShard(plan, scene, shard);
  const keys = options.keys ?? (await store.list(folder));
  const byStart = new Map<number, { key: string; y1: number }[]>();
  for (const key of keys) {
    const match = /\/(\d+)-(\d+)\.rows$/.exec(key);
    if (match === null || !key.startsWith(`${folder}/`)) continue;
    const y0 = Number(match[1]);
    byStart.set(y0, [...(byStart.get(y0) ?? []), { key, y1: Number(match[2]) }]);
  }
  const best = new Map<number, ShardRows>();
  // Backwards, so that what follows a file is known: the chain from each start that reaches farthest.
  for (const y0 of [...byStart.keys()].sort((a, b) => b - a)) {
    let chosen: ShardRows = { files: [], until: y0 };
    for (const { key, y1 } of byStart.get(y0)!.sort((a, b) => b.y1 - a.y1)) {
      const rest = best.get(y1) ?? { files: [], until: y1 };
      if (rest.until <= chosen.until) continue;
      const manifest = await checkRows(store.urlOf(key), source, verify);
      if (manifest?.shard !== identity || manifest.y0 !== y0 || manifest.y1 !== y1) continue;
      chosen = { files: [{ key, manifest }, ...rest.files], until: rest.until };
    }
    best.set(y0, chosen);
  }
  return best.get(shard.y0) ?? { files: [], until: shard.y0 };
}

async function checkRows(
  url: string,
  options: OpenSourceOptions,
  verify: boolean,
): Promise<RowsManifest | null> {
  try {
    const source = await openByteSource(url, options);
    try {
      const manifest = await readRowsManifest(source, options.signal);
      if (verify) for await (const _ of readRows(source, manifest, options.signal));
      return manifest;
    } finally {
      await source.close();
    }
  } catch (error) {
    if (isFrustumError(error) && error.tag === 'FormatError') return null;
    throw error;
  }
}
