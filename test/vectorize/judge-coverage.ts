import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { CoverageGeometry } from '../../src/core/coverage.ts';
import { testPython } from '../support/python.ts';
import { toPolygons } from './check-geometry.ts';

export interface GeoJsonGeometry {
  readonly type: string;
  readonly coordinates: unknown;
}

/** A coverage for GEOS to judge. */
export interface Case {
  readonly name: string;
  readonly geometries: readonly (CoverageGeometry | GeoJsonGeometry)[];
  /** What the union must be, if that is known. */
  readonly box: readonly [number, number, number, number] | null;
}

/** What GEOS, through shapely, has to say against coverages: invalid polygons, unmatched or crossing edges, gaps, overlaps. */
export function judgeCoverages(cases: readonly Case[]): { polygons: number; complaints: string[] } {
  const input = cases
    .map(({ name, geometries, box }) =>
      JSON.stringify({
        name,
        box,
        geometries: geometries.map((g) =>
          'type' in g ? g : { type: 'MultiPolygon', coordinates: toPolygons(g) },
        ),
      }),
    )
    .join('\n');
  const output = execFileSync(testPython, [resolve('test/vectorize/check-coverage.py')], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const answers = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string; polygons: number; complaints: string[] });
  if (answers.length !== cases.length) throw new Error(`${answers.length} answers to ${cases.length} cases`);
  return {
    polygons: answers.reduce((n, a) => n + a.polygons, 0),
    complaints: answers.flatMap((a) => a.complaints.map((c) => `${a.name}: ${c}`)),
  };
}
