import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { option } from './turns.ts';

/**
 * Whether memory is flat: drawn scenes of one width and several heights are mapped with all outputs, and the resident
 * memory of all processes is looked at every 100 ms (Linux: /proc). The curve is by tenths of each run.
 *
 *     npm run build && npx tsx test/bench/memory.ts [--size 7200x6800,7200x68000] [--memory MiB] [--model NAME]
 *         [--threads N] [--dir FOLDER]
 *
 * Windows lie side by side, and nine of them share their context windows: that saves time and changes little of what is
 * held. The scenes are made first; in `--dir` they stay and are found again. A declared budget gives both runs the same
 * caches: without one, the higher scene fills a cache that the lower one does not.
 */
const sizes = (option('--size') ?? '7200x6800,7200x68000').split(',');
const memory = option('--memory') ?? '800';
const model = option('--model') ?? 'sfrnet-mini-synth';
const threads = option('--threads') ?? '2';
const kept = option('--dir');
const dir = kept === undefined ? await mkdtemp(join(tmpdir(), 'frustum-bench-memory-')) : resolve(kept);
const EVERY_MS = 100;
const MIB = 2 ** 20;

/** Resident MiB: of the process that reads and writes, and of those that it started. */
interface Sample {
  readonly own: number;
  readonly network: number;
}

interface Watched {
  readonly samples: readonly Sample[];
  readonly wallS: number;
  /** User and system seconds of all processes, up to the last look. */
  readonly cpuS: number;
}

const print = (line: string) => process.stdout.write(`${line}\n`);

/** Runs the command line as it is built and watches its processes. */
async function watch(...args: readonly string[]): Promise<Watched> {
  const started = performance.now();
  const child = spawn(resolve('bin/frustum.js'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const words: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words.push(text);
    if (words.length > 20) words.shift();
  });
  const samples: Sample[] = [];
  const cpu = new Map<number, number>();
  const timer = setInterval(() => {
    const ids = [child.pid!, ...descendants(child.pid!)];
    const [own = 0, ...others] = ids.map(residentMiB);
    if (own > 0) samples.push({ own, network: others.reduce((sum, mib) => sum + mib, 0) });
    for (const id of ids) cpu.set(id, cpuSeconds(id) ?? cpu.get(id) ?? 0);
  }, EVERY_MS);
  const code = await new Promise<number | null>((done) => child.once('close', done));
  clearInterval(timer);
  if (code !== 0) throw new Error(`frustum ${args[0]} ended with ${code}: ${words.join('').slice(-2000)}`);
  const cpuS = [...cpu.values()].reduce((sum, seconds) => sum + seconds, 0);
  return { samples, wallS: (performance.now() - started) / 1000, cpuS };
}

/** Processes that a process started, and those that they did. */
function descendants(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
        .split(' ')
        .filter(Boolean)
        .flatMap((child) => [Number(child), ...descendants(Number(child))]),
    );
  } catch {
    // It has ended.
    return [];
  }
}

function residentMiB(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

function cpuSeconds(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    // Linux counts in hundredths whatever the machine.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return null;
  }
}

/** Peaks of each tenth of a run, of all processes together. */
function tenths(samples: readonly Sample[]): number[] {
  return Array.from({ length: 10 }, (_, i) =>
    peak(
      samples.slice(Math.floor((i * samples.length) / 10), Math.floor(((i + 1) * samples.length) / 10)),
      ({ own, network }) => own + network,
    ),
  );
}

function peak(samples: readonly Sample[], of: (sample: Sample) => number): number {
  return samples.reduce((most, sample) => Math.max(most, of(sample)), 0);
}

async function makeScene(size: string): Promise<string> {
  const out = join(dir, `scene-${size}`);
  const scene = join(out, 'scene.tif');
  // `synth.json` is written last.
  if (existsSync(join(out, 'synth.json'))) return scene;
  const made = await watch('synth', '--size', size, '--seed', '7', '--out', out);
  const mib = Math.round(peak(made.samples, ({ own }) => own));
  print(`| drawing ${size} | ${mib} | | ${mib} | ${made.cpuS.toFixed(0)} | ${made.wallS.toFixed(0)} | | |`);
  return scene;
}

print(`${model}, --memory ${memory}, ${threads} threads, load ${loadavg()[0]!.toFixed(1)}\n`);
print(
  '| run | reads and writes, MiB | network, MiB | together, MiB | CPU s | wall s | polygons | output, MB |',
);
print('|---|---|---|---|---|---|---|---|');
const curves: { size: string; curve: number[] }[] = [];
for (const size of sizes) {
  const scene = await makeScene(size);
  const out = join(dir, `out-${size}`);
  rmSync(out, { recursive: true, force: true });
  const watched = await watch(
    ...['segment', scene, '--model', resolve('models', model), '--bands', '2,3,4', '--stretch', 'none'],
    ...[
      '--stride',
      String(windowOf(model)),
      '--share-context',
      '3',
      '--vector',
      'geojson',
      '--vector',
      'gpkg',
    ],
    ...['--memory', memory, '--threads', threads, '--out', out],
  );
  const run = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'));
  const { samples, wallS, cpuS } = watched;
  const [own, network, together] = [
    peak(samples, (sample) => sample.own),
    peak(samples, (sample) => sample.network),
    peak(samples, (sample) => sample.own + sample.network),
  ].map(Math.round);
  const outputMB = readdirSync(out).reduce((sum, file) => sum + statSync(join(out, file)).size, 0) / 1e6;
  print(
    `| mapping ${size} | ${own} | ${network} | ${together} | ${cpuS.toFixed(0)} | ${wallS.toFixed(0)} | ${run.counts.polygons} | ${outputMB.toFixed(0)} |`,
  );
  print(
    `  estimated ${Math.round(run.memory.estimatedBytes / MIB)} MiB, seen by the run itself ${Math.round(run.memory.peakBytes / MIB)} MiB`,
  );
  curves.push({ size, curve: tenths(samples) });
}
print('\nPeaks by tenths of the run, MiB:\n');
for (const { size, curve } of curves) print(`${size.padStart(12)}  ${curve.map(Math.round).join('  ')}`);
const [first, last] = [curves[0]!, curves.at(-1)!];
print(
  `\n${last.size} / ${first.size}: ${(Math.max(...last.curve) / Math.max(...first.curve)).toFixed(3)} times the memory`,
);
if (kept === undefined) rmSync(dir, { recursive: true, force: true });

function windowOf(name: string): number {
  return JSON.parse(readFileSync(resolve('models', name, 'manifest.json'), 'utf8')).window;
}
