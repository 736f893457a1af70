import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { PbfReader } from 'pbf';
import { zxyToTileId } from 'pmtiles';
import { afterAll, describe, expect, it } from 'vitest';
import type { Affine } from '../../../src/core/affine.ts';
import { NODATA_CLASS } from '../../../src/core/classes.ts';
import type { CoverageFeature } from '../../../src/core/coverage.ts';
import type { Crs } from '../../../src/core/crs.ts';
import type { VectorSink } from '../../../src/core/ports.ts';
import { openScratchFile } from '../../../src/io/atomic-file.ts';
import { encodeDirectories } from '../../../src/sink/pmtiles/directories.ts';
import { TileBuffer } from '../../../src/sink/pmtiles/tile-buffer.ts';
import { tileId } from '../../../src/sink/pmtiles/tile-id.ts';
import { openVectorSink } from '../../../src/sink/vector-formats.ts';
import { createCoverageWriter } from '../../../src/vectorize/coverage-writer.ts';
import type { Generalisation } from '../../../src/vectorize/generalisation.ts';
import { CLASSES, gridOf, LONLAT, northUp, projected, utm } from '../../vectorize/grids.ts';
import { maze, nest, spiral } from '../../vectorize/hostile-rasters.ts';
import { type Raster, seeded } from '../../vectorize/oracle.ts';
import { checkTile } from './check-tiles.ts';
import { type Archive, readArchive, signedArea } from './read-archive.ts';

