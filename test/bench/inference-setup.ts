import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromFile } from 'geotiff';
import type { SfrNetArchitecture } from '../../src/convert/network/architecture.ts';
import { loadPreset, type Preset } from '../../src/convert/preset.ts';
import { convertCheckpoint, synthesize } from '../../src/index.ts';
import { publishedShapes, writeGeneratedCheckpoint } from '../convert/support/generated-checkpoint.ts';
import { writeSeededNetwork } from '../support/seeded-model.ts';

/** What one benchmark runs: files that both sides read, and what the weights don't tell. */
export interface InferenceSetup {
  readonly name: string;
  readonly architecture: SfrNetArchitecture;
  readonly parameters: number;
  readonly preset: Preset;
  readonly size: readonly [width: number, height: number];
  readonly stride: number;
  readonly checkpoint: string;
  /** Model folder. */
  readonly model: string;
  /** GeoTIFF. */
  readonly scene: string;
  /** What PyTorch's half is told, as a JSON file. */
  readonly spec: string;
}

/**
 * Draws a scene and makes a checkpoint with seeded weights of the network that a model folder describes (or of the full-size
 * GID network, for the model name `gid`), converted as any other.
 */
export async function prepareInference(
  folder: string,
  model: string,
  size: readonly [number, number],
  strideOf: (window: number) => number,
): Promise<InferenceSetup> {
  const checkpoint = join(folder, 'network.pth');
  const presetFile = join(folder, 'preset.json');
  if (model === 'gid') {
    await writeGeneratedCheckpoint(checkpoint, await publishedShapes('gid_state_dict.txt'), 1);
    writeFileSync(presetFile, JSON.stringify(await loadPreset('gid')));
  } else {
    // The published way is the reference geometry, and these weights were trained in none.
    await writeSeededNetwork(model, checkpoint, presetFile);
  }
  const converted = join(folder, 'model');
  const manifest = await convertCheckpoint({
    checkpointPath: checkpoint,
    outDir: converted,
    preset: presetFile,
  });
  const [width, height] = size;
  const { scenePath } = await synthesize({ width, height, seed: 7, bits: 8, outDir: join(folder, 'synth') });
  const preset = await loadPreset(presetFile);
  const architecture = manifest.architecture as unknown as SfrNetArchitecture;
  const pixels = join(folder, 'scene.raw');
  writeFileSync(pixels, await readRgb(scenePath));
  const spec = join(folder, 'spec.json');
  const { window, distances, padTo } = preset;
  const stride = strideOf(window);
  writeFileSync(
    spec,
    JSON.stringify({
      checkpoint,
      architecture,
      size,
      stride,
      window,
      distances,
      padTo,
      scene: pixels,
    }),
  );
  return {
    name: model,
    architecture,
    parameters: manifest.parameters,
    preset,
    size,
    stride,
    checkpoint,
    model: converted,
    scene: scenePath,
    spec,
  };
}

/** uint8 RGB, interleaved. */
async function readRgb(path: string): Promise<Uint8Array> {
  const image = await (await fromFile(path)).getImage();
  return (await image.readRasters({ samples: [0, 1, 2], interleave: true })) as unknown as Uint8Array;
}

/** Pixels in which two class maps of one size differ; `tiff` is Frustum's, `raw` PyTorch's, with margins beside it. */
export async function compareMaps(tiff: string, raw: string): Promise<MapDifference> {
  const image = await (await fromFile(tiff)).getImage();
  const [ours] = (await image.readRasters()) as unknown as [Uint8Array];
  const theirs = readFileSync(raw);
  const margins = new Float32Array(new Uint8Array(readFileSync(`${raw}.margin`)).buffer);
  if (ours.length !== theirs.length) throw new Error(`maps of ${ours.length} and ${theirs.length} pixels`);
  const apart = Array.from(ours.keys()).filter((i) => ours[i] !== theirs[i]);
  return {
    pixels: apart.length,
    largestMargin: apart.reduce((most, i) => Math.max(most, margins[i]!), 0),
  };
}

export interface MapDifference {
  readonly pixels: number;
  /** How far PyTorch's two best sums are apart where the maps differ, at most: rounding, if the maps are the same. */
  readonly largestMargin: number;
}
