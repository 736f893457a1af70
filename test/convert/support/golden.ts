import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { openCheckpoint } from '../../../src/convert/checkpoint/checkpoint.ts';
import { openFileSource } from '../../../src/convert/checkpoint/file-source.ts';
import type { StateDict } from '../../../src/convert/checkpoint/state-dict.ts';

export const GOLDEN = path.resolve('../shared/golden');

export interface GoldenArray {
  readonly file: string;
  readonly shape: readonly number[];
  readonly gzip: boolean;
  readonly sampled?: { readonly step: number; readonly offset_y: number; readonly offset_x: number };
}

export interface GoldenCase {
  readonly case: string;
  readonly model: string;
  readonly size: readonly [height: number, width: number];
  readonly arrays: Readonly<Record<string, GoldenArray>>;
  readonly scale_embed: 'zeros' | 'arrays';
}

export function readCase(name: string): GoldenCase {
  return JSON.parse(readFileSync(path.join(GOLDEN, 'windows', name, 'case.json'), 'utf8'));
}

/** A stored array, uncompressed. */
export function readBytes({ case: name, arrays }: GoldenCase, array: string): Uint8Array {
  const { file, gzip } = arrays[array]!;
  const bytes = readFileSync(path.join(GOLDEN, 'windows', name, file));
  return new Uint8Array(gzip ? gunzipSync(bytes) : bytes);
}

export function readFloats(golden: GoldenCase, array: string): Float32Array {
  return new Float32Array(readBytes(golden, array).slice().buffer);
}

/** uint8 RGB of window `index` (0 local, 1 short, 2 long), interleaved. */
export function readWindow(golden: GoldenCase, index: number): Uint8Array {
  const all = readBytes(golden, 'input');
  const [height, width] = golden.size;
  const out = new Uint8Array(height * width * 3);
  for (let p = 0; p < height * width; p++) {
    for (let c = 0; c < 3; c++) out[p * 3 + c] = all[p * 9 + index * 3 + c]!;
  }
  return out;
}

export const checkpointPath = (model: string, file = `${model}.pth`) =>
  path.join(GOLDEN, 'models', model, file);

/** Opens a checkpoint, and closes its file after the test. */
export async function openCheckpointFile(file: string): Promise<StateDict> {
  const source = await openFileSource(file);
  onTestFinished(() => source.close());
  return openCheckpoint(source);
}

export const openGolden = (model: string, file?: string): Promise<StateDict> =>
  openCheckpointFile(checkpointPath(model, file));

/** The elements of a C x H x W map that a sampled golden array keeps. */
export function sampleLike(
  map: Float32Array,
  shape: readonly number[],
  { sampled }: GoldenArray,
): Float32Array {
  if (sampled === undefined) return map;
  const [channels, height, width] = shape as [number, number, number];
  const out: number[] = [];
  for (let c = 0; c < channels; c++) {
    for (let y = sampled.offset_y; y < height; y += sampled.step) {
      for (let x = sampled.offset_x; x < width; x += sampled.step)
        out.push(map[(c * height + y) * width + x]!);
    }
  }
  return Float32Array.from(out);
}

/** Largest and mean absolute difference; NaN anywhere makes both NaN. */
export function difference(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): { max: number; mean: number } {
  if (actual.length !== expected.length) return { max: Number.NaN, mean: Number.NaN };
  let max = 0;
  let sum = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i]! - expected[i]!);
    max = Math.max(max, d);
    sum += d;
  }
  return { max, mean: sum / expected.length };
}

/** Exact bilinear upsampling with half-pixel centres, as the published code resizes its scores. */
export function upsample(
  scores: Float32Array,
  [channels, height, width]: readonly [number, number, number],
  [outHeight, outWidth]: readonly [number, number],
): Float32Array {
  const axis = (out: number, input: number) =>
    Array.from({ length: out }, (_, i) => {
      const s = Math.max(((i + 0.5) * input) / out - 0.5, 0);
      const i0 = Math.min(Math.floor(s), input - 1);
      return { i0, i1: Math.min(i0 + 1, input - 1), f: s - i0 };
    });
  const ys = axis(outHeight, height);
  const xs = axis(outWidth, width);
  const out = new Float32Array(channels * outHeight * outWidth);
  let to = 0;
  for (let c = 0; c < channels; c++) {
    for (const y of ys) {
      const top = (c * height + y.i0) * width;
      const bottom = (c * height + y.i1) * width;
      for (const x of xs) {
        const a = scores[top + x.i0]! * (1 - x.f) + scores[top + x.i1]! * x.f;
        const b = scores[bottom + x.i0]! * (1 - x.f) + scores[bottom + x.i1]! * x.f;
        out[to++] = a * (1 - y.f) + b * y.f;
      }
    }
  }
  return out;
}
