import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { basename, join, parse, resolve } from 'node:path';
import { ModelError } from '../core/errors.ts';
import { makeFolder } from '../io/make-folder.ts';
import { type ModelManifest, modelManifestSchema } from '../model/manifest.ts';
import { type BuildOptions, buildGraphs, type ModelGraphs } from './build-graphs.ts';
import { openCheckpoint } from './checkpoint/checkpoint.ts';
import { fileError, hashSource, openFileSource } from './checkpoint/file-source.ts';
import { describeModelItem, MODEL_ITEM_FILE } from './model-item.ts';
import type { EncoderArchitecture, SfrNetArchitecture } from './network/architecture.ts';
import { countParameters, readArchitecture } from './network/read-architecture.ts';
import { type ComputeType, OPSET } from './onnx/graph.ts';
import { writeGraph } from './onnx/write-graph.ts';
import { loadPreset, type Preset } from './preset.ts';
import { writeTextFile } from './write-text-file.ts';

/** Protobuf messages end at 2 GiB, of which 64 MiB are left for nodes and names; larger graphs keep weights beside them. */
const EXTERNAL_THRESHOLD_BYTES = 2 ** 31 - 2 ** 26;

export interface ConvertOptions {
  /** A file that `torch.save` of PyTorch 1.6 or newer wrote. */
  readonly checkpointPath: string;
  /** Made if need be; a model in it is replaced. */
  readonly outDir: string;
  /** `gid`, `fbps`, `inria`, or the path of a JSON file ({@link presetSchema}). */
  readonly preset: string;
  /** Arithmetic and weights of the graphs; `float32` by default. */
  readonly dtype?: ComputeType;
  /** Also give labels (first maximum at window size) from the local graph. */
  readonly labels?: boolean;
  /** 4 (default): scores at the head's own resolution; 1: upsampled to the window in the graph. */
  readonly scoreStride?: 1 | 4;
  /** By default the preset's, or the checkpoint's file name. */
  readonly name?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ConvertProgress) => void;
  /** Bytes of weights beyond which a graph keeps them in a side file; just below 2 GiB by default. */
  readonly externalThresholdBytes?: number;
}

/** `bytes` of `totalBytes` done of one step: reading the checkpoint for its checksum, or writing a graph. */
export interface ConvertProgress {
  readonly step: 'checksum' | keyof ModelGraphs;
  readonly bytes: number;
  readonly totalBytes: number;
}

const GRAPHS = ['long', 'short', 'local'] as const;

/**
 * Converts an SFR-Net checkpoint to ONNX graphs and a manifest, which appear together and whole. Nothing in the checkpoint
 * is executed; it is never loaded whole, nor are the graphs.
 *
 * @throws SourceError if files cannot be read or written; FormatError if the checkpoint is damaged, hostile or something
 *   else; UnsupportedError for the container of PyTorch before 1.6; ModelError if its tensors are not an SFR-Net's or do
 *   not fit the preset; ConfigError if the preset is wrong; AbortedError if `signal` fires.
 */
export async function convertCheckpoint(options: ConvertOptions): Promise<ModelManifest> {
  const { checkpointPath, outDir, signal } = options;
  const preset = await loadPreset(options.preset);
  const source = await openFileSource(checkpointPath);
  try {
    const weights = await openCheckpoint(source);
    const architecture = await readArchitecture(weights, preset.poolScales);
    confirmPreset(preset, architecture, checkpointPath);
    const settings = {
      dtype: options.dtype ?? 'float32',
      scoreStride: options.scoreStride ?? 4,
      labels: options.labels ?? false,
      mean: preset.mean,
      deviation: preset.deviation,
    } satisfies BuildOptions;
    const window = { height: preset.window, width: preset.window };
    const graphs = buildGraphs(weights, architecture, window, settings);
    const report = (step: ConvertProgress['step'], totalBytes: number) => (bytes: number) =>
      options.onProgress?.({ step, bytes, totalBytes });
    const sha256 = await hashSource(source, report('checksum', source.sizeBytes), signal);

    const manifestOf = (files: ModelManifest['graphs']): ModelManifest =>
      modelManifestSchema.parse({
        format: 'frustum-model',
        version: 1,
        name: options.name ?? preset.name ?? parse(checkpointPath).name,
        classes: preset.classes,
        input: { bands: preset.bands, mean: preset.mean, deviation: preset.deviation },
        window: preset.window,
        distances: preset.distances,
        geometry: preset.geometry,
        padTo: preset.padTo,
        scaleEmbeddings: {
          treatment: 'zero',
          reason:
            'training never updates nor saves them, so a checkpoint has none; zero is their expectation',
        },
        scores: { stride: settings.scoreStride, labels: settings.labels },
        graphs: files,
        dtype: settings.dtype,
        opset: OPSET,
        architecture,
        parameters: countParameters(architecture),
        source: {
          file: basename(checkpointPath),
          sizeBytes: source.sizeBytes,
          sha256,
          preset: basename(options.preset),
        },
      });
    return await writeModel(outDir, graphs, manifestOf, {
      signal,
      report,
      externalThresholdBytes: options.externalThresholdBytes ?? EXTERNAL_THRESHOLD_BYTES,
    });
  } finally {
    await source.close();
  }
}

