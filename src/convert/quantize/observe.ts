import type { Graph, GraphNode, GraphValue, Initializer } from '../onnx/graph.ts';

/** Values taken of a tensor at a time, evenly over it; up to half as many more. */
const SAMPLES = 4096;

/** Outputs of an observing graph that tell of one tensor. */
export interface Observation {
  readonly tensor: string;
  /** Output names: least value, largest value, number of values (int64), some of the values. */
  readonly min: string;
  readonly max: string;
  readonly count: string;
  readonly samples: string;
}

/**
 * A graph that does the same and also tells of `tensors`. Extremes are exact; samples are every n-th value, n odd, so that
 * they don't fall on the same columns of a map or the same channels of tokens.
 */
export function observeGraph(
  graph: Graph,
  tensors: readonly string[],
): { readonly graph: Graph; readonly observations: readonly Observation[] } {
  const ints = (name: string, ...values: number[]): Initializer => ({
    name: `observe/${name}`,
    type: 'int64',
    dims: [values.length],
    sizeBytes: 8 * values.length,
    load: async () => new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  });
  const constants = [
    ints('flat', -1),
    ints('zero', 0),
    ints('one', 1),
    ints('two', 2),
    ints('far', 2 ** 40),
    ints('twice', 2 * SAMPLES),
  ];
  const nodes: GraphNode[] = [];
  const outputs: GraphValue[] = [];
  const observations: Observation[] = [];
  for (const [i, tensor] of tensors.entries()) {
    const name = (part: string) => `observe/${i}/${part}`;
    const add = (
      op: string,
      part: string,
      inputs: readonly string[],
      attributes: GraphNode['attributes'] = {},
    ) => {
      nodes.push({ op, name: name(part), inputs, outputs: [name(part)], attributes });
      return name(part);
    };
    const constant = (part: string) => `observe/${part}`;
    const min = add('ReduceMin', 'min', [tensor], { keepdims: 0 });
    const max = add('ReduceMax', 'max', [tensor], { keepdims: 0 });
    const count = add('Size', 'count', [tensor]);
    // 2 floor(count / 2 SAMPLES) + 1
    const half = add('Div', 'half', [count, constant('twice')]);
    const step = add('Add', 'step', [add('Mul', 'even', [half, constant('two')]), constant('one')]);
    const flat = add('Reshape', 'flat', [tensor, constant('flat')]);
    const slice = [flat, constant('zero'), constant('far'), constant('zero'), step];
    const samples = add('Slice', 'samples', slice);
    observations.push({ tensor, min, max, count, samples });
    outputs.push(
      { name: min, type: 'float32', dims: [] },
      { name: max, type: 'float32', dims: [] },
      { name: count, type: 'int64', dims: [] },
      { name: samples, type: 'float32', dims: [`${name('taken')}`] },
    );
  }
  return {
    graph: {
      ...graph,
      nodes: [...graph.nodes, ...nodes],
      outputs: [...graph.outputs, ...outputs],
      initializers: [...graph.initializers, ...constants],
    },
    observations,
  };
}
