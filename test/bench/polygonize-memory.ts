import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { crsFromEpsg } from '../../src/geotiff/epsg-crs.ts';
import { openLandcoverSink } from '../../src/sink/cog.ts';
import { type NoiseSpec, noiseRows } from './class-noise.ts';
import { option } from './turns.ts';

/**
 * What `frustum polygonize` holds beside what it says that it will, over drawn class maps (Linux: /proc):
 *
 *     npm run build && npx tsx test/bench/polygonize-memory.ts [--sizes 2000,7000] [--only TEXT] [--memory 3G] [--dir FOLDER]
 *
 * The peak is the kernel's own (VmHWM), looked up ten times a second, so that busy stretches count too. In `--dir` the maps
 * stay and are found again.
 */
const sizes = (option('--sizes') ?? '2000,7000').split(',').map(Number);
const only = option('--only') ?? '';
const memory = option('--memory');
const kept = option('--dir');
const dir = kept === undefined ? await mkdtemp(join(tmpdir(), 'frustum-bench-polygons-')) : resolve(kept);
const MIB = 2 ** 20;

const KINDS: readonly Omit<NoiseSpec, 'width' | 'height'>[] = [
  { name: 'smooth', kinds: 6, cell: 50, speckle: 0 },
  { name: 'speckle', kinds: 6, cell: 50, speckle: 0.01 },
  { name: 'noise', kinds: 3, cell: 2, speckle: 0 },
];
const WAYS: Readonly<Record<string, readonly string[]>> = {
  'as they are': ['.fgb'],
  'every format': ['.fgb', '.geojson', '.gpkg', '.parquet', '.pmtiles'],
  generalised: ['.fgb', '--mmu', '100px', '--simplify', 'vw:2', '--smooth', '2'],
  sieved: ['.gpkg', '--mmu', '50px', '--sieved', 'sieved.tif'],
};

async function draw({ name, ...spec }: NoiseSpec): Promise<string> {
  const path = join(dir, `${name}-${spec.width}.tif`);
  if (existsSync(path)) return path;
  const { width, height } = spec;
  const sink = await openLandcoverSink({
    path,
    grid: {
      width,
      height,
      transform: { a: 1, b: 0, c: 500_000, d: 0, e: -1, f: 4_500_000 },
      crs: await crsFromEpsg(32633),
    },
    classes: Array.from({ length: spec.kinds }, (_, id) => ({ id, name: `class ${id}`, color: '#808080' })),
  });
  const confidence = new Uint8Array(width);
  let y = 0;
  for (const classes of noiseRows({ name, ...spec })) {
    await sink.writeRows({ y: y++, rowCount: 1, classes, confidence });
  }
  await sink.close();
  return path;
}

function peakMiB(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

async function watch(raster: string, flags: readonly string[]): Promise<string> {
  const out = join(dir, 'out');
  rmSync(out, { recursive: true, force: true });
  const files = flags.filter((flag) => flag.startsWith('.')).map((ending) => join(out, `map${ending}`));
  const others = flags
    .filter((flag) => !flag.startsWith('.'))
    .map((flag) => (flag.endsWith('.tif') ? join(out, flag) : flag));
  const promise = memory === undefined ? [] : ['--memory', memory];
  const child = spawn(
    resolve('bin/frustum.js'),
    ['polygonize', raster, '--out', ...files, ...others, ...promise],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, peakMiB(child.pid!));
  }, 100);
  const code = await new Promise<number | null>((done) => child.once('close', done));
  clearInterval(timer);
  const last = JSON.parse(words.trim().split('\n').at(-1)!);
  if (code !== 0) return `ended with ${code}, peak ${Math.round(peak)} MiB: ${last.message}`;
  const estimated = last.estimatedMemoryBytes / MIB;
  return `${Math.round(estimated)} | ${Math.round(peak)} | ${(peak / estimated).toFixed(2)} | ${last.polygons}`;
}

process.stdout.write(
  `load ${loadavg()[0]!.toFixed(1)}\n\n| map | polygons | estimated, MiB | seen | part | written |\n|---|---|---|---|---|---|\n`,
);
for (const size of sizes) {
  for (const kind of KINDS) {
    for (const [way, flags] of Object.entries(WAYS)) {
      const name = `${kind.name} ${size}`;
      if (!`${name}, ${way}`.includes(only)) continue;
      const raster = await draw({ ...kind, width: size, height: size });
      process.stdout.write(`| ${name} | ${way} | ${await watch(raster, flags)} |\n`);
    }
  }
}
if (kept === undefined) rmSync(dir, { recursive: true, force: true });
