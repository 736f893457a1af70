import { booleanPointInPolygon } from '@turf/turf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boxArea, type LonLatArea } from '../../src/area/lon-lat-area.ts';
import { placeArea } from '../../src/area/place-area.ts';
import { applyAffine } from '../../src/core/affine.ts';
import { ConfigError } from '../../src/core/errors.ts';
import type { Grid } from '../../src/core/grid.ts';
import { createProjector } from '../../src/vectorize/reproject.ts';
import { count, gridOf, MERCATOR, maskOf, POLAR, utm, WGS84 } from './grids.ts';

const place = (area: LonLatArea, grid: Grid) =>
  placeArea(area, { grid, url: 'scene.tif', source: '--aoi a.geojson' });

type Ring = [number, number][];

const area = (...polygons: Ring[][]): LonLatArea => ({
  polygons: polygons.map((rings) => ({
    rings: rings.map((ring) => Float64Array.from([...ring, ring[0]!].flat())),
  })),
});

/** What GeoJSON says of each pixel centre: an oracle that shares no code. */
function maskByTurf({ polygons }: LonLatArea, grid: Grid): Uint8Array {
  const shapes = polygons.map(({ rings }) => ({
    type: 'Polygon' as const,
    coordinates: rings.map((ring) =>
      Array.from({ length: ring.length / 2 }, (_, i) => [ring[2 * i]!, ring[2 * i + 1]!]),
    ),
  }));
  const project = createProjector(grid.crs!);
  return Uint8Array.from({ length: grid.width * grid.height }, (_, i) => {
    const column = (i % grid.width) + 0.5;
    const row = Math.floor(i / grid.width) + 0.5;
    const at = project(...applyAffine(grid.transform!, column, row));
    return shapes.some((shape) => booleanPointInPolygon(at, shape)) ? 1 : 0;
  });
}

const UTM = gridOf(utm(21), 300_000, 4_400_000, 1000, 60, 50);
const DEGREES = gridOf(WGS84, 10, 50, 0.01, 60, 50);
const TURNED: Grid = { ...UTM, transform: { a: 800, b: 500, c: 300_000, d: 500, e: -800, f: 4_400_000 } };
const MIRRORED: Grid = { ...UTM, transform: { a: 1000, b: 0, c: 300_000, d: 0, e: 1000, f: 4_350_000 } };

/** A place of the grid, in shares of its sides, as longitude and latitude. */
function placeIn(grid: Grid, u: number, v: number): [number, number] {
  return createProjector(grid.crs!)(...applyAffine(grid.transform!, u * grid.width, v * grid.height));
}

const shares = fc.double({ min: -0.4, max: 1.4, noNaN: true });
const positions = fc.array(fc.tuple(shares, shares), { minLength: 3, maxLength: 9 });

