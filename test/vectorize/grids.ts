import type { Affine } from '../../src/core/affine.ts';
import type { LandCoverClass } from '../../src/core/classes.ts';
import type { CoverageFeature } from '../../src/core/coverage.ts';
import type { Crs } from '../../src/core/crs.ts';
import type { Grid } from '../../src/core/grid.ts';
import { type CoverageSummary, createCoverageTracer } from '../../src/vectorize/trace-coverage.ts';
import type { Raster } from './oracle.ts';

export const LONLAT: Crs = {
  kind: 'geographic',
  epsg: 4326,
  name: 'WGS 84',
  proj4: '+proj=longlat +datum=WGS84 +no_defs',
  metresPerUnit: null,
  geoKeys: null,
};

export function projected(proj4: string, epsg: number | null = null): Crs {
  return { kind: 'projected', epsg, name: proj4, proj4, metresPerUnit: 1, geoKeys: null };
}

export const utm = (zone: number, south = false): Crs =>
  projected(`+proj=utm +zone=${zone}${south ? ' +south' : ''} +datum=WGS84 +units=m +no_defs`);

/** North up, square pixels, from a top-left corner. */
export const northUp = (x: number, y: number, pixel: number): Affine => ({
  a: pixel,
  b: 0,
  c: x,
  d: 0,
  e: -pixel,
  f: y,
});

export const gridOf = (raster: Raster, crs: Crs | null, transform: Affine | null): Grid => ({
  width: raster.width,
  height: raster.height,
  crs,
  transform,
});

export const CLASSES: readonly LandCoverClass[] = [
  { id: 0, name: 'forest', color: '#117733' },
  { id: 1, name: 'water', color: '#3366aa' },
  { id: 2, name: 'caf\u00e9 "built-up"', color: '#cc6677' },
  { id: 3, name: 'meadow', color: '#ddcc77' },
];

/** All features of a raster. */
export function coverageOf(
  raster: Raster,
  grid: Grid,
  confidence: Uint8Array | null = null,
): { features: CoverageFeature[]; summary: CoverageSummary } {
  const features: CoverageFeature[] = [];
  const tracer = createCoverageTracer({ grid, classes: CLASSES, onFeature: (f) => features.push(f) });
  tracer.pushRows(raster.classes, confidence, raster.height);
  return { features, summary: tracer.finish() };
}
