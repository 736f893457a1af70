import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openGeoTiff } from '../../src/geotiff/open-geotiff.ts';
import { createTiffWriter } from '../../src/geotiff/write-tiff.ts';
import { openByteSource } from '../../src/io/open-source.ts';
import { openScene } from '../../src/scene/open-scene.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'frustum-roundtrip-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

test.each([
  ['8-bit', 'uint8', 1],
  ['16-bit with differences', 'uint16', 2],
] as const)(
  'what the writer wrote is read back, place and pixels: %s',
  async (name, sampleType, predictor) => {
    const scene = await openScene(path.resolve('../shared/scenes/landsat7_chiapas_19991118.tif'));
    const { grid } = scene;
    await scene.close();
    const file = path.join(dir, `${name}.tif`);
    const values = { length: grid.width * grid.height * 3 };
    const samples =
      sampleType === 'uint8'
        ? Uint8Array.from(values, (_, i) => i * 7)
        : Uint16Array.from(values, (_, i) => i * 7777);
    const writer = await createTiffWriter({
      path: file,
      grid,
      bands: 3,
      sampleType,
      predictor,
      tileSize: 64,
      overviews: 'average',
      nodata: 0,
    });
    await writer.writeRows(samples, grid.height);
    await writer.close();

    const source = await openByteSource(file);
    const tiff = await openGeoTiff(source);
    expect(tiff.warnings).toEqual([]);
    expect(tiff.info).toMatchObject({
      bands: 3,
      sampleType,
      nodata: 0,
      tiled: true,
      blockWidth: 64,
      predictor,
    });
    expect(tiff.info.grid.transform).toEqual(grid.transform);
    expect(tiff.info.grid.crs).toMatchObject({ epsg: grid.crs!.epsg, kind: 'projected', metresPerUnit: 1 });
    expect(tiff.info.overviews.length).toBeGreaterThan(0);
    const got = await tiff.readBands({ x: 0, y: 0, width: grid.width, height: grid.height }, [0, 1, 2]);
    expect(Buffer.compare(new Uint8Array(got.buffer), new Uint8Array(samples.buffer))).toBe(0);
    await tiff.close();
  },
);
