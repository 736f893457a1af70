import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { buildGraphs } from '../../../src/convert/build-graphs.ts';
import { encodeGraph } from '../../../src/convert/onnx/encode-graph.ts';
import { createGraphBuilder, type Graph } from '../../../src/convert/onnx/graph.ts';
import { findLayers } from '../../../src/convert/quantize/layers.ts';
import { normalisePlanes } from '../../../src/convert/quantize/normalise-planes.ts';
import { observeGraph } from '../../../src/convert/quantize/observe.ts';
import { quantizeGraph } from '../../../src/convert/quantize/quantize-graph.ts';
import type { WeightBits } from '../../../src/convert/quantize/quantize-weight.ts';
import { scaleOf, type TensorScale } from '../../../src/convert/quantize/ranges.ts';
import { TENSORS } from '../../../src/model/manifest.ts';
import { seededWeights } from '../support/seeded-weights.ts';
import { SMALL_NETWORK } from '../support/small-network.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Evenly spread over [-size, size], the same each time. */
function noise(count: number, size: number, seed: number): Float32Array {
  let state = Math.imul(seed, 2654435761) >>> 0 || 1;
  return Float32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) / 2 ** 31 - 1) * size;
  });
}

async function run(
  graph: Graph,
  feeds: Record<string, Tensor>,
  options: InferenceSession.SessionOptions = {},
) {
  const session = await InferenceSession.create(await encodeGraph(graph), {
    intraOpNumThreads: 1,
    ...options,
  });
  const answer = await session.run(feeds);
  await session.release();
  return answer;
}

/** Which kernels a graph is run by. */
async function kernelsOf(
  graph: Graph,
  feeds: Record<string, Tensor>,
  graphOptimizationLevel: 'all' | 'disabled' = 'all',
): Promise<Map<string, number>> {
  const folder = await tempFolder();
  const session = await InferenceSession.create(await encodeGraph(graph), {
    intraOpNumThreads: 1,
    graphOptimizationLevel,
    enableProfiling: true,
    profileFilePrefix: path.join(folder, 'profile'),
  });
  await session.run(feeds);
  session.endProfiling();
  await session.release();
  const file = readdirSync(folder).find((name) => name.startsWith('profile'))!;
  const events = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as {
    readonly cat: string;
    readonly name: string;
    readonly args?: { readonly op_name?: string };
  }[];
  const kernels = new Map<string, number>();
  for (const { cat, name, args } of events) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time')) continue;
    const op = args?.op_name ?? '';
    kernels.set(op, (kernels.get(op) ?? 0) + 1);
  }
  return kernels;
}

const bitsOf = (x: number, { scale, zeroPoint }: TensorScale) => {
  const quotient = Math.fround(Math.fround(x) / scale);
  const down = Math.floor(quotient);
  const rest = quotient - down;
  const even = rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
  return Math.min(Math.max(even + zeroPoint, 0), 255);
};

/** Weights as this test understands them: integers up to `largest`, one scale an output. */
function integersOf(rows: readonly (readonly number[])[], bits: WeightBits) {
  const largest = bits === 7 ? 63 : 127;
  return rows.map((row) => {
    const scale = Math.fround(row.reduce((most, w) => Math.max(most, Math.abs(w)), 0) / largest);
    return { scale, values: row.map((w) => Math.round(w / scale)) };
  });
}

/** Without it, x86 processors add pairs of products in 16 bits, which 8-bit weights overflow: what 7 bits are for. */
const hasVnni =
  process.arch !== 'x64' ||
  (existsSync('/proc/cpuinfo') && /avx(512)?_vnni/.test(readFileSync('/proc/cpuinfo', 'utf8')));

