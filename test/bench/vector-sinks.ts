import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  values,
} from './turns.ts';

/**
 * Polygonizing into files, side by side with GDAL, run by run in turns, each in a process of its own:
 *
 *     npm run build && npx tsx test/bench/vector-sinks.ts [--rounds N] [--only NAME] [--size N] [--limit SECONDS]
 *         [--formats fgb,gpkg,geojsonl,parquet] [--python PYTHON]
 *
 * `--size 20000` takes rasters of that many pixels a side. `--python` names an interpreter whose `osgeo` is the GDAL to compare
 * with; its block cache has 64 MB. FlatGeobuf is written with its index and GeoPackage with its R-tree by both; Frustum
 * writes ten attributes and GDAL one; Frustum's files are on the disk when the clock stops. GeoParquet is Frustum's alone.
 *
 * Prints a table of ratios of medians, GDAL : Frustum, and all values on the other stream. Nothing is asserted, for the machine
 * decides.
 */
const rounds = Number(option('--rounds') ?? 3);
const python = option('--python') ?? '/usr/bin/python3';
const formats = (option('--formats') ?? 'fgb,gpkg,geojsonl,parquet').split(',');

const folder = mkdtempSync(join(tmpdir(), 'frustum-bench-'));
const sizeOf = (path: string) => {
  const { size } = statSync(path);
  rmSync(path);
  return `${(size / 1e6).toFixed(0)} MB`;
};
try {
  printRow([
    'classes',
    'pixels',
    'polygons',
    'format',
    'written in',
    'memory',
    'GDAL / ours: wall / CPU / memory',
    'files',
  ]);
  printRow(Array(8).fill('---'));
  for (const spec of chosenRasters()) {
    const raster = join(folder, 'classes.raw');
    writeClassNoise(raster, spec);
    for (const format of formats) {
      const withGdal = format !== 'parquet';
      const ours: Run[] = [];
      const gdal: Run[] = [];
      const files = { gdal: '-', ours: '' };
      const turns = [
        () => {
          const out = join(folder, `ours.${format}`);
          ours.push(runOurs(raster, spec, out));
          files.ours = sizeOf(out);
        },
        () => {
          const out = join(folder, `gdal.${format}`);
          gdal.push(runGdal(python, raster, out));
          files.gdal = sizeOf(out);
        },
      ].slice(0, withGdal ? 2 : 1);
      for (let round = 0; round < rounds; round++) {
        for (const turn of round % 2 === 0 ? turns : turns.toReversed()) turn();
      }
      printRow([
        spec.name,
        `${spec.width} x ${spec.height}`,
        `${ours[0]!.polygons}`,
        `.${format}`,
        `${median(ours, 'wallS').toFixed(2)} s`,
        `${median(ours, 'rssMB').toFixed(0)} MB`,
        withGdal ? ratios(gdal, ours) : '',
        `${files.gdal} / ${files.ours}`,
      ]);
      printDetail(`  Frustum ${values(ours)}`);
      if (withGdal) printDetail(`  GDAL ${gdal[0]!.version} ${values(gdal)}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
