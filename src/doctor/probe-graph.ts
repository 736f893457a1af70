import type { Graph } from '../convert/onnx/graph.ts';

/**
 * The smallest graph that asks of a provider what the network does: one convolution (on CUDA that needs cuDNN too).
 * `x` and `w` float32 [1, 1, 3, 3] -> `y` float32 [1, 1, 1, 1].
 */
export const PROBE_GRAPH: Graph = {
  name: 'probe',
  nodes: [{ op: 'Conv', name: 'conv', inputs: ['x', 'w'], outputs: ['y'], attributes: {} }],
  inputs: [
    { name: 'x', type: 'float32', dims: [1, 1, 3, 3] },
    { name: 'w', type: 'float32', dims: [1, 1, 3, 3] },
  ],
  outputs: [{ name: 'y', type: 'float32', dims: [1, 1, 1, 1] }],
  initializers: [],
};

/** What the probe is fed, and what it must answer. */
export const PROBE = { x: [1, 2, 3, 4, 5, 6, 7, 8, 9], w: Array<number>(9).fill(1), y: 45 } as const;
