import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readGoldenJson } from './golden.ts';

/** Writes a preset file with what a golden model's shapes don't tell, and returns its path. */
export async function writeGoldenPreset(
  dir: string,
  model: string,
  window: number,
  distances: readonly [number, number, number],
): Promise<string> {
  const facts = readGoldenJson<{ num_classes: number; pool_scales: number[] }>(`models/${model}/model.json`);
  const classes = Array.from({ length: facts.num_classes }, (_, id) => ({
    id,
    name: `class ${id}`,
    color: `#${(id * 0x2a4b6d).toString(16).padStart(6, '0').slice(-6)}`,
  }));
  const path = join(dir, `${model}-${window}-${distances.join('-')}.preset.json`);
  await writeFile(
    path,
    JSON.stringify({
      window,
      distances,
      padTo: 512,
      poolScales: facts.pool_scales,
      geometry: 'reference',
      classes,
    }),
  );
  return path;
}
