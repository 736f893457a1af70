import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fromFile } from 'geotiff';
import { describe, expect, it } from 'vitest';
import { NODATA_CLASS } from '../../src/core/classes.ts';
import { needTool } from '../support/need-tool.ts';
import { toPolygons } from './check-geometry.ts';
import { coverageOf, gridOf } from './grids.ts';
import { checkTrace, floodFill, type Raster, traceAll } from './oracle.ts';

/** A file of the shared scenes and data. */
export const sharedFile = (name: string): string => join(resolve('../shared'), name);

/** The first band of a class raster, its codes packed into 0..254 where they do not fit a byte. */
export async function readClasses(path: string): Promise<Raster & { codes: number[] }> {
  const file = await fromFile(path);
  const image = await file.getImage();
  const values = (await image.readRasters({ interleave: true })) as unknown as ArrayLike<number>;
  await file.close();
  const nodata = image.getGDALNoData();
  const codes = [...new Set(Array.from(values))].filter((v) => v !== nodata).sort((p, q) => p - q);
  expect(codes.length).toBeLessThan(255);
  const index = new Map(codes.map((code, i) => [code, i]));
  const classes = Uint8Array.from(values, (v) => index.get(v) ?? NODATA_CLASS);
  return { width: image.getWidth(), height: image.getHeight(), classes, codes };
}

/** The middle of a raster, at most `size` pixels a side. */
function cropMiddle(
  { width, height, classes }: Raster,
  size: number,
): { raster: Raster; left: number; top: number } {
  const [w, h] = [Math.min(size, width), Math.min(size, height)];
  const [left, top] = [Math.floor((width - w) / 2), Math.floor((height - h) / 2)];
  const crop = new Uint8Array(w * h);
  for (let y = 0; y < h; y++) crop.set(classes.subarray((top + y) * width + left).subarray(0, w), y * w);
  return { raster: { width: w, height: h, classes: crop }, left, top };
}

/** Traces real rasters and compares with a flood fill. */
export function describeFaces(names: readonly string[]): void {
  describe.each(names)('%s', (name) => {
    const path = sharedFile(name);

    it('gives the faces of a flood fill, pixel for pixel', async () => {
      const raster = await readClasses(path);
      const component = floodFill(raster);
      const sizes = new Map<number, number>();
      component.forEach((c, p) => {
        if (raster.classes[p] !== NODATA_CLASS) sizes.set(c, (sizes.get(c) ?? 0) + 1);
      });
      const { faces, counts } = traceAll(raster, null, [17]);
      expect(new Map(faces.map((f) => [f.id, f.pixelCount]))).toEqual(sizes);
      expect(counts.validPixels).toBe(raster.classes.filter((c) => c !== NODATA_CLASS).length);
    });

    it('holds in every detail on a crop', async () => {
      expect(checkTrace(cropMiddle(await readClasses(path), 120).raster)).toEqual([]);
    });
  });
}

/** A ring without its collinear points, from its least point on, in one direction: equal for equal outlines. */
function canonical(ring: readonly (readonly [number, number])[]): string {
  const open = ring.slice(0, -1);
  const corners = open.filter(([x, y], i) => {
    const [px, py] = open.at(i - 1)!;
    const [nx, ny] = open[(i + 1) % open.length]!;
    return (x - px) * (ny - y) !== (y - py) * (nx - x);
  });
  let area = 0;
  corners.forEach(([x, y], i) => {
    const [nx, ny] = corners[(i + 1) % corners.length]!;
    area += x * ny - nx * y;
  });
  if (area < 0) corners.reverse();
  let start = 0;
  corners.forEach(([x, y], i) => {
    const [sx, sy] = corners[start]!;
    if (y < sy || (y === sy && x < sx)) start = i;
  });
  return [...corners.slice(start), ...corners.slice(0, start)].join(' ');
}

/** A polygon as text, without regard to the order of its rings. */
function polygonKey(code: number, rings: readonly (readonly (readonly [number, number])[])[]): string {
  return `${code}: ${rings.map(canonical).sort().join(' | ')}`;
}

/** Compares the polygons of real rasters, or of their middles of `size` pixels a side, with gdal_polygonize's. */
export function describeAgainstGdal(names: readonly string[], size = Number.POSITIVE_INFINITY): void {
  describe.skipIf(!needTool('gdal-python'))('gdal_polygonize', () => {
    it.each(names)('gives the same set of polygons: %s', async (name) => {
      const source = sharedFile(name);
      const folder = mkdtempSync(join(tmpdir(), 'frustum-gdal-'));
      const { codes, ...whole } = await readClasses(source);
      const { raster, left, top } = cropMiddle(whole, size);
      const out = join(folder, 'gdal.geojson');
      // On a plane with a pixel a unit, so that coordinates are whole numbers: column, -row.
      const bare = join(folder, 'bare.tif');
      execFileSync('gdal_translate', [
        '-q',
        '-a_srs',
        'EPSG:3857',
        '-srcwin',
        ...[left, top, raster.width, raster.height].map(String),
        '-a_ullr',
        '0',
        '0',
        `${raster.width}`,
        `${-raster.height}`,
        source,
        bare,
      ]);
      execFileSync('gdal_polygonize.py', ['-q', bare, '-f', 'GeoJSON', out, 'out', 'code'], {
        stdio: 'pipe',
      });
      const { features } = JSON.parse(readFileSync(out, 'utf8')) as {
        features: { properties: { code: number }; geometry: { coordinates: [number, number][][] } }[];
      };
      rmSync(folder, { recursive: true });
      const theirs = features.map(({ properties, geometry }) =>
        polygonKey(properties.code, geometry.coordinates),
      );
      const ours = coverageOf(raster, gridOf(raster, null, null)).features.map((f) =>
        polygonKey(codes[f.classId]!, toPolygons(f.geometry)[0]!),
      );
      const missing = new Set(theirs);
      for (const key of ours) missing.delete(key);
      const extra = new Set(ours);
      for (const key of theirs) extra.delete(key);
      expect([...missing].slice(0, 3)).toEqual([]);
      expect([...extra].slice(0, 3)).toEqual([]);
      expect(ours.length).toBe(theirs.length);
    });
  });
}
