import type { ComputeType } from '../onnx/graph.ts';
import type { HeadArchitecture } from './architecture.ts';
import { adaptivePoolMatrix, bilinearMatrix, kronecker, tapMatrices } from './interpolation.ts';
import { type Matrix, permute, transposeMatrix } from './linear-algebra.ts';
import {
  type Emitter,
  emitConvNorm,
  type FeatureMap,
  foldBatchNorm,
  readBatchNorm,
  toImage,
  toTokens,
  transposed,
} from './modules.ts';

/**
 * UPerHead: pyramid pooling on the deepest map, a top-down path, fusion at the finest level, scores.
 *
 * Both wide 3x3 convolutions read maps that were just upsampled. By linearity each of their taps is applied on the coarse
 * grid first (a 1x1 convolution), and the shifted, upsampled taps are summed by constant matrices that also hold the
 * convolution's zero padding: the same numbers for a fraction of the work.
 *
 * @param maps finest first
 * @returns raw scores as an image at the finest map's size
 */
export function emitHead(emitter: Emitter, head: HeadArchitecture, maps: readonly FeatureMap[]): FeatureMap {
  const { g, weights } = emitter;
  const { channels } = head;
  const laterals = maps.slice(0, -1).map((map, i) => {
    const name = `decode_head.lateral_convs.${i}`;
    const value = emitConvNorm(emitter, toImage(g, map).value, `${name}.conv`, `${name}.bn`);
    return { ...map, layout: 'image' as const, channels, value };
  });
  const levels: FeatureMap[] = [...laterals, emitPyramidPooling(emitter, head, maps.at(-1)!)];
  for (let i = levels.length - 1; i > 0; i--) {
    const finer = levels[i - 1]!;
    levels[i - 1] = {
      ...finer,
      value: g.node('Add', [finer.value, emitUpsample(emitter, levels[i]!, finer)]),
    };
  }
  for (let i = 0; i < levels.length - 1; i++) {
    const name = `decode_head.fpn_convs.${i}`;
    levels[i] = {
      ...levels[i]!,
      value: emitConvNorm(emitter, levels[i]!.value, `${name}.conv`, `${name}.bn`),
    };
  }
  const fused = emitLevelFusion(emitter, head, levels);
  const scores = g.node(
    'Conv',
    [
      fused,
      g.weight('decode_head.conv_seg.weight', [head.classes, channels, 1, 1], () =>
        weights.read('decode_head.conv_seg.weight'),
      ),
      g.weight('decode_head.conv_seg.bias', [head.classes], () => weights.read('decode_head.conv_seg.bias')),
    ],
    { kernel_shape: [1, 1] },
  );
  return { ...levels[0]!, channels: head.classes, value: scores };
}

/** Bilinear upsampling of an image of element type `type` to `height` x `width`. */
export function emitUpsample(
  { g }: Pick<Emitter, 'g'>,
  map: FeatureMap,
  { height, width }: { readonly height: number; readonly width: number },
  type: ComputeType = g.compute,
): string {
  if (map.height === height && map.width === width) return map.value;
  const across = bilinearMatrix(width, map.width);
  const down = bilinearMatrix(height, map.height);
  const load = (m: Matrix) => async () => m.data;
  const right = g.weight(
    `upsample_x:${map.width}:${width}:${type}`,
    [map.width, width],
    load(transposeMatrix(across)),
    type,
  );
  const left = g.weight(`upsample_y:${map.height}:${height}:${type}`, [height, map.height], load(down), type);
  return g.node('MatMul', [left, g.node('MatMul', [map.value, right])]);
}

/**
 * Taps of one slice of a folded 3x3 convolution, as [channels*9, inputs] with rows (output, ky, kx), or its transpose for
 * tokens with columns (ky, kx, output).
 */
async function readTaps(
  weights: Emitter['weights'],
  name: string,
  slice: { readonly from: number; readonly count: number },
  form: 'rows' | 'columns',
) {
  const { weight, bias } = await foldBatchNorm(weights, `${name}.conv`, `${name}.bn`);
  const part = sliceInputs(weight, bias.length, slice);
  const dims = [bias.length, slice.count, 9];
  return permute(part, dims, form === 'rows' ? [0, 2, 1] : [1, 2, 0]);
}

/** Inputs [from, from + count) of a 3x3 convolution's weights. */
function sliceInputs(
  weight: Float32Array | Float64Array,
  outputs: number,
  { from, count }: { readonly from: number; readonly count: number },
): Float64Array {
  const inputs = weight.length / outputs / 9;
  const part = new Float64Array(outputs * count * 9);
  for (let o = 0; o < outputs; o++) {
    part.set(weight.subarray((o * inputs + from) * 9, (o * inputs + from + count) * 9), o * count * 9);
  }
  return part;
}

