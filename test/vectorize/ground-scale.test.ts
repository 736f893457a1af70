import { describe, expect, it } from 'vitest';
import type { Affine } from '../../src/core/affine.ts';
import type { Crs } from '../../src/core/crs.ts';
import type { Grid } from '../../src/core/grid.ts';
import { measureGround } from '../../src/vectorize/ground-scale.ts';
import { coverageOf, gridOf, LONLAT, northUp, projected, utm } from './grids.ts';
import { byCamera, byPoints } from './warps.ts';

const size = { width: 50, height: 40 };
const raster = { ...size, classes: new Uint8Array(50 * 40) };
const webMercator = projected(
  '+proj=merc +a=6378137 +b=6378137 +lat_ts=0 +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +no_defs',
  3857,
);

/** Area of the whole raster as a polygon on the ellipsoid, which is measured in another way. */
const areaAsPolygon = (grid: Grid) => coverageOf(raster, grid).features[0]!.areaM2!;
const areaOfPixels = (grid: Grid) => measureGround(grid).pixelM2.reduce((sum, area) => sum + area * 50, 0);

const PLACES: readonly [string, Crs, Affine][] = [
  ['degrees, north up', LONLAT, northUp(20, 60, 2e-3)],
  ['degrees, turned by half a right angle', LONLAT, { a: 7e-4, b: -7e-4, c: 20, d: -7e-4, e: -7e-4, f: 60 }],
  ['degrees, skewed', LONLAT, { a: 1e-3, b: 6e-4, c: 20, d: 0, e: -1e-3, f: 60 }],
  ['Web Mercator', webMercator, northUp(2e6, 8e6, 100)],
  ['Web Mercator, turned', webMercator, { a: 80, b: 60, c: 2e6, d: 60, e: -80, f: 8e6 }],
  ['UTM', utm(33), northUp(500_000, 6_600_000, 100)],
];

describe('pixels on the ground', () => {
  it.each(PLACES)('%s: their areas add up to that of the outline', (_, crs, transform) => {
    const grid = gridOf(raster, crs, transform);
    expect(Math.abs(areaOfPixels(grid) / areaAsPolygon(grid) - 1)).toBeLessThan(1e-3);
  });

  it.each(PLACES)('%s: control points at the same places give the same sizes', (_, crs, transform) => {
    const affine = measureGround(gridOf(raster, crs, transform));
    const warped = measureGround(byPoints(size, crs, transform));
    expect(warped.uniform).toBe(false);
    for (const part of ['acrossM', 'downM', 'pixelM2'] as const) {
      expect(warped[part].length).toBe(affine[part].length);
      // A projected plane is off by its scale where rows are taken to be alike.
      const worst = affine[part].reduce((w, v, r) => Math.max(w, Math.abs(warped[part][r]! / v - 1)), 0);
      expect(worst).toBeLessThan(affine.uniform ? 1e-3 : 1e-5);
    }
  });

  it('control points and cameras that bend: areas add up to that of the outline', () => {
    for (const grid of [byPoints(size, utm(33), northUp(5e5, 6.6e6, 100), 3), byCamera(size)]) {
      expect(Math.abs(areaOfPixels(grid) / areaAsPolygon(grid) - 1)).toBeLessThan(0.02);
    }
  });

  it('rows without a place are as large as the nearest that has one', () => {
    // The polynomials reach over a fraction of the rows only.
    const camera = measureGround(byCamera(size, 0.3));
    // A disk as a weather satellite sees it, with space above and below.
    const disk = projected('+proj=geos +h=35785831 +lon_0=0 +datum=WGS84 +units=m +sweep=y');
    const globe = measureGround(gridOf(raster, disk, { a: 3e5, b: 0, c: -7.5e6, d: 0, e: -3e5, f: 6e6 }));
    for (const ground of [camera, globe]) {
      for (const part of ['acrossM', 'downM', 'pixelM2'] as const)
        expect(ground[part].every((value) => value > 0 && value < Number.POSITIVE_INFINITY)).toBe(true);
    }
    expect(camera.pixelM2[0]).toBe(camera.pixelM2[1]);
  });

  it('a middle column that lies nowhere is told', () => {
    const grid = { ...byCamera(size), crs: LONLAT };
    const far = { ...grid, warp: { ...byCamera(size).warp!, rpc: { ...byRpc(grid), sampleOffset: 5000 } } };
    expect(() => measureGround(far as Grid)).toThrow(/middle column has no place.*--mmu 25px/);
  });
});

function byRpc(grid: Grid) {
  if (grid.warp?.kind !== 'rpc') throw new TypeError('no camera');
  return grid.warp.rpc;
}
