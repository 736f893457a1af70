import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';
import { FormatError, ModelError } from '../../core/errors.ts';
import type { ByteSource } from '../../core/ports.ts';
import { openFileSource } from '../checkpoint/file-source.ts';
import {
  type Attribute,
  type Graph,
  type GraphNode,
  type GraphValue,
  type Initializer,
  OPSET,
  TENSOR_TYPES,
  type TensorType,
} from './graph.ts';
import { decodeMessage, FIELD } from './schema.ts';

/** A graph whose weights are read from its files when they are asked for. Close it. */
export interface GraphFile {
  readonly graph: Graph;
  close(): Promise<void>;
}

/**
 * Opens an ONNX file that `writeGraph` wrote. Weights stay on the disk.
 * @throws SourceError if it cannot be read, FormatError if it is damaged or no ONNX file, ModelError if it holds what our
 *   graphs do not
 */
export async function openGraphFile(path: string): Promise<GraphFile> {
  const source = await openFileSource(path);
  const sides = new Map<string, Promise<ByteSource>>();
  const openSide = (name: string) => {
    const known = sides.get(name) ?? openFileSource(join(dirname(path), name));
    sides.set(name, known);
    return known;
  };
  const close = async () => {
    await source.close();
    for (const side of sides.values()) await (await side).close();
  };
  try {
    return { graph: await readGraph(source, openSide), close };
  } catch (error) {
    await close();
    if (error instanceof RangeError || (error instanceof Error && error.name === 'ProtocolError')) {
      throw damaged(source, error);
    }
    throw error;
  }
}

type OpenSide = (name: string) => Promise<ByteSource>;

async function readGraph(source: ByteSource, openSide: OpenSide): Promise<Graph> {
  let graph: Field | null = null;
  const others: Uint8Array[] = [];
  for await (const field of fieldsOf(source, 0, source.sizeBytes)) {
    if (field.id === FIELD.modelGraph) graph = field;
    else others.push(await source.read(field.start, field.end - field.start));
  }
  const model = decodeMessage('ModelProto', Buffer.concat(others)) as unknown as ModelMessage;
  if (graph === null) throw damaged(source, null);
  const [opset, ...more] = model.opsetImport;
  if (opset === undefined || more.length > 0 || opset.domain !== '' || opset.version !== OPSET) {
    const found = model.opsetImport.map(({ domain, version }) => `${domain || 'ai.onnx'} ${version}`);
    throw new ModelError(
      `${source.url}: expected an ONNX graph of operator set ${OPSET} as frustum convert writes it, got ${found.join(', ')}; convert the checkpoint again`,
      { tensor: source.url, expected: `ai.onnx ${OPSET}`, actual: found.join(', ') },
    );
  }
  const parts: Uint8Array[] = [];
  const initializers: Initializer[] = [];
  for await (const field of fieldsOf(source, graph.bodyStart, graph.end)) {
    if (field.id === FIELD.graphInitializer)
      initializers.push(await readInitializer(source, field, openSide));
    else parts.push(await source.read(field.start, field.end - field.start));
  }
  const message = decodeMessage('GraphProto', Buffer.concat(parts)) as unknown as GraphMessage;
  return {
    name: message.name,
    nodes: message.node.map(nodeOf),
    inputs: message.input.map((value) => valueInfoOf(source, value)),
    outputs: message.output.map((value) => valueInfoOf(source, value)),
    initializers,
  };
}

async function readInitializer(source: ByteSource, field: Field, openSide: OpenSide): Promise<Initializer> {
  const parts: Uint8Array[] = [];
  let raw: Field | null = null;
  for await (const part of fieldsOf(source, field.bodyStart, field.end)) {
    if (part.id === FIELD.tensorRawData) raw = part;
    else parts.push(await source.read(part.start, part.end - part.start));
  }
  const { name, dims, dataType, externalData } = decodeMessage(
    'TensorProto',
    Buffer.concat(parts),
  ) as unknown as TensorMessage;
  const type = typeOf(source, name, dataType);
  const sizeBytes = dims.reduce((product, n) => product * n, TENSOR_TYPES[type].bytes);
  const external = new Map(externalData.map(({ key, value }) => [key, value]));
  const location = external.get('location');
  const offset = location === undefined ? raw?.bodyStart : Number(external.get('offset') ?? 0);
  const length = location === undefined ? (raw?.end ?? 0) - (offset ?? 0) : Number(external.get('length'));
  if (offset === undefined || length !== sizeBytes) {
    throw new FormatError(
      `${source.url}: weight ${name} should have ${sizeBytes} bytes, got ${offset === undefined ? 'none' : length}; convert the checkpoint again`,
      { url: source.url, what: `weight ${name}` },
    );
  }
  const load = async () => {
    const holder = location === undefined ? source : await openSide(location);
    return holder.read(offset, sizeBytes);
  };
  return { name, type, dims, sizeBytes, load };
}

