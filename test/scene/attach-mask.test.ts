import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openScene } from '../../src/scene/open-scene.ts';
import { type TestImage, writeTiff } from '../geotiff/make-tiff.ts';
import { needTool } from '../support/need-tool.ts';
import { placed } from './cut-scene.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'frustum-mask-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const SIZE = { width: 20, height: 10 };
const image: TestImage = placed({
  ...SIZE,
  bands: 3,
  samples: Uint8Array.from({ length: 600 }, (_, i) => 1 + (i % 250)),
});
const seen = Uint8Array.from({ length: 200 }, (_, p) => (p % 7 === 0 || p < 25 ? 0 : 1));
const mask = (more: Partial<TestImage> = {}): TestImage => ({
  ...SIZE,
  bands: 1,
  samples: seen.map((v) => v * 255),
  gdalMetadata: '<GDALMetadata><Item name="INTERNAL_MASK_FLAGS_1">2</Item></GDALMetadata>',
  ...more,
});

async function look(file: string | readonly string[]) {
  const scene = await openScene(file);
  const { width, height } = scene.grid;
  const window = { x: 0, y: 0, width, height };
  const answer = {
    valid: await scene.readValidity(window),
    rgb: (await scene.readRgb(window)).data,
    metadata: scene.metadata,
    warnings: scene.warnings,
  };
  await scene.close();
  return answer;
}

describe('a mask beside a file', () => {
  test('marks what has no data, and is recorded', async () => {
    const file = writeTiff(path.join(dir, 'a.tif'), image);
    const url = writeTiff(path.join(dir, 'a.tif.msk'), mask());
    const { valid, rgb, metadata, warnings } = await look(file);
    expect(valid).toEqual(seen);
    seen.forEach((value, p) => {
      expect([...rgb.slice(p * 3, p * 3 + 3)]).toEqual(
        value === 1 ? [...image.samples.slice(p * 3, p * 3 + 3)] : [0, 0, 0],
      );
    });
    expect(metadata.mask).toBe(true);
    expect(metadata.maskFiles).toEqual([expect.objectContaining({ url })]);
    expect(warnings).toEqual([]);
  });

  test('of one of several files holds for that one', async () => {
    const file = path.join(dir, 'a.tif');
    const beside = writeTiff(path.join(dir, 'b.tif'), placed(image, 20));
    const { valid } = await look([file, beside]);
    valid!.forEach((value, p) => {
      const [x, y] = [p % 40, Math.floor(p / 40)];
      expect(value).toBe(x < 20 ? seen[y * 20 + x] : 1);
    });
  });

  test('is not heeded where an internal one is', async () => {
    const internal = mask({ samples: new Uint8Array(200).fill(1), photometric: 4, subfileType: 4 });
    const file = writeTiff(path.join(dir, 'c.tif'), image, internal);
    copyFileSync(path.join(dir, 'a.tif.msk'), path.join(dir, 'c.tif.msk'));
    expect(new Set((await look(file)).valid)).toEqual(new Set([1]));
  });

  test('that masks single bands is ignored aloud; one of another size is refused', async () => {
    const file = writeTiff(path.join(dir, 'd.tif'), image);
    writeTiff(path.join(dir, 'd.tif.msk'), { ...SIZE, bands: 1, samples: new Uint8Array(200) });
    const { valid, warnings } = await look(file);
    expect(valid).toBeNull();
    expect(warnings).toEqual([
      expect.stringMatching(/d\.tif\.msk does not say that it masks all bands alike/),
    ]);
    writeTiff(path.join(dir, 'd.tif.msk'), mask({ width: 10, height: 20 }));
    await expect(openScene(file)).rejects.toMatchObject({ tag: 'FormatError', what: 'mask' });
  });

  test.skipIf(!needTool('gdal-python'))('as GDAL writes it', async () => {
    const file = writeTiff(path.join(dir, 'g.tif'), image);
    const script = `
import sys, numpy as np
from osgeo import gdal
gdal.UseExceptions()
gdal.SetConfigOption('GDAL_TIFF_INTERNAL_MASK', 'NO')
d = gdal.Open(sys.argv[1])
d.CreateMaskBand(gdal.GMF_PER_DATASET)
p = np.arange(200).reshape(10, 20)
d.GetRasterBand(1).GetMaskBand().WriteArray(np.where((p % 7 == 0) | (p < 25), 0, 255).astype(np.uint8))
`;
    execFileSync('/usr/bin/python3', ['-c', script, file]);
    expect(existsSync(`${file}.msk`)).toBe(true);
    const { valid, metadata } = await look(file);
    expect(valid).toEqual(seen);
    expect(metadata.maskFiles).toHaveLength(1);
  });
});
