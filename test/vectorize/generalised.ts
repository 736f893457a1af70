import type { CoverageFeature, CoverageSpace } from '../../src/core/coverage.ts';
import type { Grid } from '../../src/core/grid.ts';
import type { Generalisation } from '../../src/vectorize/generalisation.ts';
import { createCoverageGeneraliser } from '../../src/vectorize/generalise-coverage.ts';
import type { CoverageSummary } from '../../src/vectorize/trace-coverage.ts';
import { CLASSES } from './grids.ts';
import type { Raster } from './oracle.ts';

/** All features of a generalised raster, the sieved raster, and what happened. */
export function generalised(
  raster: Raster,
  grid: Grid,
  generalisation: Generalisation,
  options: {
    readonly confidence?: Uint8Array;
    readonly rowsEach?: number;
    readonly space?: CoverageSpace;
  } = {},
): { features: CoverageFeature[]; summary: CoverageSummary; sieved: Uint8Array } {
  const { confidence = null, rowsEach = raster.height, space } = options;
  const spaces = space && { spaces: [space] };
  const generaliser = createCoverageGeneraliser({ grid, classes: CLASSES, generalisation, ...spaces });
  for (let y = 0; y < raster.height; y += rowsEach) {
    const from = y * raster.width;
    generaliser.pushRows(
      raster.classes.subarray(from),
      confidence?.subarray(from) ?? null,
      Math.min(rowsEach, raster.height - y),
    );
  }
  const coverage = generaliser.finish();
  const features = [...coverage.features()].map(([feature]) => feature!);
  const sieved = new Uint8Array(raster.classes.length);
  let at = 0;
  for (const row of coverage.rows()) {
    sieved.set(row, at);
    at += row.length;
  }
  return { features, summary: coverage.summary(), sieved };
}
