import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { type FrustumError, ModelError, UnsupportedError } from '../core/errors.ts';
import { type ModelManifest, TENSORS } from './manifest.ts';
import type { FeatureTensor, InferAnswer, InferRequest, LongFeatures, OpenRequest } from './protocol.ts';

/** The three sessions of one model, and the context features that are kept. */
export interface SessionSet {
  infer(request: InferRequest): Promise<InferAnswer>;
}

type Features = ort.InferenceSession.OnnxValueMapType;

/**
 * Opens a model's graphs. Runs in the inference child only: sessions block their thread while they work.
 * @throws ModelError where the graphs don't fit the manifest, UnsupportedError where the provider is not installed
 */
export async function openSessionSet(request: OpenRequest, manifest: ModelManifest): Promise<SessionSet> {
  const options: ort.InferenceSession.SessionOptions = {
    executionProviders: [request.provider],
    intraOpNumThreads: request.threads,
    graphOptimizationLevel: 'all',
    // Masked attention weights are exp(-100), a denormal: flushing makes those operators many times faster and changes
    // no result by more than 1.2e-38.
    extra: { session: { set_denormal_as_zero: '1' } },
  };
  const open = async (branch: keyof ModelManifest['graphs']) => {
    const path = join(request.dir, manifest.graphs[branch].file);
    try {
      return await ort.InferenceSession.create(path, options);
    } catch (cause) {
      throw explainOpenFailure(path, request, cause);
    }
  };
  const sessions = { long: await open('long'), short: await open('short'), local: await open('local') };
  checkScores(sessions.local, manifest, join(request.dir, manifest.graphs.local.file));

  const side = manifest.window;
  const pixels = (data: Uint8Array) => new ort.Tensor('uint8', data, [1, side, side, 3]);
  const kept = { short: new Map<number, Features>(), long: new Map<number, Features>() };
  const featuresOf = async (
    branch: keyof typeof kept,
    view: Uint8Array | LongFeatures | null,
    slot: number,
  ) => {
    if (view instanceof Uint8Array) {
      kept[branch].set(slot, await sessions[branch].run({ [TENSORS.pixels]: pixels(view) }));
    } else if (view !== null) kept[branch].set(slot, tensorsOf(view));
    const features = kept[branch].get(slot);
    if (features === undefined) {
      throw new ModelError(`a window came without its ${branch}-range window, and none is kept for it`, {
        tensor: branch === 'long' ? TENSORS.longKeys : TENSORS.shortKeys,
        expected: `${branch}-range pixels`,
        actual: 'none',
      });
    }
    return features;
  };

  return {
    async infer({ local, short, long, giveLong, slots = { short: 0, long: 0 } }) {
      const started = performance.now();
      const longFeatures = await featuresOf('long', long, slots.long);
      const longDone = performance.now();
      const given = giveLong === true ? asFloats(longFeatures) : null;
      const shortFeatures = await featuresOf('short', short, slots.short);
      const shortDone = performance.now();
      const answer = await sessions.local.run({
        [TENSORS.pixels]: pixels(local),
        [TENSORS.shortKeys]: shortFeatures[TENSORS.keys]!,
        [TENSORS.shortValues]: shortFeatures[TENSORS.values]!,
        [TENSORS.longKeys]: longFeatures[TENSORS.keys]!,
        [TENSORS.longValues]: longFeatures[TENSORS.values]!,
      });
      const scores = answer[TENSORS.scores]!.data as Float32Array;
      return {
        scores,
        milliseconds: {
          long: longDone - started,
          short: shortDone - longDone,
          local: performance.now() - shortDone,
        },
        ...(given && { long: given }),
      };
    },
  };
}

function tensorsOf({ keys, values }: LongFeatures): ort.InferenceSession.OnnxValueMapType {
  const tensor = ({ data, dims }: FeatureTensor) => new ort.Tensor('float32', data, dims);
  return { [TENSORS.keys]: tensor(keys), [TENSORS.values]: tensor(values) };
}

function asFloats(features: ort.InferenceSession.OnnxValueMapType): LongFeatures | null {
  const [keys, values] = [features[TENSORS.keys]!, features[TENSORS.values]!];
  if (!(keys.data instanceof Float32Array && values.data instanceof Float32Array)) return null;
  return { keys: { data: keys.data, dims: keys.dims }, values: { data: values.data, dims: values.dims } };
}

/** The local graph's own score channels must be as many as the manifest's classes. */
function checkScores(session: ort.InferenceSession, manifest: ModelManifest, path: string): void {
  const output = session.outputMetadata.find((meta) => meta.name === TENSORS.scores);
  if (output === undefined || !output.isTensor) {
    throw new ModelError(
      `${path}: has no output named ${TENSORS.scores}, but ${session.outputNames.join(', ')}`,
      {
        tensor: TENSORS.scores,
        expected: TENSORS.scores,
        actual: session.outputNames.join(', '),
      },
    );
  }
  const cells = manifest.window / manifest.scores.stride;
  const expected = [manifest.classes.length, cells, cells];
  const actual = output.shape.slice(1);
  const [channels] = actual;
  if (typeof channels === 'number' && channels !== manifest.classes.length) {
    throw new ModelError(
      `${path}: the network scores ${channels} classes, but manifest.json lists ${manifest.classes.length}: the manifest belongs to another model; convert the checkpoint again`,
      { tensor: TENSORS.scores, expected: expected.join('x'), actual: actual.join('x') },
    );
  }
  if (actual.some((n, i) => typeof n === 'number' && n !== expected[i])) {
    throw new ModelError(
      `${path}: scores are ${actual.join(' x ')}, but the manifest's window and score stride need ${expected.join(' x ')}`,
      { tensor: TENSORS.scores, expected: expected.join('x'), actual: actual.join('x') },
    );
  }
}

function explainOpenFailure(path: string, request: OpenRequest, cause: unknown): FrustumError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (request.provider !== 'cpu' && /provider|backend|cuda|webgpu/i.test(reason)) {
    return new UnsupportedError(`--provider ${request.provider}: onnxruntime can't use it here (${reason})`, {
      feature: `execution provider ${request.provider}`,
      hint: 'install the provider files (ONNXRUNTIME_NODE_INSTALL=cuda12 for CUDA) or use --provider cpu',
      cause,
    });
  }
  return new ModelError(`${path}: onnxruntime can't open it: ${reason}`, {
    tensor: path,
    expected: 'an ONNX graph',
    actual: reason,
    cause,
  });
}
