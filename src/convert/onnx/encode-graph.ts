import {
  type Attribute,
  type Graph,
  type GraphNode,
  type GraphValue,
  type Initializer,
  OPSET,
  TENSOR_TYPES,
} from './graph.ts';
import { encodeFieldHeader, encodeMessage, FIELD } from './schema.ts';

const IR_VERSION = 8;
const ATTRIBUTE = { float: 1, int: 2, ints: 7 } as const;
const EXTERNAL = 1;
/** Page size: the runtime maps external tensors that start on one. */
const ALIGNMENT_BYTES = 4096;
/** Smaller tensors stay in the graph file, where shape inference needs some of them. */
const EXTERNAL_MIN_BYTES = 1024;

/** Where an initializer's bytes go. */
export interface PlacedInitializer {
  readonly initializer: Initializer;
  /** Offset in the side file; `null`: in the graph file itself. */
  readonly externalOffset: number | null;
}

/** A graph laid out as files: everything but the weights' bytes, which are streamed between `headers`. */
export interface GraphLayout {
  readonly placed: readonly PlacedInitializer[];
  /** Bytes before the first initializer. */
  readonly preamble: Uint8Array;
  /** Bytes before each initializer's own (which follow only if it is not external). */
  readonly headers: readonly Uint8Array[];
  /** Size of the graph file. */
  readonly sizeBytes: number;
  /** Size of the side file, 0 without one. */
  readonly externalBytes: number;
}

/**
 * Lays out an ONNX model. Protobuf messages end at 2 GiB, so a graph with more than `externalThresholdBytes` of weights
 * keeps its large ones in `externalFile`.
 */
export function layOutGraph(graph: Graph, externalFile: string, externalThresholdBytes: number): GraphLayout {
  const total = graph.initializers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const external = total > externalThresholdBytes;
  let externalBytes = 0;
  const placed = graph.initializers.map((initializer): PlacedInitializer => {
    if (!external || initializer.sizeBytes < EXTERNAL_MIN_BYTES) return { initializer, externalOffset: null };
    const externalOffset = Math.ceil(externalBytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    externalBytes = externalOffset + initializer.sizeBytes;
    return { initializer, externalOffset };
  });
  const headers = placed.map((p) => encodeInitializerHeader(p, externalFile));
  const body = encodeMessage('GraphProto', {
    name: graph.name,
    node: graph.nodes.map(nodeMessage),
    input: graph.inputs.map(valueMessage),
    output: graph.outputs.map(valueMessage),
  });
  const inlineBytes = placed.reduce(
    (sum, p) => sum + (p.externalOffset === null ? p.initializer.sizeBytes : 0),
    0,
  );
  const graphBytes = body.length + headers.reduce((sum, header) => sum + header.length, 0) + inlineBytes;
  const model = encodeMessage('ModelProto', {
    irVersion: IR_VERSION,
    producerName: 'frustum',
    opsetImport: [{ domain: '', version: OPSET }],
  });
  const preamble = concatBytes([model, encodeFieldHeader(FIELD.modelGraph, graphBytes), body]);
  return {
    placed,
    preamble,
    headers,
    sizeBytes: preamble.length + graphBytes - body.length,
    externalBytes,
  };
}

/** A whole graph as one ONNX file in memory. */
export async function encodeGraph(graph: Graph): Promise<Uint8Array> {
  const layout = layOutGraph(graph, '', Number.POSITIVE_INFINITY);
  const parts = [layout.preamble];
  for (const [i, { initializer }] of layout.placed.entries()) {
    parts.push(layout.headers[i]!, await initializer.load());
  }
  return concatBytes(parts);
}

function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function encodeInitializerHeader(
  { initializer, externalOffset }: PlacedInitializer,
  externalFile: string,
): Uint8Array {
  const { name, type, dims, sizeBytes } = initializer;
  const tensor = { name, dataType: TENSOR_TYPES[type].code, dims };
  if (externalOffset !== null) {
    const message = encodeMessage('TensorProto', {
      ...tensor,
      dataLocation: EXTERNAL,
      externalData: [
        { key: 'location', value: externalFile },
        { key: 'offset', value: String(externalOffset) },
        { key: 'length', value: String(sizeBytes) },
      ],
    });
    return concatBytes([encodeFieldHeader(FIELD.graphInitializer, message.length), message]);
  }
  const message = encodeMessage('TensorProto', tensor);
  const raw = encodeFieldHeader(FIELD.tensorRawData, sizeBytes);
  const length = message.length + raw.length + sizeBytes;
  return concatBytes([encodeFieldHeader(FIELD.graphInitializer, length), message, raw]);
}

function nodeMessage({ op, name, inputs, outputs, attributes }: GraphNode) {
  return {
    opType: op,
    name,
    input: inputs,
    output: outputs,
    attribute: Object.entries(attributes).map(([key, value]) => attributeMessage(key, value)),
  };
}

function attributeMessage(name: string, value: Attribute) {
  if (typeof value === 'number') return { name, type: ATTRIBUTE.int, i: value };
  if ('float' in value) return { name, type: ATTRIBUTE.float, f: value.float };
  return { name, type: ATTRIBUTE.ints, ints: value };
}

function valueMessage({ name, type, dims }: GraphValue) {
  const dim = dims.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d }));
  return { name, type: { tensorType: { elemType: TENSOR_TYPES[type].code, shape: { dim } } } };
}
