import { TENSORS } from '../../model/manifest.ts';
import type { Graph, GraphNode, Initializer } from '../onnx/graph.ts';

/**
 * The same graph with its pixels normalised as planes of one row, [N, 3, height*width], and made an image again behind that:
 * the same numbers. Integer convolutions take pixels side by side, and a runtime that sees it may else normalise them so, with
 * one step for each three values, which costs more than the convolutions of a small network.
 */
export function normalisePlanes(graph: Graph): Graph {
  const pixels = graph.inputs.find(({ name }) => name === TENSORS.pixels);
  const [sub, div] = ['Sub', 'Div'].map((op) =>
    graph.nodes.find((node) => node.op === op && /^(mean|deviation)$/.test(node.inputs[1] ?? '')),
  );
  if (pixels === undefined || sub === undefined || div === undefined || div.inputs[0] !== sub.outputs[0])
    return graph;
  const [, height, width, channels] = pixels.dims as readonly [unknown, number, number, number];
  const shape = (name: string, dims: readonly number[]): Initializer => ({
    name: `pixels/${name}`,
    type: 'int64',
    dims: [dims.length],
    sizeBytes: 8 * dims.length,
    load: async () => new Uint8Array(BigInt64Array.from(dims, BigInt).buffer),
  });
  const planes = shape('planes', [0, channels, height * width]);
  const image = shape('image', [0, channels, height, width]);
  const [flat, normal] = [`${sub.name}/planes`, `${div.name}/planes`];
  const reshape = (name: string, input: string, to: Initializer, output: string): GraphNode => ({
    op: 'Reshape',
    name,
    inputs: [input, to.name],
    outputs: [output],
    attributes: {},
  });
  const nodes = graph.nodes.flatMap((node): GraphNode[] => {
    if (node === sub) {
      const [input, mean] = node.inputs as readonly [string, string];
      return [reshape(flat, input, planes, flat), { ...node, inputs: [flat, mean] }];
    }
    if (node !== div) return [node];
    return [{ ...node, outputs: [normal] }, reshape(`${normal}/image`, normal, image, node.outputs[0]!)];
  });
  const initializers = graph.initializers.map((initializer) =>
    /^(mean|deviation)$/.test(initializer.name) ? { ...initializer, dims: [1, channels, 1] } : initializer,
  );
  return { ...graph, nodes, initializers: [...initializers, planes, image] };
}
