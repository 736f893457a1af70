import geodesic from 'geographiclib-geodesic';
import { describe, expect, it } from 'vitest';
import { NODATA_CLASS } from '../../src/core/classes.ts';
import type { CoverageFeature } from '../../src/core/coverage.ts';
import { checkPolygons, type Polygons, toPolygons, unpairedEdges } from './check-geometry.ts';
import { coverageOf, gridOf, LONLAT, northUp, projected, utm } from './grids.ts';
import { type Raster, randomRaster, rasterOf } from './oracle.ts';

/**
 * Ellipsoidal area of lon/lat polygons by Karney's geodesic polygons (PolygonArea), with edges subdivided so that
 * geodesics follow the straight lines.
 */
function geodesicArea(polygons: Polygons, maxDegrees = 0.02): number {
  let total = 0;
  for (const ring of polygons.flat()) {
    const polygon = geodesic.Geodesic.WGS84.Polygon(false);
    for (let i = 0; i + 1 < ring.length; i++) {
      const [[x1, y1], [x2, y2]] = [ring[i]!, ring[i + 1]!];
      const parts = Math.max(1, Math.ceil(Math.max(Math.abs(x2 - x1), Math.abs(y2 - y1)) / maxDegrees));
      for (let k = 0; k < parts; k++)
        polygon.AddPoint(y1 + ((y2 - y1) * k) / parts, x1 + ((x2 - x1) * k) / parts);
    }
    total += polygon.Compute(false, true).area ?? 0;
  }
  return total;
}

const sumAreas = (features: readonly CoverageFeature[]) => features.reduce((sum, f) => sum + f.areaM2!, 0);

/** A 1-class raster. */
const full = (width: number, height: number): Raster => ({
  width,
  height,
  classes: new Uint8Array(width * height),
});

