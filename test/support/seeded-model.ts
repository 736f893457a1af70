import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SfrNetArchitecture } from '../../src/convert/network/architecture.ts';
import { expectedTensors } from '../../src/convert/network/expected-tensors.ts';
import { type ConvertOptions, convertCheckpoint } from '../../src/index.ts';
import { modelManifestSchema } from '../../src/model/manifest.ts';
import { writeGeneratedCheckpoint } from '../convert/support/generated-checkpoint.ts';

/**
 * Writes a checkpoint of seeded weights in the shapes of a shipped network, and its preset with the published geometry.
 * @param model a folder of models/
 */
export async function writeSeededNetwork(
  model: string,
  checkpointPath: string,
  presetPath: string,
): Promise<void> {
  const text = readFileSync(join('models', model, 'manifest.json'), 'utf8');
  const { architecture, classes, distances, padTo, window, input } = modelManifestSchema.parse(
    JSON.parse(text),
  );
  const arch = architecture as unknown as SfrNetArchitecture;
  const shapes = [...expectedTensors(arch)].map(([key, { shape, role }]) => ({
    key,
    shape,
    type: role === 'optional' ? 'int64' : 'float32',
  }));
  await writeGeneratedCheckpoint(checkpointPath, shapes, 1);
  const { mean, deviation, bands } = input;
  const { poolScales } = arch.head;
  const facts = { classes, distances, padTo, window, mean, deviation, bands, poolScales };
  writeFileSync(presetPath, JSON.stringify({ ...facts, geometry: 'reference' }));
}

/** Converts a network like the shipped small ones, of seeded weights, into `dir`, and returns the model's folder. */
export async function makeSeededModel(dir: string, options: Partial<ConvertOptions> = {}): Promise<string> {
  const [checkpointPath, preset] = [join(dir, 'seeded.pth'), join(dir, 'seeded.preset.json')];
  await writeSeededNetwork('sfrnet-mini-synth', checkpointPath, preset);
  const outDir = join(dir, `seeded-${options.dtype ?? 'float32'}`);
  await convertCheckpoint({ checkpointPath, outDir, preset, ...options });
  return outDir;
}

/** Copies a model whose local graph then takes far features of one window only, as graphs once did. */
export async function fixBatch(from: string, to: string): Promise<string> {
  await cp(from, to, { recursive: true });
  const path = join(to, 'local.onnx');
  const graph = await readFile(path);
  // ONNX's Dimension: a name, and the number 1 in as many bytes.
  const [any, one] = ['\x0a\x08\x12\x06long_N', '\x0a\x08\x08\x81\x80\x80\x80\x80\x80\x00'];
  const fixed = Buffer.from(graph.toString('latin1').replaceAll(any, one), 'latin1');
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const manifest = await readFile(join(to, 'manifest.json'), 'utf8');
  await writeFile(path, fixed);
  await writeFile(join(to, 'manifest.json'), manifest.replace(sha256(graph), sha256(fixed)));
  return to;
}
