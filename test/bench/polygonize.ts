import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testPython } from '../support/python.ts';
import { type NoiseSpec, writeClassNoise } from './class-noise.ts';

/**
 * Polygonizing side by side with GDALPolygonize, run by run in turns, each in a process of its own:
 *
 *     npx tsx test/bench/polygonize.ts [--rounds N] [--only NAME] [--large] [--python PYTHON] [--newest PYTHON]
 *
 * `--python` names an interpreter whose `osgeo` is the GDAL to compare with; `--newest` one with rasterio, whose wheel brings
 * a newer GDAL (the tests' own environment unless told; left out where it is missing). That one gets the whole raster as an
 * array, which its memory shows. Prints medians and the ratios
 * GDAL : Frustum; nothing is asserted, for the machine decides.
 */
const CASES: readonly NoiseSpec[] = [
  { name: 'smooth, 6 classes', width: 7200, height: 6800, kinds: 6, cell: 50, speckle: 0 },
  { name: 'smooth, 25 classes', width: 7200, height: 6800, kinds: 25, cell: 50, speckle: 0 },
  { name: 'smooth, 1 % speckle', width: 7200, height: 6800, kinds: 6, cell: 50, speckle: 0.01 },
  { name: 'pure noise, 3 classes', width: 2000, height: 2000, kinds: 3, cell: 1, speckle: 0 },
];
const LARGE: NoiseSpec = {
  name: 'large, 6 classes',
  width: 20_000,
  height: 20_000,
  kinds: 6,
  cell: 50,
  speckle: 0,
};

interface Run {
  readonly polygons: number;
  readonly wallS: number;
  readonly cpuS: number;
  readonly rssMB: number;
  readonly version?: string;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const option = (name: string) => {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
};
const rounds = Number(option('--rounds') ?? 3);
const python = option('--python') ?? '/usr/bin/python3';
const newest = option('--newest') ?? testPython;
const only = option('--only');
const print = (line: string) => process.stdout.write(`${line}\n`);

const run = (command: string, args: readonly string[]): Run =>
  JSON.parse(execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 20 }));
const median = (runs: readonly Run[], field: 'wallS' | 'cpuS' | 'rssMB') =>
  runs.map((r) => r[field]).sort((p, q) => p - q)[Math.floor(runs.length / 2)]!;

const folder = mkdtempSync(join(tmpdir(), 'frustum-bench-'));
try {
  const cases = [...CASES, ...(process.argv.includes('--large') ? [LARGE] : [])];
  for (const spec of cases.filter((c) => only === undefined || c.name.includes(only))) {
    const raster = join(folder, 'classes.raw');
    writeClassNoise(raster, spec);
    for (const sink of ['counting / memory layer', 'newline-delimited GeoJSON']) {
      const file = sink.startsWith('newline');
      const ours: Run[] = [];
      const theirs: Run[] = [];
      const latest: Run[] = [];
      const sizes: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const turns = ['ours', 'gdal', ...(!file && existsSync(newest) ? ['newest'] : [])];
        for (const who of round % 2 === 0 ? turns : turns.reverse()) {
          if (who === 'newest') {
            latest.push(run(newest, [here('./polygonize-rasterio.py'), raster]));
            continue;
          }
          const out = join(folder, `${who}.geojsonl`);
          const target = file ? [out] : [];
          if (who === 'ours') {
            const size = [String(spec.width), String(spec.height)];
            const script = here('./polygonize-ours.ts');
            ours.push(run(process.execPath, ['--import', 'tsx', script, raster, ...size, ...target]));
          } else {
            theirs.push(run(python, [here('./polygonize-gdal.py'), raster, ...target]));
          }
          if (file) {
            sizes.push(statSync(out).size / 1e6);
            rmSync(out);
          }
        }
      }
      const gdal = theirs[0]!;
      if (!file && gdal.polygons !== ours[0]!.polygons) {
        print(`differ: GDAL ${gdal.polygons} polygons, Frustum ${ours[0]!.polygons}`);
      }
      print(
        `${spec.name}, ${spec.width} x ${spec.height}, ${ours[0]!.polygons} polygons, ${sink}; GDAL ${gdal.version}`,
      );
      for (const field of ['wallS', 'cpuS', 'rssMB'] as const) {
        const [a, b] = [median(ours, field), median(theirs, field)];
        const all = (runs: readonly Run[]) => runs.map((r) => r[field].toFixed(2)).join(' ');
        print(`  ${field.padEnd(6)} Frustum ${all(ours)}  GDAL ${all(theirs)}  ratio ${(b / a).toFixed(2)}`);
        if (latest.length === 0) continue;
        const c = median(latest, field);
        print(`         GDAL ${latest[0]!.version} (rasterio) ${all(latest)}  ratio ${(c / a).toFixed(2)}`);
      }
      if (file) print(`  files of ${Math.min(...sizes).toFixed(1)} to ${Math.max(...sizes).toFixed(1)} MB`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
