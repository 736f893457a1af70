import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { fromArrayBuffer, type GeoTIFFImage } from 'geotiff';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Affine } from '../../src/core/affine.ts';
import type { Crs } from '../../src/core/crs.ts';
import type { Grid } from '../../src/core/grid.ts';
import { createTiffWriter, type TiffOptions, type TiffSamples } from '../../src/geotiff/write-tiff.ts';
import { mountSmallDisk } from '../support/small-disk.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frustum-tiff-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const UTM: Crs = {
  kind: 'projected',
  epsg: 32623,
  name: 'EPSG:32623',
  proj4: null,
  metresPerUnit: 1,
  geoKeys: null,
};
const NORTH_UP: Affine = { a: 4, b: 0, c: 500000, d: 0, e: -4, f: 7500000 };
const plainGrid = (width: number, height: number): Grid => ({ width, height, transform: null, crs: null });

type Image = { width: number; height: number; bands: number; samples: TiffSamples };

/** Pixels that are runs of a few values with holes, which is what classes look like, or noise. */
function makeImage(
  width: number,
  height: number,
  bands: number,
  make: TiffSamples,
  seed: number,
  noisy: boolean,
): Image {
  let state = seed | 1;
  const next = () => {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    return state >>> 16;
  };
  const samples = make;
  let value = 0;
  for (let i = 0; i < samples.length; i++) {
    if (noisy || next() % 5 === 0) value = noisy ? next() : [0, 1, 2, 255, 7][next() % 5]!;
    samples[i] = value;
  }
  return { width, height, bands, samples };
}

async function writeImage(options: TiffOptions, image: Image, cuts: readonly number[]): Promise<Buffer> {
  const writer = await createTiffWriter(options);
  const stride = image.width * image.bands;
  let y = 0;
  for (let i = 0; y < image.height; i++) {
    const rows = Math.min(cuts[i % cuts.length]!, image.height - y);
    // The caller may use its rows again: give a copy and spoil it.
    const block = image.samples.slice(y * stride, (y + rows) * stride);
    await writer.writeRows(block, rows);
    block.fill(99);
    y += rows;
  }
  await writer.close();
  return readFile(options.path);
}

async function readImages(bytes: Buffer): Promise<GeoTIFFImage[]> {
  const tiff = await fromArrayBuffer(new Uint8Array(bytes).buffer);
  const count = await tiff.getImageCount();
  return Promise.all(Array.from({ length: count }, (_, i) => tiff.getImage(i)));
}

async function pixelsOf(image: GeoTIFFImage): Promise<number[]> {
  return Array.from((await image.readRasters({ interleave: true })) as unknown as ArrayLike<number>);
}

type TagName = 'TileOffsets' | 'TileByteCounts' | 'ModelPixelScale' | 'ModelTiepoint' | 'ModelTransformation';

async function numbersOf(image: GeoTIFFImage, tag: TagName): Promise<number[]> {
  return Array.from((await image.fileDirectory.loadValue(tag)) as ArrayLike<number | bigint>, Number);
}

/** The documented reduction, written for reading and not for speed: an independent statement of what overviews hold. */
function halve(image: Image, nodata: number | null, how: 'mode' | 'average'): Image {
  const width = Math.ceil(image.width / 2);
  const height = Math.ceil(image.height / 2);
  const samples = image.samples.slice(0, width * height * image.bands);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let band = 0; band < image.bands; band++) {
        const block: number[] = [];
        for (const [dy, dx] of [
          [0, 0],
          [0, 1],
          [1, 0],
          [1, 1],
        ] as const) {
          const row = 2 * y + dy;
          const column = 2 * x + dx;
          if (row < image.height && column < image.width)
            block.push(image.samples[(row * image.width + column) * image.bands + band]!);
        }
        const valid = block.filter((value) => value !== nodata);
        let result: number;
        if (nodata !== null && (block.length - valid.length) * 2 > block.length) result = nodata;
        else if (how === 'average')
          result = Math.round(valid.reduce((sum, value) => sum + value, 0) / valid.length);
        else {
          const tally = new Map<number, number>();
          for (const value of valid) tally.set(value, (tally.get(value) ?? 0) + 1);
          // Maps keep the order of insertion and sort is stable: ties go to the first in reading order.
          result = [...tally].sort((p, q) => q[1] - p[1])[0]![0];
        }
        samples[(y * width + x) * image.bands + band] = result;
      }
  return { width, height, bands: image.bands, samples };
}

