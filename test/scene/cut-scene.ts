import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Window } from '../../src/core/window.ts';
import type { SampleArray } from '../../src/geotiff/sample-array.ts';
import { type TestImage, writeTiff } from '../geotiff/make-tiff.ts';

/** UTM zone 23 S. */
export const GEO_KEYS = [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32723];
const ORIGIN = [600_000, 7_500_000] as const;
const PIXEL = 4;

/** The image with a place on the map: its pixel (0, 0) is (x, y) pixels off a fixed corner. */
export function placed(image: TestImage, x = 0, y = 0): TestImage {
  return {
    ...image,
    place: [PIXEL, PIXEL, ORIGIN[0] + x * PIXEL, ORIGIN[1] - y * PIXEL],
    geoKeys: image.geoKeys ?? GEO_KEYS,
  };
}

/** Layouts that pieces are stored in, in turn. */
export const LAYOUTS: readonly Partial<TestImage>[] = [
  { tile: 32, deflate: true },
  { rowsPerStrip: 1 },
  { tile: 16, planar: true },
  { rowsPerStrip: 7, deflate: true, bigEndian: true },
  { bigTiff: true },
  { planar: true, deflate: true, rowsPerStrip: 5 },
];

/** The pixels of a window of an image. */
export function cutImage(image: TestImage, { x, y, width, height }: Window): TestImage {
  const { bands, samples } = image;
  const Typed = samples.constructor as new (length: number) => SampleArray;
  const out = new Typed(width * height * bands);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * image.width + x) * bands;
    out.set(samples.subarray(from, from + width * bands), row * width * bands);
  }
  return { ...image, width, height, samples: out };
}

/** Windows of an image cut into `across` x `down` uneven pieces, each grown by `overlap` pixels where there is room. */
export function pieces(image: TestImage, across: number, down: number, overlap = 0): Window[] {
  const edges = (size: number, count: number) =>
    Array.from({ length: count + 1 }, (_, i) =>
      i === 0 || i === count ? (size * i) / count : Math.floor((size * (i + 0.13 * (i % 2))) / count),
    );
  const [xs, ys] = [edges(image.width, across), edges(image.height, down)];
  return ys.slice(0, -1).flatMap((y, j) =>
    xs.slice(0, -1).map((x, i) => {
      const [left, top] = [Math.max(0, x - overlap), Math.max(0, y - overlap)];
      return {
        x: left,
        y: top,
        width: Math.min(image.width, xs[i + 1]! + overlap) - left,
        height: Math.min(image.height, ys[j + 1]! + overlap) - top,
      };
    }),
  );
}

/**
 * Writes pieces of an image as files of mixed layouts; their paths.
 * @param name of all of them, in folders of their own: maps and polygons say which scene they are of
 */
export function writePieces(
  dir: string,
  image: TestImage,
  windows: readonly Window[],
  name?: string,
): string[] {
  return windows.map((window, i) => {
    const folder = name === undefined ? dir : join(dir, `piece-${i}`);
    mkdirSync(folder, { recursive: true });
    return writeTiff(join(folder, `${name ?? `piece-${i}`}.tif`), {
      ...placed(cutImage(image, window), window.x, window.y),
      ...LAYOUTS[i % LAYOUTS.length],
    });
  });
}