describe('areas on the ellipsoid', () => {
  it('of a raster in degrees are the sums of its cells', () => {
    const raster = randomRaster(7, 40);
    const pixel = 0.05;
    const { features } = coverageOf(raster, gridOf(raster, LONLAT, northUp(12, 61, pixel)));
    // Cell by cell and row by row, from geodesic polygons.
    const cell = Array.from({ length: raster.height }, (_, row) => {
      const [top, bottom] = [61 - row * pixel, 61 - (row + 1) * pixel];
      return geodesicArea(
        [
          [
            [
              [0, bottom],
              [pixel, bottom],
              [pixel, top],
              [0, top],
              [0, bottom],
            ],
          ],
        ],
        0.0005,
      );
    });
    const total = raster.classes.reduce(
      (sum, c, p) => sum + (c === NODATA_CLASS ? 0 : cell[Math.floor(p / raster.width)]!),
      0,
    );
    expect(Math.abs(sumAreas(features) / total - 1)).toBeLessThan(1e-9);
  });

  it('of one pixel half a metre wide are exact to a millionth', () => {
    const pixel = 0.5 / 111_000;
    const raster = rasterOf('000', '010', '000');
    const { features } = coverageOf(raster, gridOf(raster, LONLAT, northUp(-46.6, -23.5, pixel)));
    const a = 6378137;
    const e2 = 0.00669437999014;
    const phi = ((-23.5 - 1.5 * pixel) * Math.PI) / 180;
    const w = Math.sqrt(1 - e2 * Math.sin(phi) ** 2);
    const side = (pixel * Math.PI) / 180;
    // Radii of curvature in the meridian and the prime vertical.
    const expected = ((a * (1 - e2)) / w ** 3) * side * ((a / w) * Math.cos(phi)) * side;
    expect(Math.abs(features.find((f) => f.classId === 1)!.areaM2! / expected - 1)).toBeLessThan(1e-6);
  });

  it('of the whole Earth and of a projected raster agree with geodesic polygons', () => {
    const world = full(36, 18);
    const earth = sumAreas(coverageOf(world, gridOf(world, LONLAT, northUp(-180, 90, 10))).features);
    expect(Math.abs(earth / 510_065_621_724_088.44 - 1)).toBeLessThan(1e-12);
    const raster = randomRaster(3, 30);
    const grid = gridOf(raster, utm(23, true), northUp(300_000, 7_400_000, 30));
    const { features } = coverageOf(raster, grid);
    for (const f of features) {
      // Coordinates are rounded to 7 decimals: about a centimetre a corner.
      const tolerance = 0.02 * Math.sqrt(f.areaM2!) * 4;
      expect(Math.abs(f.areaM2! - geodesicArea(toPolygons(f.geometry)))).toBeLessThan(tolerance);
    }
    const outline = coverageOf(full(raster.width, raster.height), grid).features[0]!;
    expect(Math.abs(outline.areaM2! / geodesicArea(toPolygons(outline.geometry), 1e-4) - 1)).toBeLessThan(
      1e-5,
    );
  });

  it('add up: whatever is inside one frame sums to the same, to a part in 10^9', () => {
    // A frame of pixels of changing class, so that the outline has the same points each time.
    const framed = (inner: (x: number, y: number) => number): Raster => {
      const [width, height] = [50, 40];
      const classes = Uint8Array.from({ length: width * height }, (_, p) => {
        const [x, y] = [p % width, Math.floor(p / width)];
        const edge = x === 0 || y === 0 || x === width - 1 || y === height - 1;
        return edge ? 4 + ((x + y) % 2) : inner(x, y);
      });
      return { width, height, classes };
    };
    const random = randomRaster(11, 60).classes;
    const sums = [
      framed(() => 0),
      framed((x, y) => (x + y) % 2),
      framed((x, y) => random[(x + 50 * y) % random.length]! % 4),
    ].map((r) => sumAreas(coverageOf(r, gridOf(r, utm(31), northUp(180_000, 6_500_000, 20))).features));
    expect(Math.abs(sums[1]! / sums[0]! - 1)).toBeLessThan(1e-9);
    expect(Math.abs(sums[2]! / sums[0]! - 1)).toBeLessThan(1e-9);
  });

  it('in UTM differ from plane areas by the square of the scale factor', () => {
    const raster = full(10, 10);
    const [f] = coverageOf(raster, gridOf(raster, utm(33), northUp(499_950, 5_500_000, 10))).features;
    expect(f!.areaM2! / 10_000).toBeCloseTo(1 / 0.9996 ** 2, 6);
  });
});

const transforms = {
  'north up': northUp(500_000, 5_000_000, 10),
  'south up': { a: 10, b: 0, c: 500_000, d: 0, e: 10, f: 5_000_000 },
  'east to west': { a: -10, b: 0, c: 500_000, d: 0, e: -10, f: 5_000_000 },
  'turned by 30 degrees': { a: 8.66, b: 5, c: 500_000, d: 5, e: -8.66, f: 5_000_000 },
  'turned by a quarter': { a: 0, b: 10, c: 500_000, d: 10, e: 0, f: 5_000_000 },
  'turned and mirrored': { a: 7, b: -7, c: 500_000, d: 7, e: 7, f: 5_000_000 },
};

