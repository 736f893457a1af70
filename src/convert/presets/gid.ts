import type { PresetInput } from '../preset.ts';

/** SFR-Net trained on GID (Gaofen Image Dataset, five classes and unlabeled). */
export const gid: PresetInput = {
  name: 'sfrnet-gid',
  window: 512,
  distances: [1, 3, 14],
  padTo: 512,
  geometry: 'reference',
  classes: [
    { id: 0, name: 'unlabeled', color: '#000000' },
    { id: 1, name: 'built-up', color: '#ff0000' },
    { id: 2, name: 'farmland', color: '#00ff00' },
    { id: 3, name: 'forest', color: '#00ffff' },
    { id: 4, name: 'meadow', color: '#ffff00' },
    { id: 5, name: 'water', color: '#0000ff' },
  ],
};
