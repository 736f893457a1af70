import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { NODATA_CLASS } from '../../src/core/classes.ts';
import { type CoverageFeature, coverageSpace } from '../../src/core/coverage.ts';
import { openGeoJsonSeqSink } from '../../src/sink/geojson-seq.ts';
import { createCoverageWriter } from '../../src/vectorize/coverage-writer.ts';
import { needTool } from '../support/need-tool.ts';
import { CLASSES, coverageOf, gridOf, LONLAT, northUp, utm } from './grids.ts';
import { floodFill } from './oracle.ts';
import { describeAgainstGdal, describeFaces, readClasses, sharedFile } from './real-rasters.ts';

const folder = mkdtempSync(join(tmpdir(), 'frustum-polygons-'));
afterAll(() => rmSync(folder, { recursive: true }));

const LANDFIRE = 'scenes/landfire_mt_hood_fuel_classes.tif';

// The larger rasters, and these in full, are in real-rasters.slow.test.ts.
describeFaces(['scenes/chiapas_training_labels.tif', LANDFIRE]);
describeAgainstGdal(['scenes/chiapas_training_labels.tif', LANDFIRE], 300);

describe('a mask without georeferencing', () => {
  it('of human labels gives the faces of a flood fill', async () => {
    const mask = sharedFile('data/dubai-hitl/Tile 1/masks/image_part_001.png');
    const { data, info } = await sharp(mask).raw().toBuffer({ resolveWithObject: true });
    // Classes by colour, in order of appearance.
    const seen = new Map<number, number>();
    const classes = new Uint8Array(info.width * info.height);
    for (let p = 0; p < classes.length; p++) {
      let color = 0;
      for (let b = 0; b < info.channels; b++) color = color * 256 + data[p * info.channels + b]!;
      if (!seen.has(color)) seen.set(color, seen.size);
      classes[p] = seen.get(color)!;
    }
    const raster = { width: info.width, height: info.height, classes };
    const { features } = coverageOf(raster, gridOf(raster, null, null));
    expect(features.length).toBe(new Set(floodFill(raster)).size);
    expect(features.reduce((n, f) => n + f.pixelCount, 0)).toBe(classes.length);
  });
});

describe.skipIf(!needTool('ogrinfo'))('GEOS through OGR', () => {
  it('finds every polygon of a real raster valid', async () => {
    const raster = await readClasses(sharedFile(LANDFIRE));
    const path = join(folder, 'valid.geojsonl');
    const grid = gridOf(raster, utm(10), northUp(586_000, 5_031_000, 30));
    const writer = createCoverageWriter({
      grid,
      classes: CLASSES,
      sinks: [await openGeoJsonSeqSink({ path, space: coverageSpace(grid) })],
      withConfidence: false,
    });
    await writer.writeRows({
      y: 0,
      rowCount: raster.height,
      classes: raster.classes,
      confidence: raster.classes,
    });
    const { faces } = await writer.close();
    const sql =
      'SELECT COUNT(*) AS n, SUM(ST_IsValid(geometry)) AS valid, SUM(pixel_count) AS pixels FROM valid';
    const text = execFileSync('ogrinfo', ['-q', '-dialect', 'SQLITE', '-sql', sql, path], {
      encoding: 'utf8',
    });
    const number = (field: string) => Number(new RegExp(`${field} \\(\\w+\\) = (\\d+)`).exec(text)?.[1]);
    expect(number('n')).toBe(faces);
    expect(number('valid')).toBe(faces);
    expect(number('pixels')).toBe(raster.classes.filter((c) => c !== NODATA_CLASS).length);
  });
});

describe('the same bytes', () => {
  it('however a real raster is chunked', async () => {
    const raster = await readClasses(sharedFile(LANDFIRE));
    const grid = gridOf(raster, LONLAT, northUp(-122, 46, 0.0003));
    const write = async (rowsEach: number): Promise<Buffer> => {
      const path = join(folder, `rows-${rowsEach}.geojsonl`);
      const sinks = [await openGeoJsonSeqSink({ path, space: coverageSpace(grid) })];
      const writer = createCoverageWriter({ grid, classes: CLASSES, sinks });
      for (let y = 0; y < raster.height; y += rowsEach) {
        const rowCount = Math.min(rowsEach, raster.height - y);
        const rows = raster.classes.subarray(y * raster.width, (y + rowCount) * raster.width);
        await writer.writeRows({ y, rowCount, classes: rows, confidence: rows });
      }
      await writer.close();
      return readFileSync(path);
    };
    const whole = await write(raster.height);
    expect(whole.length).toBeGreaterThan(1e6);
    for (const rowsEach of [1, 512]) expect((await write(rowsEach)).equals(whole)).toBe(true);
    const first = JSON.parse(whole.subarray(0, whole.indexOf(10)).toString()) as CoverageFeature;
    expect(first).toMatchObject({ type: 'Feature', properties: { touches_edge: true } });
  });
});
