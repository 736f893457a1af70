import { ConfigError } from '../core/errors.ts';
import { withoutSecrets } from '../io/urls.ts';
import { BATCH_ARRAY_SIZE } from './contract.ts';

/** A plan's URL, and which of its shards it means. */
export interface PlanUrl {
  /** Of the plan file. */
  readonly url: string;
  /** Shards that array children 0, 1, ... do, ascending; `null` where child `i` does shard `i`. */
  readonly shards: readonly number[] | null;
}

/** Most characters of a list of shards in a URL: with it, a command line stays far below the limits of schedulers (ECS: 8192 for all of it). */
export const LONGEST_SHARD_LIST = 4000;

/**
 * Takes apart `PLAN.json#3,7-9`: arrays of AWS Batch always count from 0, so that a list says which shards their children do.
 * @throws ConfigError if what follows `.json#` is no ascending list of shards, or too long a one
 */
export function splitPlanUrl(url: string): PlanUrl {
  const match = /^(.*\.json)#([^/]*)$/is.exec(url);
  if (match === null) return { url, shards: null };
  const [, file, list] = match;
  const shards = list!.length > LONGEST_SHARD_LIST ? null : parseShardList(list!, BATCH_ARRAY_SIZE.max);
  if (shards !== null) return { url: file!, shards };
  throw new ConfigError(
    `${withoutSecrets(file!)}#${list!.slice(0, 40)}: expected ascending shards after the #, such as #3,7-9, at most ${BATCH_ARRAY_SIZE.max.toLocaleString('en-US')} of them in ${LONGEST_SHARD_LIST} characters`,
    { pointer: '--plan', value: list },
  );
}

/** A plan's URL that means these shards of it. */
export function joinPlanUrl({ url, shards }: PlanUrl): string {
  return shards === null ? url : `${url}#${formatShardList(shards)}`;
}

/** Ascending shards as `3,7-9`. */
export function formatShardList(shards: readonly number[]): string {
  return runsOf(shards)
    .map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
    .join(',');
}

/**
 * Cuts ascending shards into lists that an array job each can do: at most as many as an array has children, and no longer
 * as text than a URL takes.
 */
export function cutShardLists(
  shards: readonly number[],
  limits: { readonly most: number; readonly longest: number } = {
    most: BATCH_ARRAY_SIZE.max,
    longest: LONGEST_SHARD_LIST,
  },
): readonly (readonly number[])[] {
  const lists: number[][] = [];
  let length = 0;
  for (const [from, to] of runsOf(shards)) {
    for (let next = from; next <= to; ) {
      let list = lists.at(-1);
      const text = `,${next}-${to}`.length;
      if (list === undefined || list.length >= limits.most || length + text > limits.longest) {
        list = [];
        lists.push(list);
        length = 0;
      }
      const until = Math.min(to, next + limits.most - list.length - 1);
      for (let shard = next; shard <= until; shard++) list.push(shard);
      length += text;
      next = until + 1;
    }
  }
  return lists;
}

/** The shards of `3,7-9`; `null` if it is no ascending list, or more than `most`. */
export function parseShardList(text: string, most: number): readonly number[] | null {
  const shards: number[] = [];
  for (const part of text.split(',')) {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part);
    if (match === null) return null;
    const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (to < from || from <= (shards.at(-1) ?? -1)) return null;
    if (shards.length + to - from + 1 > most) return null;
    for (let shard = from; shard <= to; shard++) shards.push(shard);
  }
  return shards;
}

/** Ascending numbers as runs, both ends included. */
function runsOf(shards: readonly number[]): readonly (readonly [from: number, to: number])[] {
  const runs: [number, number][] = [];
  for (const shard of shards) {
    const last = runs.at(-1);
    if (last !== undefined && shard === last[1] + 1) last[1] = shard;
    else runs.push([shard, shard]);
  }
  return runs;
}
