import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPixelFinder } from '../../src/area/find-pixel.ts';
import { boxArea } from '../../src/area/lon-lat-area.ts';
import { placeArea } from '../../src/area/place-area.ts';
import { cropGrid } from '../../src/core/crop-grid.ts';
import type { Grid } from '../../src/core/grid.ts';
import { createPixelPlacer } from '../../src/core/place-pixels.ts';
import { describeScene } from '../../src/scene/describe-scene.ts';
import { gridOf, maskOf, utm, WGS84 } from './grids.ts';

const FILES = ['files/rio-tiler/cog_gcps_ovr.tif', 'files/rioxarray/test_rpcs.tif'];

async function warpedGrid(file: string): Promise<Grid> {
  const { grid } = await describeScene(`../shared/corpus/${file}`);
  expect(grid.warp).toBeDefined();
  return grid;
}

const position = fc.tuple(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.double({ min: 0, max: 1, noNaN: true }),
);

describe('pixels of scenes that no affine transform places', () => {
  it.each(FILES)('%s: the way to the map and back ends where it began', async (file) => {
    const grid = await warpedGrid(file);
    const place = createPixelPlacer(grid)!;
    const find = createPixelFinder(grid)!;
    fc.assert(
      fc.property(position, ([u, v]) => {
        const [column, row] = [u * grid.width, v * grid.height];
        const [x, y] = place(column, row)!;
        const [c, r] = find(x, y);
        expect(Math.hypot(c - column, r - row)).toBeLessThan(1e-5);
      }),
    );
  });

  it.each(FILES)('%s: a box holds the pixels whose centres lie in it', async (file) => {
    const grid = await warpedGrid(file);
    const place = createPixelPlacer(grid)!;
    const [west, north] = place(grid.width * 0.7, grid.height * 0.35)!;
    const [east, south] = place(grid.width * 0.3, grid.height * 0.75)!;
    const box = [
      Math.min(west, east),
      Math.min(south, north),
      Math.max(west, east),
      Math.max(south, north),
    ] as const;
    const mask = maskOf(placeArea(boxArea(box), { grid, url: 'scene.tif', source: '--bbox' }), grid);
    const expected = mask.map((_, i) => {
      const [x, y] = place((i % grid.width) + 0.5, Math.floor(i / grid.width) + 0.5)!;
      return x > box[0] && x < box[2] && y > box[1] && y < box[3] ? 1 : 0;
    });
    expect(Buffer.compare(mask, expected)).toBe(0);
    expect(mask.includes(1) && mask.includes(0)).toBe(true);
  });

  it.each(FILES)('%s: a crop keeps each pixel where it is', async (file) => {
    const grid = await warpedGrid(file);
    const window = { x: 31, y: 17, width: 100, height: 90 };
    const whole = createPixelPlacer(grid)!;
    const part = createPixelPlacer(cropGrid(grid, window))!;
    const pixel = Math.hypot(whole(1, 0)![0] - whole(0, 0)![0], whole(1, 0)![1] - whole(0, 0)![1]);
    for (const [column, row] of [
      [0, 0],
      [100, 90],
      [33.5, 70.25],
    ] as const) {
      const [x, y] = whole(column + window.x, row + window.y)!;
      const [px, py] = part(column, row)!;
      expect(Math.hypot(px - x, py - y)).toBeLessThan(pixel * 1e-6);
    }
  });
});

describe('cropGrid', () => {
  it('moves an affine grid by whole pixels, turned or not', () => {
    const grid = gridOf(utm(21), 300_000, 4_400_000, 10, 60, 50);
    expect(cropGrid(grid, { x: 3, y: 4, width: 5, height: 6 })).toEqual({
      width: 5,
      height: 6,
      crs: grid.crs,
      transform: { a: 10, b: 0, c: 300_030, d: 0, e: -10, f: 4_399_960 },
    });
    const turned: Grid = { ...grid, transform: { a: 8, b: 5, c: 1, d: 5, e: -8, f: 2 } };
    expect(cropGrid(turned, { x: 3, y: 4, width: 5, height: 6 }).transform).toMatchObject({ c: 45, f: -15 });
  });

  it('leaves a grid without a place without one', () => {
    const bare: Grid = { width: 9, height: 9, transform: null, crs: null };
    expect(cropGrid(bare, { x: 1, y: 1, width: 2, height: 2 })).toEqual({ ...bare, width: 2, height: 2 });
    expect(createPixelFinder(bare)).toBeNull();
    expect(createPixelFinder(gridOf(WGS84, 0, 0, 0, 5, 5))).toBeNull();
  });
});
