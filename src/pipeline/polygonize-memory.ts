import { ConfigError, ResourceError } from '../core/errors.ts';
import { DEFAULT_CACHE_BYTES } from '../geotiff/open-geotiff.ts';
import { decodedSize } from '../scene/decoded-size.ts';
import type { ClassRaster } from '../scene/read-class-raster.ts';
import { isGeneralised } from '../vectorize/generalisation.ts';
import { DEFAULT_GRAPH_BYTES } from '../vectorize/graph-budget.ts';
import {
  baseBytes,
  decodeBytes,
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
  /** Bytes of all of its blocks when they are decoded, of the largest, and of a row of them. */
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
/** Node.js with what this takes of Frustum: there is no network to talk to. */
const BASE_BYTES = 110 * MIB;
/** Samples, classes, confidence and masks of rows on their way, and those of a few blocks of rows before that V8 has yet to collect. */
const ROWS_BYTES = 40 * MIB;
/** Resident bytes for each that the graph's arrays hold: while they grow, and what merging, joining and drawing lines adds. */
export const HELD_FOR_GRAPH = 2;
/** Generalising is not begun with less for its borders than this: hardly a map's would fit. */
const LEAST_GRAPH_BYTES = 16 * MIB;

/** What a run over a raster will hold. */
export function polygonizeDemand(
  { info }: Pick<ClassRaster, 'info'>,
  files: readonly string[],
  polygons: PolygonOptions,
  sieved: boolean,
): PolygonizeDemand {
  const { width, height, blockHeight, bands, interleave, hasMask } = info;
  const samples = (interleave === 'pixel' ? bands : Math.min(bands, 2)) + (hasMask ? 1 : 0);
  return {
    width,
    height,
    ...decodedSize([info]),
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
  const { width, height, decodedBytes } = demand;
  const parts = {
    baseBytes: baseBytes(decodedBytes, BASE_BYTES),
    cacheBytes,
    decodeBytes: decodeBytes(demand, threads),
    viewBytes: 0,
    stripBytes: 0,
    rasterBytes: Math.min(ROWS_BYTES, 12 * width * height) + (demand.sieved ? writerBytes(width, height) : 0),
    vectorBytes: tracingBytes(width, demand) + HELD_FOR_GRAPH * graphBytes,
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

  const expected = generalised
    ? Math.min(asked ?? DEFAULT_GRAPH_BYTES, GRAPH_BYTES_A_PIXEL * demand.width * demand.height)
    : 0;
  const least = of(0, Math.min(expected, LEAST_GRAPH_BYTES));
  if (least.totalBytes > bytes && promised) throw tooLittle(least, bytes);
  const bare = of(0, 0).totalBytes;
  if (generalised && asked !== null && promised && bare + HELD_FOR_GRAPH * asked > bytes) {
    throw tooMuchForBorders(asked, bare, bytes);
  }
  // Rows are walked once, from top to bottom, and may be cut within a row of blocks: no earlier one comes again.
  const most = Math.min(2 * demand.blockRowBytes, demand.decodedBytes, DEFAULT_CACHE_BYTES);
  const wanted = of(0, asked ?? expected).totalBytes;
  const cacheBytes = Math.floor(Math.max(0, Math.min(most, bytes - wanted)));
  const left = Math.floor((bytes - of(cacheBytes, 0).totalBytes) / HELD_FOR_GRAPH);
  const graphBytes = generalised
    ? (asked ?? Math.min(DEFAULT_GRAPH_BYTES, Math.max(LEAST_GRAPH_BYTES, left)))
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
