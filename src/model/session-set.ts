import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { ModelError } from '../core/errors.ts';
import { checkBatch, checkFeatures, checkScores, explainOpenFailure } from './check-sessions.ts';
import { type ModelManifest, TENSORS } from './manifest.ts';
import type { BatchAnswer, FeatureTensor, LongFeatures, OpenRequest } from './protocol.ts';
import { sessionOptions } from './session-options.ts';
import { type StagedBatch, type StagedContext, stageBatch } from './stage-batch.ts';

/** The three sessions of one model, and the context features that are kept. */
export interface SessionSet {
  infer(staged: StagedBatch): Promise<BatchAnswer>;
  /** Runs each graph once in each shape that requests will have; features of real windows are not touched. */
  warmUp(): Promise<void>;
}

/**
 * Opens a model's graphs. Runs in the inference child only: sessions block their thread while they work.
 * @throws ModelError where the graphs don't fit the manifest, UnsupportedError where the provider is not installed or a
 *   graph can't take a batch
 */
export async function openSessionSet(request: OpenRequest, manifest: ModelManifest): Promise<SessionSet> {
  const options = sessionOptions(request);
  const pathOf = (branch: keyof ModelManifest['graphs']) => join(request.dir, manifest.graphs[branch].file);
  const open = async (branch: keyof ModelManifest['graphs']) => {
    try {
      return await ort.InferenceSession.create(pathOf(branch), options);
    } catch (cause) {
      throw explainOpenFailure(pathOf(branch), request, cause);
    }
  };
  const sessions = { long: await open('long'), short: await open('short'), local: await open('local') };
  const { batch = 1 } = request;
  checkScores(sessions.local, manifest, pathOf('local'));
  for (const branch of ['long', 'short'] as const) checkFeatures(sessions[branch], pathOf(branch));
  if (batch > 1) {
    for (const [branch, session] of Object.entries(sessions)) {
      checkBatch(session, pathOf(branch as keyof typeof sessions), batch);
    }
  }

  const side = manifest.window;
  const viewBytes = side * side * 3;
  const pixels = (data: Uint8Array) =>
    new ort.Tensor('uint8', data, [data.length / viewBytes, side, side, 3]);
  const kept = { short: new Map<number, LongFeatures>(), long: new Map<number, LongFeatures>() };

  /** What encoders make of the windows that bring pixels, in their order. */
  const encode = async (branch: keyof typeof kept, { pixels: views, mode }: StagedContext) => {
    const made: LongFeatures[] = [];
    const step = mode === 'together' ? views.length : viewBytes;
    for (let at = 0; at < views.length; at += step) {
      const output = await sessions[branch].run({ [TENSORS.pixels]: pixels(views.subarray(at, at + step)) });
      const [keys, values] = [output[TENSORS.keys]!, output[TENSORS.values]!];
      for (let i = 0; i < step / viewBytes; i++) {
        made.push({ keys: partOf(keys, i), values: partOf(values, i) });
      }
    }
    return made;
  };

  /** The features of each window of a batch; what its windows bring is kept in their order. */
  const featuresOf = async (branch: keyof typeof kept, context: StagedContext) => {
    const made = await encode(branch, context);
    let next = 0;
    return context.sources.map((source, i) => {
      const slot = context.slots[i]!;
      const features = source === 'pixels' ? made[next++]! : (source ?? kept[branch].get(slot));
      if (features === undefined) {
        throw new ModelError(`a window came without its ${branch}-range window, and none is kept for it`, {
          tensor: branch === 'long' ? TENSORS.longKeys : TENSORS.shortKeys,
          expected: `${branch}-range pixels`,
          actual: 'none',
        });
      }
      // What is encoded together is seen once.
      if (context.mode !== 'together') kept[branch].set(slot, features);
      return features;
    });
  };

  const infer = async ({ count, local, short, long, giveLong }: StagedBatch): Promise<BatchAnswer> => {
    const started = performance.now();
    const longFeatures = await featuresOf('long', long);
    const longDone = performance.now();
    const shortFeatures = await featuresOf('short', short);
    const shortDone = performance.now();
    const near = stack(shortFeatures, batch);
    const far = stack(
      long.mode === 'one' ? longFeatures.slice(0, 1) : longFeatures,
      long.mode === 'one' ? 1 : batch,
    );
    const { [TENSORS.scores]: scores } = await sessions.local.run(
      {
        [TENSORS.pixels]: pixels(local),
        [TENSORS.shortKeys]: near.keys,
        [TENSORS.shortValues]: near.values,
        [TENSORS.longKeys]: far.keys,
        [TENSORS.longValues]: far.values,
      },
      [TENSORS.scores],
    );
    const milliseconds = {
      long: longDone - started,
      short: shortDone - longDone,
      local: performance.now() - shortDone,
    };
    const all = scores!.data as Float32Array;
    const each = all.length / batch;
    return {
      windows: Array.from({ length: count }, (_, i) => ({
        scores: all.slice(i * each, (i + 1) * each),
        ...(giveLong[i] === true && { long: copyOf(longFeatures[i]!) }),
      })),
      milliseconds,
    };
  };

  return {
    infer,
    async warmUp() {
      const before = { short: [...kept.short], long: [...kept.long] };
      const view = new Uint8Array(viewBytes);
      for (const mode of batch > 1 ? (['each', 'together'] as const) : (['each'] as const)) {
        const window = { local: view, short: view, long: view, encode: { short: mode, long: mode } };
        await infer(
          stageBatch(
            Array.from({ length: batch }, () => window),
            viewBytes,
            batch,
          ),
        );
      }
      if (batch > 1) {
        const window = {
          local: view,
          short: view,
          long: view,
          encode: { short: 'each', long: 'one' } as const,
        };
        await infer(stageBatch([window], viewBytes, batch));
      }
      for (const branch of ['short', 'long'] as const) kept[branch] = new Map(before[branch]);
    },
  };
}

