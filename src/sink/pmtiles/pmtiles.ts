import type { LandCoverClass } from '../../core/classes.ts';
import type { CoverageFeature } from '../../core/coverage.ts';
import { ConfigError, isFrustumError, UnsupportedError } from '../../core/errors.ts';
import type { VectorSink } from '../../core/ports.ts';
import { openAtomicFile, openScratchFile } from '../../io/atomic-file.ts';
import { roundMetres } from '../attributes.ts';
import { describeLayer, type VectorSinkOptions } from '../vector-sink-options.ts';
import { TileStore } from './archive.ts';
import { LevelTracer, planLevels } from './coarser-levels.ts';
import { cutIntoTiles } from './cut-tiles.ts';
import { encodeTile, LAYER, packPiece, TILE_FIELDS } from './encode-tile.ts';
import { TileBuffer } from './tile-buffer.ts';
import { writePolygons } from './tile-geometry.ts';
import { tileId } from './tile-id.ts';
import { MERCATOR_LATITUDE, measurePixels, quantiseRings } from './tile-units.ts';
import { VarintBytes } from './varint-bytes.ts';

/** Tiles that are compressed at the same time. */
const BATCH = 32;

/**
 * Vector tiles in one PMTiles 3 archive. The deepest zoom holds the features as they are; each zoom above is drawn from
 * the class raster at half the size (the most frequent class, small areas merged, borders simplified once for both
 * sides), so that neighbours share their borders in every tile. The file appears under its name when it is complete.
 * @throws ConfigError without a grid; UnsupportedError for a scene without georeferencing, or one beyond Web Mercator;
 *   SourceError if the file cannot be made.
 */
export async function openPmtilesSink(options: VectorSinkOptions): Promise<VectorSink> {
  const { grid, path, name = LAYER } = options;
  if (grid === undefined) {
    throw new ConfigError(`Cannot write ${path}: vector tiles need the grid of the scene (option grid).`, {
      pointer: 'grid',
      value: undefined,
    });
  }
  const span = measurePixels(grid, path);
  if (options.space.kind !== 'wgs84') {
    const hint = 'leave this file in longitude and latitude';
    throw new UnsupportedError(`Cannot write ${path}: vector tiles are in Web Mercator. Instead, ${hint}.`, {
      feature: 'vector tiles in another CRS',
      hint,
    });
  }
  const levels = planLevels(grid, span);
  const maxZoom = levels[0]!.zoom;
  const file = await openAtomicFile(path);
  const open = async () => {
    const records = await openScratchFile(path);
    return { records, contents: await openScratchFile(path) };
  };
  const { records, contents } = await open().catch(async (error: unknown) => {
    await file.abort();
    throw error;
  });
  const abort = async () => {
    await Promise.all([file.abort(), records.close(), contents.close()]);
  };
  const store = new TileStore(contents);
  const classes = new Map<number, LandCoverClass>(options.classes?.map((c) => [c.id, c]));
  const bounds: [number, number, number, number] = [180, MERCATOR_LATITUDE, -180, -MERCATOR_LATITUDE];
  const bytes = new VarintBytes();
  let pieces = new TileBuffer(records);
  let coarser = levels[1] === undefined ? null : new LevelTracer(levels[1], grid);

  const cut = (feature: CoverageFeature, zoom: number, id: number) => {
    const areaM2 = roundMetres(feature.areaM2) ?? -1;
    const world = 2 ** zoom;
    cutIntoTiles(quantiseRings(feature.geometry, zoom), zoom, (column, row, rings) => {
      bytes.clear();
      if (!writePolygons(rings, column, row, bytes)) return;
      const tile = tileId(zoom, (column + world) % world, row);
      pieces.add(tile, packPiece(feature.classId, id, areaM2, bytes.take()));
    });
  };
  const extend = ({ coordinates }: CoverageFeature['geometry']) => {
    for (let i = 0; i < coordinates.length; i += 2) {
      const [x, y] = [coordinates[i]!, coordinates[i + 1]!];
      if (x < bounds[0]) bounds[0] = x;
      if (x > bounds[2]) bounds[2] = x;
      if (y < bounds[1]) bounds[1] = Math.max(y, -MERCATOR_LATITUDE);
      if (y > bounds[3]) bounds[3] = Math.min(y, MERCATOR_LATITUDE);
    }
  };
  /** Makes tiles of the pieces of one zoom. */
  const storeTiles = async () => {
    let batch: (readonly [number, Uint8Array])[] = [];
    for await (const [tile, tileRecords] of pieces.tiles()) {
      batch.push([tile, encodeTile(tileRecords, (classId) => classes.get(classId)!)]);
      if (batch.length < BATCH) continue;
      await store.add(batch);
      batch = [];
    }
    await store.add(batch);
  };
  /** @returns whether the level could be drawn: a coarse pixel may reach where the scene's CRS ends. */
  const drawLevel = async (tracer: LevelTracer, next: LevelTracer | null): Promise<boolean> => {
    pieces = new TileBuffer(records);
    try {
      const { features, rows } = tracer.finish([...classes.values()]);
      for (const [feature] of features()) {
        cut(feature!, tracer.level.zoom, -1);
        await pieces.settle();
      }
      if (next !== null) for (const row of rows()) next.push(row);
    } catch (error) {
      if (isFrustumError(error) && error.tag === 'UnsupportedError') return false;
      throw error;
    }
    await storeTiles();
    return true;
  };
  const build = async () => {
    await storeTiles();
    let minZoom = maxZoom;
    for (let i = 1; coarser !== null; i++) {
      const { zoom, grid: levelGrid } = levels[i]!;
      const next = levels[i + 1] === undefined ? null : new LevelTracer(levels[i + 1]!, levelGrid);
      if (!(await drawLevel(coarser, next))) break;
      minZoom = zoom;
      coarser = next;
    }
    const isEmpty = bounds[0] > bounds[2];
    const { description, metadata } = describeLayer(options);
    const layer = { id: LAYER, description, minzoom: minZoom, maxzoom: maxZoom, fields: TILE_FIELDS };
    await store.write(
      file,
      {
        name,
        description,
        attribution: 'Land cover by Frustum',
        type: 'overlay',
        vector_layers: [layer],
        frustum: JSON.parse(metadata),
      },
      {
        minZoom,
        maxZoom,
        bounds: isEmpty ? [...span.centre, ...span.centre] : bounds,
        centre: span.centre,
        centreZoom: minZoom,
      },
    );
    await Promise.all([records.close(), contents.close()]);
  };
  let built: Promise<void> | null = null;
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      await abort();
      throw error;
    }
  };
  const finish = () =>
    guard(async () => {
      built ??= build();
      await built;
      await file.flush();
    });
  return {
    path: file.path,
    space: options.space,
    writeRows(rows, rowCount) {
      if (coarser === null) return;
      for (let r = 0; r < rowCount; r++) coarser.push(rows.subarray(r * grid.width, (r + 1) * grid.width));
    },
    write(feature) {
      const { classId, className, color } = feature;
      if (!classes.has(classId)) classes.set(classId, { id: classId, name: className, color });
      extend(feature.geometry);
      cut(feature, maxZoom, feature.id);
      const busy = pieces.settle();
      return busy === undefined ? undefined : guard(() => busy);
    },
    finish,
    async close() {
      await finish();
      await file.commit();
    },
    abort,
  };
}
