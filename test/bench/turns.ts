import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { NoiseSpec } from './class-noise.ts';

/** What one run in a process of its own took. */
export interface Run {
  readonly polygons: number;
  readonly wallS: number;
  readonly cpuS: number;
  readonly rssMB: number;
  readonly version?: string;
}

const KINDS: readonly NoiseSpec[] = [
  { name: '6, smooth', width: 7200, height: 6800, kinds: 6, cell: 50, speckle: 0 },
  { name: '25, smooth', width: 7200, height: 6800, kinds: 25, cell: 50, speckle: 0 },
  { name: '6, 1 % speckle', width: 7200, height: 6800, kinds: 6, cell: 50, speckle: 0.01 },
  { name: '3, pure noise', width: 2000, height: 2000, kinds: 3, cell: 1, speckle: 0 },
];

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** The value of a flag of the command line. */
export function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
}

/** The rasters to compare on: all of 7200 x 6800, or with `--size N` those of N x N; `--only TEXT` picks by name. */
export function chosenRasters(): NoiseSpec[] {
  const size = Number(option('--size') ?? 0);
  const only = option('--only') ?? '';
  return KINDS.filter(({ name, cell }) => name.includes(only) && (size === 0 || cell > 1)).map((spec) =>
    size === 0 ? spec : { ...spec, width: size, height: size },
  );
}

/** One run of Frustum as it is built, into a file unless `output` is left out. */
export function runOurs(raster: string, { width, height }: NoiseSpec, output?: string): Run {
  if (!existsSync(here('../../dist/index.js'))) throw new Error('nothing is built yet: npm run build');
  const target = output === undefined ? [] : [output];
  return run(process.execPath, [here('./polygonize-ours.js'), raster, `${width}`, `${height}`, ...target]);
}

/** One run of the GDAL that this Python has. */
export function runGdal(python: string, raster: string, output?: string): Run {
  return run(python, [here('./polygonize-gdal.py'), raster, ...(output === undefined ? [] : [output])]);
}

/** One run of the GDAL that rasterio brings. */
export function runRasterio(python: string, raster: string): Run {
  return run(python, [here('./polygonize-rasterio.py'), raster]);
}

/** Seconds after which a run is given up: `--limit`, ten minutes unless told. */
const limitS = Number(option('--limit') ?? 600);

function run(command: string, args: readonly string[]): Run {
  try {
    const output = execFileSync(command, args, {
      encoding: 'utf8',
      maxBuffer: 1 << 20,
      timeout: 1000 * limitS,
    });
    return JSON.parse(output);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ETIMEDOUT') throw error;
    printDetail(`given up after ${limitS} s: ${command} ${args.join(' ')}`);
    return { polygons: -1, version: 'given up', wallS: limitS, cpuS: Number.NaN, rssMB: Number.NaN };
  }
}

/** The middle one of the runs' values. */
export function median(runs: readonly Run[], field: 'wallS' | 'cpuS' | 'rssMB'): number {
  return runs.map((r) => r[field]).sort((p, q) => p - q)[Math.floor(runs.length / 2)]!;
}

/** What theirs took for each unit of ours, e.g. `4.1 / 4.0 / 1.3`: wall time, CPU time, peak memory. */
export function ratios(theirs: readonly Run[], ours: readonly Run[]): string {
  const of = (field: 'wallS' | 'cpuS' | 'rssMB') => median(theirs, field) / median(ours, field);
  if (theirs.some(({ cpuS }) => Number.isNaN(cpuS))) {
    return `over ${of('wallS').toFixed(1)}, given up`;
  }
  return `${of('wallS').toFixed(1)} / ${of('cpuS').toFixed(1)} / ${of('rssMB').toFixed(2)}`;
}

/** All values of some runs, e.g. `wall 1.2 1.3 s, CPU 0.9 0.9 s, memory 91 92 MB`. */
export function values(runs: readonly Run[]): string {
  const all = (field: 'wallS' | 'cpuS' | 'rssMB', digits: number) =>
    runs.map((r) => r[field].toFixed(digits)).join(' ');
  return `wall ${all('wallS', 2)} s, CPU ${all('cpuS', 2)} s, memory ${all('rssMB', 0)} MB`;
}

/** A line of a table for people and for Markdown. */
export function printRow(cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

/** Details, beside the table on the other stream. */
export function printDetail(line: string): void {
  process.stderr.write(`${line}\n`);
}
