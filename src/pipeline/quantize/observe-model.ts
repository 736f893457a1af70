import { rangedTensors } from '../../convert/quantize/layers.ts';
import { type Observation, observeGraph } from '../../convert/quantize/observe.ts';
import type { Seen } from '../../convert/quantize/ranges.ts';
import { runNetwork, type Workshop, withNetwork } from './network.ts';
import type { SourceGraphs } from './open-source-model.ts';
import { type Answer, BRANCHES, type Branch, type Views } from './run-graphs.ts';

/** What the float32 network showed on calibration windows. */
export interface Observed {
  /** Of each tensor that quantizing may need, by graph and name. */
  readonly seen: Readonly<Record<Branch, ReadonlyMap<string, Seen>>>;
  /** Multiplications of each layer in one window, by its name. */
  readonly work: ReadonlyMap<string, number>;
}

/** What was collected of one tensor so far. */
interface Collected {
  min: number;
  max: number;
  /** Elements in one window. */
  count: number;
  readonly samples: Float32Array[];
}

/** Runs the network over windows and notes what its layers read and make. */
export async function observeModel(
  source: SourceGraphs,
  windows: readonly Views[],
  workshop: Workshop,
): Promise<Observed> {
  const observing = BRANCHES.map((branch) => {
    const layers = source.layers[branch];
    // Products' results too: their size tells the work.
    const tensors = new Set([...rangedTensors(layers), ...layers.map(({ result }) => result)]);
    const { graph, observations } = observeGraph(source.graphs[branch], [...tensors]);
    const collected = observations.map(
      (): Collected => ({
        min: Number.POSITIVE_INFINITY,
        max: Number.NEGATIVE_INFINITY,
        count: 0,
        samples: [],
      }),
    );
    return { branch, graph, observations, collected };
  });
  const [long, short, local] = observing as unknown as [Observing, Observing, Observing];
  const graphs = { long: long.graph, short: short.graph, local: local.graph };
  workshop.onStage?.('ranges', BRANCHES.length * windows.length);
  await withNetwork(workshop, graphs, async (runners) => {
    for (const views of windows) {
      const outputs = await runNetwork(runners, views, workshop);
      for (const { branch, observations, collected } of observing)
        for (const [i, observation] of observations.entries())
          collect(collected[i]!, observation, outputs[branch]);
    }
  });
  const work = new Map<string, number>();
  const seenOf = ({ branch, observations, collected }: Observing) => {
    const counts = new Map(observations.map(({ tensor }, i) => [tensor, collected[i]!.count]));
    for (const { name, kind, weight, result } of source.layers[branch]) {
      const [first, ...rest] = weight.dims as readonly [number, ...number[]];
      const inner = kind === 'product' ? first : rest.reduce((product, n) => product * n, 1);
      work.set(name, counts.get(result)! * inner);
    }
    return new Map(
      observations.map(({ tensor }, i): [string, Seen] => {
        const { min, max, samples } = collected[i]!;
        return [tensor, { min, max, samples: joinFloats(samples) }];
      }),
    );
  };
  return { seen: { long: seenOf(long), short: seenOf(short), local: seenOf(local) }, work };
}

type Observing = ReturnType<typeof observeGraph> & {
  readonly branch: Branch;
  readonly collected: readonly Collected[];
};

function collect(into: Collected, { min, max, count, samples }: Observation, answer: Answer): void {
  into.min = Math.min(into.min, (answer[min]!.data as Float32Array)[0]!);
  into.max = Math.max(into.max, (answer[max]!.data as Float32Array)[0]!);
  into.count = Number((answer[count]!.data as BigInt64Array)[0]!);
  into.samples.push(answer[samples]!.data as Float32Array);
}

function joinFloats(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