/** Checks header, note, order of directories and of data, leaders and trailers, byte by byte, as GDAL's layout has them. */
async function checkLayout(bytes: Buffer, images: readonly GeoTIFFImage[], bigTiff: boolean): Promise<void> {
  expect(bytes.toString('latin1', 0, 2)).toBe('II');
  expect(bytes.readUInt16LE(2)).toBe(bigTiff ? 43 : 42);
  const ghost = bigTiff ? 16 : 8;
  expect(bytes.toString('latin1', ghost, ghost + 43)).toBe('GDAL_STRUCTURAL_METADATA_SIZE=000140 bytes\n');
  const firstDirectory = bigTiff ? Number(bytes.readBigUInt64LE(8)) : bytes.readUInt32LE(4);
  expect(firstDirectory).toBe(ghost + 43 + 140 + 1);
  let end = 0;
  for (const image of images.toReversed()) {
    const offsets = await numbersOf(image, 'TileOffsets');
    const counts = await numbersOf(image, 'TileByteCounts');
    if (end === 0) end = offsets[0]! - 4;
    offsets.forEach((offset, i) => {
      const count = counts[i]!;
      expect(offset - 4).toBe(end);
      expect(bytes.readUInt32LE(offset - 4)).toBe(count);
      const tail = bytes.subarray(offset + count - 4, offset + count);
      expect(bytes.subarray(offset + count, offset + count + 4).equals(tail)).toBe(true);
      end = offset + count + 4;
    });
  }
  expect(end).toBe(bytes.length);
}

const SAMPLE_ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, int16: Int16Array } as const;

