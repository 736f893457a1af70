import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testPython } from '../support/python.ts';
import { writeClassNoise } from './class-noise.ts';
import {
  chosenRasters,
  median,
  option,
  printDetail,
  printRow,
  type Run,
  ratios,
  runGdal,
  runOurs,
  runRasterio,
  values,
} from './turns.ts';

/**
 * Polygonizing side by side with GDALPolygonize, run by run in turns, each in a process of its own:
 *
 *     npm run build && npx tsx test/bench/polygonize.ts [--rounds N] [--only NAME] [--size N] [--limit SECONDS]
 *         [--python PYTHON] [--newest PYTHON]
 *
 * `--size 20000` takes rasters of that many pixels a side. `--python` names an interpreter whose `osgeo` is the GDAL to compare
 * with; `--newest` one with rasterio, whose wheel brings a newer GDAL (the tests' own environment unless told; left out where
 * it is missing). GDAL stores its polygons in a memory layer, Frustum counts them; GDAL's block cache has 64 MB, and
 * rasterio's gets the whole raster as an array, which its memory shows.
 *
 * Prints a table of ratios of medians, GDAL : Frustum, and all values on the other stream. Nothing is asserted, for the machine
 * decides.
 */
const rounds = Number(option('--rounds') ?? 3);
const python = option('--python') ?? '/usr/bin/python3';
const newest = option('--newest') ?? testPython;
const withNewest = existsSync(newest);

const folder = mkdtempSync(join(tmpdir(), 'frustum-bench-'));
try {
  printRow([
    'classes',
    'pixels',
    'polygons',
    'traced in',
    'memory',
    'GDAL / ours: wall / CPU / memory',
    'newest GDAL / ours',
  ]);
  printRow(Array(7).fill('---'));
  for (const spec of chosenRasters()) {
    const raster = join(folder, 'classes.raw');
    writeClassNoise(raster, spec);
    const ours: Run[] = [];
    const gdal: Run[] = [];
    const latest: Run[] = [];
    for (let round = 0; round < rounds; round++) {
      const turns = [
        () => ours.push(runOurs(raster, spec)),
        () => gdal.push(runGdal(python, raster)),
        ...(withNewest ? [() => latest.push(runRasterio(newest, raster))] : []),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.reverse()) turn();
    }
    const counted = gdal[0]!.polygons;
    if (counted !== -1 && counted !== ours[0]!.polygons) {
      printDetail(`differ: GDAL ${counted} polygons, Frustum ${ours[0]!.polygons}`);
    }
    printRow([
      spec.name,
      `${spec.width} x ${spec.height}`,
      `${ours[0]!.polygons}`,
      `${median(ours, 'wallS').toFixed(2)} s`,
      `${median(ours, 'rssMB').toFixed(0)} MB`,
      ratios(gdal, ours),
      withNewest ? ratios(latest, ours) : '',
    ]);
    printDetail(`  Frustum ${values(ours)}`);
    printDetail(`  GDAL ${gdal[0]!.version} ${values(gdal)}`);
    if (withNewest) printDetail(`  GDAL ${latest[0]!.version} (rasterio) ${values(latest)}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
