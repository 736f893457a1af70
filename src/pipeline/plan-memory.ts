import { ResourceError } from '../core/errors.ts';
import { readLimits } from '../doctor/read-limits.ts';
import { defaultDecodeThreads } from '../geotiff/decode-pool.ts';
import { DEFAULT_CACHE_BYTES } from '../geotiff/open-geotiff.ts';
import {
  DECODE_THREAD_BYTES,
  estimateMemory,
  fullChoices,
  keptFeatureBytes,
  type MemoryChoices,
  type MemoryDemand,
  type MemoryEstimate,
} from './estimate-memory.ts';
import { formatParts } from './format-memory.ts';

/** How much memory a run's processes may take together, in bytes. */
export interface AllowedMemory {
  /** What was declared (`--memory`); `null` if nothing was. */
  readonly promisedBytes: number | null;
  /** That, or what the control group leaves, whichever is less; infinite where neither says anything. */
  readonly bytes: number;
}

/** A run's memory, planned. */
export interface MemoryPlan {
  readonly promisedBytes: number | null;
  readonly choices: MemoryChoices;
  readonly estimate: MemoryEstimate;
  /** What a user should know, one sentence each. */
  readonly warnings: readonly string[];
}

/** What a run keeps to, as `run.json` says it. */
export interface MemoryRecord {
  /** What was declared; `null` if nothing was. */
  readonly promisedBytes: number | null;
  /** What all processes were expected to take together. */
  readonly estimatedBytes: number;
  /** The most that they were seen to take, pages that they share counted for each. */
  readonly peakBytes: number;
  /** What the run was given of that which only makes it faster. */
  readonly choices: MemoryChoices;
  /** Memory of its GPU that each of the network's processes is expected to take beside all this; `null` without one. */
  readonly deviceBytes: number | null;
}

/** The kernel ends a control group's processes where its limit is reached: a run keeps a little below. */
const GROUP_PART = 0.97;
/** Decoded blocks that a run keeps where memory is short: a few rows of blocks, since windows side by side share them. */
export const LEAST_CACHE_BYTES = 16 * 1024 * 1024;
/** Views that a run keeps at the least: those of two windows side by side. */
const LEAST_VIEWS = 8;
/**
 * Caches fill what is allowed up to this part, so that they need not be given up again: runs were seen to take up to 85 % of
 * what is estimated, and the guard sheds caches at 85 % of what is allowed.
 */
const FILLED_PART = 0.9;
/** Before anything is known of a scene its cache may take this part of what is allowed, and its decode threads this one. */
const OPENING_PART = 1 / 4;
const THREADS_PART = 1 / 8;

/** What a run may take: what was declared and what the control group allows, the lesser of the two. */
export async function allowMemory(promisedBytes: number | undefined): Promise<AllowedMemory> {
  const { groupBytes } = await readLimits();
  const bytes = Math.min(
    promisedBytes ?? Number.POSITIVE_INFINITY,
    groupBytes === null ? Number.POSITIVE_INFINITY : groupBytes * GROUP_PART,
  );
  return { promisedBytes: promisedBytes ?? null, bytes };
}

/** What a scene is opened with: measuring its stretch reads pixels before anything can be planned. */
export function openingChoices(
  { bytes }: AllowedMemory,
  cacheBytes = DEFAULT_CACHE_BYTES,
  processors = defaultDecodeThreads(),
): Pick<MemoryChoices, 'cacheBytes' | 'decodeThreads'> {
  return {
    cacheBytes: Math.min(cacheBytes, Math.max(bytes * OPENING_PART, LEAST_CACHE_BYTES)),
    decodeThreads: Math.min(processors, Math.floor((bytes * THREADS_PART) / DECODE_THREAD_BYTES)),
  };
}

/** Choices that fit what a run may take, or the smallest where nothing does. */
export interface FittedMemory {
  readonly choices: MemoryChoices;
  readonly estimate: MemoryEstimate;
  readonly fits: boolean;
}

