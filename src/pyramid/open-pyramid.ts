import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, FormatError, SourceError } from '../core/errors.ts';
import type { RgbReader } from '../core/ports.ts';
import { type GeoTiff, openGeoTiff } from '../geotiff/open-geotiff.ts';
import type { SampleArray } from '../geotiff/sample-array.ts';
import { BlockCache } from '../io/block-cache.ts';
import { openByteSource } from '../io/open-source.ts';
import { checkSameScene } from './check-same-scene.ts';
import { checkSource } from './check-source.ts';
import {
  PYRAMID_MANIFEST,
  type PyramidLevel,
  type PyramidManifest,
  type PyramidSource,
  pyramidManifestSchema,
} from './pyramid-manifest.ts';

/** An altitude pyramid that belongs to a scene. */
export interface Pyramid {
  readonly dir: string;
  readonly manifest: PyramidManifest;
  /**
   * The level at `distance`: pixel (i, j) stands for the scene's pixels from (i, j) times `distance` on.
   * @throws ConfigError if there is none
   */
  level(distance: number): RgbReader;
  close(): Promise<void>;
}

/** What {@link openPyramid} is told. */
export interface OpenPyramidOptions {
  /** The scene as it is going to be read; with other bands or another stretch its pixels are others. */
  readonly scene: RgbReader;
  /** The scene's file and how it is read now; but for `url`, the pyramid must have been built with the same. */
  readonly source: PyramidSource;
  /** Levels that must be there. Distance 1 is not asked for: that is the scene. */
  readonly distances: readonly number[];
  /** Decoded blocks kept, all levels together; 128 MiB unless told. */
  readonly cacheBytes?: number;
  readonly signal?: AbortSignal;
}

const BANDS = [0, 1, 2];
const CACHE_BYTES = 128 * 1024 * 1024;

/**
 * Opens the pyramid in `dir` and makes sure that it is one of this scene: equal size and place, the same file read in the
 * same way, the levels asked for, whole files, and equal pixels at probed places.
 * @throws SourceError if there is no pyramid; FormatError if it is damaged; ConfigError if it is another scene's or lacks a level
 */
export async function openPyramid(dir: string, options: OpenPyramidOptions): Promise<Pyramid> {
  const { scene, source, distances, signal } = options;
  const manifest = await readPyramidManifest(dir);
  checkPlace(dir, manifest, scene);
  checkSource(dir, manifest, source);
  for (const distance of distances) if (distance !== 1) findLevel(dir, manifest, distance);
  const cache = new BlockCache<SampleArray>(options.cacheBytes ?? CACHE_BYTES);
  const files: GeoTiff[] = [];
  const levels = new Map<number, RgbReader>();
  const close = async () => {
    await Promise.all(files.map((file) => file.close()));
  };
  try {
    for (const level of manifest.levels) {
      const file = await openLevelFile(dir, level, cache);
      files.push(file);
      checkShape(level, file);
      levels.set(level.distance, levelReader(file));
    }
    const nearest = Math.min(...levels.keys());
    await checkSameScene(dir, scene, levels.get(nearest)!, nearest, signal);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    dir,
    manifest,
    level: (distance) => levels.get(findLevel(dir, manifest, distance).distance)!,
    close,
  };
}

async function openLevelFile(
  dir: string,
  { file, sizeBytes }: PyramidLevel,
  cache: BlockCache<SampleArray>,
): Promise<GeoTiff> {
  const path = join(dir, file);
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new SourceError(
      `A level of the pyramid is missing: ${path} (${cause.code}). Build the pyramid again.`,
      { url: path, status: cause.code ?? null, cause },
    );
  });
  if (found.size !== sizeBytes) throw damaged(path, `${sizeBytes} bytes`, `${found.size}`);
  const source = await openByteSource(path);
  return openGeoTiff(source, { cache }).catch(async (error: unknown) => {
    await source.close();
    throw error;
  });
}

function checkShape(level: PyramidLevel, { info }: GeoTiff): void {
  const text = (width: number, height: number, bands: number, type: string) =>
    `${width} x ${height} pixels in ${bands} bands of ${type}`;
  const expected = text(level.width, level.height, BANDS.length, 'uint8');
  const got = text(info.width, info.height, info.bands, info.sampleType);
  if (expected !== got) throw damaged(info.url, expected, got);
}

function levelReader(file: GeoTiff): RgbReader {
  return {
    grid: file.info.grid,
    async readRgb(window, signal) {
      const samples = await file.readBands(window, BANDS, signal);
      return { width: window.width, height: window.height, bands: BANDS.length, data: samples as Uint8Array };
    },
  };
}

/**
 * Reads `pyramid.json`.
 * @throws SourceError, FormatError
 */
export async function readPyramidManifest(dir: string): Promise<PyramidManifest> {
  const path = join(dir, PYRAMID_MANIFEST);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new SourceError(
      `There is no altitude pyramid in ${dir}: ${PYRAMID_MANIFEST} cannot be read (${cause.code}). Build one with "frustum pyramid SCENE --out ${dir}".`,
      { url: path, status: cause.code ?? null, cause },
    );
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${path} is not JSON: ${(cause as Error).message}. Build the pyramid again.`, {
      url: path,
      what: PYRAMID_MANIFEST,
      cause,
    });
  }
  const parsed = pyramidManifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const pointer = `/${issue?.path.join('/') ?? ''}`;
  throw new FormatError(
    `${path} is not the description of a pyramid that this version knows: ${pointer}: ${issue?.message}. Build the pyramid again.`,
    { url: path, what: pointer },
  );
}

function checkPlace(dir: string, { scene: recorded }: PyramidManifest, scene: RgbReader): void {
  const { width, height, transform, crs } = scene.grid;
  const given = { width, height, transform, crs: crs?.name ?? null };
  const [expected, got] = [placeText(recorded), placeText(given)];
  if (expected === got) return;
  throw new ConfigError(
    `The altitude pyramid in ${dir} belongs to another scene: it was made of ${expected}, this scene is ${got}. Build a pyramid of this scene, or use sampling "exact".`,
    { pointer: '/pyramid', value: dir },
  );
}

function placeText({ width, height, transform, crs }: PyramidManifest['scene']): string {
  const { a, b, c, d, e, f } = transform ?? { a: 1, b: 0, c: 0, d: 0, e: 1, f: 0 };
  const place = transform ? `transform [${[a, b, c, d, e, f].join(', ')}]` : 'no georeferencing';
  return `${width} x ${height} pixels, ${crs ?? 'no CRS'}, ${place}`;
}

function findLevel(dir: string, { levels }: PyramidManifest, distance: number) {
  const level = levels.find((l) => l.distance === distance);
  if (level !== undefined) return level;
  throw new ConfigError(
    `The altitude pyramid in ${dir} has no level at distance ${distance}, only at ${levels.map((l) => l.distance).join(', ')}. Build it with the distances of the model.`,
    { pointer: '/distances', value: distance },
  );
}

function damaged(path: string, expected: string, got: string): FormatError {
  return new FormatError(
    `${path} is not the file that ${PYRAMID_MANIFEST} describes: expected ${expected}, got ${got}. Build the pyramid again.`,
    { url: path, what: 'pyramid level' },
  );
}