/** Window `index` of a batch of features, without a copy. */
function partOf(tensor: ort.Tensor, index: number): FeatureTensor {
  const data = tensor.data as Float32Array;
  const [batch = 1, ...dims] = tensor.dims;
  const each = data.length / batch;
  return { data: data.subarray(index * each, (index + 1) * each), dims: [1, ...dims] };
}

/** Features of `count` windows as the local graph takes them: those that are given, and the last of them again and again. */
function stack(features: readonly LongFeatures[], count: number): Record<'keys' | 'values', ort.Tensor> {
  const join = (part: 'keys' | 'values') => {
    const parts = Array.from({ length: count }, (_, i) => features[Math.min(i, features.length - 1)]![part]);
    const [, ...dims] = parts[0]!.dims;
    return new ort.Tensor('float32', sideBySide(parts.map(({ data }) => data)), [count, ...dims]);
  };
  return { keys: join('keys'), values: join('values') };
}

/** Arrays of one length joined; without a copy where they lie side by side already, as an encoder leaves them. */
function sideBySide(parts: readonly Float32Array[]): Float32Array {
  const [first] = parts as [Float32Array];
  const { buffer, byteOffset, byteLength, length } = first;
  const adjacent = parts.every(
    (part, i) => part.buffer === buffer && part.byteOffset === byteOffset + i * byteLength,
  );
  if (adjacent) return new Float32Array(buffer as ArrayBuffer, byteOffset, parts.length * length);
  const joined = new Float32Array(parts.length * length);
  for (const [i, part] of parts.entries()) joined.set(part, i * length);
  return joined;
}

function copyOf({ keys, values }: LongFeatures): LongFeatures {
  const copy = ({ data, dims }: FeatureTensor) => ({ data: data.slice(), dims });
  return { keys: copy(keys), values: copy(values) };
}