/**
 * Fits a run into what it may take: what only makes it faster shrinks as far as need be, and first what a byte of saves
 * least time. That is the cache of blocks: a MiB of them is decoded again in 9 ms of processor time. Then kept context
 * features: a MiB of the published network's is encoded again in 70 ms (900 ms for 12 MiB). Kept views go last: a MiB of
 * them is sampled again in 70 ms for the near distance and 150 to 200 for the far one, from blocks that are decoded again
 * too, and windows whose features are gone need them. Decode threads are settled before, by what is allowed at all.
 * @param cacheBytes budget of the block cache that was asked for; the usual one unless told
 */
export function fitMemory(demand: MemoryDemand, allowed: AllowedMemory, cacheBytes?: number): FittedMemory {
  const { bytes } = allowed;
  const full = fullChoices(demand);
  const opened = openingChoices(allowed, cacheBytes, demand.processors);
  const most: MemoryChoices = {
    cacheBytes: Math.min(full.cacheBytes, opened.cacheBytes),
    keptFeatureBytes: full.keptFeatureBytes,
    keptViews: full.keptViews,
    decodeThreads: Math.min(full.decodeThreads, opened.decodeThreads),
  };
  const least: MemoryChoices = {
    cacheBytes: Math.min(most.cacheBytes, LEAST_CACHE_BYTES),
    keptFeatureBytes: keptFeatureBytes(demand, 0),
    keptViews: Math.min(most.keptViews, LEAST_VIEWS),
    decodeThreads: most.decodeThreads,
  };
  // Where a part of a thread more is allowed, that part is left free. Else the caches would fill it, and give up more than
  // it for the whole thread: with more memory allowed, less would be taken.
  const partOfThread =
    Math.min(bytes * THREADS_PART, full.decodeThreads * DECODE_THREAD_BYTES) -
    most.decodeThreads * DECODE_THREAD_BYTES;
  const spareOf = (choices: MemoryChoices) =>
    Math.max(0, bytes * FILLED_PART - partOfThread - estimateMemory(demand, choices).totalBytes);
  const views = least.keptViews + Math.floor(spareOf(least) / (demand.plan.window ** 2 * 3));
  const viewed = { ...least, keptViews: Math.min(most.keptViews, views) };
  const features = keptFeatureBytes(demand, least.keptFeatureBytes + spareOf(viewed));
  const encoded = { ...viewed, keptFeatureBytes: Math.min(most.keptFeatureBytes, features) };
  const cache = least.cacheBytes + Math.floor(spareOf(encoded));
  const choices = { ...encoded, cacheBytes: Math.min(most.cacheBytes, cache) };
  const estimate = estimateMemory(demand, choices);
  return { choices, estimate, fits: estimate.totalBytes <= bytes };
}

/**
 * Plans the memory of a run that is about to begin; see {@link fitMemory}.
 * @throws ResourceError if what was declared does not do for the least that the run can do with. A control group's limit
 *   alone is a warning: estimates are on the safe side, and the guard ends the run before the kernel does.
 */
export function planMemory(demand: MemoryDemand, allowed: AllowedMemory, cacheBytes?: number): MemoryPlan {
  const { promisedBytes, bytes } = allowed;
  const { choices, estimate, fits } = fitMemory(demand, allowed, cacheBytes);
  if (fits) return { promisedBytes, choices, estimate, warnings: [] };
  if (promisedBytes === bytes) throw tooLittle(estimate, bytes);
  const warning = `the run may take ${inMiB(estimate.totalBytes)} MiB of memory (${formatParts(estimate)}), and this container or control group may take ${inMiB(bytes)} MiB: the run ends itself if it comes to that`;
  return { promisedBytes, choices, estimate, warnings: [warning] };
}

function tooLittle(estimate: MemoryEstimate, allowed: number): ResourceError {
  return new ResourceError(
    `the run takes up to ${inMiB(estimate.totalBytes)} MiB of memory with the smallest caches (${formatParts(estimate)}), and ${inMiB(allowed)} MiB are promised (--memory): nothing was begun. Promise more, take a larger --stride, or map a narrower part of the scene (--bbox-px)`,
    { resource: 'memory', allowed, used: estimate.totalBytes },
  );
}

function inMiB(bytes: number): number {
  return Math.ceil(bytes / 1024 / 1024);
}
