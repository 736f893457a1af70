import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { planFrusta } from '../../src/frustum/plan.ts';
import { quantizeModel } from '../../src/index.ts';
import { measureParts, measurePeak, type PartName } from './inference-parts.ts';
import { compareMaps, type InferenceSetup, type MapDifference, prepareInference } from './inference-setup.ts';

/**
 * SFR-Net in PyTorch, run in the published way, beside Frustum: the same weights (seeded) and the same drawn scene.
 *
 *     npm run build && npx tsx test/bench/inference.ts [--model NAME | --full] [--size WxH] [--stride N] [--rounds N]
 *         [--threads N] [--runs N] [--parts-only | --scene-only] [--sample N] [--flush] [--integers]
 *         [--also 'FLAGS OF SEGMENT']... [--only] [--python PYTHON]
 *
 * `--model` names a folder of models/ whose network and preset are used; `--full` is the full-size GID network (1.1 GB of
 * weights; PyTorch takes about 14 s a window, so the scene is small). `--also` adds a run of Frustum with further options
 * (`--also '--workers 2 --threads 1'` for two processes), and `--only` leaves out the others; `--integers` makes the
 * model's integers first, calibrated on the scene; `--flush` adds one of PyTorch with denormals flushed. With `--sample N`
 * PyTorch runs N windows of the scene, spread evenly, and is counted as if all took their mean: a full-size scene takes it
 * hours. Maps are not compared then. A last line tells what the measured times a window make of a GID scene, where fewer of the
 * published loop's windows are repeats at the border than in a small one.
 *
 * PyTorch's scene times are of its loop alone; Frustum's are of the whole process, from its start to its written files.
 * Where others work on the machine, read CPU seconds: wall time is theirs too. Prints ratios; nothing is asserted, for the
 * machine decides.
 */
const argv = process.argv.slice(2);
const option = (name: string) => {
  const at = argv.indexOf(name);
  return at === -1 ? undefined : argv[at + 1];
};
const has = (name: string) => argv.includes(name);
const full = has('--full');
const threads = Number(option('--threads') ?? availableParallelism());
const rounds = Number(option('--rounds') ?? (full ? 1 : 3));
const runs = Number(option('--runs') ?? (full ? 2 : 20));
const python = option('--python') ?? '/usr/bin/python3';
const [width, height] = (option('--size') ?? (full ? '1024x512' : '640x512')).split('x').map(Number) as [
  number,
  number,
];
const sample = option('--sample');
const also = argv.flatMap((word, i) => (word === '--also' ? [argv[i + 1]!] : []));
const print = (line = '') => process.stdout.write(`${line}\n`);
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const load = () => loadavg()[0]!.toFixed(1);

const torch = <T>(args: readonly string[]): T =>
  JSON.parse(
    execFileSync(python, [here('./inference-torch.py'), ...args], {
      encoding: 'utf8',
      maxBuffer: 1 << 20,
      env: { ...process.env, OMP_NUM_THREADS: args[0] === 'parts' ? '1' : String(threads) },
    }),
  );

/** Pixels of a Gaofen-2 scene of GID. */
const GID = { width: 7200, height: 6800 } as const;

interface SceneRun {
  readonly wallS: number;
  readonly cpuS: number;
  readonly windows: number;
  readonly outsideShare: number;
  /** Wall milliseconds a window: views cut and resized; scores summed and decided. */
  readonly readMs: number;
  readonly stitchMs: number;
  /** Pixels between windows; PyTorch runs at what it was told. */
  readonly stride?: number;
  /** Wall seconds from window to window once they are under way; PyTorch's loop does nothing else. */
  readonly windowS?: number;
}

