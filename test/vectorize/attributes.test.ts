import geodesic from 'geographiclib-geodesic';
import { describe, expect, it } from 'vitest';
import { geodesicLength } from '../../src/vectorize/geodesic.ts';
import { measureGround } from '../../src/vectorize/ground-scale.ts';
import { toPolygons } from './check-geometry.ts';
import { generalised } from './generalised.ts';
import { coverageOf, gridOf, LONLAT, northUp, projected, utm } from './grids.ts';
import { blobs } from './hostile-rasters.ts';
import { rasterOf, seeded } from './oracle.ts';

const karney = (x1: number, y1: number, x2: number, y2: number) =>
  geodesic.Geodesic.WGS84.Inverse(y1, x1, y2, x2).s12!;

describe('lengths on the ellipsoid', () => {
  it('equal geodesics to 1 part in 10^8, short and long, from pole to pole', () => {
    const random = seeded(5);
    for (let i = 0; i < 20_000; i++) {
      const lat = random() * 179.9 - 89.95;
      const lon = random() * 360 - 180;
      const far = 10 ** (random() * 7 - 6.5);
      const turn = random() * 2 * Math.PI;
      const lat2 = Math.max(-90, Math.min(90, lat + far * Math.sin(turn)));
      const lon2 = lon + far * Math.cos(turn);
      const expected = karney(lon, lat, lon2, lat2);
      // Coordinates themselves are good to a nanometre or so.
      const error = Math.abs(geodesicLength(lon, lat, lon2, lat2) - expected);
      expect(error, `${lon} ${lat} ${lon2} ${lat2}`).toBeLessThan(1e-8 * expected + 1e-8);
    }
  });

  it.each([
    ['degrees', LONLAT, northUp(8, 47, 0.0003)],
    ['UTM', utm(32), northUp(500_000, 5_200_000, 10)],
    [
      'polar stereographic',
      projected('+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +datum=WGS84'),
      northUp(1e5, -2e5, 500),
    ],
  ])('perimeters are those of the rings that are written: %s', (_, crs, transform) => {
    const raster = blobs(7, 50, 3, 40);
    const grid = gridOf(raster, crs, transform);
    for (const how of [
      {},
      { mmu: { pixels: 9 }, simplify: { method: 'vw', toleranceM: 20 } as const, smooth: 1 },
    ]) {
      for (const f of generalised(raster, grid, how).features) {
        let sum = 0;
        for (const ring of toPolygons(f.geometry).flat())
          for (let i = 1; i < ring.length; i++) sum += karney(...ring[i - 1]!, ...ring[i]!);
        // Written coordinates are rounded to a centimetre.
        expect(Math.abs(f.perimeterM! / sum - 1)).toBeLessThan(3e-4);
      }
    }
  });

  it('do not count cuts at the antimeridian', () => {
    const raster = rasterOf('00');
    const [f] = coverageOf(raster, gridOf(raster, LONLAT, northUp(179, 1, 1))).features;
    expect(toPolygons(f!.geometry).length).toBe(2);
    const around = karney(179, 1, 179, 0) * 2 + karney(179, 0, 181, 0) + karney(179, 1, 181, 1);
    expect(f!.perimeterM).toBeCloseTo(around, 3);
  });
});

