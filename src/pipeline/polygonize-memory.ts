import { ConfigError, ResourceError } from '../core/errors.ts';
import { DEFAULT_CACHE_BYTES } from '../geotiff/open-geotiff.ts';
import type { ClassRaster } from '../scene/read-class-raster.ts';
import { isGeneralised } from '../vectorize/generalisation.ts';
import { DEFAULT_GRAPH_BYTES } from '../vectorize/graph-budget.ts';
import {
  DECODE_THREAD_BYTES,
  type MemoryEstimate,
  tracingBytes,
  usefulThreads,
  writerBytes,
} from './estimate-memory.ts';
import { formatParts } from './format-memory.ts';
import { GRAPH_BYTES_A_PIXEL } from './memory-demand.ts';
import { type AllowedMemory, type MemoryRecord, openingChoices } from './plan-memory.ts';
import type { PolygonOptions } from './polygon-options.ts';

/** A class raster on its way to polygons, as far as it decides memory. */
export interface PolygonizeDemand {
  readonly width: number;
  readonly height: number;
  /** Bytes of all of its blocks when they are decoded, of one that must be decoded whole, and of a row of them. */
  readonly decodedBytes: number;
  readonly blockBytes: number;
  readonly blockRowBytes: number;
  readonly files: number;
  readonly tiles: boolean;
  /** Whether the class raster as merged is written, too. */
  readonly sieved: boolean;
  /** Whether borders are kept until the end. */
  readonly generalised: boolean;
  /** What they may take, if somebody said so (`--graph-memory`). */
  readonly maxGraphBytes: number | null;
  /** Of this machine unless told. */
  readonly processors?: number;
}

/** What polygonizing is given. */
export interface PolygonizeMemory {
  readonly promisedBytes: number | null;
  /** Budget of the cache of decoded blocks. */
  readonly cacheBytes: number;
  /** What kept borders may take; 0 where none are. */
  readonly graphBytes: number;
  readonly estimate: MemoryEstimate;
  /** What a user should know, one sentence each. */
  readonly warnings: readonly string[];
}

/** What polygonizing kept to, and what it took, in bytes. */
export interface PolygonizeMemoryRecord extends Omit<MemoryRecord, 'choices' | 'deviceBytes'> {
  /** What kept borders were allowed to take; 0 where none are. */
  readonly graphBytes: number;
}

const MIB = 1024 * 1024;
/** Node.js with what this takes of Frustum, and features that V8 has not collected yet. */
const BASE_BYTES = (110 + 64) * MIB;
/** Samples, classes, confidence and masks of 2 million pixels on their way, and of a few such blocks that are not collected yet. */
const ROWS_BYTES = 32 * MIB;
/** Tiles of maps with a polygon to a hundred pixels, as others make them; the network's have fewer. */
const SMALL_TILES_BYTES = 56 * MIB;
/** Blocks of rows that are being read beside the cache; what the TIFF reader keeps to. */
const DECODING_BYTES = 32 * MIB;
/**
 * Resident bytes for each that the graph's arrays hold: they are followed by those of merged and drawn lines. Maps of noise
 * with nothing merged and all corners rounded were seen to take 2.1.
 */
export const HELD_FOR_GRAPH = 2.25;
/** Generalising is not begun with less for its borders than this: hardly a map's would fit. */
const LEAST_GRAPH_BYTES = 16 * MIB;

/** What a run over a raster will hold. */
export function polygonizeDemand(
  { info }: Pick<ClassRaster, 'info'>,
  files: readonly string[],
  polygons: PolygonOptions,
  sieved: boolean,
): PolygonizeDemand {
  const { width, height, blockWidth, blockHeight, bands, hasMask } = info;
  // An alpha band, or a mask, is read beside the classes.
  const samples = bands + (hasMask ? 1 : 0);
  return {
    width,
    height,
    decodedBytes: width * height * samples,
    // Of plain blocks only the rows that are wanted are read.
    blockBytes: info.compression === 'none' ? 0 : blockWidth * blockHeight * samples,
    blockRowBytes: width * Math.min(blockHeight, height) * samples,
    files: files.length,
    tiles: files.some((file) => file.toLowerCase().endsWith('.pmtiles')),
    sieved,
    // The raster as merged is drawn from kept borders.
    generalised: sieved || isGeneralised(polygons),
    maxGraphBytes: polygons.maxGraphBytes ?? null,
  };
}

