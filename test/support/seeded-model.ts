import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SfrNetArchitecture } from '../../src/convert/network/architecture.ts';
import { expectedTensors } from '../../src/convert/network/expected-tensors.ts';
import { type ConvertOptions, convertCheckpoint } from '../../src/index.ts';
import { modelManifestSchema } from '../../src/model/manifest.ts';
import { writeGeneratedCheckpoint } from '../convert/support/generated-checkpoint.ts';

/** Converts a network like the shipped small ones, of seeded weights, into `dir`, and returns the model's folder. */
export async function makeSeededModel(dir: string, options: Partial<ConvertOptions> = {}): Promise<string> {
  const text = readFileSync('models/sfrnet-mini-synth/manifest.json', 'utf8');
  const shipped = modelManifestSchema.parse(JSON.parse(text));
  const arch = shipped.architecture as unknown as SfrNetArchitecture;
  const checkpointPath = join(dir, 'seeded.pth');
  const shapes = [...expectedTensors(arch)].map(([key, { shape, role }]) => ({
    key,
    shape,
    type: role === 'optional' ? 'int64' : 'float32',
  }));
  await writeGeneratedCheckpoint(checkpointPath, shapes, 1);
  const { classes, distances, padTo, window, input } = shipped;
  const { mean, deviation, bands } = input;
  const preset = join(dir, 'seeded.preset.json');
  const { poolScales } = arch.head;
  const facts = { classes, distances, padTo, window, mean, deviation, bands, poolScales };
  writeFileSync(preset, JSON.stringify({ ...facts, geometry: 'reference' }));
  const outDir = join(dir, `seeded-${options.dtype ?? 'float32'}`);
  await convertCheckpoint({ checkpointPath, outDir, preset, ...options });
  return outDir;
}
