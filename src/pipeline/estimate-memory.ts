import { countPlaces, type FrustumPlan } from '../frustum/plan.ts';
import { planKeptViews } from '../frustum/read-frustum.ts';
import { defaultDecodeThreads } from '../geotiff/decode-pool.ts';
import { DEFAULT_CACHE_BYTES } from '../geotiff/open-geotiff.ts';
import type { Blend } from '../stitch/ramp.ts';
import { stripBytes } from '../stitch/strip.ts';
import { type Augmentation, passesOf } from './ask-network.ts';
import { featureBytes, planContextSlots } from './context-slots.ts';
import { estimateNetwork, type NetworkForm } from './estimate-network.ts';
import { windowsAhead } from './route-windows.ts';

/** Resident memory of all processes of a run, by what holds it, in bytes. */
export interface MemoryEstimate {
  readonly totalBytes: number;
  /** Node.js and libraries, and what V8 has not collected yet. */
  readonly baseBytes: number;
  /** Decoded blocks of the scene: all of it, up to the cache's budget. */
  readonly cacheBytes: number;
  /** Blocks on their way out of the files, and the threads that decode them. */
  readonly decodeBytes: number;
  /** What frusta see: views kept for windows that come again, and source rows of those that are made. */
  readonly viewBytes: number;
  /** Scores that later windows still add to. */
  readonly stripBytes: number;
  /** Rows on their way into rasters, overviews and the preview. */
  readonly rasterBytes: number;
  /** Tracing, and what the vector formats hold. */
  readonly vectorBytes: number;
  /** The network's processes: weights and activations. */
  readonly networkBytes: number;
  /** Features of context windows that the network's processes keep for windows that see them again. */
  readonly featureBytes: number;
}

/** What can be made smaller at the cost of time; results do not depend on it. */
export interface MemoryChoices {
  /** Budget of the cache of decoded blocks; scenes that are smaller do not fill it. */
  readonly cacheBytes: number;
  /** What kept context features take in all of the network's processes together; see `planContextSlots`. */
  readonly keptFeatureBytes: number;
  /** Context views that are kept; see `planKeptViews`. */
  readonly keptViews: number;
  /** Threads that decode blocks. */
  readonly decodeThreads: number;
}

/** What a run holds, as far as it decides memory. */
export interface MemoryDemand {
  readonly scene: {
    readonly width: number;
    readonly height: number;
    /** Bytes of all of its blocks when they are decoded, and of the largest. */
    readonly decodedBytes: number;
    readonly blockBytes: number;
  };
  readonly plan: FrustumPlan;
  readonly model: NetworkForm & { readonly classCount: number; readonly scoreStride: number };
  readonly blend: Blend;
  readonly tta: Augmentation;
  /**
   * `segment` does all of it; `shard` has no outputs but its rows, and keeps far windows' features for its neighbours;
   * `merge` has neither network nor windows.
   */
  readonly part: 'segment' | 'shard' | 'merge';
  /** Width and height of the outputs. */
  readonly outputs: { readonly width: number; readonly height: number };
  readonly preview: boolean;
  /** How many vector files, and the limit of the border graph that generalising keeps; 0 where polygons are only traced. */
  readonly vector: { readonly files: number; readonly tiles: boolean; readonly graphBytes: number };
  /** Processes of the network, and windows in one run of its graphs; 1 each unless told. */
  readonly workers?: number;
  readonly batch?: number;
  /** Of the machine that runs it; this one's unless told. */
  readonly processors?: number;
}

const MIB = 1024 * 1024;
/**
 * With every module of a run loaded Node.js 20 takes 104 to 114 MiB and 24 takes 122 to 127, and some 30 more of code and small
 * objects once it is under way.
 */
const BASE_BYTES = 155 * MIB;
/**
 * Arrays that are free but not collected. V8 lets them grow by some 64 MiB before it looks, and malloc keeps pieces: a run
 * with next to no cache, which decodes each block again and again, was seen to hold 100 MiB of them. Small scenes make less.
 */
const GARBAGE_BYTES = { least: 32 * MIB, most: 96 * MIB, ofDecoded: 4 } as const;
/** A decode thread: an isolate with its buffers, 20 to 30 MiB. */
export const DECODE_THREAD_BYTES = 28 * MIB;
/** Images with this much for each thread start it; the TIFF reader's own rule. */
const DECODE_THREAD_FROM_BYTES = 8 * MIB;
const MOST_DECODE_THREADS = 8;
/** Blocks that are decoded at a time, beside the cache; what the TIFF reader keeps to. */
const DECODING_BYTES = 32 * MIB;
/** Source rows of a view that is made at a time; what `sampleWindow` keeps to. */
const SAMPLING_BYTES = 8 * MIB;
/** Rows that a raster gathers before it writes a row of tiles; a third more goes into its overviews. */
const TILE_ROWS = 512;
/** Tiles of a raster on their way through compression, as they are and compressed. */
const TILES_UNDER_WAY_BYTES = 2 * 6 * 512 * 512;
/** Pictures of at most 1600 px, drawn and composed at the end. */
const PREVIEW_BYTES = 24 * MIB;
/** Tracing six classes over 50,000 columns takes 97 MB in a process that takes 45 without. */
const TRACING_BYTES_A_COLUMN = 1000;
/** A format's buffers; the indexes that some keep (40 bytes a polygon) are part of it up to some 200,000 polygons. */
const VECTOR_FILE_BYTES = 12 * MIB;
/** Tiles are drawn from rows at every zoom; some 300 bytes a tile and the rows of half the size, a quarter and so on. */
const TILES_BYTES = 32 * MIB;
/** Features that a shard keeps for frames side by side; see `shareLong`. */
const SHARED_FEATURES_BYTES = 32 * MIB;