interface WriteModelOptions {
  readonly signal: AbortSignal | undefined;
  readonly report: (step: ConvertProgress['step'], totalBytes: number) => (bytes: number) => void;
  readonly externalThresholdBytes: number;
}

/** Writes all files under temporary names, then renames them, the manifest last. */
async function writeModel(
  outDir: string,
  graphs: ModelGraphs,
  manifestOf: (files: ModelManifest['graphs']) => ModelManifest,
  options: WriteModelOptions,
): Promise<ModelManifest> {
  const run = randomBytes(6).toString('hex');
  const temporary = (name: string) => join(outDir, `.${name}.${run}.tmp`);
  const pending: string[] = [];
  try {
    await makeFolder(resolve(outDir)).catch((cause) => {
      throw fileError('make folder', outDir, cause);
    });
    const stale: string[] = [];
    const files: Partial<Record<keyof ModelGraphs, ModelManifest['graphs']['long']>> = {};
    for (const key of GRAPHS) {
      const graph = graphs[key];
      const file = `${key}.onnx`;
      const externalName = `${file}.data`;
      const totalBytes = graph.initializers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      pending.push(file, externalName);
      const written = await writeGraph(graph, {
        path: temporary(file),
        externalPath: temporary(externalName),
        externalName,
        externalThresholdBytes: options.externalThresholdBytes,
        signal: options.signal,
        onBytes: options.report(key, totalBytes),
      });
      if (written.external === null) {
        pending.pop();
        stale.push(externalName);
      }
      files[key] = {
        file,
        ...written.graph,
        ...(written.external && { externalData: { file: externalName, ...written.external } }),
      };
    }
    const manifest = manifestOf(files as ModelManifest['graphs']);
    pending.push(MODEL_ITEM_FILE);
    await writeTextFile(
      temporary(MODEL_ITEM_FILE),
      `${JSON.stringify(describeModelItem(manifest), null, 2)}\n`,
    );
    pending.push('manifest.json');
    await writeTextFile(temporary('manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    // A crash between the renames must not leave an old manifest beside new graphs.
    for (const name of ['manifest.json', ...stale]) await rm(join(outDir, name), { force: true });
    for (const name of [...pending]) {
      await rename(temporary(name), join(outDir, name)).catch((cause) => {
        throw fileError('write', join(outDir, name), cause);
      });
      pending.shift();
    }
    return manifest;
  } finally {
    for (const name of pending) await rm(temporary(name), { force: true });
  }
}

/** The preset must not contradict what the checkpoint says of itself. */
function confirmPreset(preset: Preset, architecture: SfrNetArchitecture, checkpoint: string): void {
  const refuse = (tensor: string, what: string, expected: unknown, actual: unknown): never => {
    throw new ModelError(
      `${checkpoint} does not fit the preset: ${what} should be ${JSON.stringify(expected)}, the checkpoint has ${JSON.stringify(actual)}; choose another preset or correct it`,
      { tensor, expected: JSON.stringify(expected), actual: JSON.stringify(actual) },
    );
  };
  const { head } = architecture;
  if (preset.classes.length !== head.classes)
    refuse('decode_head.conv_seg.weight', 'the number of classes', preset.classes.length, head.classes);
  const known = preset.architecture;
  if (known?.headChannels !== undefined && known.headChannels !== head.channels)
    refuse('decode_head.conv_seg.weight', 'the head width', known.headChannels, head.channels);
  for (const [which, module] of [
    ['main', 'backbone.main_encoder'],
    ['short', 'backbone.sub_encoder1'],
    ['long', 'backbone.sub_encoder2'],
  ] as const) {
    const actual: EncoderArchitecture = architecture[which];
    for (const [field, expected] of Object.entries(known?.[which] ?? {})) {
      const value = (actual as unknown as Record<string, unknown>)[field];
      if (JSON.stringify(value) !== JSON.stringify(expected))
        refuse(module, `${field} of the ${which} encoder`, expected, value);
    }
  }
}
