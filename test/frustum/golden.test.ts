import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { frustumSpans } from '../../src/frustum/geometry.ts';
import { frustaOf, planFrusta } from '../../src/frustum/plan.ts';
import { createFrustumReader } from '../../src/frustum/read-frustum.ts';
import { resampleBlock } from '../../src/frustum/resample.ts';
import {
  type GoldenArray,
  listGolden,
  readGoldenBytes,
  readGoldenJson,
  readGoldenScene,
} from '../support/golden.ts';
import { createMemoryScene } from '../support/memory-scene.ts';

interface FrustumCase extends GoldenArray {
  readonly scene: string;
  readonly padded_hw: readonly [number, number];
  readonly crop: number;
  readonly distances: readonly number[];
  readonly prp_h: number;
  readonly prp_w: number;
  readonly source_rects_y0x0y1x1: readonly (readonly [number, number, number, number])[];
  readonly channels: string;
  readonly sha256_full_9ch: string;
}

interface WholeSceneCase {
  readonly case: string;
  readonly scene_hw: readonly [number, number];
  readonly padded_hw: readonly [number, number];
  readonly crop: number;
  readonly distances: readonly number[];
  readonly stride: number;
  readonly windows_run_by_official_loop: number;
  readonly distinct_windows: number;
}

/** RGB views side by side as the published code stacks them: channel 0-2 the first view, 3-5 the second, ... */
function interleave(views: readonly Uint8Array[], channels: readonly number[]): Uint8Array {
  const pixels = views[0]!.length / 3;
  const out = new Uint8Array(pixels * channels.length);
  channels.forEach((channel, k) => {
    const view = views[Math.floor(channel / 3)]!;
    for (let p = 0; p < pixels; p++) out[p * channels.length + k] = view[p * 3 + (channel % 3)]!;
  });
  return out;
}

const frustumCases = readGoldenJson<FrustumCase[]>('frustum/frustum.json');
const resizeCases = readGoldenJson<{ src: GoldenArray; dst: GoldenArray }[]>('frustum/resize.json');
const wholeScenes = listGolden('wholescene', '.json').map((name) =>
  readGoldenJson<WholeSceneCase>(`wholescene/${name}`),
);

describe('golden resize vectors', () => {
  it.each(resizeCases)('$src.file byte for byte', ({ src, dst }) => {
    const [height, width, bands] = src.shape as [number, number, number];
    const block = { width, height, bands, data: readGoldenBytes('frustum', src) };
    const got = resampleBlock(block, dst.shape[1]!, dst.shape[0]!);
    expect(Buffer.compare(got.data, readGoldenBytes('frustum', dst))).toBe(0);
  });
});

describe('golden frusta', () => {
  it.each(frustumCases)('$file byte for byte', async (golden) => {
    const image = await readGoldenScene(golden.scene);
    const scene = createMemoryScene(image.width, image.height, image.data);
    const { crop, distances, prp_h: y, prp_w: x } = golden;
    const plan = planFrusta({
      width: image.width,
      height: image.height,
      window: crop,
      distances,
      padTo: 512,
      stride: crop,
      mode: 'reference',
    });
    expect([plan.frame.height, plan.frame.width]).toEqual(golden.padded_hw);

    const down = frustumSpans('reference', y, distances, crop, plan.frame.height);
    const across = frustumSpans('reference', x, distances, crop, plan.frame.width);
    const windows = down.map((rows, i) => {
      const columns = across[i]!;
      return { x: columns.start, y: rows.start, width: columns.size, height: rows.size };
    });
    expect(windows.map((w) => [w.y, w.x, w.y + w.height, w.x + w.width])).toEqual(
      golden.source_rects_y0x0y1x1,
    );

    const reader = createFrustumReader({ scene, plan });
    const views = await reader.readFrustum({ index: 0, x, y, weight: 1, windows });
    const all = interleave(views, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(createHash('sha256').update(all).digest('hex')).toBe(golden.sha256_full_9ch);

    const [first, last] = /^(\d)\.\.(\d)/.exec(golden.channels)!.slice(1).map(Number) as [number, number];
    const channels = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    expect(golden.shape).toEqual([crop, crop, channels.length]);
    expect(Buffer.compare(interleave(views, channels), readGoldenBytes('frustum', golden))).toBe(0);
  });
});

describe('golden window counts', () => {
  it.each(wholeScenes)('$case', (golden) => {
    const [height, width] = golden.scene_hw;
    const plan = planFrusta({
      width,
      height,
      window: golden.crop,
      distances: golden.distances,
      padTo: 512,
      stride: golden.stride,
      mode: 'reference',
    });
    expect([plan.frame.height, plan.frame.width]).toEqual(golden.padded_hw);
    expect(plan.published).toEqual({
      runs: golden.windows_run_by_official_loop,
      distinct: golden.distinct_windows,
    });
    const planned = [...frustaOf(plan)];
    expect(planned).toHaveLength(plan.count);
    expect(plan.count).toBeLessThanOrEqual(golden.distinct_windows);
    for (const { x, y } of planned) expect(x < width && y < height).toBe(true);
  });
});
