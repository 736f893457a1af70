import { z } from 'zod';

/**
 * `manifest.json` of a converted model: everything that running it needs beside the ONNX files.
 * Written by `frustum convert`, checked whenever a model is opened.
 */

const graphFile = z.strictObject({
  /** File name beside the manifest. */
  file: z.string(),
  sizeBytes: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Side file with weights, for graphs above 2 GB. */
  externalData: z
    .strictObject({ file: z.string(), sizeBytes: z.number().int(), sha256: z.string() })
    .optional(),
});

export const landCoverClassSchema = z.strictObject({
  id: z.number().int().min(0).max(254),
  name: z.string().min(1),
  color: z.string().regex(/^#[0-9a-fA-F]{6}$/),
});

/** Folder in a float32 model's folder that may hold the same model in 8-bit integers. */
export const INTEGER_FOLDER = 'int8';

/** How a model of 8-bit integers was made of one of float32, and what that changed. */
export const quantizationSchema = z.strictObject({
  /** Ranges of activations were measured on these scenes. */
  scenes: z.array(z.string()).min(1),
  windows: z.strictObject({
    /** Windows that ranges were measured on. */
    ranges: z.number().int().positive(),
    /** Others, that `agreement` was measured on. */
    checks: z.number().int().positive(),
    /** Of all of their pixels as the network saw them. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  /** How ranges were chosen from what was seen. */
  ranges: z.enum(['minmax', 'percentile', 'mse']),
  weightBits: z.union([z.literal(7), z.literal(8)]),
  /** Layers with weights in integers, and the share of the multiplications that they do. */
  layers: z.number().int().positive(),
  work: z.number().min(0).max(1),
  /** Layers whose weights are still float32, and why. */
  float32: z.array(
    z.strictObject({ layer: z.string(), reason: z.enum(['class scores', 'few channels', 'loses accuracy']) }),
  ),
  /** Share of the score cells of the check windows whose class is that of the float32 model. */
  agreement: z.number().min(0).max(1),
  /** The float32 model. */
  source: z.strictObject({
    name: z.string(),
    /** One for the whole model, as `run.json` gives it. */
    checksum: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});

export const modelManifestSchema = z.strictObject({
  format: z.literal('frustum-model'),
  version: z.literal(1),
  name: z.string().min(1),
  /** Score channel i belongs to classes[i]; ids are 0..n-1 in order. */
  classes: z.array(landCoverClassSchema).min(2),
  input: z.strictObject({
    /** What the three channels are, in order. */
    bands: z.tuple([z.string(), z.string(), z.string()]),
    /** Per channel, on the 0..255 scale; applied inside the graphs. */
    mean: z.tuple([z.number(), z.number(), z.number()]),
    deviation: z.tuple([z.number(), z.number(), z.number()]),
  }),
  /** Side of the local window in pixels; all three graphs take `window x window`. */
  window: z.number().int().positive(),
  /** Local first: e.g. [1, 3, 14]. */
  distances: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]),
  /** The geometry the network was trained with. */
  geometry: z.enum(['reference', 'centred']),
  /** Scenes are zero-padded right and bottom to a multiple of this many pixels. */
  padTo: z.number().int().positive(),
  scaleEmbeddings: z.strictObject({
    /** `zero`: they are not in published checkpoints and their expectation is zero. `given`: baked into the graphs. */
    treatment: z.enum(['zero', 'given']),
    reason: z.string(),
  }),
  scores: z.strictObject({
    /** Pixels of the window a score cell stands for: 4 (the head's own resolution) or 1 (upsampled in the graph). */
    stride: z.union([z.literal(1), z.literal(4)]),
    /** `labels` (uint8, first maximum) come out beside the scores when converted with in-graph labels. */
    labels: z.boolean(),
  }),
  graphs: z.strictObject({ long: graphFile, short: graphFile, local: graphFile }),
  /** Weights and arithmetic; `int8`: those of the layers that `quantization` does not name. */
  dtype: z.enum(['float32', 'float16', 'int8']),
  quantization: quantizationSchema.optional(),
  opset: z.number().int(),
  /** Read off the checkpoint's shapes, or from the preset. */
  architecture: z.record(z.string(), z.unknown()),
  parameters: z.number().int().positive(),
  source: z.strictObject({
    file: z.string(),
    sizeBytes: z.number().int(),
    sha256: z.string(),
    preset: z.string(),
  }),
});

/** See {@link modelManifestSchema}. */
export type ModelManifest = z.infer<typeof modelManifestSchema>;

/**
 * Tensor names of the three graphs. N windows of side S, score stride s, C classes, K key channels, L key positions.
 *
 * - `long.onnx`, `short.onnx`: `pixels` uint8 [N,S,S,3] (RGB, interleaved) -> `keys` and `values`
 *   (shapes are the graph's own business; the local graph of the same model accepts them).
 * - `local.onnx`: `pixels` uint8 [N,S,S,3], `short_keys`, `short_values`, `long_keys`, `long_values`
 *   -> `scores` float32 [N,C,S/s,S/s] raw logits, and `labels` uint8 [N,S,S] if the manifest says so.
 *   The long keys and values are of N windows too, or of one that all windows of the batch share (graphs that were
 *   converted before this was so take one only).
 */
export const TENSORS = {
  pixels: 'pixels',
  keys: 'keys',
  values: 'values',
  shortKeys: 'short_keys',
  shortValues: 'short_values',
  longKeys: 'long_keys',
  longValues: 'long_values',
  scores: 'scores',
  labels: 'labels',
} as const;