/** The 3x3 convolution of the map that needs no upsampling, without its ReLU; the bias is here. */
function emitDirectPart({ g, weights }: Emitter, name: string, map: FeatureMap, outputs: number): string {
  const slice = { from: 0, count: map.channels };
  return g.node(
    'Conv',
    [
      map.value,
      g.weight(`${name}.conv.weight`, [outputs, map.channels, 3, 3], async () =>
        sliceInputs((await foldBatchNorm(weights, `${name}.conv`, `${name}.bn`)).weight, outputs, slice),
      ),
      g.weight(`${name}.conv.bias`, [outputs], async () => (await readBatchNorm(weights, `${name}.bn`)).bias),
    ],
    { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
  );
}

/** Pools to s x s, projects, upsamples each scale, and convolves them together with the map itself. */
function emitPyramidPooling(emitter: Emitter, head: HeadArchitecture, map: FeatureMap): FeatureMap {
  const { g, weights } = emitter;
  const { channels, poolScales } = head;
  const { height, width } = map;
  const name = 'decode_head.bottleneck';
  const tokens = toTokens(g, map);
  const taps = poolScales.map((scale, i) => {
    const cells = scale * scale;
    const module = `decode_head.psp_modules.${i}.1`;
    return g.within(`decode_head.psp_modules.${i}`, () => {
      const pool = kronecker(adaptivePoolMatrix(scale, height), adaptivePoolMatrix(scale, width));
      const pooled = g.node('MatMul', [
        g.weight(`pool:${scale}`, [pool.rows, pool.cols], async () => pool.data),
        tokens.value,
      ]);
      const projected = g.node('Add', [
        g.node('MatMul', [
          pooled,
          g.weight(`${module}.conv.weight`, [map.channels, channels], async () =>
            transposed((await foldBatchNorm(weights, `${module}.conv`, `${module}.bn`)).weight, channels),
          ),
        ]),
        g.weight(
          `${module}.conv.bias`,
          [channels],
          async () => (await readBatchNorm(weights, `${module}.bn`)).bias,
        ),
      ]);
      const slice = { from: map.channels + i * channels, count: channels };
      const tapWeight = g.weight(`${name}.taps.${i}`, [channels, 9 * channels], () =>
        readTaps(weights, name, slice, 'columns'),
      );
      const tapped = g.node('MatMul', [g.node('Relu', [projected]), tapWeight]);
      return g.reshape(tapped, [-1, cells * 9, channels]);
    });
  });
  return g.within(name, () => {
    const spread = g.weight(
      `${name}.spread`,
      [height * width, poolScales.reduce((sum, s) => sum + 9 * s * s, 0)],
      async () => spreadMatrix(poolScales, height, width),
    );
    const pooled = g.node('MatMul', [spread, g.node('Concat', taps, { axis: 1 })]);
    const context = toImage(g, { value: pooled, layout: 'tokens', channels, height, width });
    const direct = emitDirectPart(emitter, name, toImage(g, map), channels);
    return { ...context, value: g.node('Relu', [g.node('Add', [direct, context.value])]) };
  });
}

/**
 * [height*width, columns (scale, y, x, ky, kx)]: how much output pixel p takes of tap (ky, kx) of cell (y, x) of each
 * pooled scale.
 */
function spreadMatrix(poolScales: readonly number[], height: number, width: number): Float64Array {
  const columns = poolScales.reduce((sum, s) => sum + 9 * s * s, 0);
  const out = new Float64Array(height * width * columns);
  let first = 0;
  for (const s of poolScales) {
    const tapsY = tapMatrices(bilinearMatrix(height, s));
    const tapsX = tapMatrices(bilinearMatrix(width, s));
    for (const [ky, rows] of tapsY.entries()) {
      for (const [kx, cols] of tapsX.entries()) {
        const both = kronecker(rows, cols);
        for (let p = 0; p < height * width; p++) {
          for (let cell = 0; cell < s * s; cell++) {
            out[p * columns + first + cell * 9 + ky * 3 + kx] = both.data[p * s * s + cell]!;
          }
        }
      }
    }
    first += 9 * s * s;
  }
  return out;
}

/** fpn_bottleneck over all levels upsampled to the finest. */
function emitLevelFusion(
  emitter: Emitter,
  { channels }: HeadArchitecture,
  levels: readonly FeatureMap[],
): string {
  const { g, weights } = emitter;
  const name = 'decode_head.fpn_bottleneck';
  const finest = levels[0]!;
  return g.within(name, () => {
    let sum = emitDirectPart(emitter, name, finest, channels);
    for (const [i, level] of levels.entries()) {
      if (i === 0) continue;
      const slice = { from: i * channels, count: channels };
      const tapWeight = g.weight(`${name}.taps.${i}`, [9 * channels, channels], () =>
        readTaps(weights, name, slice, 'rows'),
      );
      sum = g.node('Add', [sum, emitSpreadTaps(emitter, tapWeight, level, finest)]);
    }
    return g.node('Relu', [sum]);
  });
}

/** Sum over ky, kx of A_y[ky] T[ky, kx] A_x[kx]^T, where T are the taps on the coarse grid. */
function emitSpreadTaps({ g }: Emitter, tapWeight: string, level: FeatureMap, finest: FeatureMap): string {
  const { channels, height, width } = level;
  const flat = g.reshape(level.value, [-1, channels, height * width]);
  const taps = g.reshape(g.node('MatMul', [tapWeight, flat]), [-1, 3, height, width]);
  const rows = g.reshape(g.transpose(taps, [0, 2, 1, 3]), [-1, channels, 3 * height, 3 * width]);
  const columns = tapMatrices(bilinearMatrix(finest.width, width)).map(transposeMatrix);
  const across = g.weight(`spread_x:${width}:${finest.width}`, [3 * width, finest.width], async () =>
    Float64Array.from(columns.flatMap(({ data }) => [...data])),
  );
  const lines = tapMatrices(bilinearMatrix(finest.height, height));
  const down = g.weight(`spread_y:${height}:${finest.height}`, [finest.height, 3 * height], async () => {
    const out = new Float64Array(finest.height * 3 * height);
    for (const [ky, { data }] of lines.entries()) {
      for (let y = 0; y < finest.height; y++) {
        out.set(data.subarray(y * height, (y + 1) * height), (y * 3 + ky) * height);
      }
    }
    return out;
  });
  return g.node('MatMul', [down, g.node('MatMul', [rows, across])]);
}
