import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseColor } from '../../src/core/classes.ts';
import type { Grid } from '../../src/core/grid.ts';
import type { ScenePixels } from '../../src/core/ports.ts';
import type { Window } from '../../src/core/window.ts';
import { openPreviewSink } from '../../src/sink/preview.ts';
import { layOutPreview, sizePanel } from '../../src/sink/preview-page.ts';
import { loadTypeface } from '../../src/sink/preview-text.ts';
import { createClassThumbnail, sizeThumbnail, stretchForDisplay } from '../../src/sink/preview-thumbnail.ts';

const CLASSES = [
  { id: 0, name: 'built-up & <roads>', color: '#ff0000' },
  { id: 2, name: 'forest', color: '#00a000' },
  { id: 3, name: 'never seen', color: '#0000ff' },
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frustum-preview-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A scene whose left half is dark and whose right half is bright; remembers the largest window read. */
function makeScene(width: number, height: number): ScenePixels & { largest: number } {
  const grid: Grid = { width, height, transform: null, crs: null };
  return {
    grid,
    largest: 0,
    async readRgb({ x, y, width: w, height: h }: Window) {
      expect(x + w <= width && y + h <= height).toBe(true);
      this.largest = Math.max(this.largest, w * h);
      const data = new Uint8Array(w * h * 3);
      for (let i = 0; i < data.length; i++) data[i] = x + (Math.floor(i / 3) % w) < width / 2 ? 40 : 90;
      return { width: w, height: h, bands: 3, data };
    },
    readValidity: async () => null,
  };
}

/** Class 0 above, class 2 below, nodata in the top right quarter. */
function makeClasses(width: number, height: number): Uint8Array {
  return new Uint8Array(width * height).map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    if (y >= height / 2) return 2;
    return x >= width / 2 ? 255 : 0;
  });
}

async function makePreview(name: string, width: number, height: number, step: number): Promise<Buffer> {
  const path = join(folder, name);
  const scene = makeScene(width, height);
  const classes = makeClasses(width, height);
  const sink = await openPreviewSink({
    path,
    scene,
    classes: CLASSES,
    title: 'a scene',
    subtitle: 'a model',
  });
  for (let y = 0; y < height; y += step) {
    const rowCount = Math.min(step, height - y);
    const block = classes.subarray(y * width, (y + rowCount) * width);
    await sink.writeRows({ y, rowCount, classes: block, confidence: block });
  }
  await sink.close();
  expect(scene.largest).toBeLessThanOrEqual(1024 * 1024);
  return readFile(path);
}