describe.each(hasVnni ? ([7, 8] as const) : ([7] as const))('with weights of %d bits', (bits) => {
  test('a product of tokens is the sum of integer products, in float32', async () => {
    const [tokens, inputs, outputs] = [37, 24, 10];
    const weight = noise(inputs * outputs, 0.3, 1);
    const g = createGraphBuilder('product', 'float32');
    const x = g.input('x', 'float32', ['N', tokens, inputs]);
    const w = g.weight('neck.ccsf1.query.weight', [inputs, outputs], async () => weight);
    g.output('y', g.node('MatMul', [x, w]), 'float32', ['N', tokens, outputs]);
    const graph = g.finish();
    const { layers } = findLayers(graph);
    expect(layers).toHaveLength(1);
    const scale = scaleOf({ min: -1.5, max: 2.5 });
    const quantized = quantizeGraph(graph, layers, new Map([['x', scale]]), bits);
    // Some values are beyond the range, and are cut off.
    const data = noise(2 * tokens * inputs, 3, 2);
    const answer = await run(quantized, { x: new Tensor('float32', data, [2, tokens, inputs]) });

    const columns = integersOf(
      Array.from({ length: outputs }, (_, o) =>
        Array.from({ length: inputs }, (_, i) => weight[i * outputs + o]!),
      ),
      bits,
    );
    const found = answer.y!.data as Float32Array;
    for (let t = 0; t < 2 * tokens; t++) {
      for (const [o, { scale: unit, values }] of columns.entries()) {
        let sum = 0;
        for (let i = 0; i < inputs; i++)
          sum += (bitsOf(data[t * inputs + i]!, scale) - scale.zeroPoint) * values[i]!;
        const expected = sum * scale.scale * unit;
        expect(Math.abs(found[t * outputs + o]! - expected)).toBeLessThanOrEqual(
          1e-5 * Math.max(Math.abs(expected), 0.1),
        );
      }
    }
  });

  test('a convolution pads with exact zeros, adds an integer bias, and gives 8 bits behind its ReLU', async () => {
    const [inputs, outputs, side] = [16, 9, 12];
    const weight = noise(outputs * inputs * 9, 0.2, 3);
    const bias = noise(outputs, 0.5, 4);
    const g = createGraphBuilder('convolution', 'float32');
    const x = g.input('x', 'float32', ['N', inputs, side, side]);
    const w = g.weight('decode_head.fpn_convs.0.conv.weight', [outputs, inputs, 3, 3], async () => weight);
    const b = g.weight('decode_head.fpn_convs.0.conv.bias', [outputs], async () => bias);
    const conv = g.node('Conv', [x, w, b], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
    const relu = g.node('Relu', [conv]);
    g.output('y', relu, 'float32', ['N', outputs, side, side]);
    const graph = g.finish();
    const { layers } = findLayers(graph);
    expect(layers[0]).toMatchObject({ kind: 'conv', input: 'x', result: relu });
    const [from, to] = [scaleOf({ min: -1, max: 2 }), scaleOf({ min: 0, max: 3.3 })];
    const scales = new Map([
      ['x', from],
      [relu, to],
    ]);
    const data = noise(inputs * side * side, 2, 5);
    const answer = await run(quantizeGraph(graph, layers, scales, bits), {
      x: new Tensor('float32', data, [1, inputs, side, side]),
    });

    const size = inputs * 9;
    const kernels = integersOf(
      Array.from({ length: outputs }, (_, o) => [...weight.subarray(o * size, (o + 1) * size)]),
      bits,
    );
    const found = answer.y!.data as Float32Array;
    let apart = 0;
    for (const [o, { scale: unit, values }] of kernels.entries()) {
      for (let y = 0; y < side; y++) {
        for (let col = 0; col < side; col++) {
          let sum = Math.round(bias[o]! / Math.fround(from.scale * unit));
          for (let i = 0; i < inputs; i++)
            for (let ky = 0; ky < 3; ky++)
              for (let kx = 0; kx < 3; kx++) {
                const [py, px] = [y + ky - 1, col + kx - 1];
                if (py < 0 || px < 0 || py >= side || px >= side) continue;
                const pixel = data[(i * side + py) * side + px]!;
                sum += (bitsOf(pixel, from) - from.zeroPoint) * values[i * 9 + ky * 3 + kx]!;
              }
          const expected = bitsOf(Math.max(sum * from.scale * unit, 0), to);
          const got = Math.round(found[(o * side + y) * side + col]! / to.scale) + to.zeroPoint;
          // The runtime scales sums by one float32; a sum half way between two values may fall on either side.
          expect(Math.abs(got - expected)).toBeLessThanOrEqual(1);
          if (got !== expected) apart++;
        }
      }
    }
    expect(apart).toBeLessThanOrEqual(outputs * side * side * 0.002);
  });

  test('taps, a matrix by a flattened image, are a convolution with a scale a row', async () => {
    const [inputs, outputs, positions] = [20, 27, 30];
    const weight = noise(outputs * inputs, 0.4, 6);
    // Rows of very different size: with one scale for all, the small ones would vanish.
    for (let i = 0; i < inputs; i++) weight[3 * inputs + i]! *= 1e-3;
    const g = createGraphBuilder('taps', 'float32');
    const x = g.input('x', 'float32', ['N', inputs, positions]);
    const w = g.weight('decode_head.fpn_bottleneck.taps.1', [outputs, inputs], async () => weight);
    const product = g.node('MatMul', [w, x]);
    g.output('y', product, 'float32', ['N', outputs, positions]);
    const graph = g.finish();
    const { layers } = findLayers(graph);
    expect(layers[0]).toMatchObject({ kind: 'taps', name: 'decode_head.fpn_bottleneck.taps.1', input: 'x' });
    const [from, to] = [scaleOf({ min: -1, max: 1 }), scaleOf({ min: -4, max: 4 })];
    const scales = new Map([
      ['x', from],
      [product, to],
    ]);
    const data = noise(2 * inputs * positions, 1, 7);
    const answer = await run(quantizeGraph(graph, layers, scales, bits), {
      x: new Tensor('float32', data, [2, inputs, positions]),
    });
    expect(answer.y!.dims).toEqual([2, outputs, positions]);
    const rows = integersOf(
      Array.from({ length: outputs }, (_, o) => [...weight.subarray(o * inputs, (o + 1) * inputs)]),
      bits,
    );
    const found = answer.y!.data as Float32Array;
    for (let n = 0; n < 2; n++) {
      for (const [o, { scale: unit, values }] of rows.entries()) {
        for (let p = 0; p < positions; p++) {
          let sum = 0;
          for (let i = 0; i < inputs; i++)
            sum += (bitsOf(data[(n * inputs + i) * positions + p]!, from) - from.zeroPoint) * values[i]!;
          const expected = bitsOf(sum * from.scale * unit, to);
          const got = Math.round(found[(n * outputs + o) * positions + p]! / to.scale) + to.zeroPoint;
          expect(Math.abs(got - expected)).toBeLessThanOrEqual(1);
        }
      }
    }
  });
});

test('an observing graph says the same, and tells extremes, sizes and even samples', async () => {
  const g = createGraphBuilder('observed', 'float32');
  const x = g.input('x', 'float32', ['N', 3, 5000]);
  const doubled = g.node('Mul', [x, g.scalar(2)]);
  g.output('y', doubled, 'float32', ['N', 3, 5000]);
  const { graph, observations } = observeGraph(g.finish(), ['x', doubled]);
  const data = noise(15_000, 1, 8);
  data[0] = -7;
  const answer = await run(graph, { x: new Tensor('float32', data, [1, 3, 5000]) });
  expect(answer.y!.data).toEqual(data.map((value) => 2 * value));
  const [first, second] = observations as [(typeof observations)[0], (typeof observations)[0]];
  expect(answer[first.min]!.data).toEqual(Float32Array.of(-7));
  expect(answer[first.max]!.data).toEqual(Float32Array.of(Math.max(...data)));
  expect(answer[second.min]!.data).toEqual(Float32Array.of(-14));
  expect(answer[first.count]!.data).toEqual(BigInt64Array.of(15_000n));
  expect(answer[first.samples]!.data).toEqual(data.filter((_, i) => i % 3 === 0));
});

describe('a whole network', () => {
  const size = { height: 40, width: 40 };
  const options = {
    dtype: 'float32',
    mean: [123.675, 116.28, 103.53],
    deviation: [58.395, 57.12, 57.375],
    scoreStride: 4,
    labels: false,
  } as const;
  const pixels = (seed: number) =>
    new Tensor(
      'uint8',
      Uint8Array.from(noise(size.height * size.width * 3, 127, seed), (v) => v + 128),
      [1, size.height, size.width, 3],
    );

  async function quantizeAll(graph: Graph, feeds: Record<string, Tensor>) {
    const { layers } = findLayers(graph);
    const tensors = [...new Set(layers.flatMap(({ input, result }) => [input, result]))];
    const { graph: observing, observations } = observeGraph(graph, tensors);
    const answer = await run(observing, feeds);
    const scales = new Map(
      observations.map(({ tensor, min, max }) => {
        const value = (name: string) => (answer[name]!.data as Float32Array)[0]!;
        return [tensor, scaleOf({ min: Math.min(value(min), 0), max: Math.max(value(max), 0) })] as const;
      }),
    );
    return { quantized: quantizeGraph(graph, layers, scales, 8), layers, answer };
  }

  test('has its layers in integer kernels, and only its class layer, pixels and attention in floats', async () => {
    const graphs = buildGraphs(seededWeights(SMALL_NETWORK), SMALL_NETWORK, size, options);
    const context = async (branch: 'short' | 'long', seed: number) => {
      const graph = normalisePlanes(graphs[branch]);
      const feeds = { [TENSORS.pixels]: pixels(seed) };
      const { quantized, layers, answer } = await quantizeAll(graph, feeds);
      const kernels = await kernelsOf(quantized, feeds);
      expect(kernels.get('QLinearConv')).toBe(layers.length);
      // The first convolution, of three channels.
      expect(kernels.get('Conv')).toBe(1);
      // Residual sums stay in integers.
      expect(kernels.get('QLinearAdd')).toBeGreaterThan(0);
      return answer;
    };
    const [short, long] = [await context('short', 1), await context('long', 2)];
    const feeds = {
      [TENSORS.pixels]: pixels(3),
      [TENSORS.shortKeys]: short[TENSORS.keys]!,
      [TENSORS.shortValues]: short[TENSORS.values]!,
      [TENSORS.longKeys]: long[TENSORS.keys]!,
      [TENSORS.longValues]: long[TENSORS.values]!,
    } as Record<string, Tensor>;
    const graph = normalisePlanes(graphs.local);
    const { quantized, layers } = await quantizeAll(graph, feeds);
    const kernels = await kernelsOf(quantized, feeds);
    const products = layers.filter(({ kind }) => kind === 'product').length;
    expect(kernels.get('QLinearConv')).toBe(layers.length - products);
    expect((kernels.get('MatMulIntegerToFloat') ?? 0) + (kernels.get('QGemm') ?? 0)).toBe(products);
    // Patch embedding and class layer.
    expect(kernels.get('Conv')).toBe(2);
  });

  test('normalised in planes gives the same numbers', async () => {
    const graphs = buildGraphs(seededWeights(SMALL_NETWORK), SMALL_NETWORK, size, options);
    const planes = normalisePlanes(graphs.short);
    expect(planes.nodes.length).toBe(graphs.short.nodes.length + 2);
    const feeds = { [TENSORS.pixels]: pixels(4) };
    const [one, other] = [await run(graphs.short, feeds), await run(planes, feeds)];
    expect(one[TENSORS.keys]!.data).toEqual(other[TENSORS.keys]!.data);
    expect(one[TENSORS.values]!.data).toEqual(other[TENSORS.values]!.data);
  });

  test('fused by the runtime is what its rounding steps say, one by one', async () => {
    const graphs = buildGraphs(seededWeights(SMALL_NETWORK), SMALL_NETWORK, size, options);
    const feeds = { [TENSORS.pixels]: pixels(5) };
    const { quantized, answer } = await quantizeAll(normalisePlanes(graphs.long), feeds);
    const fused = await run(quantized, feeds, { graphOptimizationLevel: 'all' });
    const plain = await run(quantized, feeds, { graphOptimizationLevel: 'disabled' });
    expect((await kernelsOf(quantized, feeds, 'disabled')).has('QLinearConv')).toBe(false);
    for (const name of [TENSORS.keys, TENSORS.values]) {
      const [a, b, float] = [fused, plain, answer].map((outputs) => outputs[name]!.data as Float32Array) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const power = float.reduce((sum, v) => sum + v * v, 0);
      const between = (p: Float32Array, q: Float32Array) =>
        p.reduce((sum, v, i) => sum + (v - q[i]!) ** 2, 0);
      // Measured: the same bits, and of what 8 bits change 4e-4 of the power.
      expect(between(a, b) / power).toBeLessThan(1e-5);
      expect(between(a, float) / power).toBeLessThan(2e-3);
    }
  });
});
