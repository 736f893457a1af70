import type * as ort from 'onnxruntime-node';
import { type FrustumError, ModelError, UnsupportedError } from '../core/errors.ts';
import { type ModelManifest, TENSORS } from './manifest.ts';
import type { OpenRequest } from './protocol.ts';

/**
 * The local graph's own score channels must be as many as the manifest's classes.
 * @throws ModelError
 */
export function checkScores(session: ort.InferenceSession, manifest: ModelManifest, path: string): void {
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

/**
 * Features travel as 32-bit floats, whatever the network computes in.
 * @throws ModelError
 */
export function checkFeatures(session: ort.InferenceSession, path: string): void {
  for (const name of [TENSORS.keys, TENSORS.values]) {
    const output = session.outputMetadata.find((meta) => meta.name === name);
    const type = output?.isTensor ? output.type : 'none';
    if (type === 'float32') continue;
    throw new ModelError(
      `${path}: its output ${name} is ${type}, expected float32, which frustum convert writes for any --dtype; convert the checkpoint again`,
      { tensor: name, expected: 'float32', actual: type },
    );
  }
}

/**
 * Every input must take any number of windows.
 * @throws UnsupportedError
 */
export function checkBatch(session: ort.InferenceSession, path: string, batch: number): void {
  for (const input of session.inputMetadata) {
    const windows = input.isTensor ? input.shape[0] : undefined;
    if (typeof windows !== 'number') continue;
    throw new UnsupportedError(
      `${path}: its input ${input.name} is of ${windows} window, so that ${batch} can't go through it at once; use --batch 1, or convert the checkpoint again: models convert so since Frustum knows batches`,
      { feature: `batches of ${batch}`, hint: 'use --batch 1' },
    );
  }
}

/** Why a graph could not be opened, for people. */
export function explainOpenFailure(path: string, request: OpenRequest, cause: unknown): FrustumError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const { provider } = request;
  if (provider === 'webgpu' && /requires f16/.test(reason)) {
    return new UnsupportedError(
      `${path}: this GPU has no 16-bit floats for WebGPU, which the graph computes in (${reason})`,
      {
        feature: 'float16 on this GPU',
        hint: 'convert the checkpoint with --dtype float32',
        cause,
      },
    );
  }
  if (provider !== 'cpu' && /provider|backend|cuda|cudnn|cublas|webgpu|dawn|vulkan/i.test(reason)) {
    return new UnsupportedError(`--provider ${provider}: onnxruntime can't use it here (${reason})`, {
      feature: `execution provider ${provider}`,
      hint:
        provider === 'cuda'
          ? 'install the provider files (ONNXRUNTIME_NODE_INSTALL=cuda12) or use --provider cpu; frustum doctor --provider cuda says what is missing'
          : 'it needs a GPU with a Vulkan driver and loader (libvulkan.so.1); use --provider cuda or cpu',
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