describe('createTiffWriter', () => {
  it("holds any image, its overviews and GDAL's layout; and how rows are cut leaves no trace", async () => {
    const sizes = fc.oneof(fc.integer({ min: 1, max: 90 }), fc.constantFrom(1, 16, 32, 33, 64));
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          width: sizes,
          height: sizes,
          bands: fc.integer({ min: 1, max: 4 }),
          sampleType: fc.constantFrom('uint8' as const, 'uint16' as const, 'int16' as const),
          coding: fc.constantFrom(
            { compression: 'deflate', predictor: 1 } as const,
            { compression: 'deflate', predictor: 2 } as const,
            { compression: 'none' } as const,
          ),
          tileSize: fc.constantFrom(16, 32),
          nodata: fc.constantFrom(null, 0, 255),
          overviews: fc.constantFrom('none' as const, 'mode' as const, 'average' as const),
          bigTiff: fc.constantFrom('auto' as const, 'always' as const),
        }),
        fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 5 }),
        fc.integer(),
        fc.boolean(),
        async (shape, cuts, seed, noisy) => {
          const { width, height, bands, sampleType, tileSize, nodata, overviews } = shape;
          const make = new SAMPLE_ARRAYS[sampleType](width * height * bands);
          const image = makeImage(width, height, bands, make, seed, noisy);
          const options = {
            ...shape,
            ...shape.coding,
            path: join(folder, 'a.tif'),
            grid: plainGrid(width, height),
          };
          const bytes = await writeImage(options, image, cuts);
          const whole = await writeImage({ ...options, path: join(folder, 'b.tif') }, image, [height]);
          expect(bytes.equals(whole)).toBe(true);

          const images = await readImages(bytes);
          await checkLayout(bytes, images, shape.bigTiff === 'always');
          let level = image;
          for (const [i, found] of images.entries()) {
            if (i > 0) level = halve(level, nodata, overviews as 'mode' | 'average');
            expect([found.getWidth(), found.getHeight()]).toEqual([level.width, level.height]);
            expect([found.getTileWidth(), found.getTileHeight()]).toEqual([tileSize, tileSize]);
            expect(found.getSamplesPerPixel()).toBe(bands);
            expect(found.getGDALNoData()).toBe(nodata);
            expect(await pixelsOf(found)).toEqual(Array.from(level.samples));
          }
          const halvings = Math.ceil(Math.log2(Math.max(width, height) / tileSize));
          expect(images).toHaveLength(overviews === 'none' ? 1 : 1 + Math.max(0, halvings));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('writes default tiles of 512 and overviews down to one tile', async () => {
    const image = makeImage(1300, 700, 1, new Uint8Array(1300 * 700), 5, false);
    const grid = plainGrid(1300, 700);
    const bytes = await writeImage(
      { path: join(folder, 'a.tif'), grid, overviews: 'mode', nodata: 255 },
      image,
      [100],
    );
    const images = await readImages(bytes);
    expect(images.map((i) => [i.getWidth(), i.getHeight()])).toEqual([
      [1300, 700],
      [650, 350],
      [325, 175],
    ]);
    await checkLayout(bytes, images, false);
    expect(images.map((i) => i.fileDirectory.getValue('NewSubfileType') ?? 0)).toEqual([0, 1, 1]);
  });

  it('pads edge tiles with nodata, so that readers of whole tiles see none of it as data', async () => {
    const grid = plainGrid(17, 3);
    const image = makeImage(17, 3, 1, new Uint8Array(51).fill(3), 1, false);
    const bytes = await writeImage(
      { path: join(folder, 'a.tif'), grid, nodata: 255, compression: 'none', tileSize: 16 },
      image,
      [1],
    );
    const [first] = await readImages(bytes);
    const offsets = await numbersOf(first!, 'TileOffsets');
    const second = bytes.subarray(offsets[1]!, offsets[1]! + 256);
    expect([...second.subarray(0, 3)]).toEqual([image.samples[16], 255, 255]);
    expect([...second.subarray(48)].every((value) => value === 255)).toBe(true);
  });

  it.each([
    ['classic', 60_000, 42],
    ['BigTIFF', 66_000, 43],
  ] as const)(
    'chooses a %s file for a square of %i uncompressed pixels a side before the first row',
    async (_, side, version) => {
      const grid = plainGrid(side, side);
      const writer = await createTiffWriter({
        path: join(folder, 'a.tif'),
        grid,
        compression: 'none',
        tileSize: 512,
      });
      const [name] = await readdir(folder);
      expect((await readFile(join(folder, name!))).readUInt16LE(2)).toBe(version);
      await writer.abort();
    },
  );

  it('keeps writes in order that were not awaited', async () => {
    const image = makeImage(40, 40, 1, new Uint8Array(1600), 9, true);
    const grid = plainGrid(40, 40);
    const writer = await createTiffWriter({ path: join(folder, 'a.tif'), grid, tileSize: 16 });
    const writes = Array.from({ length: 40 }, (_, y) =>
      writer.writeRows(image.samples.slice(y * 40, y * 40 + 40), 1),
    );
    await writer.close();
    await Promise.all(writes);
    const [first] = await readImages(await readFile(join(folder, 'a.tif')));
    expect(await pixelsOf(first!)).toEqual(Array.from(image.samples));
  });
});

