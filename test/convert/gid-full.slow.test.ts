import { execFile } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { readArchitecture } from '../../src/convert/network/read-architecture.ts';
import { writeGraph } from '../../src/convert/onnx/write-graph.ts';
import { loadPreset } from '../../src/convert/preset.ts';
import { TENSORS } from '../../src/model/manifest.ts';
import { publishedShapes, writeGeneratedCheckpoint } from './support/generated-checkpoint.ts';
import { difference, openCheckpointFile } from './support/golden.ts';
import { buildPlainGraph, PLAIN_INPUTS } from './support/plain-graph.ts';
import { floats, openSession, runWindow } from './support/run-graphs.ts';
import { tempFolder } from './support/temp-folder.ts';

const MEBIBYTE = 2 ** 20;
/** Far below the 1.09 GB of weights; what the converter holds is one tensor at a time and the runtime around it. */
const CONVERTER_LIMIT_BYTES = 600 * MEBIBYTE;

test('the full-size GID network converts in bounded memory and scores as its plain graph', async () => {
  const folder = await tempFolder();
  const checkpoint = path.join(folder, 'iter_320000_gid.pth');
  const shapes = await publishedShapes('gid_state_dict.txt');
  await writeGeneratedCheckpoint(checkpoint, shapes, 1);
  expect((await stat(checkpoint)).size).toBeGreaterThan(1.08e9);

  const out = path.join(folder, 'gid');
  const converted = await convertInChild(folder, checkpoint, out);
  expect(converted.parameters).toBe(267_572_602);
  expect(converted.architecture).toMatchObject({
    main: { kind: 'swin', embedDims: 192, depths: [2, 2, 18, 2], heads: [6, 12, 24, 48], window: 12 },
    short: { kind: 'resnet', stem: [32, 32, 64], channels: [64, 128, 256, 512], depths: [2, 2, 2, 2] },
    head: { channels: 512, classes: 6 },
  });
  expect(converted.peakBytes).toBeLessThan(CONVERTER_LIMIT_BYTES);

  const opening = performance.now();
  const sessions = {
    long: await openSession(path.join(out, 'long.onnx')),
    short: await openSession(path.join(out, 'short.onnx')),
    local: await openSession(path.join(out, 'local.onnx')),
  };
  const openedMs = performance.now() - opening;
  const plain = await openPlain(folder, checkpoint);

  const size = [512, 512] as const;
  const pixels = (seed: number) =>
    Uint8Array.from({ length: 512 * 512 * 3 }, (_, i) => Math.imul(i + seed, 2654435761) >>> 24);
  const windows = [pixels(0), pixels(1), pixels(2)] as const;
  const feeds = PLAIN_INPUTS.map((name, i) => [name, new Tensor('uint8', windows[i]!, [1, ...size, 3])]);
  const cpuMs = { rewritten: [] as number[], shared: [] as number[], plain: [] as number[] };
  for (let round = 0; round < 2; round++) {
    const [{ local }, whole] = await cpuTime(() => runWindow(sessions, windows, size));
    const [, long] = await cpuTime(() =>
      sessions.long.run({ [TENSORS.pixels]: new Tensor('uint8', windows[2], [1, ...size, 3]) }),
    );
    cpuMs.rewritten.push(whole);
    cpuMs.shared.push(whole - long);
    const [answer, plainMs] = await cpuTime(() => plain.run(Object.fromEntries(feeds)));
    cpuMs.plain.push(plainMs);

    expect(local.scores!.dims).toEqual([1, 6, 128, 128]);
    const scores = floats(local.scores);
    const truth = floats(answer[TENSORS.scores]);
    const largest = truth.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    expect(Math.max(...scores) - Math.min(...scores)).toBeGreaterThan(1e-3);
    const apart = difference(scores, truth);
    expect(apart.max / largest).toBeLessThanOrEqual(1e-5);
    if (round === 0) print(`rewritten against plain graph: max ${apart.max} where scores reach ${largest}`);
  }
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const [before, whole, after] = [cpuMs.plain, cpuMs.rewritten, cpuMs.shared].map((ms) =>
    Math.min(...ms),
  ) as [number, number, number];
  print(
    `full-size GID: converted in ${seconds(converted.elapsedMs)}, peak ${Math.round(converted.peakBytes / MEBIBYTE)} MiB; sessions opened in ${seconds(openedMs)}`,
  );
  print(
    `CPU time a window, one thread: plain graph ${seconds(before)}, rewritten ${seconds(whole)} (${(before / whole).toFixed(2)}x), with the long-range branch kept ${seconds(after)} (${(before / after).toFixed(2)}x)`,
  );
});

const print = (line: string) => process.stdout.write(`${line}\n`);

/** User and system time of this process while `work` runs. */
async function cpuTime<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const start = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(start);
  return [result, (user + system) / 1000];
}

/** The network of this checkpoint operator by operator as published. */
async function openPlain(folder: string, checkpoint: string): Promise<InferenceSession> {
  const file = path.join(folder, 'plain.onnx');
  const weights = await openCheckpointFile(checkpoint);
  const gid = await loadPreset('gid');
  const arch = await readArchitecture(weights, gid.poolScales);
  const graph = buildPlainGraph(weights, arch, { height: gid.window, width: gid.window }, gid);
  await writeGraph(graph, {
    path: file,
    externalPath: `${file}.data`,
    externalName: 'plain.onnx.data',
    externalThresholdBytes: 2 ** 31 - 2 ** 26,
  });
  return openSession(file);
}

interface Converted {
  readonly elapsedMs: number;
  readonly peakBytes: number;
  readonly parameters: number;
  readonly architecture: unknown;
}

/** Converts in a process of its own, so that its peak memory is the converter's. */
async function convertInChild(folder: string, checkpointPath: string, outDir: string): Promise<Converted> {
  const script = path.join(folder, 'convert.mts');
  const module = pathToFileURL(path.resolve('src/convert/convert.ts')).href;
  await writeFile(
    script,
    `import { convertCheckpoint } from ${JSON.stringify(module)};
const start = performance.now();
const manifest = await convertCheckpoint(${JSON.stringify({ checkpointPath, outDir, preset: 'gid' })});
process.stdout.write(JSON.stringify({
  elapsedMs: performance.now() - start,
  peakBytes: process.resourceUsage().maxRSS * 1024,
  parameters: manifest.parameters,
  architecture: manifest.architecture,
}));
`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
    cwd: path.resolve('.'),
  });
  return JSON.parse(stdout) as Converted;
}