const folder = mkdtempSync(join(tmpdir(), 'frustum-bench-'));
try {
  if (!existsSync('dist/index.js')) throw new Error('dist is missing: npm run build');
  const model = full ? 'gid' : (option('--model') ?? 'sfrnet-mini-synth');
  const setup = await prepareInference(folder, model, [width, height], (window) =>
    Number(option('--stride') ?? (full ? window : window / 4)),
  );
  print(
    `${model}: ${(setup.parameters / 1e6).toFixed(2)} M parameters, window ${setup.preset.window}; ${availableParallelism()} processors, load ${load()}`,
  );
  if (has('--integers')) {
    const { scene, model } = setup;
    const options = { model, scenes: [scene], outDir: join(model, 'int8'), windows: 2, agreement: 0 };
    const { quantization } = await quantizeModel({ ...options, stretch: 'none', bands: [1, 2, 3] });
    print(
      `in integers: ${(100 * quantization!.agreement).toFixed(2)} % of the calibration scene's pixels keep their class`,
    );
  }
  if (!has('--scene-only')) await compareParts(setup);
  if (!has('--parts-only')) await compareScene(setup);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function compareParts(setup: InferenceSetup): Promise<void> {
  const peak = await measurePeak();
  print(
    `largest measured: ${peak.toFixed(0)} GFLOP a CPU second of one thread (onnxruntime's best of a matrix product and a convolution)`,
  );
  const ours = await measureParts(setup, runs);
  const theirs = torch<Record<string, number>>(['parts', setup.spec, String(runs)]);
  const flushed = has('--flush')
    ? torch<Record<string, number>>(['parts', setup.spec, String(runs), '--flush'])
    : null;
  print();
  print(`CPU milliseconds a window, one thread, best of ${runs} (load ${load()}):`);
  print(
    `${'part'.padEnd(34)}${'PyTorch'.padStart(9)}${flushed ? ' flushed' : ''}${'Frustum'.padStart(9)}${'ratio'.padStart(7)}${'GMAC'.padStart(9)}${'of peak'.padStart(9)}`,
  );
  const row = (label: string, torchMs: readonly (number | null)[], ms: number, gigaMacs: number) => {
    const [first, second] = torchMs;
    const cell = (value: number | null | undefined, size: number) =>
      (value == null ? '' : value.toFixed(1)).padStart(size);
    const ratio = first == null ? '' : (first / ms).toFixed(2);
    const share = `${((100 * 2 * gigaMacs) / (ms / 1000) / peak).toFixed(0)} %`;
    print(
      `${label.padEnd(34)}${cell(first, 9)}${flushed ? cell(second, 8) : ''}${cell(ms, 9)}${ratio.padStart(7)}${gigaMacs.toFixed(2).padStart(9)}${share.padStart(9)}`,
    );
  };
  const pair = (name: string) => [theirs[name]!, flushed?.[name] ?? null];
  const part = (label: string, name: string, key: PartName) =>
    row(label, pair(name), ours[key].cpuMs, ours[key].gigaMacs);
  part('long-range encoder (once a frame)', 'long', 'long');
  part('short-range encoder', 'short', 'short');
  part('main encoder', 'main', 'main');
  part('CCSF', 'ccsf', 'ccsf');
  part('decoder', 'decoder', 'decoder');
  const sum = (times: Record<string, number> | null) =>
    times && ['long', 'short', 'main', 'ccsf', 'decoder'].reduce((total, name) => total + times[name]!, 0);
  const { long, short, local, plain } = ours;
  const windowCosts = [sum(theirs), sum(flushed)];
  row('a window, long range kept', windowCosts, short.cpuMs + local.cpuMs, short.gigaMacs + local.gigaMacs);
  row(
    'a window, all of it',
    windowCosts,
    long.cpuMs + short.cpuMs + local.cpuMs,
    long.gigaMacs + short.gigaMacs + local.gigaMacs,
  );
  row('plain graph in onnxruntime', windowCosts, plain.cpuMs, plain.gigaMacs);
  print('Frustum projects keys and values in its context graphs; PyTorch does so in CCSF.');
}

async function compareScene(setup: InferenceSetup): Promise<void> {
  const map = join(folder, 'theirs.raw');
  const modes: readonly (readonly [string, readonly string[]])[] = [
    ...(has('--only')
      ? []
      : ([
          ['class map alone', ['--no-vector', '--no-preview', '--no-report']],
          ['all outputs', []],
        ] as const)),
    ...also.map((flags) => [flags, flags.split(/\s+/)] as const),
  ];
  const theirs: SceneRun[] = [];
  const ours = modes.map(() => [] as SceneRun[]);
  const different: MapDifference[] = [];
  for (let round = 0; round < rounds; round++) {
    const turns = [-1, ...modes.keys()];
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) {
      if (turn === -1) {
        const how = sample === undefined ? ['scene', setup.spec, map] : ['sample', setup.spec, sample];
        theirs.push(torch<SceneRun>([...how, String(threads)]));
      } else ours[turn]!.push(segmentOnce(setup, modes[turn]![1], turn));
    }
  }
  if (sample === undefined) {
    for (const i of modes.keys())
      different[i] = await compareMaps(join(folder, `out${i}`, 'landcover.tif'), map);
  }

  const best = (all: readonly SceneRun[], field: 'wallS' | 'cpuS') =>
    Math.min(...all.map((run) => run[field]));
  const [loopWall, loopCpu] = [best(theirs, 'wallS'), best(theirs, 'cpuS')];
  const line = (label: string, run: SceneRun, wallS: number, cpuS: number, more: string) =>
    print(
      `${label.padEnd(44)}${wallS.toFixed(2).padStart(9)}${cpuS.toFixed(2).padStart(9)}${(loopWall / wallS).toFixed(2).padStart(8)}${(loopCpu / cpuS).toFixed(2).padStart(8)}${String(run.windows).padStart(9)}${(theirs[0]!.windows / wallS).toFixed(2).padStart(12)}${`${(100 * run.outsideShare).toFixed(0)} %`.padStart(10)}${run.readMs.toFixed(2).padStart(9)}${run.stitchMs.toFixed(2).padStart(9)}${more}`,
    );
  print();
  print(
    `scene of ${width} x ${height}, stride ${setup.stride}, ${threads} threads, best of ${rounds} (load ${load()}):`,
  );
  print(
    `${''.padEnd(44)}${'wall s'.padStart(9)}${'CPU s'.padStart(9)}${'ratio'.padStart(8)}${'ratio'.padStart(8)}${'windows'.padStart(9)}${'published/s'.padStart(12)}${'outside'.padStart(10)}${'read ms'.padStart(9)}${'sum ms'.padStart(9)}${'differing'.padStart(10)}${'margin'.padStart(12)}`,
  );
  line('PyTorch, published way', theirs[0]!, loopWall, loopCpu, '');
  for (const [i, [label]] of modes.entries()) {
    const mine = ours[i]!;
    const quickest = mine.reduce((a, b) => (b.wallS < a.wallS ? b : a));
    line(
      `Frustum: ${label}`,
      quickest,
      best(mine, 'wallS'),
      best(mine, 'cpuS'),
      different[i] === undefined
        ? ''
        : `${String(different[i].pixels).padStart(10)}${different[i].largestMargin.toExponential(1).padStart(12)}`,
    );
  }
  const planGid = (stride: number) => planFrusta({ ...setup.preset, ...GID, stride, mode: 'reference' });
  const published = planGid(setup.stride).published.runs;
  const ofGid = ours.map((mine) => {
    const { wallS, windows, windowS, stride } = mine.reduce((a, b) => (b.wallS < a.wallS ? b : a));
    const { count } = planGid(stride!);
    const whole = wallS + (count - windows) * windowS!;
    return `${(((loopWall / theirs[0]!.windows) * published) / whole).toFixed(2)} (${count} at ${windowS!.toFixed(3)} s)`;
  });
  print(
    `over a GID scene, as many more windows at the same pace (published: ${published}; here, in this order): ${ofGid.join(', ')} times.`,
  );
  print(
    'ratio: PyTorch over Frustum, wall and CPU. published/s: windows of the published loop a wall second.',
  );
  print(
    "differing: pixels whose class is not PyTorch's; margin: how far apart its two best sums are there at most.",
  );
  print(
    'read, sum: wall milliseconds a window for its views, and for summing and deciding (Frustum: upsampling too).',
  );
  print(
    'outside: share of wall time that no graph (PyTorch: no call of the network) was running; mean over processes.',
  );
}