const folder = mkdtempSync(join(tmpdir(), 'frustum-tiles-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Place {
  readonly name: string;
  readonly crs: Crs;
  readonly transform: Affine;
}

const UTM_33 = { name: 'UTM', crs: utm(33), transform: northUp(400_000, 5_300_000, 10) };
const TURNED = {
  name: 'turned',
  crs: utm(33),
  transform: { a: 8, b: 6, c: 500_000, d: 6, e: -8, f: 5_000_000 },
};
const DEGREES = { name: 'degrees', crs: LONLAT, transform: northUp(7.1, -33.2, 0.001) };
const ANTIMERIDIAN = { name: 'antimeridian', crs: LONLAT, transform: northUp(179.99, 12, 0.0005) };
const ANTIMERIDIAN_UTM = {
  name: 'antimeridian, UTM',
  crs: utm(60),
  transform: northUp(825_000, 1_300_000, 100),
};
const POLAR = {
  name: 'polar stereographic',
  crs: projected('+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +datum=WGS84 +units=m'),
  transform: northUp(1_000_000, -1_000_000, 1000),
};
const PLACES: readonly Place[] = [UTM_33, TURNED, DEGREES, ANTIMERIDIAN, ANTIMERIDIAN_UTM, POLAR];

let files = 0;

/** Writes a raster as tiles; also what its features are. */
async function tilesOf(
  raster: Raster,
  place: Place,
  generalisation: Generalisation = {},
  rowsEach = raster.height,
): Promise<{ archive: Archive; features: CoverageFeature[]; path: string }> {
  const grid = gridOf(raster, place.crs, place.transform);
  const path = join(folder, `${files++}.pmtiles`);
  const features: CoverageFeature[] = [];
  const counter: VectorSink = {
    path: '',
    space: { kind: 'wgs84' },
    write: (feature) => void features.push(feature),
    close: async () => undefined,
    abort: async () => undefined,
  };
  const sink = await openVectorSink({ path, space: { kind: 'wgs84' }, classes: CLASSES, grid });
  const writer = createCoverageWriter({ grid, classes: CLASSES, sinks: [sink, counter], generalisation });
  for (let y = 0; y < raster.height; y += rowsEach) {
    const rowCount = Math.min(rowsEach, raster.height - y);
    const classes = raster.classes.subarray(y * raster.width, (y + rowCount) * raster.width);
    await writer.writeRows({ y, rowCount, classes, confidence: classes });
  }
  await writer.close();
  return { archive: await readArchive(path), features, path };
}

/** Areas of several sizes without nodata, with some noise. */
function land(seed: number, width: number, height: number, noise: number): Raster {
  const random = seeded(seed);
  const [p, q, r] = [2 + 9 * random(), 2 + 9 * random(), 4 * random()];
  const classes = Uint8Array.from({ length: width * height }, (_, i) => {
    if (random() < noise) return Math.floor(4 * random());
    const [x, y] = [i % width, Math.floor(i / width)];
    return Math.floor(2 + 1.99 * Math.sin(x / p + r * Math.sin(y / 17)) * Math.cos(y / q));
  });
  return { width, height, classes };
}

function problems(archive: Archive, raster: Raster, place: Place): string[] {
  const grid = gridOf(raster, place.crs, place.transform);
  return archive.tiles
    .flatMap((tile) => checkTile(tile, archive.header.maxZoom, grid, tile.features.length < 150))
    .slice(0, 5);
}

describe('vector tiles', () => {
  it('number tiles as the reader does', () => {
    for (let zoom = 0; zoom < 5; zoom++)
      for (let x = 0; x < 2 ** zoom; x++)
        for (let y = 0; y < 2 ** zoom; y++) expect(tileId(zoom, x, y)).toBe(zxyToTileId(zoom, x, y));
    const tile = fc.integer({ min: 0, max: 2 ** 25 - 1 });
    fc.assert(fc.property(tile, tile, (x, y) => tileId(25, x, y) === zxyToTileId(25, x, y)));
  });

  it.each(PLACES)('cover the ground exactly once at every zoom: $name', async (place) => {
    const raster = land(7, 300, 210, 0.01);
    const { archive } = await tilesOf(raster, place);
    expect(archive.header.maxZoom - archive.header.minZoom).toBeGreaterThanOrEqual(1);
    expect(problems(archive, raster, place)).toEqual([]);
  });

  it('cover the whole world, up to where Web Mercator ends', async () => {
    const place = { name: 'world', crs: LONLAT, transform: northUp(-180, 90, 0.5) };
    const raster = land(21, 720, 360, 0.01);
    for (const how of [{}, { simplify: { method: 'dp', toleranceM: 150_000 } }] as const) {
      const { archive } = await tilesOf(raster, place, how);
      expect(archive.header).toMatchObject({ minZoom: 0, minLon: -180, maxLon: 180 });
      expect(archive.header.maxLat).toBeCloseTo(85.0511, 4);
      expect(archive.tiles.filter(({ zoom }) => zoom === archive.header.maxZoom)).toHaveLength(
        4 ** archive.header.maxZoom,
      );
      expect(problems(archive, raster, place)).toEqual([]);
    }
  });

  it('cover the ground exactly once on random rasters', { timeout: 120_000 }, async () => {
    const size = fc.integer({ min: 1, max: 90 });
    const noise = fc.constantFrom(0, 0.02, 0.3, 1);
    const how = fc.constantFrom<Generalisation>(
      {},
      { mmu: { pixels: 6 }, simplify: { method: 'dp', toleranceM: 12 } },
      { simplify: { method: 'vw', toleranceM: 30 } },
      { connectedness: 8 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        size,
        size,
        noise,
        fc.constantFrom(...PLACES),
        how,
        async (seed, w, h, part, place, generalisation) => {
          const raster = land(seed, w, h, part);
          const { archive } = await tilesOf(raster, place, generalisation);
          expect(problems(archive, raster, place)).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('cover the ground exactly once on mazes, spirals and squares within squares', async () => {
    for (const raster of [maze(3, 40), spiral(61), nest(90, 1, 2), nest(90, 7, 3)]) {
      const { archive } = await tilesOf(raster, TURNED);
      expect(problems(archive, raster, TURNED)).toEqual([]);
    }
  });

  it('hold the areas of the features at the deepest zoom, with their ids and attributes', async () => {
    const { archive, features } = await tilesOf(land(2, 400, 300, 0.05), UTM_33);
    const { maxZoom, minZoom } = archive.header;
    const unit = 40_075_016.68557849 / 4096 / 2 ** maxZoom;
    const byId = new Map<number, number>();
    for (const tile of archive.tiles.filter(({ zoom }) => zoom === maxZoom)) {
      for (const { id, polygons, properties } of tile.features) {
        const feature = features.find((f) => f.id === id)!;
        expect(properties).toEqual({
          id: feature.id,
          class_id: feature.classId,
          class_name: feature.className,
          color: feature.color,
          area_m2: expect.closeTo(feature.areaM2!, 2),
        });
        // What is within the tile itself, without the buffer.
        const core = polygons.flat().reduce((sum, ring) => sum + signedArea(clipToTile(ring)), 0);
        byId.set(feature.id, (byId.get(feature.id) ?? 0) + core);
      }
    }
    expect(byId.size).toBe(features.length);
    for (const feature of features) {
      const { coordinates } = feature.geometry;
      const shrink = Math.cos((coordinates[1]! * Math.PI) / 180);
      const inTiles = byId.get(feature.id)! * (unit * shrink) ** 2;
      // Rounding moves each edge by up to a unit; the ellipsoid differs from the sphere by less than 1 %.
      const slack = 0.01 * feature.areaM2! + feature.perimeterM! * unit * shrink;
      expect(Math.abs(inTiles - feature.areaM2!)).toBeLessThan(slack);
    }
    const coarse = archive.tiles.filter(({ zoom }) => zoom === minZoom).flatMap((tile) => tile.features);
    expect(coarse.length).toBeLessThan(features.length / 2);
    for (const { id, properties } of coarse) {
      expect(id).toBeUndefined();
      expect(Object.keys(properties).sort()).toEqual(['area_m2', 'class_id', 'class_name', 'color']);
    }
  });

  it('tell what they are', async () => {
    const { archive } = await tilesOf(land(5, 300, 200, 0), DEGREES);
    const { header, metadata } = archive;
    expect(header).toMatchObject({ specVersion: 3, clustered: true, tileType: 1, tileCompression: 2 });
    expect(header.minLon).toBeCloseTo(7.1, 6);
    expect(header.maxLon).toBeCloseTo(7.4, 6);
    expect(header.minLat).toBeCloseTo(-33.4, 6);
    expect(header.maxLat).toBeCloseTo(-33.2, 6);
    expect(header.numAddressedTiles).toBe(archive.tiles.length);
    expect(header.numTileEntries).toBeLessThanOrEqual(header.numAddressedTiles);
    expect(archive.tiles.filter(({ zoom }) => zoom === header.minZoom).length).toBeLessThanOrEqual(4);
    expect(metadata).toMatchObject({
      name: 'landcover',
      vector_layers: [{ id: 'landcover', minzoom: header.minZoom, maxzoom: header.maxZoom }],
      frustum: { classes: CLASSES },
    });
  });

  it('store what many tiles have in common once', async () => {
    const raster = { width: 3000, height: 2500, classes: new Uint8Array(3000 * 2500) };
    const { archive } = await tilesOf(raster, UTM_33);
    const { numTileContents, numAddressedTiles, numTileEntries } = archive.header;
    expect(numAddressedTiles).toBe(archive.tiles.length);
    expect(numTileContents).toBeLessThan(numAddressedTiles);
    expect(numTileEntries).toBeLessThan(numAddressedTiles);
    expect(problems(archive, raster, UTM_33)).toEqual([]);
  });

  it('leave nodata out, and are an empty archive where there is nothing else', async () => {
    const raster = land(3, 200, 200, 0);
    const holed = { ...raster, classes: raster.classes.map((c, i) => (i % 200 < 100 ? NODATA_CLASS : c)) };
    const { archive } = await tilesOf(holed, DEGREES);
    expect(archive.header.minLon).toBeCloseTo(7.2, 6);
    const empty = { ...raster, classes: raster.classes.map(() => NODATA_CLASS) };
    const { archive: none } = await tilesOf(empty, DEGREES);
    expect(none.header.numAddressedTiles).toBe(0);
    expect(none.tiles).toEqual([]);
  });

  it('wait on disk beyond a budget, and come back tile by tile in the order in which they came', async () => {
    const scratch = await openScratchFile(join(folder, 'records'));
    const buffer = new TileBuffer(scratch, 5000);
    const expected = new Map<number, number[]>();
    let waits = 0;
    for (let i = 0; i < 2000; i++) {
      const tile = ((i * 7919) % 83) * 2 ** 40;
      buffer.add(tile, Uint8Array.of(i & 255, i >> 8));
      expected.set(tile, [...(expected.get(tile) ?? []), i & 255, i >> 8]);
      const busy = buffer.settle();
      if (busy === undefined) continue;
      waits++;
      await busy;
    }
    expect(waits).toBeGreaterThan(40);
    const found: [number, number[]][] = [];
    for await (const [tile, records] of buffer.tiles()) found.push([tile, [...records]]);
    expect(found).toEqual([...expected].sort(([p], [q]) => p - q));
    await scratch.close();
  });

  it('have directories of any size, in leaves where the first 16 KiB would not hold them', () => {
    const random = seeded(4);
    let [tile, offset] = [0, 0];
    const entries = Array.from({ length: 200_000 }, () => {
      const length = 1 + Math.floor(5000 * random());
      tile += 1 + Math.floor(3 * random());
      offset += length;
      return { tile, run: 1, offset: offset - length, length };
    });
    const { root, leaves } = encodeDirectories(entries);
    expect(root.length).toBeLessThanOrEqual(16384 - 127);
    const read = (bytes: Uint8Array) => {
      const pbf = new PbfReader(gunzipSync(bytes));
      const count = pbf.readVarint();
      const list = Array.from({ length: count }, () => ({
        tile: pbf.readVarint(),
        run: 0,
        length: 0,
        offset: 0,
      }));
      list.forEach((entry, i) => {
        entry.tile += list[i - 1]?.tile ?? 0;
      });
      for (const entry of list) entry.run = pbf.readVarint();
      for (const entry of list) entry.length = pbf.readVarint();
      list.forEach((entry, i) => {
        const value = pbf.readVarint();
        entry.offset = value === 0 ? list[i - 1]!.offset + list[i - 1]!.length : value - 1;
      });
      return list;
    };
    const found = read(root).flatMap((leaf) => {
      expect(leaf.run).toBe(0);
      return read(leaves.subarray(leaf.offset, leaf.offset + leaf.length));
    });
    expect(found).toEqual(
      entries.map(({ tile: t, run, length, offset: at }) => ({ tile: t, run, length, offset: at })),
    );
  });

  it('are the same bytes however rows come', async () => {
    const raster = land(9, 257, 180, 0.05);
    const [whole, parts] = [await tilesOf(raster, UTM_33), await tilesOf(raster, UTM_33, {}, 7)];
    expect(readFileSync(parts.path).equals(readFileSync(whole.path))).toBe(true);
  });

  it('refuse what is no map, before any file is made', async () => {
    const raster = land(1, 20, 20, 0);
    const path = join(folder, 'refused', 'a.pmtiles');
    const open = (grid: ReturnType<typeof gridOf> | null) =>
      openVectorSink({ path, space: { kind: 'wgs84' }, ...(grid && { grid }) });
    await expect(open(gridOf(raster, null, null))).rejects.toMatchObject({
      tag: 'UnsupportedError',
      message: expect.stringContaining('no georeferencing'),
    });
    await expect(open(gridOf(raster, LONLAT, northUp(0, 89.9, 0.001)))).rejects.toMatchObject({
      tag: 'UnsupportedError',
      message: expect.stringContaining('85.05'),
    });
    await expect(open(null)).rejects.toMatchObject({ tag: 'ConfigError' });
    expect(readdirSync(folder)).not.toContain('refused');
  });
});

/** Sutherland and Hodgman: areas are right, whatever bridges it leaves. */
function clipToTile(ring: readonly (readonly [number, number])[]): [number, number][] {
  let points = ring.map(([x, y]): [number, number] => [x, y]);
  for (const [axis, at, sign] of [
    [0, 0, 1],
    [0, 4096, -1],
    [1, 0, 1],
    [1, 4096, -1],
  ] as const) {
    const depth = (point: readonly [number, number]) => sign * (point[axis] - at);
    points = points.flatMap((point, i) => {
      const next = points[(i + 1) % points.length]!;
      const [d, e] = [depth(point), depth(next)];
      const kept: [number, number][] = d >= 0 ? [point] : [];
      if (d * e < 0) {
        const t = d / (d - e);
        kept.push([point[0] + t * (next[0] - point[0]), point[1] + t * (next[1] - point[1])]);
      }
      return kept;
    });
  }
  return points;
}
