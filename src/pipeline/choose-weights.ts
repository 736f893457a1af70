import { join } from 'node:path';
import { ConfigError, isFrustumError } from '../core/errors.ts';
import { INTEGER_FOLDER, type ModelManifest } from '../model/manifest.ts';
import { modelChecksum, readModelManifest } from '../model/read-manifest.ts';
import { readMeasuredQuality } from './measured-quality.ts';
import type { SegmentOptions } from './segment-options.ts';

/** Which of a model's weights a run is to take. */
export type Weights = 'auto' | 'float32' | 'int8';

/** Names of {@link Weights}. */
export const WEIGHTS = ['auto', 'float32', 'int8'] as const satisfies readonly Weights[];

/** What a preset may lose in mIoU against the exact map of the float32 weights; integers that lose as much are not taken unasked. */
const MOST_LOST_MIOU = 0.01;

/** The weights that a run takes. */
export interface ModelChoice {
  /** Folder of the model that runs. */
  readonly dir: string;
  readonly manifest: ModelManifest;
  /** Why these weights, for people; `null` where there was nothing to choose. */
  readonly reason: string | null;
}

/**
 * Chooses between the weights of a model's folder and those in 8-bit integers that may lie in `int8/` in it. `auto` takes
 * integers only for quality `fast` on processors, if they were made of just these float32 weights, are right on any processor
 * (weights of 7 bits), and `quality.json` doesn't say that they lose a point of mIoU. A model that is not of float32 is taken
 * as it is.
 *
 * Whoever maps or plans to calls this first, so that estimates, checksums and records are of what runs.
 * @throws ConfigError where the folder has no such weights; what `readModelManifest` and `readMeasuredQuality` throw, also for
 *   an `int8/` that is there and broken
 */
export async function chooseModel(
  options: Pick<SegmentOptions, 'model' | 'weights' | 'quality' | 'provider'>,
): Promise<ModelChoice> {
  const { model, weights = 'auto', quality = 'exact', provider = 'cpu' } = options;
  if (!WEIGHTS.includes(weights)) {
    throw wrongWeights(weights, `must be one of ${WEIGHTS.join(', ')}`);
  }
  const manifest = await readModelManifest(model, false);
  const { dtype } = manifest;
  const asItIs = (reason: string | null) => ({ dir: model, manifest, reason });
  if (weights === dtype) return asItIs(null);
  if (weights === 'float32')
    throw wrongWeights(weights, `${model} has weights in ${dtype}${madeOf(manifest)}`);
  if (weights === 'int8' && dtype !== 'float32') {
    throw wrongWeights(
      weights,
      `${model} has weights in ${dtype}; frustum quantize makes integers of float32`,
    );
  }
  if (weights === 'auto' && (dtype !== 'float32' || quality !== 'fast' || provider !== 'cpu')) {
    return asItIs(null);
  }

  const dir = join(model, INTEGER_FOLDER);
  const integers = await readIntegers(dir);
  const make = `frustum quantize ${model} --scene SCENE makes them, of scenes like yours`;
  if (integers === null) {
    if (weights === 'auto') return asItIs(null);
    throw wrongWeights(weights, `${dir} is not there; ${make} (for a plan made elsewhere, copy that folder)`);
  }
  if (integers.dtype !== 'int8' || integers.quantization?.source.checksum !== modelChecksum(manifest)) {
    const stale = `${dir} was not made of the weights in ${model}`;
    if (weights === 'auto') return asItIs(`${stale}; remove it, and ${make}`);
    throw wrongWeights(weights, `${stale}; remove it, and ${make}`);
  }
  const chosen = (reason: string) => ({ dir, manifest: integers, reason });
  if (weights === 'int8') return chosen('asked for');
  if (integers.quantization.weightBits === 8) {
    return asItIs(`${dir} has weights of 8 bits, which not every processor multiplies right`);
  }
  const lost = await lostByIntegers(model, manifest, integers);
  if (lost !== null && lost >= MOST_LOST_MIOU) {
    return asItIs(`${dir} was measured to lose ${(lost * 100).toFixed(2)} points of mIoU`);
  }
  return chosen(
    lost === null
      ? 'quality fast on processors; what it costs was not measured'
      : 'quality fast on processors',
  );
}

/** The manifest in the folder of integers; `null` if there is none. */
async function readIntegers(dir: string): Promise<ModelManifest | null> {
  try {
    return await readModelManifest(dir, false);
  } catch (error) {
    const missing = isFrustumError(error) && error.tag === 'SourceError' && error.url === manifestOf(dir);
    if (missing && error.status === 'ENOENT') return null;
    throw error;
  }
}

function manifestOf(dir: string): string {
  return join(dir, 'manifest.json');
}

/** Points of mIoU, 0 to 1, that quality fast with these integers was measured to lose against the exact map; `null` if it wasn't. */
async function lostByIntegers(
  dir: string,
  manifest: ModelManifest,
  integers: ModelManifest,
): Promise<number | null> {
  const measured = await readMeasuredQuality(dir);
  if (measured?.model !== modelChecksum(manifest) || measured.int8 !== modelChecksum(integers)) return null;
  const find = (quality: string, weights: string) =>
    measured.modes.find(
      (mode) => mode.quality === quality && mode.weights === weights && mode.tta === 'none',
    );
  const [exact, fast] = [find('exact', 'float32'), find('fast', 'int8')];
  return exact && fast ? Math.round((exact.meanIou - fast.meanIou) * 1e5) / 1e5 : null;
}

function madeOf({ quantization }: ModelManifest): string {
  return quantization === undefined ? '' : `, made of ${quantization.source.name}: give that model's folder`;
}

function wrongWeights(value: string, why: string): ConfigError {
  return new ConfigError(`--weights ${value}: ${why}`, { pointer: '--weights', value });
}