describe('rings on the ground', () => {
  it.each(Object.entries(transforms))('%s: valid, right-handed and paired', (_, transform) => {
    for (let seed = 0; seed < 60; seed++) {
      const raster = randomRaster(seed + 500, 12);
      const { features } = coverageOf(raster, gridOf(raster, utm(32), transform));
      const all = features.map((f) => toPolygons(f.geometry));
      expect(all.flatMap(checkPolygons), `seed ${seed}`).toEqual([]);
      expect(all.every((polygons) => polygons.length === 1)).toBe(true);
      if (!raster.classes.includes(NODATA_CLASS)) {
        // Only the frame has no partner: its edges once each.
        const frame = coverageOf(full(raster.width, raster.height), gridOf(raster, utm(32), transform))
          .features[0]!;
        const corners = new Set(unpairedEdges(all).flatMap((e) => [e.split(' ').slice(0, 2).join(' ')]));
        for (const [x, y] of toPolygons(frame.geometry)[0]![0]!) expect(corners.has(`${x} ${y}`)).toBe(true);
        expect(unpairedEdges(all).length).toBeLessThanOrEqual(2 * (raster.width + raster.height) + 8);
      }
    }
  });

  it('pixels of a centimetre get nine decimals and stay valid', () => {
    for (let seed = 0; seed < 40; seed++) {
      const raster = randomRaster(seed, 10);
      const transform = { a: 0.00866, b: 0.005, c: 500_000, d: 0.005, e: -0.00866, f: 5_000_000 };
      const { features } = coverageOf(raster, gridOf(raster, utm(32), transform));
      expect(features.flatMap((f) => checkPolygons(toPolygons(f.geometry)))).toEqual([]);
    }
  });

  it('have 7 decimals', () => {
    const raster = randomRaster(5, 20);
    const { features } = coverageOf(raster, gridOf(raster, utm(32), northUp(500_000, 5_000_000, 10)));
    for (const f of features)
      for (const v of f.geometry.coordinates) expect(v).toBe(Math.round(v * 1e7) / 1e7);
  });

  it('long borders follow the grid: extra points, shared by both sides', () => {
    const width = 3000;
    const raster: Raster = { width, height: 2, classes: new Uint8Array(2 * width).fill(1, width) };
    const { features } = coverageOf(raster, gridOf(raster, utm(32), northUp(500_000, 7_500_000, 30)));
    const [north, south] = features.map((f) => toPolygons(f.geometry));
    expect(north![0]![0]!.length).toBeGreaterThan(10);
    const shared = new Set(north![0]![0]!.map(String));
    expect(south![0]![0]!.filter((p) => shared.has(String(p))).length).toBeGreaterThan(5);
    // 90 km to the east of the central meridian a parallel and a grid line are apart by hundreds of metres: the outline
    // must be within a tenth of a pixel of the true one, so its area is within 0.2 pixels times its length.
    expect(Math.abs(features[0]!.areaM2! / geodesicArea([north![0]!], 0.001) - 1)).toBeLessThan(1e-4);
    expect(features[0]!.areaM2! / (width * 900)).toBeCloseTo(features[1]!.areaM2! / (width * 900), 4);
  });

  it('pixel corners with y = -row where there is no georeferencing', () => {
    const raster = rasterOf('00', '01');
    const { features } = coverageOf(raster, gridOf(raster, null, null));
    expect(toPolygons(features.find((f) => f.classId === 1)!.geometry)).toEqual([
      [
        [
          [1, -1],
          [1, -2],
          [2, -2],
          [2, -1],
          [1, -1],
        ],
      ],
    ]);
    expect(features.map((f) => f.areaM2)).toEqual([null, null]);
    for (let seed = 0; seed < 50; seed++) {
      const random = randomRaster(seed, 12);
      const all = coverageOf(random, gridOf(random, null, null)).features.map((f) => toPolygons(f.geometry));
      expect(all.flatMap(checkPolygons)).toEqual([]);
    }
  });
});

