import type { LandCoverClass } from '../core/classes.ts';

/** Class ids of synthetic truth: those of GID. */
export const LABEL = { unlabeled: 0, builtUp: 1, farmland: 2, forest: 3, meadow: 4, water: 5 } as const;

/** The GID classes with their published colours; the index is the id. */
export const SYNTH_CLASSES: readonly LandCoverClass[] = [
  { id: 0, name: 'unlabeled', color: '#000000' },
  { id: 1, name: 'built-up', color: '#ff0000' },
  { id: 2, name: 'farmland', color: '#00ff00' },
  { id: 3, name: 'forest', color: '#00ffff' },
  { id: 4, name: 'meadow', color: '#ffff00' },
  { id: 5, name: 'water', color: '#0000ff' },
];