describe('areas of generalised features', () => {
  it('are those of the geometry; all together they are those of the scene', () => {
    const raster = blobs(3, 80, 4, 60);
    const grid = gridOf(raster, utm(32), northUp(500_000, 5_200_000, 10));
    const before = coverageOf(raster, grid).features.reduce((n, f) => n + f.areaM2!, 0);
    const { features } = generalised(raster, grid, { simplify: { method: 'dp', toleranceM: 15 } });
    const after = features.reduce((n, f) => n + f.areaM2!, 0);
    expect(Math.abs(after / before - 1)).toBeLessThan(1e-9);
    expect(features.some((f) => Math.abs(f.areaM2! / (f.pixelCount * 100) - 1) > 0.002)).toBe(true);
    for (const f of features) {
      const polygon = geodesic.Geodesic.WGS84.Polygon(false);
      let area = 0;
      for (const ring of toPolygons(f.geometry).flat()) {
        polygon.Clear();
        for (const [x, y] of ring.slice(1)) polygon.AddPoint(y, x);
        area += polygon.Compute(false, true).area!;
      }
      // Each written point is up to half a unit, 6 mm, away from where the area was taken.
      expect(Math.abs(f.areaM2! - area)).toBeLessThan(0.006 * f.perimeterM!);
    }
  });

  it('the minimum mapping unit is one of ground: rows near the pole need more pixels', () => {
    // One-pixel islands, down a raster from 60 degrees north to the equator, 1.2 degrees a pixel.
    const rows = Array.from({ length: 50 }, (_, y) => (y % 2 === 0 ? '00000' : '00100'));
    const raster = rasterOf(...rows);
    const grid = gridOf(raster, LONLAT, northUp(0, 60, 1.2));
    const { pixelM2, uniform } = measureGround(grid);
    expect(uniform).toBe(false);
    const mmu = pixelM2[24]!;
    const { features } = generalised(raster, grid, { mmu: { areaM2: mmu } });
    const left = features.filter((f) => f.classId === 1).map((f) => Math.floor(f.id / 5));
    expect(left).toEqual(Array.from({ length: 25 }, (_, i) => 2 * i + 1).filter((y) => pixelM2[y]! >= mmu));
    expect(left.length).toBeGreaterThan(5);
    expect(left.length).toBeLessThan(20);
  });

  it('in UTM pixels are all alike, in Web Mercator they are not', () => {
    const raster = blobs(1, 20, 2, 5);
    expect(measureGround(gridOf(raster, utm(32), northUp(5e5, 5e6, 10)))).toMatchObject({ uniform: true });
    const mercator = projected('+proj=merc +a=6378137 +b=6378137 +nadgrids=@null +units=m +no_defs', 3857);
    const ground = measureGround(gridOf(raster, mercator, northUp(1e6, 8e6, 100)));
    expect(ground.uniform).toBe(false);
    expect(ground.acrossM[0]! / 100).toBeCloseTo(Math.cos((58.2 * Math.PI) / 180), 2);
  });
});

describe('8-connected features', () => {
  it('are the areas that meet in corners, as several polygons with sums of all', () => {
    const raster = rasterOf('100', '010', '001');
    const confidence = Uint8Array.from([10, 90, 90, 90, 20, 90, 90, 90, 60]);
    const { features } = generalised(
      raster,
      gridOf(raster, utm(32), northUp(5e5, 5e6, 10)),
      { connectedness: 8 },
      { confidence },
    );
    expect(features.map((f) => [f.id, f.classId, f.pixelCount, f.geometry.polygonEnds.length])).toEqual([
      [0, 1, 3, 3],
      [1, 0, 6, 2],
    ]);
    expect(features[0]).toMatchObject({ meanConfidence: 30, minConfidence: 10, touchesEdge: true });
    expect(features[0]!.perimeterM! / 120).toBeCloseTo(1, 2);
    expect(features[0]!.areaM2! / 300).toBeCloseTo(1, 2);
  });

  it('count as one against the minimum mapping unit', () => {
    const raster = rasterOf('00000', '01000', '00100', '00010', '00000');
    const grid = gridOf(raster, null, null);
    const count = (connectedness: 4 | 8) =>
      generalised(raster, grid, { connectedness, mmu: { pixels: 3 } }).features.length;
    expect(count(4)).toBe(1);
    expect(count(8)).toBe(2);
  });

  it('say so where they stay too small, with nodata all round', () => {
    const raster = rasterOf('0..', '...', '.11', '.11');
    const { features, summary } = generalised(raster, gridOf(raster, null, null), { mmu: { pixels: 3 } });
    expect(features.map((f) => [f.classId, f.belowMmu])).toEqual([
      [0, true],
      [1, false],
    ]);
    expect(summary.generalisation).toMatchObject({
      belowMmu: 1,
      pixelsMerged: 0,
      facesBefore: 2,
      features: 2,
    });
  });
});
