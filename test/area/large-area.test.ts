import { describe, expect, it } from 'vitest';
import type { LonLatArea } from '../../src/area/lon-lat-area.ts';
import { placeArea } from '../../src/area/place-area.ts';
import { applyAffine } from '../../src/core/affine.ts';
import { createProjector } from '../../src/vectorize/reproject.ts';
import { gridOf, utm } from './grids.ts';

describe('areas of large scenes', () => {
  it('take memory by their outline, not by their pixels', () => {
    const side = 50_000;
    const grid = gridOf(utm(50), 300_000, 4_400_000, 1, side, side);
    const project = createProjector(grid.crs!);
    // A star of 40,000 corners that covers most of the scene.
    const corners = 40_000;
    const ring = new Float64Array((corners + 1) * 2);
    for (let i = 0; i < corners; i++) {
      const angle = (2 * Math.PI * i) / corners;
      const radius = side * (i % 2 === 0 ? 0.49 : 0.48);
      const at = [side / 2 + radius * Math.cos(angle), side / 2 + radius * Math.sin(angle)] as const;
      ring.set(project(...applyAffine(grid.transform!, ...at)), 2 * i);
    }
    ring.copyWithin(2 * corners, 0, 2);
    const area: LonLatArea = { polygons: [{ rings: [ring] }] };
    const before = process.memoryUsage();
    const placed = placeArea(area, { grid, url: 'scene.tif', source: '--aoi a.geojson' });
    const after = process.memoryUsage();
    // A mask of this scene is 2.5 GB, one bit a pixel still 312 MB.
    const grown =
      after.heapUsed +
      after.external +
      after.arrayBuffers -
      before.heapUsed -
      before.external -
      before.arrayBuffers;
    expect(grown).toBeLessThan(64 * 1024 * 1024);
    // The area of a star: half the product of neighbouring radii and the sine of the angle between them, a corner.
    const exact = (corners / 2) * 0.49 * 0.48 * side * side * Math.sin((2 * Math.PI) / corners);
    expect(Math.abs(placed.pixelCount / exact - 1)).toBeLessThan(1e-5);
  });
});
