import { fork } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { TENSORS } from '../../src/model/manifest.ts';
import { readModelManifest } from '../../src/model/read-manifest.ts';

/**
 * Session options of onnxruntime beside the ones that Frustum uses, in one run: processes of their own, alternated.
 *
 *     npx tsx test/bench/session-options.ts [MODEL FOLDER] [--threads N] [--runs N] [--rounds N] [--only TEXT]
 *
 * Prints ratios to Frustum's options (below 1 is better); nothing is asserted. Where others work on the machine, read CPU.
 */
const argv = process.argv.slice(2);
const option = (name: string) => {
  const at = argv.indexOf(name);
  return at === -1 ? undefined : argv[at + 1];
};
const dir = argv[0] !== undefined && !argv[0].startsWith('--') ? argv[0] : 'models/sfrnet-mini-synth';
const threads = Number(option('--threads') ?? availableParallelism());
const runs = Number(option('--runs') ?? 30);
const rounds = Number(option('--rounds') ?? 5);

type Options = ort.InferenceSession.SessionOptions;

const OURS: Options = {
  executionProviders: ['cpu'],
  intraOpNumThreads: threads,
  graphOptimizationLevel: 'all',
  extra: { session: { set_denormal_as_zero: '1', intra_op: { allow_spinning: '0' } } },
};
const withExtra = (more: Readonly<Record<string, unknown>>): Options => ({
  ...OURS,
  extra: { session: { set_denormal_as_zero: '1', intra_op: { allow_spinning: '0' }, ...more } },
});

const CANDIDATES: Readonly<Record<string, Options>> = {
  ours: OURS,
  'spinning threads': withExtra({ intra_op: { allow_spinning: '1' } }),
  'no memory pattern': { ...OURS, enableMemPattern: false },
  'no arena': { ...OURS, enableCpuMemArena: false },
  'neither of them': { ...OURS, enableMemPattern: false, enableCpuMemArena: false },
  'no prepacking': withExtra({ disable_prepacking: '1' }),
  'optimisation layout': { ...OURS, graphOptimizationLevel: 'layout' },
  'optimisation extended': { ...OURS, graphOptimizationLevel: 'extended' },
  'optimisation basic': { ...OURS, graphOptimizationLevel: 'basic' },
  'parallel execution': { ...OURS, executionMode: 'parallel', interOpNumThreads: threads },
  'denormals kept': { ...OURS, extra: { session: { intra_op: { allow_spinning: '0' } } } },
  'threads divided finely': withExtra({ dynamic_block_base: '4' }),
};

interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly rssMB: number;
}

/** Milliseconds a window, all three graphs; run in a process of its own. */
async function measure(options: Options): Promise<Cost> {
  const manifest = await readModelManifest(dir, false);
  const open = (branch: keyof typeof manifest.graphs) =>
    ort.InferenceSession.create(join(dir, manifest.graphs[branch].file), options);
  const [long, short, local] = [await open('long'), await open('short'), await open('local')];
  const side = manifest.window;
  const view = (seed: number) =>
    new ort.Tensor(
      'uint8',
      Uint8Array.from({ length: side * side * 3 }, (_, i) => ((i * 31) ^ (i >> 7) ^ seed) & 255),
      [1, side, side, 3],
    );
  const far = await long.run({ [TENSORS.pixels]: view(3) });
  const one = async (seed: number) => {
    const near = await short.run({ [TENSORS.pixels]: view(seed + 1) });
    await local.run({
      [TENSORS.pixels]: view(seed),
      [TENSORS.shortKeys]: near[TENSORS.keys]!,
      [TENSORS.shortValues]: near[TENSORS.values]!,
      [TENSORS.longKeys]: far[TENSORS.keys]!,
      [TENSORS.longValues]: far[TENSORS.values]!,
    });
  };
  for (let i = 0; i < 2; i++) await one(i);
  const before = process.cpuUsage();
  const started = performance.now();
  for (let i = 0; i < runs; i++) await one(i);
  const wallMs = (performance.now() - started) / runs;
  const { user, system } = process.cpuUsage(before);
  return { wallMs, cpuMs: (user + system) / 1000 / runs, rssMB: process.resourceUsage().maxRSS / 1024 };
}

function inChild(name: string): Promise<Cost> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), argv, {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, SESSION_OPTIONS: name },
    });
    child.once('message', (cost: Cost) => resolve(cost));
    child.once('exit', (code) => reject(new Error(`${name}: ended with ${code}`)));
  });
}

const mine = process.env.SESSION_OPTIONS;
if (mine !== undefined) {
  process.send?.(await measure(CANDIDATES[mine]!));
  process.disconnect();
} else {
  const only = option('--only') ?? '';
  const names = Object.keys(CANDIDATES).filter((name) => name === 'ours' || name.includes(only));
  const costs = new Map(names.map((name) => [name, [] as Cost[]]));
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed())
      costs.get(name)!.push(await inChild(name));
  }
  const middle = (name: string, field: keyof Cost) =>
    costs
      .get(name)!
      .map((cost) => cost[field])
      .sort((a, b) => a - b)[Math.floor(rounds / 2)]!;
  const print = (line: string) => process.stdout.write(`${line}\n`);
  print(`${dir}, ${threads} threads, ${rounds} rounds of ${runs} windows, load ${loadavg()[0]!.toFixed(1)}`);
  print(`${''.padEnd(24)}${'CPU'.padStart(8)}${'wall'.padStart(8)}${'memory'.padStart(8)}`);
  for (const name of names) {
    const ratio = (field: keyof Cost) => (middle(name, field) / middle('ours', field)).toFixed(3).padStart(8);
    print(`${name.padEnd(24)}${ratio('cpuMs')}${ratio('wallMs')}${ratio('rssMB')}`);
  }
  print(
    `ours: ${middle('ours', 'cpuMs').toFixed(2)} CPU ms, ${middle('ours', 'wallMs').toFixed(2)} ms a window`,
  );
}