/** The choices of a run that nothing presses. */
export function fullChoices(demand: MemoryDemand): MemoryChoices {
  const { scene, plan, part, processors } = demand;
  return {
    cacheBytes: DEFAULT_CACHE_BYTES,
    keptFeatureBytes: keptFeatureBytes(demand),
    keptViews: part === 'merge' ? 0 : planKeptViews(plan),
    decodeThreads: usefulThreads(scene.decodedBytes, processors),
  };
}

/** Threads that decode an image, if none is spared. */
export function usefulThreads(decodedBytes: number, processors = defaultDecodeThreads()): number {
  return Math.min(Math.floor(decodedBytes / DECODE_THREAD_FROM_BYTES), processors, MOST_DECODE_THREADS);
}

/** What context features take that are kept within a budget, the usual one unless told; see `planContextSlots`. */
export function keptFeatureBytes(
  { plan, model, tta, part, workers = 1 }: MemoryDemand,
  maxBytes?: number,
): number {
  return part === 'merge' ? 0 : planContextSlots(plan, model, passesOf(tta), workers, maxBytes).bytes;
}

/** Estimates what a run will hold at its fullest, from headers, plan and manifest alone. */
export function estimateMemory(demand: MemoryDemand, choices = fullChoices(demand)): MemoryEstimate {
  const { scene, plan, model, blend, tta, part, workers = 1, batch = 1 } = demand;
  const { least, most, ofDecoded } = GARBAGE_BYTES;
  const windows = part !== 'merge';
  const decoding = Math.min(scene.decodedBytes, Math.max(DECODING_BYTES, scene.blockBytes));
  const parts = {
    baseBytes: BASE_BYTES + Math.min(most, least + ofDecoded * scene.decodedBytes),
    cacheBytes: Math.min(scene.decodedBytes, choices.cacheBytes),
    decodeBytes: decoding + choices.decodeThreads * DECODE_THREAD_BYTES,
    viewBytes: windows
      ? viewBytes(plan, choices.keptViews, 1 + windowsAhead(plan, { workers, batch }, passesOf(tta)))
      : 0,
    stripBytes: windows
      ? stripBytes({
          window: plan.window,
          stride: plan.stride,
          scoreStride: model.scoreStride,
          channels: model.classCount,
          frameWidth: plan.frame.width,
          frameHeight: plan.frame.height,
          blend,
        })
      : 0,
    rasterBytes: part === 'shard' ? sharedBytes(demand) : rasterBytes(demand),
    vectorBytes: part === 'shard' ? 0 : vectorBytes(demand),
    networkBytes: windows ? estimateNetwork(model, { workers, batch }).totalBytes : 0,
    featureBytes: keptFeatureBytes(demand, choices.keptFeatureBytes),
  };
  return { totalBytes: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0), ...parts };
}

/** Kept views, those of frusta on their way to the network, and the rows that they are made of. */
function viewBytes({ window, distances }: FrustumPlan, keptViews: number, underWay: number): number {
  const view = window * window * 3;
  const made = distances.slice(1).length * Math.min(SAMPLING_BYTES, distances.at(-1)! * window * 3 * window);
  return keptViews * view + underWay * distances.length * view + made;
}

function rasterBytes({ outputs, preview, vector }: MemoryDemand): number {
  const written = vector.graphBytes > 0 ? 3 : 2;
  return written * writerBytes(outputs.width, outputs.height) + (preview ? PREVIEW_BYTES : 0);
}

/** Rows of one raster that were just decided, and again in its writer, with half, a quarter and so on of them. */
export function writerBytes(width: number, height: number): number {
  return Math.round((Math.min(TILE_ROWS, height) * width * 4) / 3) + TILES_UNDER_WAY_BYTES;
}

function vectorBytes({ outputs, vector }: MemoryDemand): number {
  return vector.files === 0 ? 0 : tracingBytes(outputs.width, vector) + vector.graphBytes;
}

/** Tracing, and the files that features go into. */
export function tracingBytes(
  width: number,
  { files, tiles }: { readonly files: number; readonly tiles: boolean },
): number {
  return width * TRACING_BYTES_A_COLUMN + files * VECTOR_FILE_BYTES + (tiles ? TILES_BYTES : 0);
}

/** A shard's rows, and the features that it keeps for its neighbours. */
function sharedBytes({ outputs, plan, model }: MemoryDemand): number {
  const features = featureBytes(model) * countPlaces(plan, 2).columns;
  return (
    Math.min(features, SHARED_FEATURES_BYTES) + 2 * Math.min(plan.window, outputs.height) * outputs.width
  );
}
