import type * as ort from 'onnxruntime-node';
import type { OpenRequest } from './protocol.ts';

/** How a child's sessions run; `test/bench/session-options.ts` measures what else there is. */
export function sessionOptions({
  provider,
  deviceId = 0,
  threads,
}: Pick<OpenRequest, 'provider' | 'deviceId' | 'threads'>): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [provider === 'cuda' ? { name: 'cuda', deviceId } : provider],
    intraOpNumThreads: threads,
    graphOptimizationLevel: 'all',
    extra: {
      session: {
        // Masked attention weights are exp(-100), a denormal: flushing makes those operators many times faster and changes
        // no result by more than 1.2e-38.
        set_denormal_as_zero: '1',
        // Threads that wait for work without sleeping cost processor time, and a great deal of all time where others work
        // on the machine too.
        intra_op: { allow_spinning: '0' },
      },
    },
  };
}
