import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { buildGraphs } from '../../src/convert/build-graphs.ts';
import { openCheckpoint } from '../../src/convert/checkpoint/checkpoint.ts';
import { openFileSource } from '../../src/convert/checkpoint/file-source.ts';
import { emitHead } from '../../src/convert/network/head.ts';
import type { FeatureMap } from '../../src/convert/network/modules.ts';
import { emitFusion } from '../../src/convert/network/neck.ts';
import { emitResNet } from '../../src/convert/network/resnet.ts';
import { emitSwin } from '../../src/convert/network/swin.ts';
import { createGraphBuilder, type Graph } from '../../src/convert/onnx/graph.ts';
import { writeGraph } from '../../src/convert/onnx/write-graph.ts';
import { buildPlainGraph } from '../convert/support/plain-graph.ts';
import type { InferenceSetup } from './inference-setup.ts';

/** Cost of one graph run once on one thread. */
export interface PartCost {
  /** Least CPU milliseconds over the runs. */
  readonly cpuMs: number;
  /** Multiplications that matrix products and convolutions carry out, in units of 10^9, as the runtime reports their shapes. */
  readonly gigaMacs: number;
}

export type PartName = 'long' | 'short' | 'main' | 'ccsf' | 'decoder' | 'local' | 'plain';

/**
 * The converted network's parts, each as a graph of its own: both context graphs whole, the local graph whole and cut into
 * encoder, fusion and decoder, and the plain graph (operator by operator as published, nothing rewritten).
 */
export async function measureParts(
  { checkpoint, architecture, preset }: InferenceSetup,
  runs: number,
): Promise<Record<PartName, PartCost>> {
  const source = await openFileSource(checkpoint);
  try {
    const weights = await openCheckpoint(source);
    const size = { height: preset.window, width: preset.window };
    const { mean, deviation } = preset;
    const options = { dtype: 'float32', mean, deviation, scoreStride: 4, labels: false } as const;
    const whole = buildGraphs(weights, architecture, size, options);
    const { attention } = architecture.neck;

    const encoder = createGraphBuilder('main', 'float32');
    const image: FeatureMap = {
      value: encoder.input('image', 'float32', [1, 3, size.height, size.width]),
      layout: 'image',
      channels: 3,
      ...size,
    };
    const prefix = 'backbone.main_encoder';
    const { main } = architecture;
    const maps =
      main.kind === 'swin'
        ? emitSwin({ g: encoder, weights }, prefix, main, image, false)
        : emitResNet({ g: encoder, weights }, prefix, main, image);
    for (const [i, map] of maps.entries())
      encoder.output(`map${i}`, map.value, 'float32', [1, ...shapeOf(map)]);

    const fusion = createGraphBuilder('ccsf', 'float32');
    const deepest = maps.at(-1)!;
    const tokens: FeatureMap = {
      ...deepest,
      layout: 'tokens',
      value: fusion.input('map', 'float32', [1, deepest.height * deepest.width, deepest.channels]),
    };
    const positions = (branch: 'short' | 'long') => {
      const { kind } = architecture[branch];
      const stride = kind === 'resnet' ? 8 : 4 * 2 ** (architecture[branch].depths.length - 1);
      return Math.ceil(size.height / stride) * Math.ceil(size.width / stride);
    };
    const context = (branch: 'short' | 'long') => ({
      keys: fusion.input(`${branch}_keys`, 'float32', [1, attention, positions(branch)]),
      values: fusion.input(`${branch}_values`, 'float32', [1, positions(branch), attention]),
    });
    const fused = emitFusion({ g: fusion, weights }, architecture.neck, tokens, [
      context('short'),
      context('long'),
    ]);
    fusion.output('fused', fused.value, 'float32', [1, ...shapeOf(fused)]);

    const decoder = createGraphBuilder('decoder', 'float32');
    const inputs = [...maps.slice(0, -1), fused].map(
      (map, i): FeatureMap => ({
        ...map,
        value: decoder.input(`map${i}`, 'float32', [1, ...shapeOf(map)]),
      }),
    );
    const scores = emitHead({ g: decoder, weights }, architecture.head, inputs);
    decoder.output('scores', scores.value, 'float32', [1, ...shapeOf(scores)]);

    const graphs: Record<PartName, Graph> = {
      long: whole.long,
      short: whole.short,
      main: encoder.finish(),
      ccsf: fusion.finish(),
      decoder: decoder.finish(),
      local: whole.local,
      plain: buildPlainGraph(weights, architecture, size, options),
    };
    const keys = { short_positions: positions('short'), long_positions: positions('long'), N: 1, long_N: 1 };
    const costs: Partial<Record<PartName, PartCost>> = {};
    for (const [name, graph] of Object.entries(graphs) as [PartName, Graph][])
      costs[name] = await measureGraph(graph, keys, runs);
    return costs as Record<PartName, PartCost>;
  } finally {
    await source.close();
  }
}

