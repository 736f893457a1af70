import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromFile } from 'geotiff';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTiffWriter } from '../../src/geotiff/write-tiff.ts';
import { convertCheckpoint, segment } from '../../src/index.ts';
import { GOLDEN, listGolden, readGoldenJson, readGoldenScene } from '../support/golden.ts';
import { writeGoldenPreset } from '../support/golden-preset.ts';

interface WholeScene {
  readonly case: string;
  readonly scene: string;
  readonly scene_hw: readonly [number, number];
  readonly model: string;
  readonly crop: number;
  readonly distances: readonly [number, number, number];
  readonly stride: number;
  readonly windows_run_by_official_loop: number;
  readonly distinct_windows: number;
  readonly classmap: string;
  readonly near_ties: string;
}

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-wholescene-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** A golden PNG scene as a GeoTIFF without georeferencing. */
async function writeSceneTiff(scene: string): Promise<string> {
  const { width, height, data } = await readGoldenScene(scene);
  const path = join(dir, `${scene.replaceAll('/', '-')}.tif`);
  const writer = await createTiffWriter({
    path,
    grid: { width, height, transform: null, crs: null },
    bands: 3,
  });
  await writer.writeRows(data, height);
  await writer.close();
  return path;
}

async function readGray(name: string): Promise<Uint8Array> {
  const { data, info } = await sharp(join(GOLDEN, 'wholescene', name))
    .extractChannel(0)
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect(info.channels).toBe(1);
  return new Uint8Array(data);
}

describe('whole scenes, against the published loop', () => {
  it.each(listGolden('wholescene', '.json'))(
    '%s: the same class map outside near-ties',
    async (file) => {
      const golden = readGoldenJson<WholeScene>(`wholescene/${file}`);
      const { crop, distances, model, stride } = golden;
      const modelDir = join(dir, `${model}-${crop}-${distances.join('-')}`);
      await convertCheckpoint({
        checkpointPath: join(GOLDEN, 'models', model, `${model}.pth`),
        outDir: modelDir,
        preset: await writeGoldenPreset(dir, model, crop, distances),
        dtype: 'float32',
      });
      const outDir = join(dir, golden.case);
      const report = await segment({
        scene: await writeSceneTiff(golden.scene),
        model: modelDir,
        outDir,
        stride,
        mode: 'reference',
        vector: ['geojson'],
      });
      expect(report.plan.published).toEqual({
        runs: golden.windows_run_by_official_loop,
        distinct: golden.distinct_windows,
      });
      expect(report.outcome).toBe('done');

      const [height, width] = golden.scene_hw;
      const image = await (await fromFile(join(outDir, 'landcover.tif'))).getImage();
      expect([image.getHeight(), image.getWidth()]).toEqual([height, width]);
      const ours = (await image.readRasters({ interleave: true })) as unknown as Uint8Array;
      const theirs = await readGray(golden.classmap);
      const nearTies = await readGray(golden.near_ties);
      let wrong = 0;
      let wrongInTies = 0;
      for (let i = 0; i < theirs.length; i++) {
        if (ours[i] === theirs[i]) continue;
        if (nearTies[i] === 0) wrong++;
        else wrongInTies++;
      }
      expect(wrong).toBe(0);
      expect(wrongInTies).toBeLessThan(nearTies.reduce((n, v) => n + (v > 0 ? 1 : 0), 0));

      const polygons = JSON.parse(await readFile(join(outDir, 'landcover.geojson'), 'utf8'));
      const pixels = polygons.features.reduce(
        (n: number, f: { properties: { pixel_count: number } }) => n + f.properties.pixel_count,
        0,
      );
      expect(pixels).toBe(width * height);
    },
    300_000,
  );
});
