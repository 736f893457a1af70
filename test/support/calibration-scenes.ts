import { join, resolve } from 'node:path';
import { synthesize } from '../../src/index.ts';
import { writeDubaiScene } from './validation-scenes.ts';

/** Scenes that the shipped models learned from, by the word in the model's name: to calibrate on, never to judge by. */
export const CALIBRATION_SCENES: Readonly<
  Record<'synth' | 'dubai' | 'earth', (dir: string) => Promise<string[]>>
> = {
  synth: (dir) =>
    Promise.all(
      [1, 2, 3, 4].map(async (seed) => {
        const outDir = join(dir, `synth-${seed}`);
        return (await synthesize({ width: 3072, height: 3072, seed, outDir })).scenePath;
      }),
    ),
  dubai: async (dir) => {
    const scenes: string[] = [];
    for (const tile of ['Tile 4', 'Tile 6', 'Tile 7', 'Tile 8'])
      scenes.push((await writeDubaiScene(tile, dir)).scene);
    return scenes;
  },
  earth: async () => [join(resolve('../shared/data'), 'nasa-bluemarble-igbp', 'centre_image.tif')],
};