/** What polygonizing will hold at its fullest, with so much of kept borders. */
function estimate(
  demand: PolygonizeDemand,
  threads: number,
  cacheBytes: number,
  graphBytes: number,
): MemoryEstimate {
  const { width, height } = demand;
  const parts = {
    baseBytes: BASE_BYTES,
    cacheBytes,
    decodeBytes:
      Math.max(demand.blockBytes, Math.min(DECODING_BYTES, readBytes(demand))) +
      threads * DECODE_THREAD_BYTES,
    viewBytes: 0,
    stripBytes: 0,
    rasterBytes: Math.min(ROWS_BYTES, 12 * width * height) + (demand.sieved ? writerBytes(width, height) : 0),
    vectorBytes:
      tracingBytes(width, demand) +
      (demand.tiles ? SMALL_TILES_BYTES : 0) +
      Math.ceil(HELD_FOR_GRAPH * graphBytes),
    networkBytes: 0,
    featureBytes: 0,
  };
  return { totalBytes: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0), ...parts };
}

/**
 * Plans the memory of polygonizing: what kept borders may take is what is left of what is allowed, and the cache of decoded
 * blocks shrinks if need be.
 * @throws ResourceError if what was declared does not do for the least; ConfigError if it does, but not with as much for
 *   borders as was asked for. Where nothing was declared and a control group's limit is too low, that is a warning
 */
export function planPolygonize(demand: PolygonizeDemand, allowed: AllowedMemory): PolygonizeMemory {
  const { promisedBytes, bytes } = allowed;
  const { generalised, maxGraphBytes: asked } = demand;
  const promised = promisedBytes === bytes;
  const opened = openingChoices(allowed, undefined, demand.processors).decodeThreads;
  const threads = Math.min(opened, usefulThreads(demand.decodedBytes, demand.processors));
  const of = (cacheBytes: number, graphBytes: number) => estimate(demand, threads, cacheBytes, graphBytes);

  const usual = (GRAPH_BYTES_A_PIXEL * demand.width * demand.height) / HELD_FOR_GRAPH;
  const expected = generalised ? Math.min(asked ?? DEFAULT_GRAPH_BYTES, usual) : 0;
  const leastGraph = Math.min(expected, LEAST_GRAPH_BYTES);
  const least = of(0, leastGraph);
  if (least.totalBytes > bytes && promised) throw tooLittle(least, bytes);
  const bare = of(0, 0).totalBytes;
  if (generalised && asked !== null && promised && bare + HELD_FOR_GRAPH * asked > bytes) {
    throw tooMuchForBorders(asked, bare, bytes);
  }
  // Rows are walked once, from top to bottom, and may be cut within a row of blocks: no earlier one comes again.
  const most = Math.min(readBytes(demand), DEFAULT_CACHE_BYTES);
  const wanted = of(0, asked ?? expected).totalBytes;
  const cacheBytes = Math.floor(Math.max(0, Math.min(most, bytes - wanted)));
  const left = Math.floor((bytes - of(cacheBytes, 0).totalBytes) / HELD_FOR_GRAPH);
  const graphBytes = generalised
    ? (asked ?? Math.min(DEFAULT_GRAPH_BYTES, Math.max(Math.ceil(leastGraph), left)))
    : 0;
  const planned = of(cacheBytes, Math.min(expected, graphBytes));
  const warnings =
    planned.totalBytes > bytes
      ? [
          `polygonizing may take ${inMiB(planned.totalBytes)} MiB of memory (${formatParts(planned)}), and this container or control group may take ${inMiB(bytes)} MiB: the run ends itself if it comes to that`,
        ]
      : [];
  return { promisedBytes, cacheBytes, graphBytes, estimate: planned, warnings };
}

/** Decoded blocks that one block of rows lies in: two rows of them. */
function readBytes({ blockRowBytes, decodedBytes }: PolygonizeDemand): number {
  return Math.min(2 * blockRowBytes, decodedBytes);
}

function tooLittle(least: MemoryEstimate, allowed: number): ResourceError {
  return new ResourceError(
    `polygonizing takes up to ${inMiB(least.totalBytes)} MiB of memory with the smallest caches (${formatParts(least)}), and ${inMiB(allowed)} MiB are promised (--memory): nothing was begun. Promise more, or write fewer files at once`,
    { resource: 'memory', allowed, used: least.totalBytes },
  );
}

function tooMuchForBorders(asked: number, bare: number, allowed: number): ConfigError {
  const most = Math.floor((allowed - bare) / HELD_FOR_GRAPH / MIB);
  return new ConfigError(
    `--graph-memory ${inMiB(asked)}: ${inMiB(allowed)} MiB are promised (--memory), of which ${inMiB(bare)} go elsewhere, and borders take ${HELD_FOR_GRAPH} times their own memory while they are worked on; expected at most ${most}, or leave it out: it is then what is left`,
    { pointer: '--graph-memory', value: Math.round(asked / MIB) },
  );
}

function inMiB(bytes: number): number {
  return Math.ceil(bytes / MIB);
}
