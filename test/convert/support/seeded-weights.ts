import type { StateDict, TensorInfo } from '../../../src/convert/checkpoint/state-dict.ts';
import type { SfrNetArchitecture } from '../../../src/convert/network/architecture.ts';
import { expectedTensors } from '../../../src/convert/network/expected-tensors.ts';

/** A state dict of this architecture with seeded weights, in memory. */
export function seededWeights(arch: SfrNetArchitecture): StateDict {
  const tensors = new Map<string, TensorInfo>();
  for (const [key, { shape, role }] of expectedTensors(arch)) {
    if (role !== 'optional') tensors.set(key, { shape, type: 'float32' });
  }
  const read = async (key: string) => {
    const { shape } = tensors.get(key)!;
    const count = shape.reduce((product, n) => product * n, 1);
    const norm = shape.length === 1;
    const scale = norm ? 0.1 : Math.sqrt(3 / (count / shape[0]!));
    let state =
      [...key].reduce((hash, c) => Math.imul(hash ^ c.charCodeAt(0), 16777619), 2166136261) >>> 0 || 1;
    return Float32Array.from({ length: count }, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      const offset = norm && !key.endsWith('.bias') && !key.endsWith('running_mean') ? 1 : 0;
      return ((state >>> 0) / 2 ** 31 - 1) * scale + offset;
    });
  };
  return { url: 'seeded', tensors, read };
}
