import { setImmediate as nextTurn } from 'node:timers/promises';
import * as ort from 'onnxruntime-node';
import { AbortedError, ModelError } from '../../core/errors.ts';
import { TENSORS } from '../../model/manifest.ts';

/** Views of one place, as the network takes them: uint8 RGB `[window][window][3]`. */
export interface Views {
  readonly local: Uint8Array;
  readonly short: Uint8Array;
  readonly long: Uint8Array;
}

/** Which of the three graphs. */
export type Branch = keyof Views;

/** Names of {@link Branch}, in the order in which one needs the other. */
export const BRANCHES = ['long', 'short', 'local'] as const satisfies readonly Branch[];

/** A value for each branch. */
export function byBranch<T>(make: (branch: Branch) => T): Readonly<Record<Branch, T>> {
  return { long: make('long'), short: make('short'), local: make('local') };
}

/** All outputs of a graph by name. */
export type Answer = Readonly<Record<string, ort.Tensor>>;

/** A graph, ready to run. Release it. */
export interface GraphRunner {
  run(feeds: Answer): Promise<Answer>;
  release(): Promise<void>;
}

/**
 * Opens a graph file as runs do. It works on this thread: nothing else happens while a window is in the network, and a
 * request to stop is heard between two windows.
 * @throws ModelError where the runtime refuses it
 */
export async function openRunner(path: string, threads: number, signal?: AbortSignal): Promise<GraphRunner> {
  const pause = async () => {
    await nextTurn();
    throwIfStopped(signal);
  };
  await pause();
  const session = await ort.InferenceSession.create(path, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    graphOptimizationLevel: 'all',
    // Both trade memory for speed: an observed full-size network would take nearly twice as much.
    enableMemPattern: false,
    enableCpuMemArena: false,
    logSeverityLevel: 3,
    extra: { session: { set_denormal_as_zero: '1' } },
  }).catch((cause: Error) => {
    throw new ModelError(`${path}: onnxruntime can't open it: ${cause.message}`, {
      tensor: path,
      expected: 'an ONNX graph',
      actual: cause.message,
      cause,
    });
  });
  return {
    async run(feeds) {
      await pause();
      return (await session.run(feeds)) as Answer;
    },
    release: () => session.release(),
  };
}

/** @throws AbortedError if `signal` has fired */
export function throwIfStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortedError('quantizing was stopped on request', { cause: signal.reason });
}

/** What a graph is fed: its own view, and for the local one what the others made. */
export function feedsOf(branch: Branch, views: Views, context?: { short: Answer; long: Answer }): Answer {
  const pixels = views[branch];
  const side = Math.sqrt(pixels.length / 3);
  const own = { [TENSORS.pixels]: new ort.Tensor('uint8', pixels, [1, side, side, 3]) };
  if (context === undefined) return own;
  return {
    ...own,
    [TENSORS.shortKeys]: context.short[TENSORS.keys]!,
    [TENSORS.shortValues]: context.short[TENSORS.values]!,
    [TENSORS.longKeys]: context.long[TENSORS.keys]!,
    [TENSORS.longValues]: context.long[TENSORS.values]!,
  };
}
