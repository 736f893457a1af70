import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromFile } from 'geotiff';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Window } from '../../src/core/window.ts';
import { openGeoTiff } from '../../src/geotiff/open-geotiff.ts';
import { openByteSource } from '../../src/io/open-source.ts';
import { synthesize } from '../../src/pipeline/synthesize.ts';
import { openScene } from '../../src/scene/open-scene.ts';
import { type FaultServer, startFaultServer } from '../support/http-fault-server.ts';
import { needTool } from '../support/need-tool.ts';

const MIB = 1024 * 1024;
const SIZE = 1400;

let dir: string;
let scene: string;
let server: FaultServer;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-requests-'));
  scene = (await synthesize({ width: SIZE, height: SIZE, seed: 5, outDir: dir })).scenePath;
  server = await startFaultServer();
}, 120_000);
afterAll(async () => {
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
});
afterEach(() => {
  server.seen.length = 0;
});

async function serve(path: string): Promise<string> {
  server.files.set('/scene.tif', { bytes: await readFile(path) });
  return `${server.url}/scene.tif`;
}
const ranges = () => server.seen.map(({ range }) => range!);

describe('opening a scene over the net', () => {
  test('costs one request, ours', async () => {
    const url = await serve(scene);
    const tiff = await openGeoTiff(await openByteSource(url));
    expect(tiff.info).toMatchObject({ width: SIZE, height: SIZE, url });
    expect(ranges()).toEqual([[0, 131_071]]);
    expect(tiff.traffic).toMatchObject({ requests: 1, bytes: 131_072, retries: 0 });
    await tiff.close();
  });

  test('costs no more as a scene, with all that is said of it', async () => {
    const opened = await openScene(await serve(scene));
    expect(opened.grid).toMatchObject({ width: SIZE, height: SIZE });
    expect(opened.stats.traffic).toMatchObject({ requests: 1 });
    expect(server.seen).toHaveLength(1);
    await opened.close();
  });

  describe.skipIf(!needTool('gdal_translate'))('written by GDAL', () => {
    const translate = (name: string, ...options: string[]) => {
      const path = join(dir, name);
      execFileSync('gdal_translate', ['-q', ...options, scene, path]);
      return path;
    };

    test.each([
      ['COG with overviews', ['-of', 'COG', '-co', 'BLOCKSIZE=256']],
      [
        'BigTIFF COG with a mask',
        [
          '-of',
          'COG',
          '-co',
          'BIGTIFF=YES',
          '-b',
          '1',
          '-b',
          '2',
          '-b',
          '3',
          '-mask',
          '4',
          '-co',
          'COMPRESS=JPEG',
        ],
      ],
    ])('costs one request on a %s', async (_, options) => {
      const tiff = await openGeoTiff(await openByteSource(await serve(translate('cog.tif', ...options))));
      expect(tiff.info.overviews.length).toBeGreaterThan(0);
      expect(server.seen).toHaveLength(1);
      await tiff.close();
    });

    test.skipIf(!needTool('gdal-python'))('costs two where the directory lies at the end', async () => {
      const path = translate('strips.tif', '-co', 'COMPRESS=DEFLATE', '-co', 'TILED=NO');
      // A directory that has outgrown its place is written anew behind the pixels.
      const grow = ['-m', 'osgeo_utils.gdal_edit', '-mo', `NOTE=${'x'.repeat(5000)}`, path];
      execFileSync('/usr/bin/python3', grow);
      const tiff = await openGeoTiff(await openByteSource(await serve(path)));
      expect(tiff.info.metadata.NOTE).toHaveLength(5000);
      const [, second] = ranges();
      expect(second![0]).toBeGreaterThan(MIB);
      expect(server.seen).toHaveLength(2);
      await tiff.close();
    });

    test('reads whole strips in requests of megabytes, and gets the same pixels', async () => {
      const path = translate('raw.tif', '-co', 'TILED=NO', '-co', 'BLOCKYSIZE=1');
      const local = await openGeoTiff(await openByteSource(path));
      const tiff = await openGeoTiff(await openByteSource(await serve(path)));
      const whole = { x: 0, y: 0, width: SIZE, height: SIZE };
      const got = await tiff.readBands(whole, [0, 1, 2, 3]);
      expect(
        Buffer.compare(got as Uint8Array, (await local.readBands(whole, [0, 1, 2, 3])) as Uint8Array),
      ).toBe(0);
      const { bytes, requests } = tiff.traffic;
      expect(requests).toBeLessThanOrEqual(Math.ceil(bytes / (4 * MIB)) + 3);
      expect(bytes).toBeLessThan(tiff.info.sizeBytes + MIB);
      await local.close();
      await tiff.close();
    });

    test('a window costs what its tiles cost, once', async () => {
      const path = translate(
        'tiles.tif',
        '-of',
        'COG',
        '-co',
        'BLOCKSIZE=128',
        '-co',
        'COMPRESS=DEFLATE',
        '-co',
        'OVERVIEWS=NONE',
      );
      const url = await serve(path);
      const tiff = await openGeoTiff(await openByteSource(url));
      const local = await openGeoTiff(await openByteSource(path));
      const { fileDirectory } = await (await fromFile(path)).getImage();
      const tileOffsets = (await fileDirectory.loadValue('TileOffsets')) as ArrayLike<number>;
      const tileByteCounts = (await fileDirectory.loadValue('TileByteCounts')) as ArrayLike<number>;
      const across = Math.ceil(SIZE / 128);
      const read = async (window: Window) => {
        server.seen.length = 0;
        const got = await tiff.readBands(window, [0, 1, 2]);
        const expected = await local.readBands(window, [0, 1, 2]);
        expect(Buffer.compare(got as Uint8Array, expected as Uint8Array)).toBe(0);
        return ranges();
      };
      const tilesOf = ({ x, y, width, height }: Window) => {
        const tiles: [from: number, to: number][] = [];
        for (let row = y >> 7; row <= (y + height - 1) >> 7; row++) {
          for (let column = x >> 7; column <= (x + width - 1) >> 7; column++) {
            const tile = row * across + column;
            tiles.push([tileOffsets[tile]!, tileOffsets[tile]! + tileByteCounts[tile]!]);
          }
        }
        return tiles;
      };
      const seen = new Set<number>();
      for (const window of [
        { x: 300, y: 400, width: 256, height: 256 },
        { x: 400, y: 400, width: 256, height: 256 },
        { x: 1000, y: 1100, width: 300, height: 200 },
      ]) {
        const asked = await read(window);
        const tiles = tilesOf(window);
        // At most one a row of tiles, each for a tile of this window, none for bytes that came before.
        expect(asked.length).toBeLessThanOrEqual((window.height >> 7) + 2);
        for (const [first, last] of asked) {
          expect(tiles.some(([from, to]) => from <= last && first < to)).toBe(true);
          for (let chunk = first >> 16; chunk << 16 <= last; chunk++) {
            expect(seen.has(chunk)).toBe(false);
            seen.add(chunk);
          }
        }
        expect(await read(window)).toEqual([]);
        expect(await read({ ...window, width: 10, height: 10 })).toEqual([]);
      }
      await tiff.close();
      await local.close();
    });
  });
});