describe('georeferencing', () => {
  const tagsOf = async (transform: Affine | null, crs: Crs | null) => {
    const grid = { width: 3, height: 2, transform, crs };
    const image = makeImage(3, 2, 1, new Uint8Array(6), 1, false);
    const [first] = await readImages(await writeImage({ path: join(folder, 'g.tif'), grid }, image, [2]));
    const list = async (name: TagName) =>
      first!.fileDirectory.hasTag(name) ? await numbersOf(first!, name) : null;
    return {
      scale: await list('ModelPixelScale'),
      tiepoint: await list('ModelTiepoint'),
      matrix: await list('ModelTransformation'),
      keys: first!.getGeoKeys(),
    };
  };

  it('writes scale and tiepoint for north-up grids, and names the CRS by its EPSG code', async () => {
    expect(await tagsOf(NORTH_UP, UTM)).toEqual({
      scale: [4, 4, 0],
      tiepoint: [0, 0, 0, 500000, 7500000, 0],
      matrix: null,
      keys: { GTModelTypeGeoKey: 1, GTRasterTypeGeoKey: 1, ProjectedCSTypeGeoKey: 32623 },
    });
    const geographic = await tagsOf(NORTH_UP, { ...UTM, kind: 'geographic', epsg: 4326 });
    expect(geographic.keys).toEqual({
      GTModelTypeGeoKey: 2,
      GTRasterTypeGeoKey: 1,
      GeographicTypeGeoKey: 4326,
    });
  });

  it.each([
    ['rotated', { a: 3, b: 1, c: 10, d: 1, e: -3, f: 20 }],
    ['south up', { a: 4, b: 0, c: 10, d: 0, e: 4, f: 20 }],
    ['mirrored', { a: -4, b: 0, c: 10, d: 0, e: -4, f: 20 }],
  ])('writes the whole matrix for a %s grid', async (_, t) => {
    expect(await tagsOf(t, UTM)).toMatchObject({
      scale: null,
      tiepoint: null,
      matrix: [t.a, t.b, 0, t.c, t.d, t.e, 0, t.f, 0, 0, 0, 0, 0, 0, 0, 1],
    });
  });

  it('repeats the keys of the input, and its pixel-is-point origin', async () => {
    const geoKeys = {
      directory: [1, 1, 0, 4, 1024, 0, 1, 1, 1025, 0, 1, 2, 3072, 0, 1, 32767, 3073, 34737, 7, 0],
      doubles: [1.5, 2.5],
      ascii: 'My CRS|',
    };
    const found = await tagsOf(NORTH_UP, { ...UTM, epsg: null, geoKeys });
    expect(found.tiepoint).toEqual([0, 0, 0, 500002, 7499998, 0]);
    expect(found.keys).toEqual({
      GTModelTypeGeoKey: 1,
      GTRasterTypeGeoKey: 2,
      ProjectedCSTypeGeoKey: 32767,
      PCSCitationGeoKey: 'My CRS',
    });
  });

  it('writes nothing for pixel coordinates, and a transform without CRS where there is none', async () => {
    expect(await tagsOf(null, UTM)).toEqual({ scale: null, tiepoint: null, matrix: null, keys: null });
    expect(await tagsOf(NORTH_UP, null)).toMatchObject({ scale: [4, 4, 0], keys: null });
  });

  it('refuses a CRS that it cannot name', async () => {
    await expect(tagsOf(NORTH_UP, { ...UTM, epsg: null })).rejects.toMatchObject({ tag: 'UnsupportedError' });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('palette', () => {
  const palette = [{ value: 0, name: 'a', rgb: [255, 128, 0] as const }];
  const grid = plainGrid(2, 1);

  it('replaces or removes the side file of an earlier image', async () => {
    const path = join(folder, 'p.tif');
    await writeFile(`${path}.aux.xml`, 'stale');
    const image = { width: 2, height: 1, bands: 1, samples: new Uint8Array(2) };
    await writeImage({ path, grid, palette }, image, [1]);
    expect((await readdir(folder)).sort()).toEqual(['p.tif', 'p.tif.aux.xml']);
    expect(await readFile(`${path}.aux.xml`, 'utf8')).toContain('<Category>a</Category>');
    await writeImage({ path, grid }, image, [1]);
    expect(await readdir(folder)).toEqual(['p.tif']);
  });

  it.each([
    ['bands', { palette, bands: 3 }],
    ['samples', { palette, sampleType: 'uint16' as const }],
    ['averages', { palette, overviews: 'average' as const }],
    ['predictor', { predictor: 2 as const, compression: 'none' as const }],
    ['tiles', { tileSize: 100 }],
    ['no tiles', { tileSize: 0 }],
    ['no bands', { bands: 0 }],
    ['no width', { grid: plainGrid(0, 1) }],
    ['half rows', { grid: plainGrid(1, 1.5) }],
  ])('refuses options that contradict each other: %s', async (_, options) => {
    const made = createTiffWriter({ path: join(folder, 'p.tif'), grid, ...options });
    await expect(made).rejects.toMatchObject({ tag: 'ConfigError' });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('finish', () => {
  const palette = [{ value: 0, name: 'a', rgb: [255, 128, 0] as const }];

  it('leaves the renaming to close, so that several files can appear together', async () => {
    const path = join(folder, 'f.tif');
    await writeFile(path, 'former');
    const writer = await createTiffWriter({
      path,
      grid: plainGrid(40, 40),
      tileSize: 16,
      overviews: 'mode',
      palette,
    });
    await writer.writeRows(new Uint8Array(1600), 40);
    await writer.finish();
    await writer.finish();
    expect(await readFile(path, 'utf8')).toBe('former');
    await writer.close();
    expect((await readdir(folder)).sort()).toEqual(['f.tif', 'f.tif.aux.xml']);
    expect(await readImages(await readFile(path))).toHaveLength(3);
  });

  it('can still be taken back', async () => {
    const path = join(folder, 'f.tif');
    const writer = await createTiffWriter({ path, grid: plainGrid(4, 4), tileSize: 16, palette });
    await writer.writeRows(new Uint8Array(16), 4);
    await writer.finish();
    await writer.abort();
    expect(await readdir(folder)).toEqual([]);
  });

  it('wants all rows', async () => {
    const writer = await createTiffWriter({ path: join(folder, 'f.tif'), grid: plainGrid(4, 4) });
    await expect(writer.finish()).rejects.toMatchObject({ tag: 'FormatError' });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('failures leave nothing', () => {
  const open = (extra: Partial<TiffOptions> = {}) =>
    createTiffWriter({
      path: join(folder, 'f.tif'),
      grid: plainGrid(40, 40),
      tileSize: 16,
      overviews: 'mode',
      ...extra,
    });

  it('on abort, before and after rows, twice', async () => {
    const writer = await open();
    await writer.writeRows(new Uint8Array(40 * 30), 30);
    await writer.abort();
    await writer.abort();
    expect(await readdir(folder)).toEqual([]);
    await expect(writer.writeRows(new Uint8Array(40), 1)).rejects.toMatchObject({ tag: 'FormatError' });
  });

  it('on abort while a write is under way', async () => {
    const writer = await open();
    const write = writer.writeRows(new Uint8Array(40 * 40), 40);
    await writer.abort();
    await write.catch(() => undefined);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ['too few rows', 1, (w: Writer) => w.close()],
    ['too many rows', 40, (w: Writer) => w.writeRows(new Uint8Array(40), 1)],
    ['too few samples', 1, (w: Writer) => w.writeRows(new Uint8Array(39), 1)],
    ['another sample type', 1, (w: Writer) => w.writeRows(new Uint16Array(40), 1)],
  ])('on %s', async (_, rows, act) => {
    const writer = await open();
    await writer.writeRows(new Uint8Array(40 * rows), rows);
    await expect(act(writer)).rejects.toMatchObject({ tag: 'FormatError', what: 'rows' });
    expect(await readdir(folder)).toEqual([]);
    await writer.abort();
  });
  type Writer = Awaited<ReturnType<typeof createTiffWriter>>;

  describe('on a full disk', () => {
    const disk = mountSmallDisk(1 << 20);
    it.skipIf(disk === null).each(['none', 'mode'] as const)('with overviews: %s', async (overviews) => {
      const noise = makeImage(1000, 3000, 1, new Uint8Array(3_000_000), 3, true).samples;
      const path = join(disk!, 'full.tif');
      const writer = await createTiffWriter({ path, grid: plainGrid(1000, 3000), overviews, tileSize: 256 });
      const write = async () => {
        for (let y = 0; y < 3000; y += 100) {
          await writer.writeRows(noise.slice(y * 1000, (y + 100) * 1000), 100);
        }
        await writer.close();
      };
      await expect(write()).rejects.toMatchObject({ tag: 'SourceError', status: 'ENOSPC', url: path });
      expect(await readdir(disk!)).toEqual([]);
      // The space of nameless files must have been given back, too.
      await writeFile(join(disk!, 'again'), new Uint8Array(900_000));
      await rm(join(disk!, 'again'));
    });

    it.skipIf(disk === null)('when only the assembly does not fit', async () => {
      const noise = makeImage(700, 900, 1, new Uint8Array(630_000), 3, true).samples;
      const path = join(disk!, 'full.tif');
      const writer = await createTiffWriter({ path, grid: plainGrid(700, 900), overviews: 'mode' });
      await writer.writeRows(noise, 900);
      await expect(writer.close()).rejects.toMatchObject({ status: 'ENOSPC' });
      expect(await readdir(disk!)).toEqual([]);
    });
  });
});