describe('the antimeridian', () => {
  /** Twice the area of polygons on the plane of longitude and latitude. */
  const planeArea = (polygons: Polygons) =>
    polygons.flat().reduce((sum, ring) => {
      let s = 0;
      for (let i = 0; i + 1 < ring.length; i++)
        s += ring[i]![0] * ring[i + 1]![1] - ring[i + 1]![0] * ring[i]![1];
      return sum + s / 2;
    }, 0);

  it.each([
    ['on a pixel border', 177],
    ['within pixels', 176.4],
    ['in a raster that counts from 0 to 360', 177],
    ['in a raster that counts below -180', 177 - 360],
  ])('cuts faces into valid polygons %s', (_, west) => {
    for (let seed = 0; seed < 120; seed++) {
      const raster = randomRaster(seed, 9);
      const { features } = coverageOf(raster, gridOf(raster, LONLAT, northUp(west, 12, 1)));
      for (const f of features) {
        const polygons = toPolygons(f.geometry);
        expect(checkPolygons(polygons), `seed ${seed} face ${f.id}`).toEqual([]);
        expect(planeArea(polygons)).toBeCloseTo(f.pixelCount, 5);
        for (const [x] of polygons.flat(2)) expect(Math.abs(x)).toBeLessThanOrEqual(180);
        // No polygon reaches from one side of the world to the other.
        for (const shell of polygons.map((p) => p[0]!)) {
          const xs = shell.map(([x]) => x);
          expect(Math.max(...xs) - Math.min(...xs)).toBeLessThan(10);
        }
      }
    }
  });

  it('gives both sides of the cut the same latitudes', () => {
    const raster = rasterOf('0000', '0110', '0000');
    const { features } = coverageOf(raster, gridOf(raster, LONLAT, northUp(178.25, 2, 1)));
    for (const f of features) {
      const points = toPolygons(f.geometry).flat(2);
      const at = (x: number) => [...new Set(points.filter((p) => p[0] === x).map((p) => p[1]))].sort();
      expect(at(180).length).toBeGreaterThan(1);
      expect(at(180)).toEqual(at(-180));
    }
  });

  it('leaves a raster that ends at 180 in one piece', () => {
    const raster = full(36, 18);
    const [f] = coverageOf(raster, gridOf(raster, LONLAT, northUp(-180, 90, 10))).features;
    expect(toPolygons(f!.geometry)).toEqual([
      [
        [
          [-180, 90],
          [-180, -90],
          [180, -90],
          [180, 90],
          [-180, 90],
        ],
      ],
    ]);
  });

  it.each([
    ['UTM zone 60', utm(60), northUp(640_000, 7_000_000, 2000)],
    [
      'UTM zone 1 south, turned',
      utm(1, true),
      { a: 1800, b: 900, c: 215_000, d: 900, e: -1800, f: 6_000_000 },
    ],
    [
      'polar stereographic beside the pole',
      projected('+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=0 +datum=WGS84'),
      northUp(-9_000, -800_000, 2000),
    ],
  ])('cuts projected faces: %s', (_, crs, transform) => {
    let cuts = 0;
    for (let seed = 0; seed < 100; seed++) {
      const raster = randomRaster(seed, 14);
      const { features } = coverageOf(raster, gridOf(raster, crs, transform));
      for (const f of features) {
        const polygons = toPolygons(f.geometry);
        if (polygons.length > 1) cuts++;
        expect(checkPolygons(polygons), `seed ${seed} face ${f.id}`).toEqual([]);
        expect(Math.abs(geodesicArea(polygons, 0.01) / f.areaM2! - 1)).toBeLessThan(1e-4);
      }
    }
    expect(cuts).toBeGreaterThan(20);
  });

  const arctic = projected('+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +datum=WGS84');
  const antarctic = projected('+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=0 +datum=WGS84');
  it.each([
    ['north, within a pixel', arctic, 0.5, 0.5],
    ['north, on a corner', arctic, 0, 0],
    ['north, on an upright border', arctic, 0, 0.5],
    ['south, within a pixel', antarctic, 0.31, 0.31],
    ['south, on a corner', antarctic, 0, 0],
    ['south, on a level border', antarctic, 0.5, 0],
  ])('covers the pole: %s', (_, crs, offsetX, offsetY) => {
    const pixel = 25_000;
    const whole = 12;
    const transform = northUp((-whole / 2 + offsetX) * pixel, (whole / 2 - offsetY) * pixel, pixel);
    const disc = full(whole, whole);
    const cap = coverageOf(disc, gridOf(disc, crs, transform)).features[0]!;
    for (let seed = 0; seed < 15; seed++) {
      const small = randomRaster(seed, 4);
      // The same random pixels again and again, so that the pole falls into all kinds of faces.
      const raster: Raster = {
        width: whole,
        height: whole,
        classes: Uint8Array.from({ length: whole * whole }, (_, p) => {
          const [x, y] = [p % whole, Math.floor(p / whole)];
          return small.classes[(y % small.height) * small.width + (x % small.width)]! % 4;
        }),
      };
      const { features } = coverageOf(raster, gridOf(raster, crs, transform));
      for (const f of features) {
        const polygons = toPolygons(f.geometry);
        expect(checkPolygons(polygons), `seed ${seed} face ${f.id}`).toEqual([]);
        const area = geodesicArea(polygons, 0.1);
        expect(Math.abs(area / f.areaM2! - 1), `seed ${seed} face ${f.id}: ${area} ${f.areaM2}`).toBeLessThan(
          1e-3,
        );
      }
      expect(Math.abs(sumAreas(features) / cap.areaM2! - 1)).toBeLessThan(1e-9);
    }
  });

  const arctic3995 = projected('+proj=stere +lat_0=90 +lat_ts=71 +lon_0=0 +datum=WGS84', 3995);
  it.each([
    ['the pole at its centre', arctic3995, 48, 45, -48 * 2, 45 * 2],
    ['the pole within a pixel', arctic3995, 48, 45, -48 * 2 + 1.3, 45 * 2 - 1.7],
    ['beside the pole', arctic3995, 40, 30, 1500, 2500],
    ['beside the south pole', antarctic, 40, 30, -5000, 2500],
  ])('draws a scene that lies within a few kilometres of a pole: %s', (_, crs, width, height, x, y) => {
    const pixel = 4;
    const transform = northUp(x, y, pixel);
    const classes = Uint8Array.from({ length: width * height }, (_, p) => {
      const [column, row] = [p % width, Math.floor(p / width)];
      return (Math.floor(column / 7) + Math.floor(row / 5) * 3) % 4;
    });
    const { features } = coverageOf(
      { width, height, classes },
      gridOf({ width, height, classes }, crs, transform),
    );
    expect(features.length).toBeGreaterThan(10);
    for (const f of features) {
      const polygons = toPolygons(f.geometry);
      expect(checkPolygons(polygons), `face ${f.id}`).toEqual([]);
      const area = geodesicArea(polygons, 1);
      expect(Math.abs(area / f.areaM2! - 1), `face ${f.id}: ${area} ${f.areaM2}`).toBeLessThan(1e-3);
      // On the ground, all faces are as much larger than on the map as the projection's scale has it. Borders next to
      // the pole bulge by up to a tenth of a pixel.
      const scale = f.areaM2! / (f.pixelCount * pixel * pixel);
      expect(Math.abs(scale / SCALE_AT_POLE - 1), `face ${f.id}`).toBeLessThan(0.03);
    }
    const scale = sumAreas(features) / (width * height * pixel * pixel);
    expect(Math.abs(scale / SCALE_AT_POLE - 1)).toBeLessThan(2e-3);
  });

  it('says so where the pixels round a pole are too few to tell their direction', () => {
    const tiny = full(2, 2);
    expect(() => coverageOf(tiny, gridOf(tiny, arctic3995, northUp(-4, 4, 4)))).toThrow(
      expect.objectContaining({
        tag: 'UnsupportedError',
        message: expect.stringMatching(/too near a pole.*--no-vector/),
      }),
    );
  });
});

/** Ground over map area at the pole of a polar stereographic map that is true at 71 degrees: (2 / (1 + sin 71))^2. */
const SCALE_AT_POLE = (2 / (1 + Math.sin((71 * Math.PI) / 180))) ** 2;
