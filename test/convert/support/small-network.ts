import type { SfrNetArchitecture } from '../../../src/convert/network/architecture.ts';

/** An SFR-Net with each kind of layer: Swin with padding and shifts, residual blocks, all scales of pooling. */
export const SMALL_NETWORK: SfrNetArchitecture = {
  main: {
    kind: 'swin',
    embedDims: 16,
    depths: [2, 1, 2, 1],
    heads: [2, 2, 4, 4],
    hidden: [32, 64, 128, 256],
    window: 3,
  },
  short: { kind: 'resnet', stem: [8, 8, 16], channels: [16, 16, 32, 32], depths: [1, 2, 1, 1] },
  long: { kind: 'resnet', stem: [8, 8, 16], channels: [16, 16, 32, 32], depths: [2, 1, 1, 1] },
  neck: { alignHidden: [24, 24], aligned: 16, attention: 16 },
  head: { channels: 16, classes: 5, poolScales: [1, 2, 3] },
};
