import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { createTiffWriter } from '../../src/geotiff/write-tiff.ts';
import { readClassRaster } from '../../src/scene/read-class-raster.ts';

const DATA = resolve('../shared/data');

/** A labelled scene as the product reads it. */
export interface LabelledScene {
  readonly name: string;
  /** GeoTIFF with the pixels. */
  readonly scene: string;
  /** GeoTIFF with class ids. */
  readonly truth: string;
}

interface DubaiManifest {
  readonly classes: readonly { readonly id: number; readonly colors: readonly string[] }[];
  readonly scenes: Readonly<
    Record<
      string,
      {
        readonly width: number;
        readonly height: number;
        readonly parts: readonly { readonly part: number; readonly x: number; readonly y: number }[];
      }
    >
  >;
}

/** Joins the 3 x 3 parts of a Dubai tile into `scene.tif` and `truth.tif` (class ids by the mask's colours). */
export async function writeDubaiScene(tile: string, dir: string): Promise<LabelledScene> {
  const folder = join(DATA, 'dubai-hitl');
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as DubaiManifest;
  const { width, height, parts } = manifest.scenes[tile]!;
  const idOf = new Map(
    manifest.classes.flatMap(({ id, colors }) =>
      colors.map((c) => [Number.parseInt(c.slice(1), 16), id] as const),
    ),
  );
  const pixels = new Uint8Array(width * height * 3);
  const labels = new Uint8Array(width * height);
  for (const { part, x, y } of parts) {
    const file = `image_part_${String(part).padStart(3, '0')}`;
    const image = await readRgb(join(folder, tile, 'images', `${file}.jpg`));
    const mask = await readRgb(join(folder, tile, 'masks', `${file}.png`));
    for (let row = 0; row < image.height; row++) {
      const from = row * image.width * 3;
      const to = (y + row) * width + x;
      pixels.set(image.data.subarray(from, from + image.width * 3), to * 3);
      for (let i = 0; i < image.width; i++) {
        const at = from + i * 3;
        const color = (mask.data[at]! << 16) | (mask.data[at + 1]! << 8) | mask.data[at + 2]!;
        const id = idOf.get(color);
        if (id === undefined) throw new Error(`${tile}: no class has the colour ${color.toString(16)}`);
        labels[to + i] = id;
      }
    }
  }
  const name = `dubai-${tile.replace(' ', '-').toLowerCase()}`;
  await mkdir(dir, { recursive: true });
  const scene = join(dir, `${name}.tif`);
  const truth = join(dir, `${name}-truth.tif`);
  const grid = { width, height, transform: null, crs: null };
  await writeRaster({ path: scene, grid, bands: 3, predictor: 2 }, pixels, height);
  await writeRaster({ path: truth, grid }, labels, height);
  return { name, scene, truth };
}

/** The suggested groups of IGBP classes: value -> id of `sfrnet-mini-earth`. */
const EARTH_GROUPS: Readonly<Record<number, number>> = {
  0: 5,
  1: 3,
  2: 3,
  3: 3,
  4: 3,
  5: 3,
  6: 4,
  7: 4,
  8: 4,
  9: 4,
  10: 4,
  11: 6,
  12: 2,
  13: 1,
  14: 2,
  15: 7,
  16: 8,
};

/** The western strip of Blue Marble; its labels brought to the model's classes. */
export async function writeEarthScene(dir: string): Promise<LabelledScene> {
  const folder = join(DATA, 'nasa-bluemarble-igbp');
  const truth = join(dir, 'earth-west-truth.tif');
  const raster = await readClassRaster(join(folder, 'west_label.tif'));
  try {
    await mkdir(dir, { recursive: true });
    const writer = await createTiffWriter({ path: truth, grid: raster.grid });
    for await (const rows of raster.rows()) {
      // Value 0 is water, but the file calls it nodata; nothing else is.
      const groups = rows.classes.map((value) => (value === 255 ? 5 : EARTH_GROUPS[value]!));
      await writer.writeRows(groups, rows.rowCount);
    }
    await writer.close();
  } finally {
    await raster.close();
  }
  return { name: 'earth-west', scene: join(folder, 'west_image.tif'), truth };
}

async function readRgb(path: string): Promise<{ width: number; height: number; data: Uint8Array }> {
  const { data, info } = await sharp(path)
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`${path}: ${info.channels} channels`);
  return { width: info.width, height: info.height, data };
}

async function writeRaster(
  options: Parameters<typeof createTiffWriter>[0],
  samples: Uint8Array,
  rows: number,
): Promise<void> {
  const writer = await createTiffWriter(options);
  await writer.writeRows(samples, rows);
  await writer.close();
}
