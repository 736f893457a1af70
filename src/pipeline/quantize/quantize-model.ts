import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { WeightBits } from '../../convert/quantize/quantize-weight.ts';
import type { RangeMethod } from '../../convert/quantize/ranges.ts';
import { ConfigError, ModelError } from '../../core/errors.ts';
import { writeError } from '../../io/atomic-file.ts';
import { makeFolder } from '../../io/make-folder.ts';
import { removeLeftovers, temporaryPathFor } from '../../io/remove-leftovers.ts';
import type { SourceOptions } from '../../io/source-options.ts';
import { INTEGER_FOLDER, type ModelManifest } from '../../model/manifest.ts';
import { modelChecksum, readModelManifest } from '../../model/read-manifest.ts';
import { openScene, type Scene } from '../../scene/open-scene.ts';
import type { BandChoice } from '../../scene/select-bands.ts';
import type { Stretch } from '../../scene/stretch.ts';
import { chooseLayers } from './choose-layers.ts';
import { type CalibrationWindows, readCalibrationWindows } from './choose-windows.ts';
import { describeQuantization } from './describe-quantization.ts';
import type { Workshop } from './network.ts';
import { observeModel } from './observe-model.ts';
import { openSourceGraphs } from './open-source-model.ts';
import { throwIfStopped } from './run-graphs.ts';
import { writeQuantizedModel } from './write-quantized.ts';

/** Which model to quantize, on what, and how. */
export interface QuantizeOptions {
  /** Folder of a float32 model that `convertCheckpoint` wrote. */
  readonly model: string;
  /**
   * Scenes like those that are to be mapped, but not those that the result will be judged by: paths or URLs as `openScene` takes
   * them.
   */
  readonly scenes: readonly string[];
  /** Must not exist, or be empty; `int8` in the model's folder unless told, where runs look for it: see `chooseModel`. */
  readonly outDir?: string;
  /** Windows that ranges are measured on; as many others judge the result. 32 unless told. */
  readonly windows?: number;
  /**
   * Least share of the check windows' score cells that must keep their class; layers are left in float32 until it is so.
   * 0.99 unless told.
   */
  readonly agreement?: number;
  /** How the range of an activation is chosen: all that was seen (`minmax`, unless told), or cut down. */
  readonly ranges?: RangeMethod;
  /** 7 unless told, which is safe on any processor; 8 for processors with VNNI and for ARM. */
  readonly weightBits?: WeightBits;
  /** Name of the model; the float32 model's with `-int8` unless told. */
  readonly name?: string;
  /** Red, green and blue; bands 1, 2, 3 unless told. */
  readonly bands?: BandChoice;
  /** `auto` unless told. */
  readonly stretch?: Stretch;
  /** How the bytes of remote scenes are read. */
  readonly source?: SourceOptions;
  /** Threads of the network; all processors unless told. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: QuantizeProgress) => void;
  readonly onWarning?: (message: string) => void;
  /** Bytes of weights beyond which a graph keeps them in a side file; just below 2 GiB by default. */
  readonly externalThresholdBytes?: number;
}

/**
 * `done` of `total` of a step: windows read; graphs run on windows to measure ranges, to check, or to rank layers; bytes of
 * weights written.
 */
export interface QuantizeProgress {
  readonly step: 'reading' | 'ranges' | 'checking' | 'ranking' | 'writing';
  readonly done: number;
  readonly total: number;
}

const DEFAULTS = { windows: 32, agreement: 0.99, ranges: 'minmax', weightBits: 7 } as const;
/** As in `convertCheckpoint`: protobuf messages end at 2 GiB. */
const EXTERNAL_THRESHOLD_BYTES = 2 ** 31 - 2 ** 26;

/**
 * Makes a model whose layers compute in 8-bit integers, where that changes few enough classes: static quantization, with the
 * ranges of activations measured on windows of the given scenes. Weights are read and written one at a time; beside that the
 * network is in memory once, as onnxruntime holds it. The same inputs give the same bytes on the same kind of processor with as
 * many threads. The
 * folder appears whole or not at all.
 *
 * The network runs on the calling thread: nothing else happens while it is busy with a window.
 *
 * @throws ModelError if the model is not of float32 or of other making, or if no layer can be quantized; ConfigError where
 *   options don't fit, or `outDir` is taken; SourceError, FormatError, UnsupportedError; AbortedError if `signal` fires.
 */
