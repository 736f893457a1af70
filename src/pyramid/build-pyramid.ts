import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AbortedError, ConfigError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { scaleGrid } from '../core/place-pixels.ts';
import type { RgbReader } from '../core/ports.ts';
import { createTiffWriter, type TiffWriter } from '../geotiff/write-tiff.ts';
import { writeError, writeFileAtomic } from '../io/atomic-file.ts';
import { refuseOverwrite } from '../io/refuse-overwrite.ts';
import {
  levelFileName,
  PYRAMID_MANIFEST,
  type PyramidLevel,
  type PyramidManifest,
  type PyramidSource,
} from './pyramid-manifest.ts';
import { createLevelSampler, type LevelSampler, type SceneRows } from './sample-level.ts';

/** What {@link buildPyramid} is told. */
export interface BuildPyramidOptions {
  readonly scene: RgbReader;
  /** Whole numbers; repeated ones give one level. */
  readonly distances: readonly number[];
  /** Folder, made where there is none. */
  readonly outDir: string;
  /** Kept in `pyramid.json`, so that the pyramid is not used for another scene. */
  readonly source: PyramidSource;
  readonly signal?: AbortSignal;
  /** Told after each band how many scene rows are done. */
  readonly onProgress?: (rowsDone: number, rowCount: number) => void;
}

interface Level {
  readonly distance: number;
  readonly path: string;
  readonly sampler: LevelSampler;
  readonly writer: TiffWriter;
}

const BANDS = 3;
/** Scene pixels in memory at a time. */
const BAND_BYTES = 32 * 1024 * 1024;

/**
 * Writes the altitude pyramid of a scene: one tiled GeoTIFF a distance, and `pyramid.json` last. The scene is read once,
 * in bands; memory grows with its width only.
 * @returns what was written to `pyramid.json`
 * A former pyramid in the folder is kept until the new levels are complete.
 * @returns what was written to `pyramid.json`
 * @throws ConfigError for distances that are not whole, and for a folder where the scene itself would be overwritten;
 *   SourceError, FormatError, AbortedError. A failure leaves nothing that was written.
 */
export async function buildPyramid(options: BuildPyramidOptions): Promise<PyramidManifest> {
  const { scene, outDir, source } = options;
  const distances = checkDistances(options.distances);
  const { width, height, transform, crs } = scene.grid;
  const manifestPath = join(outDir, PYRAMID_MANIFEST);
  const levelPaths = distances.map((distance) => join(outDir, levelFileName(distance)));
  await refuseOverwrite(
    [manifestPath, ...levelPaths],
    [source.url, ...(source.files ?? []).map(({ url }) => url)],
  );
  const levels: Level[] = [];
  const inPlace: string[] = [];
  try {
    for (const distance of distances) levels.push(await openLevel(scene.grid, distance, outDir));
    await streamScene(options, levels);
    for (const { writer } of levels) await writer.finish();
    // A pyramid that is about to be replaced must not vouch for new levels.
    await rm(manifestPath, { force: true }).catch((cause: unknown) => {
      throw writeError(manifestPath, cause);
    });
    for (const { writer } of levels) {
      await writer.close();
      inPlace.push(writer.path);
    }
    const manifest: PyramidManifest = {
      format: 'frustum-pyramid',
      version: 1,
      scene: { width, height, transform, crs: crs?.name ?? null },
      source: { ...source },
      sampling:
        'one 8-bit bilinear sample a cell, as the network sees it: odd distances the centre pixel, even ones the rounded mean of the centre 2 x 2',
      levels: await Promise.all(levels.map(describeLevel)),
    };
    await writeFileAtomic(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  } catch (error) {
    await Promise.all(levels.map(({ writer }) => writer.abort()));
    await Promise.all(inPlace.map((path) => rm(path, { force: true }).catch(() => undefined)));
    throw error;
  }
}

function checkDistances(distances: readonly number[]): number[] {
  const wrong = distances.find((distance) => !Number.isSafeInteger(distance) || distance < 1);
  if (wrong !== undefined || distances.length === 0) {
    throw new ConfigError(
      `An altitude pyramid needs whole distances of at least 1, for example 1, 3, 14; got [${distances.join(', ')}].`,
      { pointer: '/distances', value: distances },
    );
  }
  return [...new Set(distances)].sort((p, q) => p - q);
}

async function openLevel(grid: Grid, distance: number, outDir: string): Promise<Level> {
  const sampler = createLevelSampler(grid.width, grid.height, distance);
  const path = join(outDir, levelFileName(distance));
  const writer = await createTiffWriter({
    path,
    grid: scaleGrid(grid, distance, distance, sampler.width, sampler.height),
    bands: BANDS,
    predictor: 2,
    tileSize: tileSide(sampler),
    bandNames: ['red', 'green', 'blue'],
    metadata: { FRUSTUM_DISTANCE: String(distance) },
  });
  return { distance, path, sampler, writer };
}

/** 512, or what a smaller level needs: some readers refuse tiles that are much larger than the image. */
function tileSide({ width, height }: LevelSampler): number {
  return Math.min(512, Math.ceil(Math.max(width, height) / 16) * 16);
}

/** Reads the scene band by band and feeds all levels. */
async function streamScene(options: BuildPyramidOptions, levels: readonly Level[]): Promise<void> {
  const { scene, signal, onProgress } = options;
  const { width, height } = scene.grid;
  const columns = Math.max(...levels.map(({ sampler }) => sampler.sourceWidth));
  const rowsEnd = Math.max(...levels.map(({ sampler }) => sampler.sourceHeight));
  const strideBytes = columns * BANDS;
  const bandRows = bandHeight(strideBytes);
  const data = new Uint8Array(Math.min(bandRows, rowsEnd) * strideBytes);
  for (let y = 0; y < rowsEnd; y += bandRows) {
    if (signal?.aborted) {
      throw new AbortedError(
        `Stopped while building the pyramid, at row ${y} of ${height}. Nothing was kept.`,
      );
    }
    const rowCount = Math.min(bandRows, rowsEnd - y);
    const inScene = Math.max(0, Math.min(rowCount, height - y));
    if (inScene > 0) {
      const block = await scene.readRgb({ x: 0, y, width, height: inScene }, signal);
      for (let row = 0; row < inScene; row++) {
        data.set(block.data.subarray(row * width * BANDS, (row + 1) * width * BANDS), row * strideBytes);
      }
    }
    data.fill(0, inScene * strideBytes);
    const rows: SceneRows = { y, rowCount, strideBytes, data };
    for (const { sampler, writer } of levels) {
      const made = sampler.push(rows);
      if (made.rowCount > 0) await writer.writeRows(made.data, made.rowCount);
    }
    onProgress?.(Math.min(height, y + rowCount), height);
  }
}

/** Rows a band: a power of two between 16 and 512, so that bands and the scene's own blocks mostly end together. */
function bandHeight(strideBytes: number): number {
  const rows = 2 ** Math.floor(Math.log2(Math.max(1, BAND_BYTES / strideBytes)));
  return Math.min(512, Math.max(16, rows));
}

async function describeLevel({ distance, path, sampler }: Level): Promise<PyramidLevel> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return {
    distance,
    file: levelFileName(distance),
    width: sampler.width,
    height: sampler.height,
    sizeBytes: (await stat(path)).size,
    sha256: hash.digest('hex'),
  };
}
