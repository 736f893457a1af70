import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NODATA_CLASS } from '../../src/core/classes.ts';
import type { CoverageGraph } from '../../src/vectorize/coverage-graph.ts';
import { type Generalisation, planGeneralisation } from '../../src/vectorize/generalisation.ts';
import { createCoverageGeneraliser, generaliseGraph } from '../../src/vectorize/generalise-coverage.ts';
import { SUBPIXELS } from '../../src/vectorize/line-shapes.ts';
import { createFaceShaper } from '../../src/vectorize/shape-face.ts';
import { createGraphTracer } from '../../src/vectorize/trace-graph.ts';
import { needPython } from '../support/python.ts';
import { checkPolygons, toPolygons, unpairedEdges } from './check-geometry.ts';
import { generalised } from './generalised.ts';
import { CLASSES, coverageOf, gridOf } from './grids.ts';
import { hostileRasters } from './hostile-rasters.ts';
import { type Case, judgeCoverages } from './judge-coverage.ts';
import { type Raster, randomRaster } from './oracle.ts';
import { scrambleGraph } from './scramble-graph.ts';

const inPixels = (raster: Raster) => gridOf(raster, null, null);

const SETTINGS: readonly (readonly [string, Generalisation])[] = [
  ['dp 0.8', { simplify: { method: 'dp', toleranceM: 0.8 } }],
  ['dp 3', { simplify: { method: 'dp', toleranceM: 3 } }],
  ['dp 1000', { simplify: { method: 'dp', toleranceM: 1000 } }],
  ['vw 1', { simplify: { method: 'vw', toleranceM: 1 } }],
  ['vw 3', { simplify: { method: 'vw', toleranceM: 3 } }],
  ['vw 1000', { simplify: { method: 'vw', toleranceM: 1000 } }],
  ['smooth', { smooth: 2 }],
  ['vw 2, smooth', { simplify: { method: 'vw', toleranceM: 2 }, smooth: 4 }],
  ['dp 1000, smooth', { simplify: { method: 'dp', toleranceM: 1000 }, smooth: 1 }],
  ['mmu 6', { mmu: { pixels: 6 } }],
  ['mmu 20, dp 2', { mmu: { pixels: 20 }, simplify: { method: 'dp', toleranceM: 2 } }],
  ['8-connected', { connectedness: 8 }],
  [
    '8-connected, mmu 6, vw 2, smooth',
    { connectedness: 8, mmu: { pixels: 6 }, simplify: { method: 'vw', toleranceM: 2 }, smooth: 2 },
  ],
];

describe('a coverage without generalisation of its borders', () => {
  it('is the streamed one, point for point', () => {
    for (let seed = 0; seed < 400; seed++) {
      const raster = randomRaster(seed, 24);
      const confidence = Uint8Array.from(raster.classes, (_, p) => (p * 37) % 256);
      const streamed = coverageOf(raster, inPixels(raster), confidence).features;
      streamed.sort((p, q) => p.id - q.id);
      const { features, sieved } = generalised(raster, inPixels(raster), {}, { confidence });
      expect(features).toEqual(streamed);
      expect(sieved).toEqual(raster.classes);
    }
  });
});

