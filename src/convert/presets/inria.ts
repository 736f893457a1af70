import type { PresetInput } from '../preset.ts';

/** SFR-Net trained on the Inria Aerial Image Labeling data set. The colours are Frustum's own. */
export const inria: PresetInput = {
  name: 'sfrnet-inria',
  window: 512,
  distances: [1, 3, 10],
  padTo: 512,
  geometry: 'reference',
  classes: [
    { id: 0, name: 'background', color: '#000000' },
    { id: 1, name: 'building', color: '#ffffff' },
  ],
};