describe('placeArea', () => {
  it.each([
    ['UTM', UTM],
    ['degrees', DEGREES],
    ['turned', TURNED],
    ['mirrored', MIRRORED],
  ])('holds the pixels whose centres lie inside: %s', (_, grid) => {
    fc.assert(
      fc.property(
        fc.array(fc.array(positions, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 3 }),
        (polygons) => {
          // Shapes of any kind, also such that cross themselves: inside is what an odd number of windings is round.
          const wanted = area(
            ...polygons.map((rings) => rings.map((ring) => ring.map(([u, v]) => placeIn(grid, u, v)))),
          );
          const expected = evenOddMask(wanted, grid);
          if (count(expected) === 0) {
            expect(() => place(wanted, grid)).toThrow(/no pixel of scene.tif/);
            return;
          }
          const placed = place(wanted, grid);
          const mask = maskOf(placed, grid);
          expect(placed.pixelCount).toBe(count(mask));
          // Centres within a thousandth of a pixel of an outline may go either way.
          const differing = mask.reduce((n, v, i) => n + (v === expected[i] ? 0 : 1), 0);
          expect(differing).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('agrees with turf on a polygon with a hole, and one beside it', () => {
    const ring = (...shares: [number, number][]): Ring => shares.map(([u, v]) => placeIn(UTM, u, v));
    const wanted = area(
      [ring([0.1, 0.1], [0.8, 0.05], [0.9, 0.9], [0.15, 0.7]), ring([0.3, 0.3], [0.5, 0.35], [0.4, 0.6])],
      [ring([0.85, 0.1], [0.99, 0.1], [0.95, 0.5])],
    );
    expect(maskOf(place(wanted, UTM), UTM)).toEqual(maskByTurf(wanted, UTM));
  });

  /** A side that lies beyond all pixel centres is refused: then the other must hold every pixel. */
  const maskOrNone = (side: LonLatArea, grid: Grid) => {
    try {
      return maskOf(place(side, grid), grid);
    } catch (error) {
      if (!(error instanceof ConfigError && error.message.includes('no pixel of scene.tif has its centre')))
        throw error;
      return new Uint8Array(grid.width * grid.height);
    }
  };

  it('parts of a partition hold each pixel once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(shares, shares), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        (inner, turned) => {
          const grid = turned ? TURNED : UTM;
          const at = (u: number, v: number) => placeIn(grid, u, v);
          // A line from top to bottom, and what lies left and right of it.
          const line = [
            at(0.5, -1),
            ...inner.map(([u, v]) => at(0.1 + 0.6 * u, v)).sort((p, q) => q[1] - p[1]),
            at(0.5, 2),
          ];
          const left = area([[...line, at(-2, 2), at(-2, -1)]]);
          const right = area([[...line.toReversed(), at(3, -1), at(3, 2)]]);
          const masks = [left, right].map((side) => maskOrNone(side, grid));
          const sums = masks[0]!.map((v, i) => v + masks[1]![i]!);
          expect(sums.every((v) => v === 1)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('boxes that share sides partition the pixels, also where pixel centres lie on them', () => {
    const total = new Uint8Array(DEGREES.width * DEGREES.height);
    const lons = [9, 10.005, 10.105, 10.3, 11];
    const lats = [49, 49.605, 49.755, 51];
    for (let i = 0; i + 1 < lons.length; i++) {
      for (let j = 0; j + 1 < lats.length; j++) {
        const part = maskOf(
          place(boxArea([lons[i]!, lats[j]!, lons[i + 1]!, lats[j + 1]!]), DEGREES),
          DEGREES,
        );
        for (let p = 0; p < total.length; p++) total[p]! += part[p]!;
      }
    }
    expect(total.every((v) => v === 1)).toBe(true);
  });

  it('follows edges that are straight in degrees where they bend in the scene', () => {
    // A parallel across a UTM zone bends by 20 pixels of 100 m.
    const grid = gridOf(utm(21), 250_000, 6_700_000, 100, 5000, 400);
    const [, lat] = placeIn(grid, 0.5, 0.5);
    const mask = maskOf(place(boxArea([-70, lat, -40, lat + 5]), grid), grid);
    const project = createProjector(grid.crs!);
    for (let column = 0; column < grid.width; column += 37) {
      let rows = 0;
      for (let row = 0; row < grid.height; row++) rows += mask[row * grid.width + column]!;
      const inside = (row: number) =>
        project(...applyAffine(grid.transform!, column + 0.5, row + 0.5))[1] > lat;
      expect(inside(rows - 1) && !inside(rows)).toBe(true);
    }
  });

  it('takes areas far larger than the scene', () => {
    for (const grid of [UTM, DEGREES, TURNED, gridOf(POLAR, -300_000, 300_000, 10_000, 60, 60)]) {
      for (const box of [
        [-180, -90, 180, 90],
        [-179, -80, 179, 90],
      ] as const) {
        const mask = maskOf(place(boxArea(box), grid), grid);
        const missing = mask.length - count(mask);
        // Of the scene at the pole, two degrees are left out.
        expect(missing).toBeLessThan(grid.crs === POLAR && box[0] === -179 ? 40 : 1);
      }
    }
  });

  it('knows the scene at a pole by longitude and latitude', () => {
    const grid = gridOf(POLAR, -300_000, 300_000, 10_000, 60, 60);
    const wanted = area([
      [
        [-180, 88.5],
        [180, 88.5],
        [180, 90],
        [-180, 90],
      ],
    ]);
    expect(maskOf(place(wanted, grid), grid)).toEqual(maskByTurf(wanted, grid));
    const quarter = area([
      [
        [-45, 80],
        [45, 80],
        [45, 90],
        [-45, 90],
      ],
    ]);
    const share = count(maskOf(place(quarter, grid), grid)) / (60 * 60);
    expect(Math.abs(share - 0.25)).toBeLessThan(0.02);
  });

  it('crosses the antimeridian, cut there or not, in any scene that does', () => {
    const grids = [
      gridOf(utm(60), 600_000, 1_000_000, 1000, 300, 100),
      gridOf(utm(1), 100_000, 1_000_000, 1000, 300, 100),
      gridOf(WGS84, 178, 10, 0.02, 200, 100),
      gridOf(WGS84, -182, 10, 0.02, 200, 100),
    ];
    const cut = area(
      [
        [
          [179, 8.4],
          [180, 8.4],
          [180, 8.9],
          [179, 8.9],
        ],
      ],
      [
        [
          [-180, 8.4],
          [-179.5, 8.4],
          [-179.5, 8.9],
          [-180, 8.9],
        ],
      ],
    );
    for (const grid of grids) {
      const whole = maskOf(place(boxArea([179, 8.4, -179.5, 8.9]), grid), grid);
      expect(Buffer.compare(maskOf(place(cut, grid), grid), whole)).toBe(0);
      const project = createProjector(grid.crs!);
      const expected = whole.map((_, i) => {
        const at = applyAffine(grid.transform!, (i % grid.width) + 0.5, Math.floor(i / grid.width) + 0.5);
        const [lon, lat] = project(...at);
        const east = lon < 0 ? lon + 360 : lon;
        return lat > 8.4 && lat < 8.9 && east > 179 && east < 180.5 ? 1 : 0;
      });
      expect(Buffer.compare(whole, expected)).toBe(0);
      expect(count(whole)).toBeGreaterThan(100);
    }
  });

  it('keeps the whole Earth in Mercator whole, and its halves halves', () => {
    const side = 20_037_508.342789244;
    const grid = gridOf(MERCATOR, -side, side, (2 * side) / 64, 64, 64);
    expect(count(maskOf(place(boxArea([-180, -90, 180, 90]), grid), grid))).toBe(64 * 64);
    expect(count(maskOf(place(boxArea([0, -90, 180, 90]), grid), grid))).toBe(32 * 64);
    expect(count(maskOf(place(boxArea([90, -90, -90, 90]), grid), grid))).toBe(32 * 64);
  });

  it('refuses an area that misses the scene, and names both extents', () => {
    const far = () => place(boxArea([100, 10, 101, 11]), DEGREES);
    expect(far).toThrow(
      /^--aoi a\.geojson: no pixel of scene\.tif .* spans 10 to 10\.6, 49\.5 to 50, the area 100 to 101, 10 to 11/,
    );
    expect(far).toThrow(expect.objectContaining({ tag: 'ConfigError', pointer: '--aoi' }));
    // Smaller than a pixel, between the centres.
    expect(() => place(boxArea([10.006, 49.5, 10.014, 50]), DEGREES)).toThrow(/no pixel/);
  });

  it('refuses scenes that have no place', () => {
    const box = boxArea([0, 0, 1, 1]);
    const nowhere: Grid = { width: 9, height: 9, transform: null, crs: null };
    expect(() => place(box, nowhere)).toThrow(/no georeferencing.*--bbox-px X0,Y0,X1,Y1/);
    expect(() => place(box, { ...UTM, crs: null })).toThrow(/no coordinate system/);
    expect(() => place(box, { ...UTM, transform: { a: 1, b: 1, c: 0, d: 1, e: 1, f: 0 } })).toThrow(
      /no usable transform/,
    );
    // Beyond the antimeridian in Mercator's own numbers: longitudes lead to the other end of the world.
    const beyond = gridOf(MERCATOR, 19_900_000, 0, 10_000, 64, 64);
    expect(() => place(box, beyond)).toThrow(expect.objectContaining({ tag: 'UnsupportedError' }));
  });
});

/** Even-odd over each polygon's rings, union over polygons, at pixel centres, from the definition. */
function evenOddMask({ polygons }: LonLatArea, grid: Grid): Uint8Array {
  const project = createProjector(grid.crs!);
  return Uint8Array.from({ length: grid.width * grid.height }, (_, i) => {
    const at = applyAffine(grid.transform!, (i % grid.width) + 0.5, Math.floor(i / grid.width) + 0.5);
    const [x, y] = project(...at);
    const inside = polygons.some(({ rings }) => {
      let odd = false;
      for (const ring of rings) {
        for (let k = 0; k + 3 < ring.length; k += 2) {
          const [x0, y0, x1, y1] = [ring[k]!, ring[k + 1]!, ring[k + 2]!, ring[k + 3]!];
          if (y0 > y !== y1 > y && x < x0 + ((y - y0) / (y1 - y0)) * (x1 - x0)) odd = !odd;
        }
      }
      return odd;
    });
    return inside ? 1 : 0;
  });
}
