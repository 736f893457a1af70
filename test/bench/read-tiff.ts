import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Reading GeoTIFFs side by side with GDAL, run by run in turns, each in a process of its own:
 *
 *     npm run build && npx tsx test/bench/read-tiff.ts [--rounds N] [--only NAME] [--size WxH] [--keep FOLDER] [--python PYTHON]
 *
 * Files are made with GDAL, the bytes of each whole scene are compared first. `whole` is all pixels in one call; `windows` are
 * 200 windows of 512 x 512 at random places, one after the other. GDAL reads with its defaults (one thread) and with
 * GDAL_NUM_THREADS=ALL_CPUS; its block cache gets as much memory as Frustum's (256 MB). Prints medians and the
 * ratio Frustum : GDAL of wall time, of the medians and of the best runs (which others on the machine disturbed least), below 1
 * where Frustum is faster; nothing is asserted, for the machine decides.
 */
interface Run {
  readonly wallS: number;
  readonly cpuS: number;
  readonly rssMB: number;
  readonly version?: string;
  readonly sha256?: string;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const option = (name: string) => {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
};
const rounds = Number(option('--rounds') ?? 3);
const python = option('--python') ?? '/usr/bin/python3';
const only = option('--only') ?? '';
const [width, height] = (option('--size') ?? '7200x6800').split('x').map(Number) as [number, number];
const print = (line: string) => process.stdout.write(`${line}\n`);

const folder = option('--keep') ?? mkdtempSync(join(tmpdir(), 'frustum-bench-'));
const windowsPath = join(folder, 'windows.json');

function call(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  return execFileSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 20,
    env: { ...process.env, GDAL_CACHEMAX: '256', ...env },
  });
}
const theirs = (file: string, how: readonly string[], threads: string): Run =>
  JSON.parse(
    call(python, [here('./read-tiff-gdal.py'), 'read', file, ...how], { GDAL_NUM_THREADS: threads }),
  );
const ours = (file: string, how: readonly string[]): Run =>
  JSON.parse(call(process.execPath, [here('./read-tiff-ours.js'), here('../../dist'), file, ...how]));

const RUNNERS = {
  frustum: ours,
  gdal: (file: string, how: readonly string[]) => theirs(file, how, '1'),
  gdalAll: (file: string, how: readonly string[]) => theirs(file, how, 'ALL_CPUS'),
} as const;
type Who = keyof typeof RUNNERS;

const median = (runs: readonly Run[], field: 'wallS' | 'cpuS' | 'rssMB') =>
  runs.map((run) => run[field]).sort((p, q) => p - q)[Math.floor(runs.length / 2)]!;

/** Windows at places that are the same in every run. */
function randomWindows(): number[][] {
  let state = 20;
  const next = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: 200 }, () => [next(width - 512), next(height - 512), 512, 512]);
}

try {
  const files: Record<string, string> = JSON.parse(
    call(python, [here('./read-tiff-gdal.py'), 'make', folder, String(width), String(height)]),
  );
  writeFileSync(windowsPath, JSON.stringify(randomWindows()));
  print(
    `${width} x ${height}, ${rounds} rounds, ${availableParallelism()} processors, load ${loadavg()[0]!.toFixed(1)}`,
  );
  print(
    'file              read     frustum s (cpu)  gdal s (cpu)    gdal all s    : gdal  best  : gdal all  best  MB ours/gdal',
  );
  for (const [name, file] of Object.entries(files).filter(([key]) => key.includes(only))) {
    if (ours(file, ['hash']).sha256 !== theirs(file, ['hash'], '1').sha256)
      throw new Error(`${name}: pixels differ`);
    for (const how of [['whole'], ['windows', windowsPath]]) {
      const runs: Record<Who, Run[]> = { frustum: [], gdal: [], gdalAll: [] };
      for (let round = 0; round < rounds; round++) {
        const order = Object.keys(RUNNERS) as Who[];
        for (const who of round % 2 === 0 ? order : order.reverse()) runs[who].push(RUNNERS[who](file, how));
      }
      const wall = (who: Who) => median(runs[who], 'wallS');
      const both = (who: Who) => `${wall(who).toFixed(2)} (${median(runs[who], 'cpuS').toFixed(2)})`;
      const times = `${both('frustum').padEnd(17)}${both('gdal').padEnd(16)}${wall('gdalAll').toFixed(2).padEnd(14)}`;
      const best = (who: Who) => Math.min(...runs[who].map((run) => run.wallS));
      const ratio = (who: Who) =>
        `${(wall('frustum') / wall(who)).toFixed(2)}    ${(best('frustum') / best(who)).toFixed(2)}`;
      const memory = `${median(runs.frustum, 'rssMB').toFixed(0)}/${median(runs.gdal, 'rssMB').toFixed(0)}`;
      print(
        `${name.padEnd(18)}${how[0]!.padEnd(9)}${times}${ratio('gdal').padEnd(14)}${ratio('gdalAll').padEnd(18)}${memory}`,
      );
    }
  }
} finally {
  if (option('--keep') === undefined) rmSync(folder, { recursive: true });
}
