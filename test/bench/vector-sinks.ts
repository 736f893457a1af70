import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type NoiseSpec, writeClassNoise } from './class-noise.ts';

/**
 * Polygonizing into files, side by side with GDAL, run by run in turns, each in a process of its own:
 *
 *     npx tsx test/bench/vector-sinks.ts [--rounds N] [--only NAME] [--python PYTHON]
 *
 * `--python` names an interpreter whose `osgeo` is the GDAL to compare with. FlatGeobuf is written with its index and
 * GeoPackage with its R-tree by both; Frustum writes ten attributes and GDAL one; GeoParquet is Frustum's alone. Prints
 * medians and the ratios GDAL : Frustum; nothing is asserted, for the machine decides.
 */
const CASES: readonly NoiseSpec[] = [
  { name: 'smooth, 6 classes', width: 7200, height: 6800, kinds: 6, cell: 50, speckle: 0 },
  { name: 'smooth, 1 % speckle', width: 7200, height: 6800, kinds: 6, cell: 50, speckle: 0.01 },
];
const FORMATS = ['fgb', 'gpkg', 'geojsonl', 'parquet'] as const;

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
const only = option('--only');
const print = (line: string) => process.stdout.write(`${line}\n`);

const run = (command: string, args: readonly string[]): Run =>
  JSON.parse(execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 20 }));
const median = (runs: readonly Run[], field: 'wallS' | 'cpuS' | 'rssMB') =>
  runs.map((r) => r[field]).sort((p, q) => p - q)[Math.floor(runs.length / 2)]!;

const folder = mkdtempSync(join(tmpdir(), 'frustum-bench-'));
try {
  for (const spec of CASES.filter((c) => only === undefined || c.name.includes(only))) {
    const raster = join(folder, 'classes.raw');
    writeClassNoise(raster, spec);
    for (const format of FORMATS) {
      const runs: Record<'ours' | 'gdal', Run[]> = { ours: [], gdal: [] };
      const sizes = { ours: 0, gdal: 0 };
      for (let round = 0; round < rounds; round++) {
        for (const who of round % 2 === 0 ? (['ours', 'gdal'] as const) : (['gdal', 'ours'] as const)) {
          if (who === 'gdal' && format === 'parquet') continue;
          const out = join(folder, `${who}.${format}`);
          const size = [String(spec.width), String(spec.height)];
          runs[who].push(
            who === 'ours'
              ? run(process.execPath, ['--import', 'tsx', here('./polygonize-ours.ts'), raster, ...size, out])
              : run(python, [here('./polygonize-gdal.py'), raster, out]),
          );
          sizes[who] = statSync(out).size / 1e6;
          rmSync(out);
        }
      }
      const version = runs.gdal[0]?.version ?? 'without it';
      print(
        `${spec.name}, ${spec.width} x ${spec.height}, ${runs.ours[0]!.polygons} polygons, .${format}; GDAL ${version}`,
      );
      for (const field of ['wallS', 'cpuS', 'rssMB'] as const) {
        const all = (list: readonly Run[]) => list.map((r) => r[field].toFixed(2)).join(' ');
        const ratio =
          runs.gdal.length === 0
            ? ''
            : `  ratio ${(median(runs.gdal, field) / median(runs.ours, field)).toFixed(2)}`;
        print(`  ${field.padEnd(6)} Frustum ${all(runs.ours)}  GDAL ${all(runs.gdal)}${ratio}`);
      }
      print(`  file   Frustum ${sizes.ours.toFixed(1)} MB  GDAL ${sizes.gdal.toFixed(1)} MB`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