export async function quantizeModel(options: QuantizeOptions): Promise<ModelManifest> {
  const { model, signal } = options;
  checkOptions(options);
  const named = options.outDir ?? join(model, INTEGER_FOLDER);
  const outDir = resolve(named);
  await refuseTaken(outDir, named);
  const manifest = await readModelManifest(model, true);
  refuseOthers(manifest, model);
  throwIfStopped(signal);
  const source = await openSourceGraphs(model, manifest);
  const folder = temporaryPathFor(outDir);
  try {
    const windows = await readWindows(options, manifest);
    await removeLeftovers(outDir);
    const [trials, result] = [join(folder, 'trials'), join(folder, 'model')];
    for (const path of [dirname(outDir), folder, trials, result]) await makeOne(path);
    const workshop = {
      dir: trials,
      threads: options.threads ?? availableParallelism(),
      externalThresholdBytes: options.externalThresholdBytes ?? EXTERNAL_THRESHOLD_BYTES,
      ...(signal && { signal }),
      ...progressOf(options),
    } satisfies Workshop;
    const observed = await observeModel(source, windows.ranges, workshop);
    const choice = await chooseLayers(
      source,
      observed,
      windows,
      { ...DEFAULTS, ...chosen(options) },
      workshop,
    );
    const quantization = describeQuantization({
      choice,
      source,
      observed,
      windows,
      scenes: options.scenes,
      ranges: options.ranges ?? DEFAULTS.ranges,
      weightBits: options.weightBits ?? DEFAULTS.weightBits,
      model: { name: manifest.name, checksum: modelChecksum(manifest) },
    });
    const written = await writeQuantizedModel({
      dir: result,
      graphs: choice.graphs,
      manifest: { ...manifest, name: options.name ?? `${manifest.name}-int8`, dtype: 'int8', quantization },
      externalThresholdBytes: workshop.externalThresholdBytes,
      ...(signal && { signal }),
      onBytes: (done, total) => options.onProgress?.({ step: 'writing', done, total }),
    });
    throwIfStopped(signal);
    await putInPlace(result, outDir);
    return written;
  } finally {
    await source.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function chosen({ ranges, weightBits, agreement }: QuantizeOptions) {
  return {
    ...(ranges && { ranges }),
    ...(weightBits && { weightBits }),
    leastAgreement: agreement ?? DEFAULTS.agreement,
  };
}

function checkOptions({ scenes, windows, agreement }: QuantizeOptions): void {
  if (scenes.length === 0) {
    throw new ConfigError('--scene: calibration needs a scene at least', { pointer: '--scene' });
  }
  if (windows !== undefined && !(Number.isSafeInteger(windows) && windows >= 1)) {
    throw new ConfigError(`--windows ${windows}: expected a whole number of at least 1`, {
      pointer: '--windows',
      value: windows,
    });
  }
  if (agreement !== undefined && !(agreement >= 0 && agreement <= 1)) {
    throw new ConfigError(`--agreement: expected 0 to 100 percent, got ${agreement * 100}`, {
      pointer: '--agreement',
      value: agreement,
    });
  }
}

/** A model in use must not change under its users, so none is replaced. */
async function refuseTaken(outDir: string, named: string): Promise<void> {
  const found = await readdir(outDir).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw writeError(outDir, cause);
  });
  if (found.length === 0) return;
  throw new ConfigError(
    `--out ${named}: the folder is there and not empty (${found[0]} ...). Choose another, or remove it`,
    { pointer: '--out', value: named },
  );
}

function refuseOthers({ dtype, name }: ModelManifest, dir: string): void {
  if (dtype === 'float32') return;
  const already = dtype === 'int8' ? 'is quantized already' : `computes in ${dtype}`;
  throw new ModelError(
    `${dir}: ${name} ${already}; expected a float32 model, as frustum convert writes it unless told otherwise`,
    { tensor: 'manifest.json', expected: 'dtype float32', actual: `dtype ${dtype}` },
  );
}

async function readWindows(options: QuantizeOptions, manifest: ModelManifest): Promise<CalibrationWindows> {
  const { bands, stretch, source, signal, windows: count = DEFAULTS.windows } = options;
  const scenes: Scene[] = [];
  try {
    for (const url of options.scenes) {
      const scene = await openScene(url, {
        ...(bands && { bands }),
        ...(stretch && { stretch }),
        ...(source && { source }),
        ...(signal && { signal }),
      });
      scenes.push(scene);
      for (const warning of scene.warnings) options.onWarning?.(warning);
    }
    const total = 2 * count;
    return await readCalibrationWindows(scenes, manifest, count, {
      ...(signal && { signal }),
      onWindow: (done) => options.onProgress?.({ step: 'reading', done, total }),
    });
  } finally {
    for (const scene of scenes) await scene.close();
  }
}

function progressOf({ onProgress }: QuantizeOptions): Pick<Workshop, 'onStage' | 'onRun'> {
  let stage: { step: 'ranges' | 'checking' | 'ranking'; total: number } | null = null;
  let done = 0;
  return {
    onStage: (step, total) => {
      stage = { step, total };
      done = 0;
    },
    onRun: () => {
      if (stage !== null) onProgress?.({ ...stage, done: ++done });
    },
  };
}

async function makeOne(path: string): Promise<void> {
  await makeFolder(path).catch((cause) => {
    throw writeError(path, cause);
  });
}

async function putInPlace(result: string, outDir: string): Promise<void> {
  try {
    // An empty folder may be there; not all systems rename onto one.
    await rmdir(outDir).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT') throw cause;
    });
    await rename(result, outDir);
  } catch (cause) {
    throw writeError(outDir, cause);
  }
}
