import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { ModelGraphs } from '../../../src/convert/build-graphs.ts';
import { encodeGraph } from '../../../src/convert/onnx/encode-graph.ts';
import { TENSORS } from '../../../src/model/manifest.ts';

const OPTIONS: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  extra: { session: { set_denormal_as_zero: '1' } },
};

export type Sessions = Readonly<Record<keyof ModelGraphs, InferenceSession>>;
export type Outputs = Readonly<Record<string, Tensor>>;

/** Opens a graph from its file. */
export function openSession(path: string): Promise<InferenceSession> {
  return InferenceSession.create(path, OPTIONS);
}

/** Opens graphs that were built in memory. */
export async function openGraphs(graphs: ModelGraphs): Promise<Sessions> {
  const open = async (key: keyof ModelGraphs) =>
    InferenceSession.create(await encodeGraph(graphs[key]), OPTIONS);
  return { long: await open('long'), short: await open('short'), local: await open('local') };
}

/** Runs one window, or several stacked: `windows` holds the pixels of the local, short and long window. */
export async function runWindow(
  sessions: Sessions,
  windows: readonly [local: Uint8Array, short: Uint8Array, long: Uint8Array],
  [height, width]: readonly [number, number],
): Promise<{ readonly long: Outputs; readonly short: Outputs; readonly local: Outputs }> {
  const pixels = (data: Uint8Array) => ({
    [TENSORS.pixels]: new Tensor('uint8', data, [data.length / (height * width * 3), height, width, 3]),
  });
  const short = (await sessions.short.run(pixels(windows[1]))) as Outputs;
  const long = (await sessions.long.run(pixels(windows[2]))) as Outputs;
  const local = (await sessions.local.run({
    ...pixels(windows[0]),
    [TENSORS.shortKeys]: short[TENSORS.keys]!,
    [TENSORS.shortValues]: short[TENSORS.values]!,
    [TENSORS.longKeys]: long[TENSORS.keys]!,
    [TENSORS.longValues]: long[TENSORS.values]!,
  })) as Outputs;
  return { long, short, local };
}

export const floats = (tensor: Tensor | undefined): Float32Array => tensor!.data as Float32Array;