describe('openPreviewSink', () => {
  it.each([
    ['larger than its panel', 2600, 1500],
    ['smaller', 100, 80],
    ['wide, so stacked', 900, 200],
    ['high', 30, 700],
    ['a single pixel', 1, 1],
  ])('shows scene and classes where the page has them: %s', async (name, width, height) => {
    const png = await makePreview(`${name}.png`, width, height, 64);
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(3);
    expect(info.width).toBeLessThanOrEqual(1600);
    const grid = makeScene(width, height).grid;
    const page = layOutPreview({
      grid,
      panel: sizePanel(grid),
      title: '',
      subtitle: '',
      legend: CLASSES.slice(0, 2).map((c) => ({ ...c, share: 0.5 })),
      typeface: await loadTypeface(),
    });
    expect([info.width, info.height]).toEqual([page.width, page.height]);
    const at = (panel: { x: number; y: number; width: number; height: number }, u: number, v: number) => {
      const x = Math.floor(panel.x + u * panel.width);
      const y = Math.floor(panel.y + v * panel.height);
      return [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
    };
    expect(at(page.classes, 0.25, 0.75)).toEqual(parseColor(CLASSES[height > 1 ? 1 : 0]!.color));
    if (width > 1) {
      expect(at(page.classes, 0.25, 0.25)).toEqual(parseColor(CLASSES[0]!.color));
      // Nodata lets the paper through, in both pictures; the rest of the scene is stretched to black and white.
      expect(at(page.classes, 0.75, 0.25)).toEqual([246, 248, 250]);
      expect(at(page.scene, 0.75, 0.25)).toEqual([246, 248, 250]);
      expect(at(page.scene, 0.25, 0.75)).toEqual([0, 0, 0]);
      expect(at(page.scene, 0.75, 0.75)).toEqual([255, 255, 255]);
    }
  });

  it('does not depend on how the rows are cut', async () => {
    const whole = await makePreview('whole.png', 1700, 900, 900);
    const cut = await makePreview('cut.png', 1700, 900, 37);
    expect(cut.equals(whole)).toBe(true);
  });

  it('leaves nothing when aborted or when the scene cannot be read', async () => {
    const place = await mkdtemp(join(folder, 'abort-'));
    const scene = makeScene(50, 50);
    const failing = { ...scene, readRgb: () => Promise.reject(new Error('cut cable')) };
    const options = { path: join(place, 'p.png'), scene: failing, classes: CLASSES, title: '' };
    const sink = await openPreviewSink(options);
    const classes = makeClasses(50, 50);
    const rows = { y: 0, rowCount: 50, classes, confidence: classes };
    await expect(sink.writeRows(rows)).rejects.toThrow('cut cable');
    await sink.abort();
    expect(await readdir(place)).toEqual([]);
  });
});

describe('createClassThumbnail', () => {
  it('counts every pixel, and shows the mode of each box when all of its pixels are sampled', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer(),
        (width, height, step, side, seed) => {
          const classes = new Uint8Array(width * height).map(
            (_, i) => [0, 1, 2, 255][(Math.imul(i ^ seed, 2654435761) >>> 16) % 4]!,
          );
          const size = { width: Math.min(width, side), height: Math.min(height, side), zoom: 1 };
          fc.pre(width / size.width < 16 && height / size.height < 16);
          const thumbnail = createClassThumbnail({ width, height }, size, 3);
          for (let y = 0; y < height; y += step) {
            const rowCount = Math.min(step, height - y);
            const block = classes.subarray(y * width, (y + rowCount) * width);
            thumbnail.add({ y, rowCount, classes: block, confidence: block });
          }
          const ids = thumbnail.finish();
          for (const id of [0, 1, 2, 255]) {
            expect(thumbnail.counts[id]).toBe(classes.filter((value) => value === id).length);
          }
          for (let ty = 0; ty < size.height; ty++)
            for (let tx = 0; tx < size.width; tx++) {
              const box = [...classes].filter((_, i) => {
                const [x, y] = [i % width, Math.floor(i / width)];
                return (
                  Math.floor((x * size.width) / width) === tx && Math.floor((y * size.height) / height) === ty
                );
              });
              const votes = (id: number) => box.filter((value) => value === id).length;
              const best = [0, 1, 2].reduce((p, q) => (votes(q) > votes(p) ? q : p));
              expect(ids[ty * size.width + tx]).toBe(votes(255) * 2 > box.length ? 255 : best);
            }
        },
      ),
      { numRuns: 80 },
    );
  });
});

describe('sizeThumbnail', () => {
  it('fits its box, keeps the shape and enlarges by whole numbers only', () => {
    expect(sizeThumbnail({ width: 7200, height: 6800 }, 756, 900)).toEqual({
      width: 756,
      height: 714,
      zoom: 1,
    });
    expect(sizeThumbnail({ width: 100, height: 50 }, 756, 900)).toEqual({ width: 100, height: 50, zoom: 7 });
    expect(sizeThumbnail({ width: 100_000, height: 10 }, 1536, 480)).toEqual({
      width: 1536,
      height: 1,
      zoom: 1,
    });
  });
});

describe('stretchForDisplay', () => {
  it('leaves pictures without data or without contrast alone', () => {
    const flat = new Uint8Array(30).fill(7);
    stretchForDisplay(flat, () => true);
    expect(new Set(flat)).toEqual(new Set([7]));
    const empty = Uint8Array.from({ length: 30 }, (_, i) => i);
    stretchForDisplay(empty, () => false);
    expect([...empty]).toEqual(Array.from({ length: 30 }, (_, i) => i));
  });
});

describe('loadTypeface', () => {
  it('measures what it draws, joins scripts and cuts what is too long', async () => {
    const typeface = await loadTypeface();
    const style = { size: 20, weight: 'regular', fill: '#000000' } as const;
    expect(typeface.measure('mm', style)).toBeCloseTo(2 * typeface.measure('m', style), 1);
    const scripts = typeface.measure('aЖλ', style);
    const apart = typeface.measure('a', style) + typeface.measure('Ж', style) + typeface.measure('λ', style);
    expect(scripts).toBeCloseTo(apart, 5);
    expect(typeface.measure('水', style)).toBe(typeface.measure('?', style));
    const cut = typeface.fit('a very long name of a class', 100, style);
    expect(cut).toMatch(/^a very.*…$/);
    expect(typeface.measure(cut, style)).toBeLessThanOrEqual(100);
    expect(typeface.fit('short', 100, style)).toBe('short');
    expect(typeface.draw('Hi', 5, 20, style)).toMatch(/^<path d="M[\d.,\sLQCZMVH-]+" fill="#000000"\/>$/);
    expect(typeface.draw('<&">', 0, 0, style)).not.toContain('&');
  });
});