describe('generalised coverages', () => {
  it('are valid and paired, by exact arithmetic on small rasters', () => {
    for (let seed = 0; seed < 120; seed++) {
      const raster = randomRaster(seed + 5000, 11);
      if (raster.classes.includes(NODATA_CLASS)) continue;
      for (const [name, how] of SETTINGS) {
        const { features, summary } = generalised(raster, inPixels(raster), how);
        const polygons = features.map((f) => toPolygons(f.geometry));
        const wrong = polygons.flatMap(checkPolygons);
        // Only the frame's edges are walked once.
        const inner = unpairedEdges(polygons).filter((edge) => !onFrame(edge, raster));
        if (wrong.length + inner.length > 0)
          expect.fail(`seed ${seed}, ${name}: ${[...wrong, ...inner].join('; ')}`);
        expect(features.reduce((n, f) => n + f.pixelCount, 0)).toBe(summary.validPixels);
      }
    }
  });

  it('keep every corner of the raster', () => {
    for (const [, how] of SETTINGS) {
      const raster = randomRaster(3, 30);
      const solid = { ...raster, classes: raster.classes.map((c) => (c === NODATA_CLASS ? 0 : c)) };
      const points = new Set(
        generalised(solid, inPixels(solid), how).features.flatMap((f) =>
          toPolygons(f.geometry).flat(2).map(String),
        ),
      );
      for (const corner of [
        `0,0`,
        `${raster.width},0`,
        `0,${-raster.height}`,
        `${raster.width},${-raster.height}`,
      ])
        expect(points).toContain(corner);
    }
  });

  it('are the same however rows are chunked', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(...SETTINGS),
        (seed, rowsEach, [, how]) => {
          const raster = randomRaster(seed, 24);
          const grid = inPixels(raster);
          expect(generalised(raster, grid, how, { rowsEach })).toEqual(generalised(raster, grid, how));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('the same features', () => {
  it('whatever the order, direction and start of the arcs', () => {
    for (const [name, raster] of hostileRasters()) {
      const tracer = createGraphTracer({ width: raster.width });
      tracer.pushRows(raster.classes, null, raster.height);
      const graph = tracer.finish();
      const grid = inPixels(raster);
      for (const [setting, generalisation] of SETTINGS) {
        const plan = planGeneralisation(grid, generalisation);
        const scale = generalisation.simplify !== undefined || generalisation.smooth ? SUBPIXELS : 1;
        const shape = createFaceShaper(grid, [{ kind: 'pixel' }], scale);
        const featuresOf = (g: CoverageGraph) => [
          ...generaliseGraph(g, { grid, classes: CLASSES, generalisation }, plan, shape).features(),
        ];
        const expected = featuresOf(graph);
        for (const seed of [1, 2]) {
          const same = isDeepStrictEqual(featuresOf(scrambleGraph(graph, seed)), expected);
          expect(same, `${name}, ${setting}, seed ${seed}`).toBe(true);
        }
      }
    }
  });
});

describe('memory', () => {
  it('beyond its limit is refused while rows come in, by name', () => {
    const raster = {
      width: 100,
      height: 100,
      classes: Uint8Array.from({ length: 10_000 }, (_, p) => (p * 7919) % 3),
    };
    const generaliser = (maxGraphBytes: number) =>
      createCoverageGeneraliser({
        grid: inPixels(raster),
        classes: CLASSES,
        generalisation: { smooth: 1, maxGraphBytes },
      });
    expect(() => generaliser(2 ** 16).pushRows(raster.classes, null, 50)).toThrow(
      expect.objectContaining({ tag: 'UnsupportedError', message: expect.stringMatching(/--graph-memory/) }),
    );
    expect(() => generaliser(2 ** 24).pushRows(raster.classes, null, 100)).not.toThrow();
  });
});

function onFrame(edge: string, { width, height }: Raster): boolean {
  const [ax, ay, bx, by] = edge.split(' ').map(Number);
  return (ax === bx && (ax === 0 || ax === width)) || (ay === by && (Math.abs(ay!) === 0 || ay === -height));
}

describe.skipIf(!needPython('shapely'))('GEOS', () => {
  it('finds every generalised coverage of hostile rasters valid, without gap or overlap', () => {
    const cases: Case[] = [];
    const random = Array.from({ length: 60 }, (_, i) => [`random ${i}`, randomRaster(i + 900, 30)] as const);
    for (const [name, raster] of [...hostileRasters(), ...random]) {
      const solid = !raster.classes.includes(NODATA_CLASS);
      for (const [setting, how] of [['as traced', {}] as const, ...SETTINGS]) {
        cases.push({
          name: `${name}, ${setting}`,
          geometries: generalised(raster, inPixels(raster), how).features.map((f) => f.geometry),
          box: solid ? [0, -raster.height, raster.width, 0] : null,
        });
      }
    }
    const { polygons, complaints } = judgeCoverages(cases);
    expect(complaints).toEqual([]);
    expect(polygons).toBeGreaterThan(20_000);
  });
});