interface Field {
  readonly id: number;
  readonly start: number;
  /** Where the value begins: behind tag and length. */
  readonly bodyStart: number;
  readonly end: number;
}

/** Longest tag and length of a field, in bytes. */
const HEADER_BYTES = 20;

/** The fields of a message at [start, end), each found without reading its value. */
async function* fieldsOf(source: ByteSource, start: number, end: number): AsyncGenerator<Field> {
  for (let at = start; at < end; ) {
    const reader = protobuf.Reader.create(await source.read(at, Math.min(HEADER_BYTES, end - at)));
    const tag = reader.uint32();
    const wire = tag & 7;
    let length = 0;
    if (wire === 2) length = Number(reader.uint64());
    else if (wire === 0) reader.uint64();
    else if (wire === 1 || wire === 5) length = wire === 1 ? 8 : 4;
    else throw damaged(source, null);
    const bodyStart = at + reader.pos;
    const field = { id: tag >>> 3, start: at, bodyStart, end: bodyStart + length };
    if (field.id === 0 || field.end > end) throw damaged(source, null);
    yield field;
    at = field.end;
  }
}

interface ModelMessage {
  readonly opsetImport: readonly { readonly domain: string; readonly version: number }[];
}
interface GraphMessage {
  readonly name: string;
  readonly node: readonly NodeMessage[];
  readonly input: readonly ValueMessage[];
  readonly output: readonly ValueMessage[];
}
interface NodeMessage {
  readonly opType: string;
  readonly name: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly {
    readonly name: string;
    readonly type: number;
    readonly f: number;
    readonly i: number;
    readonly ints: readonly number[];
  }[];
}
interface ValueMessage {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly elemType: number;
      readonly shape: { readonly dim: readonly { readonly dimValue: number; readonly dimParam: string }[] };
    };
  };
}
interface TensorMessage {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly externalData: readonly { readonly key: string; readonly value: string }[];
}

function nodeOf({ opType, name, input, output, attribute }: NodeMessage): GraphNode {
  const attributes: Record<string, Attribute> = {};
  // AttributeProto.AttributeType: 1 is a float, 2 an integer, 7 integers.
  for (const { name: key, type, f, i, ints } of attribute) {
    attributes[key] = type === 1 ? { float: f } : type === 2 ? i : ints;
  }
  return { op: opType, name, inputs: input, outputs: output, attributes };
}

function valueInfoOf(source: ByteSource, { name, type }: ValueMessage): GraphValue {
  const { elemType, shape } = type.tensorType;
  return {
    name,
    type: typeOf(source, name, elemType),
    dims: shape.dim.map(({ dimValue, dimParam }) => (dimParam === '' ? dimValue : dimParam)),
  };
}

function typeOf(source: ByteSource, tensor: string, code: number): TensorType {
  const found = Object.entries(TENSOR_TYPES).find(([, type]) => type.code === code);
  if (found !== undefined) return found[0] as TensorType;
  const known = Object.keys(TENSOR_TYPES).join(', ');
  throw new ModelError(`${source.url}: ${tensor} has ONNX element type ${code}; expected one of ${known}`, {
    tensor,
    expected: known,
    actual: String(code),
  });
}

function damaged(source: ByteSource, cause: unknown): FormatError {
  return new FormatError(
    `${source.url}: not an ONNX graph as frustum convert writes it, or damaged; convert the checkpoint again`,
    { url: source.url, what: 'ONNX graph', cause },
  );
}
