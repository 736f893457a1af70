import { describe, expect, it } from 'vitest';
import { NODATA_CLASS } from '../../src/core/classes.ts';
import type { CoverageGraph } from '../../src/vectorize/coverage-graph.ts';
import { listDiagonals } from '../../src/vectorize/diagonals.ts';
import { joinLines } from '../../src/vectorize/join-lines.ts';
import { mergeRegions } from '../../src/vectorize/merge-regions.ts';
import { sieveFaces } from '../../src/vectorize/sieve.ts';
import { drawSievedRows } from '../../src/vectorize/sieved-rows.ts';
import { createGraphTracer } from '../../src/vectorize/trace-graph.ts';
import { floodFill, type Raster, randomRaster, rasterOf, seeded } from './oracle.ts';
import { type SieveOracleOptions, sieveOracle } from './sieve-oracle.ts';

function graphOf(raster: Raster, weights?: readonly number[]): CoverageGraph {
  const tracer = createGraphTracer({
    width: raster.width,
    ...(weights && { weights: Float64Array.from(weights) }),
  });
  tracer.pushRows(raster.classes, null, raster.height);
  return tracer.finish();
}

/** The class raster after our sieve. */
function sieve(raster: Raster, options: SieveOracleOptions): Uint8Array {
  const { minPixels, connectedness = 4, affinity, weights } = options;
  const graph = graphOf(raster, weights);
  const diagonals = connectedness === 8 ? listDiagonals(graph) : new Int32Array(0);
  const classes = sieveFaces(graph, { minSize: minPixels, diagonals, ...(affinity && { affinity }) });
  const regions = mergeRegions(graph, classes, diagonals);
  const rows = [...drawSievedRows(joinLines(graph, regions), regions)].length;
  expect(rows).toBe(raster.height);
  const out = new Uint8Array(raster.classes.length);
  let at = 0;
  for (const row of drawSievedRows(joinLines(graph, regions), regions)) {
    out.set(row, at);
    at += raster.width;
  }
  return out;
}

const show = (classes: Uint8Array, width: number): string[] =>
  Array.from({ length: classes.length / width }, (_, y) =>
    Array.from(classes.subarray(y * width, (y + 1) * width), (c) => (c === NODATA_CLASS ? '.' : c)).join(''),
  );

describe('the sieve', () => {
  it.each<[string, Omit<SieveOracleOptions, 'weights' | 'clusterKey'>, boolean]>([
    ['4-connected', { minPixels: 5 }, false],
    ['8-connected', { minPixels: 5, connectedness: 8 }, false],
    ['everything below the minimum', { minPixels: 1000 }, false],
    ['rows of different weight', { minPixels: 11 }, true],
    ['with affinities', { minPixels: 6, affinity: (from, to) => [1, 5, 0, 2][(from + 2 * to) % 4]! }, false],
    [
      'with affinities, 8-connected',
      { minPixels: 6, connectedness: 8, affinity: (from, to) => ((from + to) % 3) + 0.5 },
      false,
    ],
  ])('equals its definition: %s', (_, options, weighted) => {
    for (let seed = 0; seed < 250; seed++) {
      const raster = randomRaster(seed, 13);
      const weights = weighted ? Array.from({ length: raster.height }, (_, y) => 1 + (y % 4)) : undefined;
      const all = { ...options, ...(weights && { weights }) };
      const expected = show(sieveOracle(raster, all), raster.width);
      expect(show(sieve(raster, all), raster.width), `seed ${seed}`).toEqual(expected);
    }
  });

  it('gives the same whatever the order in which clusters are decided', () => {
    for (let seed = 0; seed < 120; seed++) {
      const raster = randomRaster(seed + 400, 15);
      const random = seeded(seed);
      const keys = Array.from({ length: 400 }, () => random());
      for (const connectedness of [4, 8] as const) {
        const options = { minPixels: 4, connectedness };
        const scrambled = sieveOracle(raster, { ...options, clusterKey: (cluster) => keys[cluster]! });
        expect(show(sieve(raster, options), raster.width), `seed ${seed}`).toEqual(
          show(scrambled, raster.width),
        );
      }
    }
  });

  it('leaves no area below the minimum but islands in nodata, and nodata as it was', () => {
    for (let seed = 0; seed < 200; seed++) {
      const raster = randomRaster(seed, 40);
      const classes = sieve(raster, { minPixels: 9 });
      classes.forEach((c, p) => {
        if ((c === NODATA_CLASS) !== (raster.classes[p] === NODATA_CLASS))
          expect.fail(`seed ${seed} pixel ${p}`);
      });
      const component = floodFill({ ...raster, classes });
      const sizes = new Map<number, number>();
      for (const c of component) sizes.set(c, (sizes.get(c) ?? 0) + 1);
      component.forEach((c, p) => {
        if (classes[p] === NODATA_CLASS || sizes.get(c)! >= 9) return;
        for (const q of [p - raster.width, p + raster.width, p % raster.width ? p - 1 : -1]) {
          if (q < 0 || q >= classes.length || component[q] === c) continue;
          if (classes[q] !== NODATA_CLASS)
            expect.fail(`seed ${seed}: area ${c} is small and has a neighbour`);
        }
      });
    }
  });

  it('takes the lower class in a tie, and the longest border otherwise', () => {
    expect(show(sieve(rasterOf('11022', '11022'), { minPixels: 3 }), 5)).toEqual(['11122', '11122']);
    expect(show(sieve(rasterOf('11022', '11122'), { minPixels: 2 }), 5)).toEqual(['11122', '11122']);
    expect(show(sieve(rasterOf('11022', '12222'), { minPixels: 2 }), 5)).toEqual(['11222', '12222']);
  });
});
