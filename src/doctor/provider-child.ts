import * as ort from 'onnxruntime-node';
import { encodeGraph } from '../convert/onnx/encode-graph.ts';
import type { ProviderReply } from './check-provider.ts';
import { reasonOf } from './finding.ts';
import { PROBE, PROBE_GRAPH } from './probe-graph.ts';

/**
 * Entry point of a child that tries one execution provider, named by its argument: a driver that does not fit may end
 * the process that loads it.
 */

async function tryProvider(provider: string): Promise<ProviderReply> {
  try {
    const session = await ort.InferenceSession.create(await encodeGraph(PROBE_GRAPH), {
      executionProviders: [provider],
      logSeverityLevel: 4,
    });
    const tensor = (values: readonly number[]) =>
      new ort.Tensor('float32', Float32Array.from(values), [1, 1, 3, 3]);
    const { y } = await session.run({ x: tensor(PROBE.x), w: tensor(PROBE.w) });
    const [answer] = y!.data as Float32Array;
    return answer === PROBE.y
      ? { works: true, reason: null }
      : { works: false, reason: `a convolution gave ${answer} instead of ${PROBE.y}` };
  } catch (error) {
    return { works: false, reason: reasonOf(error) };
  }
}

process.send?.(await tryProvider(process.argv[2] ?? ''));
process.disconnect?.();