/** One run of the command, with the CPU time of its inference process. */
function segmentOnce(setup: InferenceSetup, flags: readonly string[], index: number): SceneRun {
  const out = join(folder, `out${index}`);
  const command = [
    ...[process.execPath, 'bin/frustum.js', 'segment', setup.scene, '--model', setup.model, '--out', out],
    ...['--threads', String(threads), '--overwrite', '--stretch', 'none', '--bands', '1,2,3'],
    ...(flags.includes('--stride') || flags.includes('--quality') ? [] : ['--stride', String(setup.stride)]),
    ...flags,
  ];
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null 2>"$0"';
  const log = join(folder, 'log');
  const { status, stderr } = spawnSync('bash', ['-c', script, log, ...command], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command.join(' ')}\n${readFileSync(log, 'utf8')}`);
  const [wallS, user, system] = stderr.trim().split(/\s+/).map(Number) as [number, number, number];
  const report = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as {
    readonly seconds: Readonly<Record<'total' | 'read' | 'long' | 'short' | 'local' | 'stitch', number>>;
    readonly counts: { readonly windowsRun: number };
    readonly config: { readonly stride: number };
    readonly network: { readonly workers: readonly unknown[] };
  };
  const { seconds, counts } = report;
  const network = (seconds.long + seconds.short + seconds.local) / report.network.workers.length;
  return {
    wallS,
    cpuS: user + system,
    windows: counts.windowsRun,
    outsideShare: 1 - network / seconds.total,
    readMs: (1000 * seconds.read) / counts.windowsRun,
    stitchMs: (1000 * seconds.stitch) / counts.windowsRun,
    stride: report.config.stride,
    windowS: paceOf(log) ?? wallS / counts.windowsRun,
  };
}

/** Seconds a window between the first and the last line of progress, of which a short run has only one. */
function paceOf(log: string): number | null {
  const lines = readFileSync(log, 'utf8').split('\n');
  const progress = lines
    .filter((line) => line.includes('"msg":"mapping"'))
    .map((line) => JSON.parse(line) as { readonly time: string; readonly done: number })
    .filter(({ done }) => done > 0);
  const [first, last] = [progress[0]!, progress.at(-1)!];
  if (progress.length < 3) return null;
  return (Date.parse(last.time) - Date.parse(first.time)) / 1000 / (last.done - first.done);
}