const shapeOf = ({ layout, channels, height, width }: FeatureMap) =>
  layout === 'tokens' ? [height * width, channels] : [channels, height, width];

/** Runs a graph on noise; `sizes` are those of its symbolic dimensions. */
async function measureGraph(
  graph: Graph,
  sizes: Readonly<Record<string, number>>,
  runs: number,
): Promise<PartCost> {
  const folder = mkdtempSync(join(tmpdir(), 'frustum-bench-graph-'));
  try {
    const path = join(folder, 'graph.onnx');
    await writeGraph(graph, {
      path,
      externalPath: `${path}.data`,
      externalName: 'graph.onnx.data',
      externalThresholdBytes: 2 ** 31 - 2 ** 26,
    });
    const feeds: Record<string, Tensor> = {};
    for (const { name, type, dims } of graph.inputs) {
      const shape = dims.map((d) => (typeof d === 'number' ? d : sizes[d]!));
      const count = shape.reduce((product, n) => product * n, 1);
      const noise = (i: number) => Math.imul(i + 1, 2654435761) >>> 24;
      feeds[name] =
        type === 'uint8'
          ? new Tensor(
              'uint8',
              Uint8Array.from({ length: count }, (_, i) => noise(i)),
              shape,
            )
          : new Tensor(
              'float32',
              Float32Array.from({ length: count }, (_, i) => noise(i) / 128 - 1),
              shape,
            );
    }
    const open = (profile: object) =>
      InferenceSession.create(path, {
        intraOpNumThreads: 1,
        extra: { session: { set_denormal_as_zero: '1' } },
        ...profile,
      });
    const session = await open({});
    await session.run(feeds);
    let cpuMs = Number.POSITIVE_INFINITY;
    for (let run = 0; run < runs; run++) {
      const start = process.cpuUsage();
      await session.run(feeds);
      const { user, system } = process.cpuUsage(start);
      cpuMs = Math.min(cpuMs, (user + system) / 1000);
    }
    await session.release();

    const profiled = await open({ enableProfiling: true, profileFilePrefix: join(folder, 'profile') });
    await profiled.run(feeds);
    profiled.endProfiling();
    await profiled.release();
    const file = readdirSync(folder).find((name) => name.startsWith('profile'))!;
    return { cpuMs, gigaMacs: countMacs(JSON.parse(readFileSync(join(folder, file), 'utf8'))) / 1e9 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Shapes = readonly Readonly<Record<string, readonly number[]>>[];
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly args?: {
    readonly op_name?: string;
    readonly input_type_shape?: Shapes;
    readonly output_type_shape?: Shapes;
  };
}

function countMacs(events: readonly ProfileEvent[]): number {
  const product = (dims: readonly number[]) => dims.reduce((p, n) => p * n, 1);
  let macs = 0;
  for (const { cat, name, args } of events) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time')) continue;
    const [first, second] = (args?.input_type_shape ?? []).map((shape) => Object.values(shape)[0] ?? []);
    const out = Object.values(args?.output_type_shape?.[0] ?? {})[0] ?? [];
    // A kernel's inputs a channel, or a product's inner axis.
    if (/Conv/.test(args?.op_name ?? '')) macs += product(out) * product(second!.slice(1));
    else if (/MatMul|Gemm/.test(args?.op_name ?? '')) macs += product(out) * first!.at(-1)!;
  }
  return macs;
}

/** 10^9 floating-point operations a CPU second of one thread: the best of large matrix products and convolutions. */
export async function measurePeak(): Promise<number> {
  const small = (count: number) => async () => Float32Array.from({ length: count }, (_, i) => (i % 7) - 3);
  const product = createGraphBuilder('peak', 'float32');
  const [rows, inner, cols] = [2048, 1024, 2048];
  const x = product.input('x', 'float32', [1, rows, inner]);
  const w = product.weight('w', [inner, cols], small(inner * cols));
  product.output('y', product.node('MatMul', [x, w]), 'float32', [1, rows, cols]);

  const convolution = createGraphBuilder('peak', 'float32');
  const [channels, side] = [128, 64];
  const image = convolution.input('x', 'float32', [1, channels, side, side]);
  const kernel = convolution.weight('w', [channels, channels, 3, 3], small(channels * channels * 9));
  const options = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  const map = convolution.node('Conv', [image, kernel], options);
  convolution.output('y', map, 'float32', [1, channels, side, side]);

  const speeds: number[] = [];
  for (const graph of [product.finish(), convolution.finish()]) {
    const { cpuMs, gigaMacs } = await measureGraph(graph, {}, 15);
    speeds.push((2 * gigaMacs) / (cpuMs / 1000));
  }
  return Math.max(...speeds);
}
